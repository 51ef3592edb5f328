"""Progress of a film command on standard error: frames, speed and the time that is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lineart.jobs.command import ProgressClock

if TYPE_CHECKING:
    from lineart.film.outcome.run_json import FilmSummary

MIN_MEASURED_S = 1.0
"""Shortest time of which a speed is told: a GPU makes a batch of frames at once."""


def make_printer() -> Callable[[FilmSummary], None]:
    """Return a function that prints progress: each second on a terminal, else every ten seconds."""
    every_s, end = (1.0, "\r") if sys.stderr.isatty() else (10.0, "\n")
    clock, speed = ProgressClock(every_s, is_due_at_once=True), Speed()

    def show(summary: FilmSummary) -> None:
        made = summary.done + summary.held
        ended = made + summary.skipped + summary.failed + summary.accepted
        measured = speed.measure(summary.done, made, time.monotonic())
        if not clock.is_due(ended, summary.frames):
            return
        line = f"{ended} of {summary.frames} frames, {summary.failed} failed"
        if measured is not None:
            rate, seconds = measured
            line += f", {rate:.1f} frames/s, {_clock((summary.frames - ended) * seconds)} left"
        # Wide enough to cover the line before on a terminal.
        last = "\n" if ended == summary.frames else end
        print(line.ljust(70 if end == "\r" else 0), end=last, file=sys.stderr, flush=True)

    return show


class Speed:
    """Speed of a run since the first frame was made, without the time before that.

    Frames that fail before they are tried, or that are copied, come at once: they are no speed.
    """

    def __init__(self) -> None:
        self._first: tuple[int, int, float] | None = None

    def measure(self, done: int, made: int, now: float) -> tuple[float, float] | None:
        """Return made frames per second, without copies, and seconds per frame with copies.

        Args:
            done: Number of frames that were made, without copies.
            made: The same with copies.
            now: Time in seconds, which never decreases.

        Returns:
            None before a second frame was made, and in the second after the first.
        """
        if self._first is None:
            self._first = (done, made, now) if done else None
            return None
        seconds = now - self._first[2]
        if done == self._first[0] or seconds < MIN_MEASURED_S:
            return None
        return (done - self._first[0]) / seconds, seconds / (made - self._first[1])


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
