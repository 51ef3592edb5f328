"""Time several ways to do the same, and sum up."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Figure:
    """One measurement: what a frame costs in one way."""

    case: str
    way: str
    median_ms: float
    spread_ms: float
    """Between the quartiles of the repeats."""
    kilobytes: float | None = None
    times_as_fast: float | None = None
    """This way's time over ours: above 1 we are faster."""
    note: str = ""


Run = Callable[[], Sequence[object]]
"""Does the work of some frames; gives a result for each."""


Clock = Callable[[], float]
"""Gives seconds."""


def compare(
    case: str, ways: Mapping[str, Run], repeats: int, clock: Clock = time.process_time
) -> list[Figure]:
    """Measure all ways in turn, so that a busy moment of the machine meets all of them.

    Processor time of this process is measured, if no other clock is given: what else the machine
    does counts little. The first way is ours; the others are compared with it.
    """
    results = {way: run() for way, run in ways.items()}  # warm up
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, run in ways.items():
            start = clock()
            run()
            seconds[way].append(clock() - start)
    figures = [_figure(case, way, seconds[way], results[way]) for way in ways]
    ours = figures[0].median_ms
    rest = [replace(figure, times_as_fast=figure.median_ms / ours) for figure in figures[1:]]
    return [figures[0], *rest]


def _figure(case: str, way: str, seconds: list[float], results: Sequence[object]) -> Figure:
    """Sum up the repeats of one way; times and sizes are those of one frame."""
    milliseconds = [1000 * value / len(results) for value in seconds]
    median = statistics.median(milliseconds)
    quartiles = statistics.quantiles(milliseconds, n=4) if len(seconds) > 1 else [median] * 3
    lengths = [len(result) for result in results if isinstance(result, bytes)]
    size = statistics.mean(lengths) / 1000 if lengths else None
    return Figure(case, way, median, quartiles[2] - quartiles[0], size)
