"""Timing of alternative implementations of the same work."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Figure:
    """Measured time of one implementation ("way"), per frame."""

    case: str
    way: str
    median_ms: float
    spread_ms: float
    """Interquartile range of the repeats."""
    kilobytes: float | None = None
    """Mean size of a result, if results are encoded pictures."""
    times_as_fast: float | None = None
    """Median time divided by that of our implementation; above 1, ours is faster."""
    note: str = ""


Run = Callable[[], Sequence[object]]
"""Processes some frames and returns a result for each."""


Clock = Callable[[], float]
"""Returns a time in seconds."""


def compare(
    case: str, ways: Mapping[str, Run], repeats: int, clock: Clock = time.process_time
) -> list[Figure]:
    """Time all ways in turn in each repeat, so that other load on the machine affects all alike.

    Args:
        case: Name of the case in the figures.
        ways: Name -> implementation; the first is ours, with which the others are compared.
        repeats: Number of measurements after one warm-up, above 0.
        clock: Returns seconds; by default CPU time of this process, which other processes affect
            little.
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
    """Summarize the repeats of one way; times and sizes are per frame."""
    milliseconds = [1000 * value / len(results) for value in seconds]
    median = statistics.median(milliseconds)
    quartiles = statistics.quantiles(milliseconds, n=4) if len(seconds) > 1 else [median] * 3
    lengths = [len(result) for result in results if isinstance(result, bytes)]
    size = statistics.mean(lengths) / 1000 if lengths else None
    return Figure(case, way, median, quartiles[2] - quartiles[0], size)
