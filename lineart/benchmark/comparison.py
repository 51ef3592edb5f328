"""Figures of now beside those of an earlier run, from the JSON that it printed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lineart.benchmark.timing import Figure


def read_earlier(text: str) -> dict[str, Any]:
    """Read what an earlier run printed: its last line, alone or below all the others.

    Raises:
        ValueError: it is no such text.
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
    """Say how many times as fast each figure is now; what only one run has is left out."""
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
    return lines


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name what else differs between two runs: machine, versions, commit."""
    return [
        f"{name}: {earlier.get(name)} before, {now.get(name)} now"
        for name in ("machine", "versions", "commit")
        if earlier.get(name) != now.get(name)
    ]


def _times(parts: Mapping[str, Any]) -> dict[tuple[str, str, str], float]:
    """Give milliseconds a frame by part, case and way."""
    try:
        return {
            (part, figure["case"], figure["way"]): float(figure["median_ms"])
            for part, figures in parts.items()
            for figure in figures
        }
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"it lacks what a figure has: {error!r}") from error
