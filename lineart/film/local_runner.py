"""Local execution without Ray: as many frames at once as there are cores."""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from queue import LifoQueue
from typing import Any, TypeVar

from lineart.device import count_cpus, has_cuda_driver
from lineart.film import stages
from lineart.film.records import FrameResult, WorkItem, pack_work
from lineart.film.stages import FilmJob
from lineart.sandbox import stop_sandboxes
from lineart.storage import Storage

FEW_FRAMES = 96
"""Maximum number of frames made without Ray, which takes about twenty seconds to start."""
PICTURES_A_WORKER = 4
"""Minimum number of pictures per worker: starting a network takes as long as a few frames."""

T = TypeVar("T")
U = TypeVar("U")


class LocalRunner:
    """Executes the work of a film on this machine; has the interface of `run.FilmRunner`.

    Workers are threads. With a time limit, each runs its network and its pixel operations in
    sandbox processes of its own, which keep all cores busy; without one, all run in this process.
    On a machine with a GPU, all workers share one network.

    Args:
        workers: Number of frames processed at once; None: the number of cores.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or count_cpus()
        # The pool is kept because each of its threads keeps a sandbox process for pixels.
        self._pool = ThreadPoolExecutor(self._workers)

    def run_tasks(
        self, function: Callable[[Any], Any], arguments: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Call a function on each argument in threads; yield arguments and results as they end."""

        def call(argument: Any) -> tuple[Any, Any]:
            return argument, function(argument)

        return self._spread(call, arguments, self._workers)

    def make_frames(
        self, job: FilmJob, weights: Storage, work: Iterable[WorkItem], pictures: int | None = None
    ) -> Iterator[FrameResult]:
        """Make frames and write them; yield results as frames are stored or fail.

        Args:
            job: Settings of the run.
            weights: Folder or ONNX file of the weights.
            work: Pictures to process; each is taken only when a worker is free.
            pictures: Maximum number of pictures in `work`; None reads `work` at once to count them.
        """
        if pictures is None:
            work = list(work)
            pictures = len(work)
        workers = min(self._workers, max(1, math.ceil(pictures / PICTURES_A_WORKER)))
        network = _Networks(job, weights, 1 if has_cuda_driver() else workers)

        def make(item: WorkItem) -> list[FrameResult]:
            return stages.make_frame(network, pack_work(item), job)

        for written in self._spread(make, work, workers):
            yield from written

    def count(self, status: str, written: FrameResult) -> None:
        """Do nothing: metrics need Ray."""

    def _spread(self, function: Callable[[T], U], items: Iterable[T], workers: int) -> Iterator[U]:
        """Call a function on items in threads; yield results as they end.

        An item is taken only when a worker is free, so that the caller can still pass later items
        to another runner. With one worker, all runs in this thread. If the caller stops early or a
        call raises, the sandbox processes are stopped.
        """
        waiting = iter(items)
        if workers == 1:
            yield from map(function, waiting)
            return
        running = {self._pool.submit(function, item) for item in islice(waiting, workers)}
        try:
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
                    running |= {self._pool.submit(function, item) for item in islice(waiting, 1)}
        except BaseException:
            stop_sandboxes()
            raise
        finally:
            # After this, no worker writes any more.
            wait(running)


class _Networks:
    """Pool of up to `most` networks, opened on demand; a call waits for a free one."""

    def __init__(self, job: FilmJob, weights: Storage, most: int) -> None:
        self._opening = job, weights
        # Last in, first out: no more networks are opened than are in use at once.
        self._free: LifoQueue[stages.NetworkStage | None] = LifoQueue()
        for _ in range(most):
            self._free.put(None)

    def __call__(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Run a network on rows; see `stages.NetworkStage`."""
        network = self._free.get()
        try:
            network = network or stages.NetworkStage(*self._opening)
            return network(rows)
        finally:
            self._free.put(network)
