"""Exposure sheets on the page of a film."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from lineart.film.exposure.cuts import ExposedCut, ExposedLevel, Exposure
from lineart.report.frames import MISSING, NOTHING
from lineart.report.html import as_text
from lineart.report.shots import ShotSummary

CUTS_LISTED = 100
EXPOSURES_OPEN = 24
EXPOSURES_LISTED = 400
"""Maximum number of listed exposures of a level; those after the first are folded away."""
MISSING_NAMED = 20


def set_times(shots: Iterable[ShotSummary], cuts: Iterable[ExposedCut]) -> None:
    """Give shots that are levels of exposure sheets the times of those; the first level counts."""
    levels: dict[str | None, ExposedLevel] = {}
    for cut in cuts:
        for one in cut.levels:
            levels.setdefault(one.shot, one)
    for shot in shots:
        level = levels.get(shot.rows[0].shot)
        if level is not None and level.shot is not None:
            places = {row.frame: place for place, row in enumerate(shot.rows)}
            shot.timeline = [_place(time, places) for time in level.times]


def _place(one: Exposure | None, places: dict[str, int]) -> int:
    return NOTHING if one is None else places.get(one.frame or "", MISSING)


def layout_sheets(cuts: Sequence[ExposedCut], shots: Iterable[ShotSummary]) -> dict[str, Any]:
    """Return the template data of the sheets; levels from top to bottom, as they lie."""
    numbers = {shot.rows[0].shot: number for number, shot in enumerate(shots, 1)}
    return {
        "cuts": [_layout_cut(cut, numbers) for cut in cuts[:CUTS_LISTED]],
        "unlisted": len(cuts[CUTS_LISTED:]),
    }


def _layout_cut(cut: ExposedCut, numbers: dict[str | None, int]) -> dict[str, Any]:
    missing = [as_text(name) for name in cut.missing]
    return {
        "name": as_text(cut.name),
        "scene": as_text(cut.scene),
        "frames": cut.duration,
        "levels": [_layout_level(level, numbers) for level in reversed(cut.levels)],
        "missing": missing[:MISSING_NAMED],
        "more_missing": len(missing[MISSING_NAMED:]),
    }


def _layout_level(level: ExposedLevel, numbers: dict[str | None, int]) -> dict[str, Any]:
    exposures = [*_exposures(level)]
    return {
        "name": as_text(level.name),
        "shots": [(as_text(shot), numbers.get(shot, 0)) for shot in level.shots],
        "drawings": len({one.drawing for one in level.times if one is not None}),
        "open": exposures[:EXPOSURES_OPEN],
        "folded": exposures[EXPOSURES_OPEN:EXPOSURES_LISTED],
        "unlisted": len(exposures[EXPOSURES_LISTED:]),
    }


def _exposures(level: ExposedLevel) -> Iterator[dict[str, Any]]:
    """Yield the runs of equal drawings, with their first and last frame from 1."""
    start = 1
    for one, run in groupby(level.times):
        end = start + sum(1 for _ in run)
        yield {
            "times": f"{start}" if end == start + 1 else f"{start}-{end - 1}",
            "drawing": as_text(one.drawing) if one is not None else "",
            "is_missing": one is not None and one.frame is None,
        }
        start = end
