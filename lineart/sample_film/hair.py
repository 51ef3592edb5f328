"""Long hair of the girl: behind the body and in front of the face."""

import numpy as np

from lineart.sample_film.canvas import Canvas, Number, curve, shadow_of
from lineart.sample_film.face import Depths, Head, HeadColors, bulged, fringe


def draw_back_hair(canvas: Canvas, head: Head, look: HeadColors) -> None:
    """Draw the long hair behind the body."""
    shift = -0.25 * np.sin(head.yaw)
    low = head.length
    left = [(-0.95, -0.7), (-1.20, 0.1), (-1.28, 0.9), (-1.26, low - 0.8)]
    tips = [
        (-1.22, low + 0.05), (-0.86, low - 0.55), (-0.62, low + 0.30),
        (-0.22, low - 0.40), (0.02, low + 0.36), (0.38, low - 0.42), (0.66, low + 0.20),
        (0.90, low - 0.60), (1.20, low - 0.02),
    ]  # fmt: skip
    right = [(1.24, low - 0.8), (1.26, 0.9), (1.20, 0.1), (0.95, -0.7)]
    ends = [(x, y) for x, y, _ in bulged([(x, y, 0.0) for x, y in tips], 0.07)]
    rim = [(x + shift, y) for x, y in [*left, *ends, *right]]
    moved = head.place([head.blown(x, y, 0.2, 0.25 * x) for x, y in rim])
    corners = range(len(left), len(left) + len(ends), 2)
    outline = canvas.shape(moved, shadow_of(look.hair), corners=corners, width=head.width(4.2))
    with canvas.inside(outline) as part:
        _shade_back_hair(part, head, look, shift)
    for x in (-0.9, -0.62, -0.24, 0.28, 0.6, 0.88):
        strand = [
            head.blown(x * (0.9 + 0.07 * y) + shift, y, 0.2, 0.25 * x)
            for y in np.linspace(0.9 + 0.2 * abs(x), low - 0.35 - 0.4 * abs(x), 5)
        ]
        canvas.stroke(curve(head.place(strand)), head.width(2.2), taper=(0.6, 0.8))


def _shade_back_hair(canvas: Canvas, head: Head, look: HeadColors, shift: Number) -> None:
    """Paint the outer locks of the back hair in the lit colour."""
    low = head.length
    for side in (-1.0, 1.0):
        edge = [(0.74, -0.8), (0.82, 1.2), (0.70, low - 0.7), (0.86, low + 0.4), (1.5, low + 0.4)]
        lock = [*edge, (1.5, -0.8)]
        moved = [head.blown(side * x + shift, y, 0.2, 0.25 * side) for x, y in lock]
        canvas.tone(curve(head.place(moved), closed=True, corners=(3, 4, 5)), look.hair)


def draw_front_hair(canvas: Canvas, head: Head, look: HeadColors) -> None:
    """Draw fringe, crown and the two locks in front of the ears."""
    for side in (-1.0, 1.0):
        _draw_side_lock(canvas, head, look, side)
    stir = 0.025 * np.sin(head.sway + np.arange(21.0) / 2)
    stirred = [
        (x + s - 0.05 * head.wind * (y + 0.2), y, z)
        for (x, y, z), s in zip(fringe(), stir, strict=True)
    ]
    edge = head.turned(stirred)
    # On the far side of a turned head, locks overlap; keep their order from left to right.
    edge[:, 0] = np.maximum.accumulate(edge[:, 0])
    crown = [(1.13, 0.15), (1.14, -0.35), (0.93, -0.86), (0.46, -1.17), (0.0, -1.24)]
    rim = [*crown, *[(-x, y) for x, y in crown[-2::-1]]]
    controls = np.concatenate([edge, head.place(rim)])
    outline = canvas.shape(
        controls,
        look.hair,
        corners=range(0, len(edge), 2),
        width=head.width(4.4),
        gaps=[(25.4, 25.8)],
    )
    part_at = head.turned([(0.02, -1.02, 0.5)])[0]
    with canvas.inside(outline) as inner:
        _shade_crown(inner, head, look)
    for index in (2, 6, 10, 14, 18):
        valley = edge[index]
        middle = (valley * 0.55 + part_at * 0.45) + [(index - 10) * 0.028 * head.place.scale, 0]
        canvas.stroke(
            curve([valley, middle, valley * 0.16 + part_at * 0.84]),
            head.width(3.0),
            taper=(0.02, 0.9),
        )
    for index in (4, 8, 12, 16):
        if (index - 10) * head.yaw > 1.2:
            continue
        tip = edge[index]
        middle = (tip * 0.75 + part_at * 0.25) + [(index - 10) * 0.015 * head.place.scale, 0]
        canvas.stroke(
            curve([tip * 0.93 + part_at * 0.07, middle, tip * 0.55 + part_at * 0.45]),
            head.width(1.8),
            taper=(0.3, 0.9),
        )
    ahoge = head.place([(0.02, -1.20), (-0.10, -1.42), (-0.32, -1.44 + 0.04 * np.sin(head.sway))])
    canvas.stroke(curve(ahoge), head.width(4.0), taper=(0.1, 0.8))


