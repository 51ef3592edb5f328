"""Execution on one machine that makes the first frames locally while Ray starts."""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from lineart.executor import HybridExecutor, RayExecutor
from lineart.film.local_runner import FEW_FRAMES, LocalRunner
from lineart.film.pipeline import RayRunner
from lineart.film.records import FrameResult, WorkItem
from lineart.film.stages import FilmJob
from lineart.storage import Storage

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

    def make_frames(
        self, job: FilmJob, weights: Storage, work: Sequence[WorkItem]
    ) -> Iterator[FrameResult]:
        """Make frames and write them; yield results in any order.

        Once Ray has started and enough pictures wait, Ray takes all but the next few: those are
        made here while its workers start.

        Raises:
            ConnectionError: Ray did not start, or failed.
        """
        waiting = deque(work)
        if len(waiting) > self._few_frames:
            self.executor.start()
        for written in self._local.make_frames(job, weights, _take(waiting), len(waiting)):
            yield written
            self._hand_over(job, weights, waiting)
        if self._begun is not None:
            first, others = self._begun.result()
            yield from first
            yield from others

    def _hand_over(self, job: FilmJob, weights: Storage, waiting: deque[WorkItem]) -> None:
        """Give Ray all but the next few pictures, if it has started and many wait."""
        if self._begun is not None or not self.executor.is_ready:
            return
        if len(waiting) > 2 * self._few_frames:
            rest = [waiting.pop() for _ in range(len(waiting) - self._few_frames)][::-1]
            runner = self._open_runner(self.executor.wait())
            self._begun = self._beginner.submit(_begin, runner, job, weights, rest)

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


def _begin(ray: RayRunner, job: FilmJob, weights: Storage, work: Sequence[WorkItem]) -> Begun:
    """Start making frames on Ray; return when the first result is there."""
    frames = ray.make_frames(job, weights, work)
    return list(islice(frames, 1)), frames
