"""Who does the work of a preparation: Ray Data, or this process."""

import logging
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

Runner = Callable[[Callable[[Any], Any], Sequence[Any], int, bool], Iterator[Any]]
"""Calls a function on each of many arguments; results come in any order.

The number says how many arguments travel together at most; the last argument, whether the function
runs a network: then it is worth a GPU, and its processes are kept.
"""


def run_locally(
    function: Callable[[Any], Any],
    arguments: Sequence[Any],
    together: int,  # noqa: ARG001 - nothing travels
    uses_network: bool,  # noqa: ARG001 - this process stays
) -> Iterator[Any]:
    """Do the work in this process."""
    yield from map(function, arguments)


class RayExecutor:
    """Does the work in tasks of Ray Data; in actors what runs a network, one for each GPU.

    Args:
        resources: What the cluster has, as `lineart.cluster.start_ray` gives it.
    """

    def __init__(self, resources: Mapping[str, float]) -> None:
        # Tasks that take every CPU leave none for what Ray Data does besides.
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
        # Several blocks for each worker, so that all end at about the same time.
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
            # Ray wants a number where there is a GPU; this one leaves the blocks as they are.
            batch_size=rows if uses_gpu else None,
        )
        for row in results.iter_rows():
            yield pickle.loads(row["data"])


class _Actor:
    """A process that stays, with the networks that it has loaded."""

    def __call__(self, table: pa.Table, function: Callable[[Any], Any]) -> pa.Table:
        return _call(table, function)


def _call(table: pa.Table, function: Callable[[Any], Any]) -> pa.Table:
    """Call the function on every row."""
    import cv2

    # There are as many tasks as CPUs.
    cv2.setNumThreads(1)
    results = (function(pickle.loads(row.as_py())) for row in table["data"])
    return pa.table({"data": [pickle.dumps(result) for result in results]})
