"""Execution on one machine that makes the first frames locally while Ray starts."""

import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Any

from lineart.film.local_runner import FEW_FRAMES, LocalRunner
from lineart.film.pipeline import RayRunner
from lineart.film.records import FrameResult, WorkItem
from lineart.film.stages import FilmJob
from lineart.storage import Storage

SOON_S = 2.0
"""Time after which `run_tasks` starts Ray for the tasks that are left, in seconds."""

Begun = tuple[list[FrameResult], Generator[FrameResult, None, None]]
"""First result of Ray, in a list, and a generator of the others."""


class HybridRunner:
    """Executes work as `LocalRunner` until Ray has started, then as `RayRunner`.

    Ray and its workers take about twenty seconds to start; meanwhile the cores of this machine make
    frames. Short work does not start Ray.

    Args:
        start_ray: Starts Ray and returns a runner on it.
        stop_ray: Stops Ray. Both functions are called in the same thread, because Linux ends Ray's
            processes when the thread that started them ends, and Ray can then not be shut down.
        few_frames: Maximum number of pictures made without Ray, and number of pictures that are
            made locally while Ray's workers start.
        workers: Number of frames processed at once locally; None: the number of cores.
    """

    def __init__(
        self,
        start_ray: Callable[[], RayRunner],
        stop_ray: Callable[[], None],
        *,
        few_frames: int = FEW_FRAMES,
        workers: int | None = None,
    ) -> None:
        self._alone, self._few_frames = LocalRunner(workers), few_frames
        self._start_ray, self._stop_ray = start_ray, stop_ray
        self._starter, self._beginner = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._ray: Future[RayRunner] | None = None
        self._begun: Future[Begun] | None = None
        self._uncounted: list[tuple[str, FrameResult]] = []

    def run_tasks(
        self, function: Callable[[Any], Any], arguments: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Call a function on each argument; yield arguments and results, in any order.

        Raises:
            ConnectionError: Ray did not start, or failed.
        """
        started, waiting = time.monotonic(), iter(arguments)

        def until_ray_stands() -> Iterator[Any]:
            for argument in waiting:
                if time.monotonic() - started > SOON_S:
                    self._start()
                yield argument
                if self._ray is not None and self._ray.done():
                    return

        yield from self._alone.run_tasks(function, until_ray_stands())
        rest = list(islice(waiting, 1))
        if rest and self._ray is not None:
            yield from self._ray.result().run_tasks(function, chain(rest, waiting))

    def make_frames(
        self, job: FilmJob, weights: Storage, work: Sequence[WorkItem]
    ) -> Iterator[FrameResult]:
        """Make frames and write them; yield results in any order.

        If more than twice `few_frames` pictures are left when Ray has started, it gets all but
        `few_frames`, which are made locally while its workers start.

        Raises:
            ConnectionError: Ray did not start, or failed.
        """
        waiting = deque(work)
        if len(waiting) > self._few_frames:
            self._start()
        for written in self._alone.make_frames(job, weights, _take(waiting), len(waiting)):
            yield written
            self._hand_over(job, weights, waiting)
        if self._begun is not None:
            first, others = self._begun.result()
            yield from first
            yield from others

    def _start(self) -> None:
        if self._ray is None:
            self._ray = self._starter.submit(self._start_ray)

    def _hand_over(self, job: FilmJob, weights: Storage, waiting: deque[WorkItem]) -> None:
        """Pass all but `few_frames` pictures to Ray, if it has started and enough are left."""
        if self._begun is not None or self._ray is None or not self._ray.done():
            return
        if len(waiting) > 2 * self._few_frames:
            rest = [waiting.pop() for _ in range(len(waiting) - self._few_frames)][::-1]
            self._begun = self._beginner.submit(_begin, self._ray.result(), job, weights, rest)

    def count(self, status: str, written: FrameResult) -> None:
        """Count a frame in Ray's metrics, as soon as Ray has started."""
        self._uncounted.append((status, written))
        if self._ray is not None and self._ray.done() and self._ray.exception() is None:
            while self._uncounted:
                self._ray.result().count(*self._uncounted.pop())

    def close(self) -> None:
        """Stop Ray, as soon as it has started, without waiting for its frames."""
        if self._begun is not None and self._begun.done() and self._begun.exception() is None:
            _, others = self._begun.result()
            others.close()
        elif self._begun is not None:
            # Suppress Ray's messages that its execution was aborted.
            logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        with self._starter, self._beginner:
            if self._ray is not None:
                self._starter.submit(self._stop_ray)


def _take(waiting: deque[WorkItem]) -> Iterator[WorkItem]:
    while waiting:
        yield waiting.popleft()


def _begin(ray: RayRunner, job: FilmJob, weights: Storage, work: Sequence[WorkItem]) -> Begun:
    """Start making frames on Ray; return when the first result is there."""
    frames = ray.make_frames(job, weights, work)
    return list(islice(frames, 1)), frames
