"""Local execution without Ray: as many frames at once as there are cores."""

import math
from collections.abc import Iterable, Iterator
from queue import LifoQueue
from typing import Any

from lineart.device import has_cuda_driver
from lineart.executor import LocalExecutor
from lineart.film import stages
from lineart.film.records import FrameResult, WorkItem, pack_work
from lineart.film.stages import FilmJob
from lineart.storage import Storage

FEW_FRAMES = 96
"""Maximum number of frames made without Ray, which takes about twenty seconds to start."""
PICTURES_A_WORKER = 4
"""Minimum number of pictures per worker: starting a network takes as long as a few frames."""


class LocalRunner:
    """Makes the frames of a film on this machine; see `run.FilmRunner`.

    Each worker is a thread. With a time limit, its network and its pixels are computed in sandbox
    processes of its own, so that the workers keep all cores busy; without one, they share this
    process. On a machine with a GPU all workers share one network.

    Args:
        executor: Its threads are the workers; None: one for each core.
    """

    def __init__(self, executor: LocalExecutor | None = None) -> None:
        self.executor = executor or LocalExecutor()

    def make_frames(
        self, job: FilmJob, weights: Storage, work: Iterable[WorkItem], pictures: int | None = None
    ) -> Iterator[FrameResult]:
        """Make frames of pictures and write them; yield results as frames are in place.

        Args:
            job: The run.
            weights: Where the network's weights are.
            work: Pictures; one is taken only when a worker is free for it.
            pictures: Most pictures that `work` yields; None: it is turned into a list and counted.
        """
        if pictures is None:
            work = list(work)
            pictures = len(work)
        workers = min(self.executor.workers, max(1, math.ceil(pictures / PICTURES_A_WORKER)))
        network = _Networks(job, weights, 1 if has_cuda_driver() else workers)

        def make(item: WorkItem) -> list[FrameResult]:
            return stages.make_frame(network, pack_work(item), job)

        for _, written in self.executor.spread(make, work, workers):
            yield from written

    def count(self, status: str, written: FrameResult) -> None:
        """Do nothing: metrics need Ray."""


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
