"""Streaming film pipeline on Ray: numbers of workers, stages as operators, metrics."""

import logging
import math
import re
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from lineart.film import stages
from lineart.film.records import (
    FilmJob,
    FrameData,
    FrameResult,
    WorkItem,
    from_table,
    to_table,
    unpack,
)
from lineart.film.stages import Stage, run_stages
from lineart.runtime.executor import RayExecutor, ray_errors
from lineart.storage import Storage
from lineart.weights import is_onnx

BLOCK_ROWS = 8
"""Maximum rows in a block: few enough to stream and retry, enough to keep Ray's overhead low."""
MANY_PICTURES, LARGE_BLOCK_ROWS = 4096, 32
"""Number of pictures from which blocks are larger, because Ray keeps memory for each block."""

CPU_BATCH = 4
"""Pictures passed at once to a worker without a GPU, which processes them one by one."""
NETWORK_GPUS, PIXEL_CPUS = 1.0, 1.0
"""With GPUs: GPUs that a network worker reserves besides its CPU, and CPUs of a pixel task."""


@dataclass(frozen=True)
class WorkerBounds:
    """Minimum and maximum number of workers in a pool."""

    least: int
    most: int

    @classmethod
    def parse(cls, text: str) -> "WorkerBounds":
        """Parse `MIN:MAX` or a single number.

        Raises:
            ValueError: it is neither, or 1 <= MIN <= MAX does not hold.
        """
        match = re.fullmatch(r"(\d+)(?::(\d+))?", text)
        if match:
            least, most = int(match[1]), int(match[2] or match[1])
            if 1 <= least <= most:
                return cls(least, most)
        raise ValueError(f"{text!r} is not MIN:MAX with 1 <= MIN <= MAX, such as 1:8")


@dataclass(frozen=True)
class WorkerPools:
    """Worker pools of a run; each worker reserves one CPU."""

    networks: WorkerBounds
    """Network workers: one on each GPU or, without GPUs, on each CPU."""
    pixels: WorkerBounds | None
    """Pixel tasks, which read, compose and write beside GPUs; None: network workers do that."""


def plan_workers(
    resources: Mapping[str, float],
    pictures: int,
    networks: WorkerBounds | None = None,
    pixels: WorkerBounds | None = None,
) -> WorkerPools:
    """Divide a cluster between network workers and pixel tasks so that both always fit.

    Args:
        resources: CPUs and GPUs that the cluster has or may grow to.
        pictures: Number of distinct pictures to process.
        networks: The user's bounds for network workers, or None.
        pixels: The user's bounds for pixel tasks, or None.

    Raises:
        ValueError: the minimum numbers do not fit, or pixel tasks are wanted without a GPU.
    """
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    room = min(gpus, cpus - 1) if gpus else cpus
    if networks is None:
        # At least one, not all at once: the first frame waits for one network to start, and not for
        # GPUs that an autoscaling cluster has yet to add.
        networks = WorkerBounds(1, max(1, min(room, math.ceil(pictures / 4))))
    if networks.least > room:
        what = f"{gpus} GPUs and {cpus} CPUs" if gpus else f"{cpus} CPUs and no GPU"
        raise ValueError(
            f"{networks.least} networks cannot be placed on {what}: "
            f"there is room for {max(room, 0)}; lower --gpu-workers or join a larger cluster"
        )
    if not gpus:
        if pixels is not None:
            raise ValueError(
                "--cpu-workers cannot be placed: this cluster has no GPU, and without one each "
                "network's own worker does the pixels, too; --gpu-workers says how many"
            )
        return WorkerPools(networks, None)
    left = cpus - networks.least
    pixels = pixels or WorkerBounds(1, max(1, cpus - networks.most))
    if pixels.least > left:
        raise ValueError(
            f"{pixels.least} workers on pixels cannot be placed beside {networks.least} "
            f"networks on {cpus} CPUs: there is room for {max(left, 0)}; "
            "lower --cpu-workers or --gpu-workers"
        )
    return WorkerPools(networks, pixels)


HISTOGRAM_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0]
"""Bucket boundaries of the histogram, in seconds."""


class Metrics:
    """Counters and a histogram of this process, which Ray exports to Prometheus on each node."""

    def __init__(self) -> None:
        from ray.util.metrics import Counter, Histogram

        self._frames = Counter(
            "lineart_frames", description="Frames that ended, by status.", tag_keys=("status",)
        )
        self._bytes = Counter("lineart_output_bytes", description="Bytes of frames in place.")
        self._seconds = Histogram(
            "lineart_stage_seconds",
            description="Time that one frame spent in a stage.",
            boundaries=HISTOGRAM_S,
            tag_keys=("stage",),
        )

    def count(self, status: str, result: FrameResult) -> None:
        """Count a frame, its bytes and the time of its stages."""
        self._frames.inc(1, {"status": status})
        if result.output_bytes:
            self._bytes.inc(result.output_bytes)
        for stage, seconds in result.stages.items():
            self._seconds.observe(seconds, {"stage": stage})


