"""Status map of a shot, drawn as on an exposure sheet."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from lineart.report.frames import OTHER, STATUSES, Cell

DRAWN_AS = {"missing": "failed"}
"""Kinds that are drawn as another one; `empty` is not drawn."""
GAPS_FRAMES = 100
"""Maximum number of frames of a map with gaps between frames; longer ones lack the room."""


def draw_map(cells: Sequence[Cell], marks: Sequence[int]) -> dict[str, Any]:
    """Draw the status of each frame as on an exposure sheet; return SVG path data.

    A frame is one unit wide. Finished frames are blocks, held frames a line that continues a block,
    failed and missing frames are taller than both, retakes are underlined, and warnings are lines
    above.

    Args:
        cells: The frames, or what an exposure sheet shows at each time.
        marks: Positions of frames that have a thumbnail, from 0.
    """
    paths: dict[str, list[str]] = {kind: [] for kind in (*STATUSES, OTHER)}
    ends = dict.fromkeys(paths, 0)
    ticks = []
    for kind, start, length in _runs([DRAWN_AS.get(cell.kind, cell.kind) for cell in cells]):
        if kind not in paths:
            continue
        paths[kind].append(f"m{start - ends[kind]} 0h{length}")
        ends[kind] = start + length
        if kind == "failed":
            ticks.append(f"M{start + length / 2} 0v20")
    drawn = {kind: "M0 10" + "".join(path) if path else "" for kind, path in paths.items()}
    edges = range(1, len(cells)) if len(cells) <= GAPS_FRAMES else ()
    return drawn | {
        "ticks": "".join(ticks),
        "retakes": _draw_runs([cell.is_retake for cell in cells], 21),
        "warnings": _draw_runs([cell.is_warned for cell in cells], 0),
        "gaps": "".join(f"M{position} 0v22" for position in edges),
        "pictured": "".join(f"M{position + 0.5} 24v4" for position in marks),
        "frames": len(cells),
    }


def _draw_runs(are_on: Sequence[bool], y: int) -> str:
    return "".join(f"M{at} {y}h{n}" for is_on, at, n in _runs(are_on) if is_on)


def _runs(values: Sequence[Any]) -> Iterator[tuple[Any, int, int]]:
    """Yield each run of equal values with its start and length."""
    start = 0
    for value, run in groupby(values):
        length = sum(1 for _ in run)
        yield value, start, length
        start += length
