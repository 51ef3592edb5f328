"""Executors of a preparation: this process or Ray Data."""

import logging
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

Runner = Callable[[Callable[[Any], Any], Sequence[Any], int, bool], Iterator[Any]]
"""Calls a function on each of many arguments and yields the results in any order.

The third parameter is the maximum number of arguments in one task; the fourth is whether the
function runs a network, which takes a GPU if there is one and keeps its processes.
"""


def run_locally(
    function: Callable[[Any], Any],
    arguments: Sequence[Any],
    together: int,  # noqa: ARG001 - there are no tasks
    uses_network: bool,  # noqa: ARG001 - there is one process
) -> Iterator[Any]:
    """Yield `function(argument)` for every argument, in order, in this process."""
    yield from map(function, arguments)


class RayExecutor:
    """Calls functions in Ray Data tasks; a network runs in actors, one per GPU or else per CPU.

    Args:
        resources: Resources of the cluster, as `lineart.cluster.start_ray` returns them.
    """

    def __init__(self, resources: Mapping[str, float]) -> None:
        # One CPU remains for Ray Data's own work.
        self._workers = max(1, int(resources.get("CPU", 1)) - 1)
        self._gpus = int(resources.get("GPU", 0))

    def __call__(
        self,
        function: Callable[[Any], Any],
        arguments: Sequence[Any],
        together: int,
        uses_network: bool,
    ) -> Iterator[Any]:
        """Yield `function(argument)` for every argument, in any order."""
        import ray.data

        if not arguments:
            return
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        uses_gpu = uses_network and self._gpus > 0
        workers = self._gpus if uses_gpu else self._workers
        # At least four blocks per worker, so that all workers end at about the same time.
        rows = max(1, min(together, len(arguments) // (4 * workers)))
        blocks = [
            pa.table({"data": [pickle.dumps(item) for item in arguments[start : start + rows]]})
            for start in range(0, len(arguments), rows)
        ]
        pool = ray.data.ActorPoolStrategy if uses_network else ray.data.TaskPoolStrategy
        results = ray.data.from_blocks(blocks).map_batches(
            _Actor if uses_network else _call,
            fn_kwargs={"function": function},
            compute=pool(size=min(workers, len(blocks))),
            num_cpus=None if uses_gpu else 1,
            num_gpus=1 if uses_gpu else None,
            batch_format="pyarrow",
            # Ray requires a number with GPUs; this one keeps the blocks whole.
            batch_size=rows if uses_gpu else None,
        )
        for row in results.iter_rows():
            yield pickle.loads(row["data"])


class _Actor:
    """Actor, whose process keeps loaded networks between blocks."""

    def __call__(self, table: pa.Table, function: Callable[[Any], Any]) -> pa.Table:
        return _call(table, function)


def _call(table: pa.Table, function: Callable[[Any], Any]) -> pa.Table:
    """Call the function on every pickled row of a block; pickle the results."""
    import cv2

    # One thread, because there are about as many tasks as CPUs.
    cv2.setNumThreads(1)
    results = (function(pickle.loads(row.as_py())) for row in table["data"])
    return pa.table({"data": [pickle.dumps(result) for result in results]})
