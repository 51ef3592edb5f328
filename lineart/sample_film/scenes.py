"""Shots of the sample film: layout, motion and timing of each; hints like an artist's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float32, Int, Int32

from lineart.image import Hint, Line, Size
from lineart.imaging.hints.pixels import no_hints
from lineart.sample_film.canvas import Canvas, Number, Placement, curve, paint, shadow_of
from lineart.sample_film.dragon import DRAGONS, draw_dragon
from lineart.sample_film.face import LOOKS, Head, draw_face
from lineart.sample_film.hair import draw_back_hair, draw_front_hair
from lineart.sample_film.landscape import DAYLIGHTS, DUSK, draw_road, draw_valley
from lineart.sample_film.room import draw_cat, draw_room
from lineart.sample_film.walker import STANCE, STRIDE, draw_bust, draw_walker

MAX_REGIONS = 110
"""Maximum number of regions with a dab: each colour's largest first, then its second, the rest."""

EXTRA_DABS = 60
"""Further dabs in these regions, in proportion to the square root of their area."""

LENGTHS = (40, 30, 30, 20, 20, 12, 12, 6, 6, 3)
"""Stroke lengths to try in turn, in half widths of the stroke."""

_MIN_PIXELS = 3


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
    by_area = [int(k) for k in np.argsort(-areas, kind="stable") if k and areas[k] >= _MIN_PIXELS]
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


FRAMES_PER_SECOND = 24


@dataclass(frozen=True)
class Scene:
    """Shot: its name, timing and drawing function.

    `hold` is the number of frames for which a drawing is shown, `drawings_per_hint` the number of
    drawings that share a hint picture. `draw` takes size, time in seconds and seed.
    """

    name: str
    hold: int
    drawings_per_hint: int
    draw: Callable[[Size, float, int], Canvas]


def draw_walk(size: Size, time_s: Number, seed: int) -> Canvas:
    """Draw the girl walking past the village; the camera moves with her."""
    canvas = Canvas(size, (seed, 1, round(time_s * 1000)))
    cycle = time_s + 0.08 + 0.137 * seed
    # Speed of a planted foot: two strides back in the stance's share of a cycle of 1 s.
    travelled = 2 * STRIDE / STANCE * time_s + 211.0 * seed
    draw_road(canvas, travelled, DAYLIGHTS[seed % len(DAYLIGHTS)], seed)
    shadow = [(800, 986), (900, 972), (1060, 974), (1110, 988), (1000, 1000), (860, 1000)]
    canvas.tone(curve(shadow, closed=True), shadow_of(paint(0xE9DCC8), 0.9))
    draw_walker(canvas, 940, 985, cycle, LOOKS[seed % len(LOOKS)])
    return canvas


def draw_window(size: Size, time_s: Number, seed: int) -> Canvas:
    """Draw the girl at the window, turning her head, blinking and speaking, beside her cat."""
    canvas = Canvas(size, (seed, 2, round(time_s * 1000)))
    room = _room(size, seed)
    canvas.flat[:], canvas.ink[:] = room.flat, room.ink
    draw_cat(
        canvas,
        Placement(690, 815, 1.0),
        time_s + 0.8,
        paint((0xE9A35C, 0x8D8FA3, 0xF1E4D4)[seed % 3]),
    )
    look = LOOKS[seed % len(LOOKS)]
    turn = np.sin(1.7 * time_s + 0.3 * seed - 0.9)
    yaw = -0.10 - 0.34 * np.tanh(2.2 * turn)
    breath = 5 * np.sin(2.1 * time_s)
    head = Head(
        place=Placement(
            1190 + 34 * yaw,
            420 + breath,
            205,
            -0.06 * np.tanh(2.2 * turn) + 0.02 * np.sin(1.1 * time_s),
        ),
        yaw=yaw,
        eyes=_blink(time_s + 0.61 * seed),
        gaze=0.035 * np.clip(turn * 3, -1, 1),
        mouth=max(0.0, np.sin(9.0 * time_s)) if turn > 0.35 else 0.0,
        sway=2.4 * time_s,
        length=3.4,
    )
    draw_back_hair(canvas, head, look)
    draw_bust(canvas, Placement(1190, 420 + 0.6 * breath, 205), look)
    draw_face(canvas, head, look)
    draw_front_hair(canvas, head, look)
    return canvas


def draw_flight(size: Size, time_s: Number, seed: int) -> Canvas:
    """Draw the dragon flying over the valley at dusk; the land scrolls to the left."""
    canvas = Canvas(size, (seed, 3, round(time_s * 1000)))
    draw_valley(canvas, 260 * time_s + 173 * seed, DUSK, seed)
    rise = 24 * np.sin(0.9 * time_s + seed)
    draw_dragon(
        canvas,
        Placement(960, 610 + rise, 1.0, -0.06),
        time_s + 0.13 * seed,
        DRAGONS[seed % len(DRAGONS)],
    )
    return canvas


SHOTS = (
    Scene("s01_walk", 2, 2, draw_walk),
    Scene("s02_window", 3, 2, draw_window),
    Scene("s03_flight", 1, 2, draw_flight),
)


@lru_cache(maxsize=2)
def _room(size: Size, seed: int) -> Canvas:
    """Return the room, drawn once because it does not change."""
    canvas = Canvas(size, (seed, 4))
    draw_room(canvas, DUSK, seed)
    return canvas


def _blink(time_s: Number) -> float:
    """Return how far the eyes are open, 0..1: a blink of a quarter second every two seconds."""
    moment = (time_s + 1.2) % 2.0
    lid = float(np.interp(moment, (0, 0.10, 0.17, 0.27), (1, 0, 0, 1)))
    # A blink uses three positions: open, half open, closed.
    return 1.0 if lid > 0.75 else 0.62 if lid > 0.4 else 0.0