class RayRunner:
    """Makes the frames of a film on a Ray cluster; see `run.FilmRunner`.

    Args:
        executor: Knows the CPUs and GPUs of the cluster.
        networks: Bounds for the number of networks; None: chosen by the cluster's size.
        pixels: Bounds for the number of tasks on pixels; None: chosen by the cluster's size.

    Raises:
        ValueError: the minimum number of workers does not fit.
    """

    def __init__(
        self,
        executor: RayExecutor,
        networks: WorkerBounds | None = None,
        pixels: WorkerBounds | None = None,
    ) -> None:
        self.executor = executor
        self._pools = partial(plan_workers, networks=networks, pixels=pixels)
        self._pools(executor.resources, pictures=1)
        self._metrics = Metrics()

    def count(self, status: str, result: FrameResult) -> None:
        """Count a frame in Ray's metrics."""
        self._metrics.count(status, result)

    def make_frames(
        self, job: FilmJob, work: Sequence[WorkItem]
    ) -> Generator[FrameResult, None, None]:
        """Make frames of pictures and write them; yield results as frames are in place.

        Raises:
            ConnectionError: Ray failed.
        """
        resources = self.executor.resources | ({"GPU": 0.0} if _wants_no_gpu(job.weights) else {})
        with ray_errors():
            yield from make_frames(job, work, self._pools(resources, len(work)))


def _wants_no_gpu(weights: Storage | None) -> bool:
    """Return whether there is no network, or one of ONNX and ONNX Runtime cannot use CUDA."""
    if weights is None:
        return True
    if not is_onnx(weights):
        return False
    import onnxruntime

    return "CUDAExecutionProvider" not in onnxruntime.get_available_providers()


def make_frames(
    job: FilmJob,
    work: Sequence[WorkItem],
    pools: WorkerPools,
    *,
    network_gpus: float = NETWORK_GPUS,
    pixel_cpus: float = PIXEL_CPUS,
) -> Iterator[FrameResult]:
    """Make frames and write them with Ray Data; a row is a `FrameData`, packed by `to_table`.

    Args:
        job: Settings of the run.
        work: Pictures to process.
        pools: Numbers of workers; without pixel tasks, each network worker makes whole frames.
        network_gpus: With pixel tasks: GPUs that a network worker reserves besides its CPU; 0 runs
            the network on its CPU.
        pixel_cpus: CPUs that a pixel task reserves, above 0.

    Yields:
        Results, as frames are stored or fail.
    """
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # Ray warns of idle workers at random, depending on how it merges blocks.
    warnings.filterwarnings("ignore", message="The maximum number of concurrent tasks")
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_consecutive_actor_init_deaths = 3
    bounds, opening = pools.networks, stages.stages_of(job)
    networks = {
        "compute": ray.data.ActorPoolStrategy(min_size=bounds.least, max_size=bounds.most),
        "num_cpus": 1,
        "batch_format": "pyarrow",
    }
    # `from_arrow` would run a task for every block.
    dataset = ray.data.from_blocks([to_table(map(FrameData, block)) for block in blocks(work)])
    if pools.pixels is None:
        # All stages of a frame in one worker: no large data is passed between workers.
        dataset = dataset.map_batches(
            _Frames, fn_constructor_args=(opening, job), batch_size=CPU_BATCH, **networks
        )
    else:
        # Networks, and what is between them, on GPUs; the rest on the more numerous CPUs.
        before, on_gpu, after = _split(opening)
        pixels = {
            "compute": ray.data.TaskPoolStrategy(size=pools.pixels.most),
            "num_cpus": pixel_cpus,
            "batch_format": "pyarrow",
            "batch_size": None,
        }
        dataset = (
            dataset.map_batches(_run_stages, fn_args=(before, job), **pixels)
            .map_batches(
                _StageBatches,
                fn_constructor_args=(on_gpu, job),
                num_gpus=network_gpus or None,
                batch_size=stages.GPU_BATCH,
                **networks,
            )
            .map_batches(_run_stages, fn_args=(after, job), **pixels)
        )
    for row in dataset.iter_rows():
        yield from unpack(row["record"]).results()


def _split(opening: Sequence[Stage]) -> tuple[Sequence[Stage], Sequence[Stage], Sequence[Stage]]:
    """Return the stages before the first network, those up to the last network, and the others."""
    places = [place for place, stage in enumerate(opening) if stage.resources == "network"]
    first, end = places[0], places[-1] + 1
    return opening[:first], opening[first:end], opening[end:]


class _StageBatches:
    """Stages, opened in one worker, that run on tables of frames."""

    def __init__(self, opening: Sequence[Stage], job: FilmJob) -> None:
        self._stages = [stage.open(job) for stage in opening]

    def __call__(self, table: pa.Table) -> pa.Table:
        return to_table(run_stages(self._stages, from_table(table)))


class _Frames(_StageBatches):
    """The same, one frame after another."""

    def __call__(self, table: pa.Table) -> pa.Table:
        frames = from_table(table)
        return to_table(one for frame in frames for one in run_stages(self._stages, [frame]))


def _run_stages(table: pa.Table, opening: Sequence[Stage], job: FilmJob) -> pa.Table:
    return _StageBatches(opening, job)(table)


def blocks(work: Sequence[WorkItem]) -> Iterator[Sequence[WorkItem]]:
    """Split work into blocks, in order: a shot's items stay together, and share cached inputs.

    The first blocks are small, so that the first frames are ready early.
    """
    start, rows = 0, 1
    most = BLOCK_ROWS if len(work) < MANY_PICTURES else LARGE_BLOCK_ROWS
    while start < len(work):
        yield work[start : start + rows]
        start += rows
        rows = min(2 * rows, most)
