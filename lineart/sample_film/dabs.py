"""Hints for the sample film, like an artist's: dabs and strokes of flat colour in regions."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Int, Int32

from lineart.image import Hint, Line
from lineart.imaging.hints import no_hints
from lineart.sample_film.canvas import Canvas
from lineart.sample_film.curves import Number

MAX_REGIONS = 110
"""Maximum number of regions with a dab: each colour's largest first, then its second, the rest."""

EXTRA_DABS = 60
"""Further dabs in these regions, in proportion to the square root of their area."""

LENGTHS = (40, 30, 30, 20, 20, 12, 12, 6, 6, 3)
"""Stroke lengths to try in turn, in half widths of the stroke."""

_LEAST_PIXELS = 3


@dataclass(frozen=True)
class _Regions:
    """Flat regions on a grid of every `step`-th pixel.

    `boxes` holds left, top, width, height and area in grid cells; `distance` is that to the border
    in pixels.
    """

    step: int
    labels: Int32[np.ndarray, "H W"]
    boxes: Int32[np.ndarray, "N 5"]
    distance: Float32[np.ndarray, "H W"]


def give_hints(drawings: Sequence[Canvas], rng: np.random.Generator) -> Hint:
    """Return hints that hold for all `drawings`: dabs of flat colour where the drawings agree.

    A dab never touches a line, and the colour under it is the same in every drawing.
    """
    first = drawings[0]
    hint = no_hints(first.ink.shape[:2])
    regions = _find_regions(_steady(drawings), max(1, round(2 * first.scale)))
    chosen, counts = _choose(regions, first)
    for label, count in zip(chosen, counts, strict=True):
        left, top, width, height, _ = (int(value) for value in regions.boxes[label])
        rows, columns = slice(top, top + height), slice(left, left + width)
        reach = np.where(regions.labels[rows, columns] == label, regions.distance[rows, columns], 0)
        dabs: list[tuple[int, int]] = []
        # The first dab is well inside the region, the others far from earlier ones.
        for share in (0.7, *(0.3,) * (count - 1)):
            row, column = _far_from(dabs, np.argwhere(reach >= share * reach.max()), rng)
            dabs.append((row, column))
            at = (column + left) * regions.step, (row + top) * regions.step
            _dab(hint, first, regions, at, rng)
    return hint


def _far_from(
    dabs: Sequence[tuple[int, int]], places: Int[np.ndarray, "N 2"], rng: np.random.Generator
) -> tuple[int, int]:
    """Return that of 16 random `places` which is farthest from its nearest dab."""
    some = rng.choice(places, size=16)
    apart = [np.abs(some - np.array(dab)).sum(axis=1) for dab in dabs]
    row, column = some[np.min(apart, axis=0).argmax()] if apart else some[0]
    return int(row), int(column)


def _steady(drawings: Sequence[Canvas]) -> Line:
    """Return 255 where the drawings have no ink and one flat, equal colour; else 0."""
    kernel = np.ones((3, 3), np.uint8)
    unrest = np.zeros_like(drawings[0].flat)
    paper = drawings[0].ink
    for drawing in drawings:
        cv2.bitwise_or(unrest, cv2.absdiff(drawing.flat, drawings[0].flat), unrest)
        paper = cv2.min(paper, drawing.ink)
    cv2.bitwise_or(unrest, cv2.morphologyEx(drawings[0].flat, cv2.MORPH_GRADIENT, kernel), unrest)
    change = unrest[:, :, 0] | unrest[:, :, 1] | unrest[:, :, 2]
    return np.where((change == 0) & (paper == 255), np.uint8(255), np.uint8(0))


def _find_regions(steady: Line, step: int) -> _Regions:
    grid = np.ascontiguousarray(cv2.erode(steady, np.ones((step, step), np.uint8))[::step, ::step])
    # The picture's edge is a border, too.
    grid[0], grid[-1], grid[:, 0], grid[:, -1] = 0, 0, 0, 0
    distance = cv2.distanceTransform(grid, cv2.DIST_L2, 3) * np.float32(step)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(grid, connectivity=4)
    return _Regions(step, labels, boxes, distance)


def _choose(regions: _Regions, drawing: Canvas) -> tuple[list[int], list[int]]:
    """Return the regions to dab and the number of dabs for each."""
    areas = regions.boxes[:, cv2.CC_STAT_AREA]
    by_area = [int(k) for k in np.argsort(-areas, kind="stable") if k and areas[k] >= _LEAST_PIXELS]
    paint = drawing.flat[:: regions.step, :: regions.step]
    seen: dict[bytes, int] = {}
    ranks = []
    for label in by_area:
        left, top, width, height, _ = regions.boxes[label]
        box = regions.labels[top : top + height, left : left + width] == label
        row, column = divmod(int(box.argmax()), int(width))
        color = paint[top + row, left + column].tobytes()
        seen[color] = seen.get(color, 0) + 1
        ranks.append(min(seen[color], 3))
    chosen = [by_area[k] for k in np.argsort(ranks, kind="stable")[:MAX_REGIONS]]
    weight = np.sqrt(areas[chosen]) if chosen else np.ones(0)
    extra = np.floor(EXTRA_DABS * weight / max(weight.sum(), 1)).astype(int)
    return chosen, [1 + int(count) for count in extra]


def _dab(
    hint: Hint, drawing: Canvas, regions: _Regions, at: tuple[int, int], rng: np.random.Generator
) -> None:
    """Draw a dab or, if there is room, a stroke into `hint`."""
    x, y = at
    room = float(regions.distance[y // regions.step, x // regions.step]) - regions.step
    radius = max(0, round(min(rng.uniform(4, 9) * drawing.scale, 0.8 * room - 1)))
    color = (*(int(value) for value in drawing.flat[y, x]), 255)
    # Draw the longest stroke that fits in a random direction, else a dab.
    for length in LENGTHS:
        direction = rng.uniform(0, 2 * np.pi)
        tip = (
            round(x + length * radius * np.cos(direction)),
            round(y + length * radius * np.sin(direction)),
        )
        if radius > 0 and _has_room(regions, at, tip, radius + 2):
            cv2.line(hint, at, tip, color, 2 * radius, cv2.LINE_8)
            return
    cv2.circle(hint, at, radius, color, cv2.FILLED, cv2.LINE_8)


def _has_room(
    regions: _Regions, start: tuple[int, int], end: tuple[int, int], room_px: Number
) -> bool:
    """Return whether a stroke stays inside its region, `room_px` away from its border."""
    way = np.linspace(start, end, 40).round().astype(int) // regions.step
    height, width = regions.labels.shape
    if (way < 0).any() or (way >= [width, height]).any():
        return False
    label = regions.labels[way[0, 1], way[0, 0]]
    inside = regions.labels[way[:, 1], way[:, 0]] == label
    spare = regions.distance[way[:, 1], way[:, 0]] >= room_px + regions.step
    return bool((inside & spare).all())
