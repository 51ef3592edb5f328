"""The stages on this machine, without Ray: as many frames at once as there are cores."""

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
"""Pictures for which Ray is not worth its start of some twenty seconds."""
PICTURES_A_WORKER = 4
"""Least pictures for each worker: to start a network takes as long as a few frames."""

T = TypeVar("T")
U = TypeVar("U")


class LocalRunner:
    """Runs a film's work here; see `pipeline.RayRunner`.

    Each worker is a thread. With a time limit, its network and its pixels are computed in processes
    of its own, so that the workers keep all cores busy; without one, they share this process. On a
    machine with a GPU all workers share one network.

    Args:
        workers: Frames in hand at once; None: as many as there are cores.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or count_cpus()
        # Threads keep the processes in which they handle pixels.
        self._pool = ThreadPoolExecutor(self._workers)

    def run_tasks(
        self, function: Callable[[Any], Any], arguments: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Run a function on each argument; give arguments and results as they end."""

        def call(argument: Any) -> tuple[Any, Any]:
            return argument, function(argument)

        return self._spread(call, arguments, self._workers)

    def make_frames(
        self, job: FilmJob, weights: Storage, work: Iterable[WorkItem], pictures: int | None = None
    ) -> Iterator[FrameResult]:
        """Make frames of pictures and write them; results come as frames stand.

        Args:
            job: The run.
            weights: Where the network's weights are.
            work: Pictures; none is asked for before a worker is free.
            pictures: How many they are at most; None: their list is counted.
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
        """Do nothing: a single process has no metrics."""

    def _spread(self, function: Callable[[T], U], items: Iterable[T], workers: int) -> Iterator[U]:
        """Call a function on items in threads; give results as they end.

        An item is taken when a worker is free for it, so that whoever gives the items may still
        decide who gets the next. With one worker all is done in this thread. Whoever stops halfway
        ends what is in hand.
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
            # Nothing may be written after this.
            wait(running)


class _Networks:
    """So many networks, each opened when it is first needed; whoever asks gets one that is free."""

    def __init__(self, job: FilmJob, weights: Storage, most: int) -> None:
        self._opening = job, weights
        # The last to come back goes first: no more are opened than are at work at once.
        self._free: LifoQueue[stages.NetworkStage | None] = LifoQueue()
        for _ in range(most):
            self._free.put(None)

    def __call__(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Answer rows; see `stages.NetworkStage`."""
        network = self._free.get()
        try:
            network = network or stages.NetworkStage(*self._opening)
            return network(rows)
        finally:
            self._free.put(network)