def _shade_crown(canvas: Canvas, head: Head, look: HeadColors) -> None:
    """Paint the shadow on the left and the band of highlights across the front hair."""
    shadow = shadow_of(look.hair, 0.9)
    side = [(-1.3, -1.0), (-0.95, -0.55), (-0.88, -0.1), (-0.98, 0.3), (-0.9, 0.8), (-1.4, 0.8)]
    canvas.tone(curve(head.place(side), closed=True, corners=(0, 5)), shadow)
    for left, valley in zip(fringe()[0:17:4], fringe()[2:19:4], strict=True):
        root = (valley[0] - 0.05, valley[1] - 0.30, valley[2])
        wedge = [
            valley,
            root,
            ((left[0] + valley[0]) / 2, (left[1] + valley[1]) / 2 - 0.02, valley[2]),
        ]
        canvas.tone(head.turned(wedge), shadow)
    for start, end in ((-0.72, -0.30), (-0.24, 0.10), (0.16, 0.48), (0.54, 0.80)):
        canvas.tone(curve(head.turned(_shine(start, end)), closed=True, corners=(0, 3)), look.shine)


def _shine(left: Number, right: Number) -> Depths:
    """Return the outline of one highlight of the band, between two strands."""
    x = np.array([left, left * 0.65 + right * 0.35, left * 0.3 + right * 0.7, right])
    arc = -0.60 + 0.30 * x**2
    depth = 0.9 * np.sqrt(1 - (x / 1.15) ** 2)
    upper = np.stack([x, arc - np.array([0.0, 0.06, 0.07, 0.0]), depth], axis=1)
    lower = np.stack([x, arc + np.array([0.0, 0.05, 0.13, 0.0]), depth], axis=1)
    return [[float(value) for value in row] for row in (*upper, *lower[2:0:-1])]


def _draw_side_lock(canvas: Canvas, head: Head, look: HeadColors, side: Number) -> None:
    """Draw the lock in front of one ear; `side` is 1 for that on the right of the picture."""
    low = min(head.length - 0.6, 2.3)
    outer = [(1.10, 0.0), (1.13, 0.6), (1.10, 1.2), (1.02, low - 0.4)]
    inner = [(0.86, low - 0.7), (0.80, 1.1), (0.84, 0.6), (0.80, 0.1)]
    shift = 0.10 * np.sin(head.yaw)
    rim = [(side * x + shift, y) for x, y in [*outer, (0.90, low), *inner]]
    moved = head.place([head.blown(x, y, 0.3, 0.4 * side) for x, y in rim])
    outline = canvas.shape(
        moved, look.hair, corners=(0, 4, 8), width=head.width(3.6), gaps=[(8, 9)]
    )
    with canvas.inside(outline) as part:
        shade = [(0.70, 0.2), (0.90, 0.7), (0.88, 1.3), (0.93, low), (0.7, low)]
        if side < 0:
            shade = [(1.3, 0.2), (1.0, 0.7), (0.98, 1.3), (0.93, low), (1.3, low)]
        tone = head.place([head.blown(side * x + shift, y, 0.3, 0.4 * side) for x, y in shade])
        part.tone(curve(tone, closed=True, corners=(3, 4)), shadow_of(look.hair, 0.9))
    strand = [
        head.blown(side * x + shift, y, 0.3, 0.4 * side)
        for x, y in [(0.97, 0.7), (0.98, 1.2), (0.95, low - 0.25)]
    ]
    canvas.stroke(curve(head.place(strand)), head.width(1.9), taper=(0.7, 0.7))
