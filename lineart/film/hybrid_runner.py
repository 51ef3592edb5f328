"""A film on one machine: its first frames are made in this process while Ray starts."""

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
"""Tasks that end sooner need no Ray."""

Begun = tuple[list[FrameResult], Generator[FrameResult, None, None]]
"""The first frame that Ray made, and those that follow."""


class HybridRunner:
    """Works as `LocalRunner` until Ray has started, then as `RayRunner`.

    Ray and its workers take some twenty seconds, in which the cores of this machine make frames.
    What is done soon needs no Ray at all.

    Args:
        start_ray: Starts Ray and gives who works on it.
        stop_ray: Stops it. Both are called in one thread: Linux ends what Ray has started when the
            thread ends that started it, and then Ray would be asked in vain to stop.
        few_frames: Pictures for which Ray is not worth its start; so many are made here while its
            workers start.
        workers: Frames in hand at once on this machine; None: as many as there are cores.
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
        """Run a function on each argument; give arguments and results.

        Raises:
            ConnectionError: Ray did not start, or cannot go on.
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
        """Make frames of pictures and write them, in any order.

        When Ray stands and it is worth its while, it gets all but the next few: they are made here
        until its workers stand, too.

        Raises:
            ConnectionError: Ray did not start, or cannot go on.
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
        """Let Ray begin with all but the next few, if it stands and there are many."""
        if self._begun is not None or self._ray is None or not self._ray.done():
            return
        if len(waiting) > 2 * self._few_frames:
            rest = [waiting.pop() for _ in range(len(waiting) - self._few_frames)][::-1]
            self._begun = self._beginner.submit(_begin, self._ray.result(), job, weights, rest)

    def count(self, status: str, written: FrameResult) -> None:
        """Count a frame in Ray's metrics, as soon as Ray stands."""
        self._uncounted.append((status, written))
        if self._ray is not None and self._ray.done() and self._ray.exception() is None:
            while self._uncounted:
                self._ray.result().count(*self._uncounted.pop())

    def close(self) -> None:
        """Stop Ray, as soon as it has started; what it makes then is not waited for."""
        if self._begun is not None and self._begun.done() and self._begun.exception() is None:
            _, others = self._begun.result()
            others.close()
        elif self._begun is not None:
            # That it is stopped in the middle is no news.
            logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        with self._starter, self._beginner:
            if self._ray is not None:
                self._starter.submit(self._stop_ray)


def _take(waiting: deque[WorkItem]) -> Iterator[WorkItem]:
    while waiting:
        yield waiting.popleft()


def _begin(ray: RayRunner, job: FilmJob, weights: Storage, work: Sequence[WorkItem]) -> Begun:
    """Let Ray begin; return when the first of its frames stands."""
    frames = ray.make_frames(job, weights, work)
    return list(islice(frames, 1)), frames
