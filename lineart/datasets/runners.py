"""Who does the work of a preparation: Ray Data, or this process."""

import logging
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

Runner = Callable[[Callable[[Any], Any], Sequence[Any], int], Iterator[Any]]
"""Calls a function on each of many arguments; results come in any order.

The number says how many arguments travel together at most.
"""


def alone(
    function: Callable[[Any], Any],
    arguments: Sequence[Any],
    together: int,  # noqa: ARG001 - nothing travels
) -> Iterator[Any]:
    """Do the work in this process."""
    yield from map(function, arguments)


class OnRay:
    """Does the work in tasks of Ray Data.

    Args:
        resources: What the cluster has, as `lineart.cluster.start_ray` gives it.
    """

    def __init__(self, resources: Mapping[str, float]) -> None:
        # Tasks that take every CPU leave none for what Ray Data does besides.
        self._workers = max(1, int(resources.get("CPU", 1)) - 1)

    def __call__(
        self, function: Callable[[Any], Any], arguments: Sequence[Any], together: int
    ) -> Iterator[Any]:
        """Yield `function(argument)` for every argument, in any order."""
        import ray.data

        if not arguments:
            return
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        # Several blocks for each worker, so that all end at about the same time.
        rows = max(1, min(together, len(arguments) // (4 * self._workers)))
        blocks = [
            pa.table({"data": [pickle.dumps(item) for item in arguments[start : start + rows]]})
            for start in range(0, len(arguments), rows)
        ]
        results = ray.data.from_blocks(blocks).map_batches(
            _call,
            fn_kwargs={"function": function},
            compute=ray.data.TaskPoolStrategy(size=min(self._workers, len(blocks))),
            num_cpus=1,
            batch_format="pyarrow",
            batch_size=None,
        )
        for row in results.iter_rows():
            yield pickle.loads(row["data"])


def _call(table: pa.Table, function: Callable[[Any], Any]) -> pa.Table:
    """Call the function on every row."""
    import cv2

    # There are as many tasks as CPUs.
    cv2.setNumThreads(1)
    results = (function(pickle.loads(row.as_py())) for row in table["data"])
    return pa.table({"data": [pickle.dumps(result) for result in results]})
