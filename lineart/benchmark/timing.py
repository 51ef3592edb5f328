"""Timing of alternative implementations of the same work; comparison with an earlier run."""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Figure:
    """Measured time of one method, an implementation, per frame."""

    case: str
    method: str
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
    case: str, methods: Mapping[str, Run], repeats: int, clock: Clock = time.process_time
) -> list[Figure]:
    """Time all methods in turn in each repeat, so that other load on the machine affects all alike.

    Args:
        case: Name of the case in the figures.
        methods: Name -> implementation; the first is ours, with which the others are compared.
        repeats: Number of measurements after one warm-up, above 0.
        clock: Returns seconds; by default CPU time of this process, which other processes affect
            little.
    """
    results = {method: run() for method, run in methods.items()}  # warm up
    seconds: dict[str, list[float]] = {method: [] for method in methods}
    for _ in range(repeats):
        for method, run in methods.items():
            start = clock()
            run()
            seconds[method].append(clock() - start)
    figures = [_figure(case, method, seconds[method], results[method]) for method in methods]
    ours = figures[0].median_ms
    rest = [replace(figure, times_as_fast=figure.median_ms / ours) for figure in figures[1:]]
    return [figures[0], *rest]


def summarize(values: Sequence[float]) -> tuple[float, float]:
    """Return median and interquartile range; of one value, the range is 0."""
    low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return median, high - low


def _figure(case: str, method: str, seconds: list[float], results: Sequence[object]) -> Figure:
    """Summarize the repeats of one method; times and sizes are per frame."""
    median, spread = summarize([1000 * value / len(results) for value in seconds])
    lengths = [len(result) for result in results if isinstance(result, bytes)]
    size = statistics.mean(lengths) / 1000 if lengths else None
    return Figure(case, method, median, spread, size)


Figures = dict[tuple[str, str, str], float]
"""Part, case and method -> median time per frame in milliseconds."""


def read_earlier(text: str) -> dict[str, Any]:
    """Parse the output of an earlier run: its last line is JSON, all others are ignored.

    Raises:
        ValueError: the last line is not the JSON of a benchmark.
    """
    lines = text.strip().splitlines()
    try:
        earlier = json.loads(lines[-1]) if lines else None
    except (ValueError, RecursionError):
        earlier = None
    if not isinstance(earlier, dict) or not isinstance(earlier.get("parts"), dict):
        raise ValueError("it does not end with the JSON that this job prints last")
    _times(earlier["parts"])
    return earlier


def compare_runs(earlier: Mapping[str, Any], parts: Mapping[str, Sequence[Figure]]) -> list[str]:
    """Format a table with the speed-up of each figure, and list figures that only one run has."""
    before = _times(earlier["parts"])
    now = _times({part: [asdict(figure) for figure in figures] for part, figures in parts.items()})
    lines = [f"{'part':10} {'case':28} {'method':24} {'before':>9} {'now':>9}"]
    for key, milliseconds in now.items():
        if before.get(key):
            part, case, method = key
            ratio = before[key] / milliseconds
            lines.append(
                f"{part:10} {case:28} {method:24} {before[key]:9.2f} {milliseconds:9.2f}"
                f"  {ratio:.2f}x"
            )
    return [*lines, *_alone(before, now, "before"), *_alone(now, before, "now")]


def _alone(run: Figures, other: Figures, when: str) -> list[str]:
    """List figures that the other run lacks; if it lacks a whole part, only the part."""
    parts = {part for part, *_ in other}
    names = ["  ".join(key) if key[0] in parts else key[0] for key in run if key not in other]
    return [f"only {when}: {name}" for name in dict.fromkeys(names)]


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """List differences of machine, versions and commit between two runs."""
    return [
        f"{name}: {earlier.get(name)} before, {now.get(name)} now"
        for name in ("machine", "versions", "commit")
        if earlier.get(name) != now.get(name)
    ]


def _times(parts: Mapping[str, Any]) -> Figures:
    try:
        return {
            (part, figure["case"], figure["method"]): float(figure["median_ms"])
            for part, figures in parts.items()
            for figure in figures
        }
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"it lacks what a figure has: {error!r}") from error
