"""The film on Ray: index in parallel, then shrink -> network -> compose and write, streaming."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib import import_module
from threading import Thread
from typing import Any

import pyarrow as pa

from lineart.film import index, stages
from lineart.film.frames import Source
from lineart.film.index import Failure, Indexed
from lineart.film.plan import Copying
from lineart.film.pools import Pools
from lineart.film.stages import Job, Work, Written
from lineart.storage import Storage

INDEX_CHUNK = 32
"""Frames that one index task hashes."""
BLOCK_ROWS = 8
"""Drawings that travel together: small enough to stream and to redo, large enough for Ray."""

_FAILURE = pa.list_(pa.string())
WORK = pa.schema(
    {
        "name": pa.string(), "path": pa.string(), "row": pa.int64(), "line_sha256": pa.string(),
        "outputs": pa.list_(pa.string()),
        "hint_name": pa.string(), "hint_path": pa.string(), "hint_row": pa.int64(),
        "hint_sha256": pa.string(),
    }
)  # fmt: skip
_CARRIED = {
    "outputs": pa.list_(pa.string()), "line": pa.binary(), "height": pa.int32(),
    "width": pa.int32(), "failure": _FAILURE, "seconds": pa.float64(),
}  # fmt: skip
SHRUNK = pa.schema(_CARRIED | {"small": pa.binary(), "hint": pa.binary()})
COLORED = pa.schema(_CARRIED | {"color": pa.binary()})
WRITTEN = pa.schema(
    {
        "output": pa.string(), "output_bytes": pa.int64(), "seconds": pa.float64(),
        "failure": _FAILURE,
    }
)  # fmt: skip


def start_ray() -> dict[str, float]:
    """Join the cluster of `RAY_ADDRESS`, or start Ray on this machine; give its resources.

    Raises:
        ConnectionError: the cluster does not answer.
    """
    # The workers are the program here: no reason to run them at low priority, nor to end those that
    # wait while a network starts; starting them again takes seconds.
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_idle_worker_killing_time_threshold_ms", "60000")
    import ray

    # Importing Ray Data takes as long as Ray's own start, most of which is waiting.
    Thread(target=import_module, args=["ray.data"], daemon=True).start()
    if not ray.is_initialized():
        options: dict[str, Any] = (
            {} if "RAY_ADDRESS" in os.environ else {"include_dashboard": False}
        )
        ray.init(logging_level=logging.ERROR, **options)
    return dict(ray.cluster_resources())


def stop_ray() -> None:
    """Leave the cluster, or stop the one that `start_ray` started."""
    import ray

    ray.shutdown()


def index_lines(
    lines: Storage, items: Sequence[tuple[Source, Indexed | None]]
) -> Iterator[tuple[str, Indexed | Failure]]:
    """Index drawings in parallel; pairs of name and result come in any order."""
    yield from _in_parallel(partial(index.index_lines, lines), items)


def index_hints(hints: Storage, sources: Sequence[Source]) -> Iterator[tuple[str, str | Failure]]:
    """Index hints in parallel; pairs of name and result come in any order."""
    items = [(source, None) for source in sources]
    yield from _in_parallel(partial(_index_hint_items, hints), items)


def _index_hint_items(hints: Storage, items: list[tuple[Source, None]]) -> list[str | Failure]:
    return index.index_hints(hints, [source for source, _ in items])


def _in_parallel(
    function: Callable[[list[Any]], list[Any]], items: Sequence[tuple[Source, Any]]
) -> Iterator[tuple[str, Any]]:
    """Run chunks of items as Ray tasks, a bounded number at a time."""
    for chunk, results in _run_tasks(function, _chunks(items, INDEX_CHUNK)):
        for (source, _), result in zip(chunk, results, strict=True):
            yield source.name, result


def copy_finished(job: Job, copies: Iterable[Copying]) -> Iterator[Written]:
    """Copy finished pictures to the frames that hold them, in parallel."""
    items = [(copy.finished.output, [frame.output for frame in copy.frames]) for copy in copies]
    for _, results in _run_tasks(partial(stages.copy_finished, job), _chunks(items, INDEX_CHUNK)):
        yield from results


def _run_tasks(
    function: Callable[[Any], Any], arguments: Iterable[Any]
) -> Iterator[tuple[Any, Any]]:
    """Run a function on each argument as Ray tasks; give arguments and results as they end."""
    import ray

    task = ray.remote(num_cpus=1)(_call)
    limit = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
    running: dict[Any, Any] = {}
    for argument in arguments:
        if len(running) >= limit:
            yield from _finished(running)
        running[task.remote(function, argument)] = argument
    while running:
        yield from _finished(running)


def _call(function: Callable[[Any], Any], argument: Any) -> Any:
    return function(argument)


def _finished(running: dict[Any, Any]) -> Iterator[tuple[Any, Any]]:
    import ray

    ready, _ = ray.wait(list(running))
    for reference in ready:
        yield running.pop(reference), ray.get(reference)


def color_drawings(
    job: Job, weights: Storage, work: Sequence[Work], pools: Pools
) -> Iterator[Written]:
    """Colour drawings and write the frames that show them; results come as they are in place."""
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_consecutive_actor_init_deaths = 3
    blocks = [
        pa.Table.from_pylist([stages.pack_work(item) for item in chunk], schema=WORK)
        for chunk in _chunks(work, BLOCK_ROWS)
    ]
    pixels = {"num_cpus": pools.pixel_cpus, "batch_format": "pyarrow", "batch_size": None}
    results = (
        ray.data.from_arrow(blocks)  # one row per distinct drawing still to do
        .map_batches(
            _shrink, fn_kwargs={"job": job}, **pixels
        )  # file -> file bytes, small line, hint
        .map_batches(  # small line, hint -> small colour
            _Network,
            fn_constructor_args=(weights, pools.batch_size),
            compute=ray.data.ActorPoolStrategy(
                min_size=pools.networks.least, max_size=pools.networks.most
            ),
            num_cpus=pools.network_cpus,
            num_gpus=pools.network_gpus or None,
            batch_format="pyarrow",
            batch_size=pools.batch_size,
        )
        .map_batches(  # file bytes + small colour -> PNG in place, a row per frame out
            _compose_and_write,
            fn_kwargs={"job": job},
            compute=ray.data.TaskPoolStrategy(size=pools.pixels.most),
            **pixels,
        )
    )
    for row in results.iter_rows():
        failure = None if row["failure"] is None else Failure(*row["failure"])
        yield Written(row["output"], row["output_bytes"], row["seconds"], failure)


def _shrink(table: pa.Table, job: Job) -> pa.Table:
    """`stages.shrink` on an Arrow table."""
    rows = [stages.shrink(row, job) for row in table.to_pylist()]
    return pa.Table.from_pylist(rows, schema=SHRUNK)


class _Network:
    """`stages.Network` on Arrow tables."""

    def __init__(self, weights: Storage, batch_size: int) -> None:
        self._network = stages.Network(weights, batch_size)

    def __call__(self, table: pa.Table) -> pa.Table:
        return pa.Table.from_pylist(self._network(table.to_pylist()), schema=COLORED)


def _compose_and_write(table: pa.Table, job: Job) -> pa.Table:
    """`stages.compose_and_write` on an Arrow table; a row for each output."""
    rows = [
        written._asdict() | {"failure": written.failure and list(written.failure)}
        for row in table.to_pylist()
        for written in stages.compose_and_write(row, job)
    ]
    return pa.Table.from_pylist(rows, schema=WRITTEN)


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
