"""Streaming film pipeline on Ray: tasks that hash and copy, workers that make frames."""

import logging
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import pyarrow as pa

from lineart.executor import RayExecutor, ray_errors
from lineart.film import stages
from lineart.film.hashing import Failure
from lineart.film.monitoring import Metrics
from lineart.film.records import STAGES, FrameResult, WorkItem, pack_work
from lineart.film.stages import FilmJob
from lineart.film.workers import WorkerBounds, WorkerPools, plan_workers
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

_FAILURE = pa.list_(pa.string())
_SECONDS = pa.struct(dict.fromkeys(STAGES, pa.float64()))
WORK = pa.schema(
    {
        "name": pa.string(), "path": pa.string(), "row": pa.int64(), "source_sha256": pa.string(),
        "outputs": pa.list_(pa.string()),
        "hint_name": pa.string(), "hint_path": pa.string(), "hint_row": pa.int64(),
        "hint_sha256": pa.string(),
    }
)  # fmt: skip
_CARRIED = {
    "outputs": pa.list_(pa.string()), "kept": pa.binary(), "failure": _FAILURE,
    "stages": _SECONDS,
}  # fmt: skip
_ARRAYS = pa.list_(pa.struct({"shape": pa.list_(pa.int32()), "pixels": pa.binary()}))
SHRUNK = pa.schema(_CARRIED | {"inputs": _ARRAYS})
ANSWERED = pa.schema(_CARRIED | {"answers": _ARRAYS, "precision": pa.string()})
WRITTEN = pa.schema(
    {
        "output": pa.string(), "output_bytes": pa.int64(), "stages": _SECONDS,
        "failure": _FAILURE, "precision": pa.string(),
    }
)  # fmt: skip


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

    def count(self, status: str, written: FrameResult) -> None:
        """Count a frame in Ray's metrics."""
        self._metrics.count(status, written)

    def make_frames(
        self, job: FilmJob, weights: Storage, work: Sequence[WorkItem]
    ) -> Generator[FrameResult, None, None]:
        """Make frames of pictures and write them; yield results as frames are in place.

        Raises:
            ConnectionError: Ray failed.
        """
        resources = self.executor.resources | ({"GPU": 0.0} if _wants_no_gpu(weights) else {})
        with ray_errors():
            yield from make_frames(job, weights, work, self._pools(resources, len(work)))


def _wants_no_gpu(weights: Storage) -> bool:
    """Return whether the weights are an ONNX file and ONNX Runtime cannot use CUDA."""
    if not is_onnx(weights):
        return False
    import onnxruntime

    return "CUDAExecutionProvider" not in onnxruntime.get_available_providers()


def make_frames(
    job: FilmJob,
    weights: Storage,
    work: Sequence[WorkItem],
    pools: WorkerPools,
    *,
    network_gpus: float = NETWORK_GPUS,
    pixel_cpus: float = PIXEL_CPUS,
) -> Iterator[FrameResult]:
    """Make frames and write them with Ray Data.

    Args:
        job: Settings of the run.
        weights: Folder or ONNX file of the weights.
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
    blocks = [
        pa.Table.from_pylist([pack_work(item) for item in block], schema=WORK)
        for block in _blocks(work)
    ]
    # One row per distinct picture. `from_arrow` would run a task for every block.
    dataset = ray.data.from_blocks(blocks)
    if pools.pixels is None:
        rows = _on_cpus(dataset, job, weights, pools)
    else:
        rows = _beside_gpus(dataset, job, weights, pools, network_gpus, pixel_cpus)
    for row in rows.iter_rows():
        failure = None if row["failure"] is None else Failure(*row["failure"])
        spent = {name: value for name, value in row["stages"].items() if value is not None}
        yield FrameResult(row["output"], row["output_bytes"], spent, failure, row["precision"])


def _on_cpus(dataset: Any, job: FilmJob, weights: Storage, pools: WorkerPools) -> Any:
    """Run all stages of a picture in one worker: no large data is passed between workers."""
    return dataset.map_batches(  # picture -> stored frames, one row for each output
        _Frames,
        fn_constructor_args=(job, weights),
        batch_size=CPU_BATCH,
        **_actors(pools),
    )


def _beside_gpus(
    dataset: Any,
    job: FilmJob,
    weights: Storage,
    pools: WorkerPools,
    network_gpus: float,
    pixel_cpus: float,
) -> Any:
    """Run networks on GPUs, and shrink and compose in tasks on the more numerous CPUs."""
    import ray.data

    assert pools.pixels is not None
    pixels = {
        "compute": ray.data.TaskPoolStrategy(size=pools.pixels.most),
        "num_cpus": pixel_cpus,
        "batch_format": "pyarrow",
        "batch_size": None,
    }
    return (
        dataset.map_batches(  # picture -> network inputs
            _shrink, fn_kwargs={"job": job}, **pixels
        )
        .map_batches(  # network inputs -> outputs
            _Network,
            fn_constructor_args=(job, weights),
            num_gpus=network_gpus or None,
            batch_size=stages.GPU_BATCH,
            **_actors(pools),
        )
        .map_batches(  # network outputs -> stored frames, one row for each output
            _compose_and_write, fn_kwargs={"job": job}, **pixels
        )
    )


def _actors(pools: WorkerPools) -> dict[str, Any]:
    """Return the options of `map_batches` for workers that hold a network."""
    import ray.data

    bounds = pools.networks
    return {
        "compute": ray.data.ActorPoolStrategy(min_size=bounds.least, max_size=bounds.most),
        "num_cpus": 1,
        "batch_format": "pyarrow",
    }


class _Frames:
    """`stages.make_frame` on Arrow tables; returns a row for each output."""

    def __init__(self, job: FilmJob, weights: Storage) -> None:
        self._job = job
        self._network = stages.NetworkStage(job, weights)

    def __call__(self, table: pa.Table) -> pa.Table:
        made = (stages.make_frame(self._network, row, self._job) for row in table.to_pylist())
        return _written(chain.from_iterable(made))


def _shrink(table: pa.Table, job: FilmJob) -> pa.Table:
    """Run `stages.shrink` on an Arrow table."""
    rows = [stages.shrink(row, job) for row in table.to_pylist()]
    return pa.Table.from_pylist(rows, schema=SHRUNK)


class _Network:
    """`stages.NetworkStage` on Arrow tables."""

    def __init__(self, job: FilmJob, weights: Storage) -> None:
        self._network = stages.NetworkStage(job, weights)

    def __call__(self, table: pa.Table) -> pa.Table:
        return pa.Table.from_pylist(self._network(table.to_pylist()), schema=ANSWERED)


def _compose_and_write(table: pa.Table, job: FilmJob) -> pa.Table:
    """Run `stages.compose_and_write` on an Arrow table; return a row for each output."""
    ended = (stages.compose_and_write(row, job) for row in table.to_pylist())
    return _written(chain.from_iterable(ended))


def _written(ended: Iterable[FrameResult]) -> pa.Table:
    rows = [one._asdict() | {"failure": one.failure and list(one.failure)} for one in ended]
    return pa.Table.from_pylist(rows, schema=WRITTEN)


def _blocks(work: Sequence[WorkItem]) -> Iterator[Sequence[WorkItem]]:
    """Split work into blocks; the first are small, so that the first frames are ready early."""
    start, rows = 0, 1
    most = BLOCK_ROWS if len(work) < MANY_PICTURES else LARGE_BLOCK_ROWS
    while start < len(work):
        yield work[start : start + rows]
        start += rows
        rows = min(2 * rows, most)
