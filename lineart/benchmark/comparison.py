"""Comparison of figures with those of an earlier run, read from its printed JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lineart.benchmark.timing import Figure

Figures = dict[tuple[str, str, str], float]
"""Part, case and way -> median time per frame in milliseconds."""


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
    lines = [f"{'part':10} {'case':28} {'way':24} {'before':>9} {'now':>9}"]
    for key, milliseconds in now.items():
        if before.get(key):
            part, case, way = key
            ratio = before[key] / milliseconds
            lines.append(
                f"{part:10} {case:28} {way:24} {before[key]:9.2f} {milliseconds:9.2f}  {ratio:.2f}x"
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
            (part, figure["case"], figure["way"]): float(figure["median_ms"])
            for part, figures in parts.items()
            for figure in figures
        }
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"it lacks what a figure has: {error!r}") from error
