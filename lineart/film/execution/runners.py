"""Runners of a film's work: on this machine, and on this machine until Ray has started."""

import logging
import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import LifoQueue

from lineart.film.execution import stages
from lineart.film.execution.pipeline import RayRunner
from lineart.film.execution.stages import OpenStage, Stage
from lineart.film.execution.work_queue import WorkQueue
from lineart.film.records import FilmJob, FrameData, FrameResult, WorkItem
from lineart.runtime.device import has_cuda_driver
from lineart.runtime.executor import HybridExecutor, LocalExecutor, RayExecutor

FEW_FRAMES = stages.FEW_PICTURES
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
        self, job: FilmJob, work: Iterable[WorkItem], pictures: int | None = None
    ) -> Iterator[FrameResult]:
        """Make frames of pictures and write them; yield results as frames are in place.

        Args:
            job: The run.
            work: Pictures; they are taken only when a worker is free for them.
            pictures: Most pictures that `work` yields; None: it is turned into a list and counted.
        """
        if pictures is None:
            work = list(work)
            pictures = len(work)
        workers = min(self.executor.workers, max(1, math.ceil(pictures / PICTURES_A_WORKER)))
        networks = 1 if has_cuda_driver() else workers
        opened: list[OpenStage] = [
            _StagePool(stage, job, networks) if stage.resources == "network" else stage.open(job)
            for stage in stages.stages_of(job)
        ]

        def make(item: WorkItem) -> Sequence[FrameData]:
            return stages.run_stages(opened, [FrameData(item)])

        dealer = WorkQueue(work)
        for item, (frame,) in self.executor.spread(make, dealer, workers):
            dealer.end(item)
            yield from frame.results()

    def count(self, status: str, result: FrameResult) -> None:
        """Do nothing: metrics need Ray."""


class _StagePool:
    """Up to `most` instances of a stage, opened on demand; a call waits for a free one."""

    def __init__(self, stage: Stage, job: FilmJob, most: int) -> None:
        self._stage, self._job = stage, job
        # Last in, first out: no more networks are opened than are in use at once.
        self._free: LifoQueue[OpenStage | None] = LifoQueue()
        for _ in range(most):
            self._free.put(None)

    def __call__(self, frames: Sequence[FrameData]) -> list[FrameData]:
        opened = self._free.get()
        try:
            opened = opened or self._stage.open(self._job)
            return opened(frames)
        finally:
            self._free.put(opened)


Begun = tuple[list[FrameResult], Generator[FrameResult, None, None]]
"""First result of Ray, in a list, and a generator of the others."""


class HybridRunner:
    """Makes frames on this machine until Ray has started, then on Ray; see `run.FilmRunner`.

    Args:
        executor: Starts Ray, and has the workers of this machine.
        few_frames: Pictures for which Ray is not worth its start; so many are made here while its
            workers start.
        on_ray: Returns the runner of an executor on Ray.
    """

    def __init__(
        self,
        executor: HybridExecutor,
        *,
        few_frames: int = FEW_FRAMES,
        on_ray: Callable[[RayExecutor], RayRunner] = RayRunner,
    ) -> None:
        self.executor, self._few_frames = executor, few_frames
        self._local, self._on_ray = LocalRunner(executor.local), on_ray
        self._runner: RayRunner | None = None
        self._beginner = ThreadPoolExecutor(1)
        self._begun: Future[Begun] | None = None
        self._uncounted: list[tuple[str, FrameResult]] = []

    def make_frames(self, job: FilmJob, work: Sequence[WorkItem]) -> Iterator[FrameResult]:
        """Make frames and write them; yield results in any order.

        Once Ray has started and enough pictures wait, Ray takes all but the next few: those are
        made here while its workers start.

        Raises:
            ConnectionError: Ray did not start, or failed.
        """
        waiting = deque(work)
        if len(waiting) > self._few_frames:
            self.executor.start()
        for written in self._local.make_frames(job, _take(waiting), len(waiting)):
            yield written
            self._hand_over(job, waiting)
        if self._begun is not None:
            first, others = self._begun.result()
            yield from first
            yield from others

    def _hand_over(self, job: FilmJob, waiting: deque[WorkItem]) -> None:
        """Give Ray all but the next few pictures, if it has started and many wait."""
        if self._begun is not None or not self.executor.is_ready:
            return
        if len(waiting) > 2 * self._few_frames:
            rest = [waiting.pop() for _ in range(len(waiting) - self._few_frames)][::-1]
            runner = self._open_runner(self.executor.wait())
            self._begun = self._beginner.submit(_begin, runner, job, rest)

    def _open_runner(self, ray: RayExecutor) -> RayRunner:
        self._runner = self._runner or self._on_ray(ray)
        return self._runner

    def count(self, status: str, written: FrameResult) -> None:
        """Count a frame in Ray's metrics, as soon as Ray has started."""
        self._uncounted.append((status, written))
        ray = self.executor.ray
        while ray is not None and self._uncounted:
            self._open_runner(ray).count(*self._uncounted.pop())

    def close(self) -> None:
        """Stop Ray, once it has started; its results are not waited for."""
        if self._begun is not None and self._begun.done() and self._begun.exception() is None:
            _, others = self._begun.result()
            others.close()
        elif self._begun is not None:
            # Ray Data logs an error when it is stopped while it starts.
            logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        with self._beginner:
            self.executor.close()


def _take(waiting: deque[WorkItem]) -> Iterator[WorkItem]:
    while waiting:
        yield waiting.popleft()


def _begin(ray: RayRunner, job: FilmJob, work: Sequence[WorkItem]) -> Begun:
    """Start making frames on Ray; return when the first result is there."""
    frames = ray.make_frames(job, work)
    return list(islice(frames, 1)), frames
