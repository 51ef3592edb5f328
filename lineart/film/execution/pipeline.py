"""Streaming film pipeline on Ray: stages as operators, metrics."""

import logging
import time
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import pyarrow as pa

from lineart.film.execution.pools import (
    BLOCK_ROWS,
    PIXEL_CPUS,
    S3_PIXEL_CPUS,
    WorkerBounds,
    WorkerPools,
    plan_workers,
)
from lineart.film.execution.stages import Stage, run_stages, stages_of
from lineart.film.records import (
    FilmJob,
    FrameData,
    FrameResult,
    WorkItem,
    from_table,
    to_table,
    unpack,
)
from lineart.runtime.executor import RayExecutor, ray_errors
from lineart.runtime.machines import MachineRequest, find_shortage
from lineart.storage import Storage
from lineart.weights import is_onnx

logger = logging.getLogger(__name__)

MANY_PICTURES, LARGE_BLOCK_ROWS = 4096, 32
"""Number of pictures from which blocks are larger, because Ray keeps memory for each block."""

CPU_BATCH = 4
"""Pictures passed at once to a worker without a GPU, which processes them one by one."""
SETTLE_S = 5.0
"""Time in which workers that were given up free their CPUs and GPUs, in seconds."""


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
        self._plan_workers = partial(plan_workers, networks=networks, pixels=pixels)
        # Only to raise at once if the minimum does not fit; each run plans its own workers.
        self._plan_workers(executor.resources, pictures=1)
        self._metrics = Metrics()
        self._request: MachineRequest | None = None

    @contextmanager
    def request_machines(self, job: FilmJob, pictures: int) -> Iterator[None]:
        """Ask the cluster for the machines of a run, until its first frame is made.

        Args:
            job: The run.
            pictures: Number of pictures that it will probably make.
        """
        pools = self._pools_of(job, pictures)
        bundles = pools.bundles(pictures) if pictures else []
        minimum = pools.minimum if pictures else {"CPU": 1.0}
        try:
            with MachineRequest(bundles, minimum) as self._request:
                yield
        finally:
            self._request = None

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
        with ray_errors():
            for result in make_frames(job, work, self._pools_of(job, len(work))):
                if self._request is not None:
                    self._request.withdraw()
                yield result

    def _pools_of(self, job: FilmJob, pictures: int) -> WorkerPools:
        resources = self.executor.resources | ({} if _uses_gpu(job.weights) else {"GPU": 0.0})
        pixel_cpus = S3_PIXEL_CPUS if job.pictures.is_s3 or job.output.is_s3 else PIXEL_CPUS
        return self._plan_workers(resources, pictures, pixel_cpus=pixel_cpus)


def _uses_gpu(weights: Storage | None) -> bool:
    """Return whether there is a network, and it is of PyTorch or ONNX Runtime can use CUDA."""
    if weights is None:
        return False
    if not is_onnx(weights):
        return True
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def make_frames(
    job: FilmJob,
    work: Sequence[WorkItem],
    pools: WorkerPools,
) -> Iterator[FrameResult]:
    """Make frames and write them with Ray Data; wait for machines as long as it takes.

    Args:
        job: Settings of the run.
        work: Pictures to process.
        pools: Numbers of workers; without pixel tasks, each network worker makes whole frames.

    Yields:
        Results, as frames are stored or fail.

    Raises:
        ConnectionError: no frame ended for half an hour, although the cluster has free machines.
    """
    from ray.data.exceptions import ExecutionTimeoutError

    remaining = {item.outputs: item for item in work}
    while remaining:
        try:
            stream = _stream(job, [*remaining.values()], pools)
            for frame in stream:
                del remaining[frame.item.outputs]
                yield from frame.results()
            return
        except ExecutionTimeoutError as error:
            time.sleep(SETTLE_S)
            shortage = find_shortage(pools.minimum)
            if shortage is None:
                raise ConnectionError(
                    f"no frame ended for a long time, {len(remaining)} remain, and the cluster has "
                    "free machines; look at its dashboard"
                ) from error
            logger.warning(shortage)


def _stream(
    job: FilmJob,
    work: Sequence[WorkItem],
    pools: WorkerPools,
) -> Iterator[FrameData]:
    """Yield frames as they end; a row of Ray Data is a `FrameData`, packed by `to_table`."""
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # Ray logs the traceback of its timeout, too, which `make_frames` handles.
    logging.getLogger("ray.data.exceptions").setLevel(logging.CRITICAL)
    # Ray warns of idle workers at random, depending on how it merges blocks.
    warnings.filterwarnings("ignore", message="The maximum number of concurrent tasks")
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_consecutive_actor_init_deaths = 3
    bounds, stages = pools.networks, stages_of(job)
    networks = {
        "compute": ray.data.ActorPoolStrategy(min_size=bounds.minimum, max_size=bounds.maximum),
        "num_cpus": 1,
        "batch_format": "pyarrow",
    }
    # `from_arrow` would run a task for every block.
    dataset = ray.data.from_blocks([to_table(map(FrameData, block)) for block in blocks(work)])
    if pools.pixels is None:
        # All stages of a frame in one worker: no large data is passed between workers.
        dataset = dataset.map_batches(
            _FrameByFrame, fn_constructor_args=(stages, job), batch_size=CPU_BATCH, **networks
        )
    else:
        # Networks, and what is between them, on GPUs; the rest on the more numerous CPUs.
        before, on_gpu, after = _split(stages)
        pixels = {
            "compute": ray.data.TaskPoolStrategy(size=pools.pixels.maximum),
            "num_cpus": pools.pixel_cpus,
            "batch_format": "pyarrow",
            "batch_size": None,
        }
        dataset = (
            dataset.map_batches(_run_stages, fn_args=(before, job), **pixels)
            .map_batches(
                _StageBatches,
                fn_constructor_args=(on_gpu, job),
                num_gpus=pools.network_gpus or None,
                batch_size=job.gpu_batch,
                **networks,
            )
            .map_batches(_run_stages, fn_args=(after, job), **pixels)
        )
    for row in dataset.iter_rows():
        yield unpack(row["record"])


def _split(stages: Sequence[Stage]) -> tuple[Sequence[Stage], Sequence[Stage], Sequence[Stage]]:
    """Return the stages before the first network, those up to the last network, and the others."""
    places = [place for place, stage in enumerate(stages) if stage.resources == "network"]
    first, end = places[0], places[-1] + 1
    return stages[:first], stages[first:end], stages[end:]


class _StageBatches:
    """Stages, opened in one worker, that run on tables of frames."""

    def __init__(self, stages: Sequence[Stage], job: FilmJob) -> None:
        self._stages = [stage.open(job) for stage in stages]

    def __call__(self, table: pa.Table) -> pa.Table:
        return to_table(run_stages(self._stages, from_table(table)))


class _FrameByFrame(_StageBatches):
    """The same, frame by frame: each passes through all stages before the next one begins."""

    def __call__(self, table: pa.Table) -> pa.Table:
        frames = from_table(table)
        return to_table(one for frame in frames for one in run_stages(self._stages, [frame]))


def _run_stages(table: pa.Table, stages: Sequence[Stage], job: FilmJob) -> pa.Table:
    return _StageBatches(stages, job)(table)


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
