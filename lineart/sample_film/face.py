"""Head of the girl: colours, pose, outlines, eyes, nose and mouth.

A head turns by parallax: points nearer to the viewer move further.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lineart.image import Color
from lineart.sample_film.canvas import (
    Canvas,
    Controls,
    Number,
    Placement,
    Points,
    curve,
    ellipse,
    mixed,
    moved,
    paint,
    points,
    shadow_of,
)

Depths = Sequence[Sequence[Number]]
"""Head coordinates x, y and z (towards the viewer), in radii of the skull."""


@dataclass(frozen=True)
class HeadColors:
    """Colours of the girl."""

    skin: Color
    hair: Color
    shine: Color
    iris: Color
    sweater: Color
    scarf: Color
    skirt: Color
    tights: Color
    boots: Color


LOOKS = tuple(
    HeadColors(*(paint(code) for code in codes))
    for codes in (
        (0xFFE6D0, 0xD0694A, 0xF2A274, 0x2F9E94, 0xF8EFDC, 0x2F8C99, 0x46588C, 0x7B6A86, 0x96603F),
        (0xFCDDC4, 0x4C5F9E, 0x86A2DC, 0xB06A3C, 0xF4D27A, 0xD8574C, 0x6E8E63, 0x8B6F63, 0x5E4A58),
        (0xF0C8A4, 0x6B4560, 0xA97696, 0x7A9A3C, 0xBFE0D6, 0xF0A848, 0xB5546A, 0x5E6480, 0x40405C),
    )
)


@dataclass(frozen=True)
class Head:
    """Placement and pose of the head.

    `yaw` turns to the viewer's right (radians); `eyes` is 0 (closed) to 1 (open), `mouth` likewise;
    `gaze` moves the irises to the right; `wind` blows the hair to the left; `sway` is the phase of
    its swing (radians), and `length` is its length in radii of the skull.
    """

    place: Placement
    yaw: Number = 0.0
    eyes: Number = 1.0
    gaze: Number = 0.0
    mouth: Number = 0.0
    wind: Number = 0.0
    sway: Number = 0.0
    length: Number = 3.0

    def turned(self, depths: Depths) -> Points:
        """Rotate points by `yaw` and return their stage coordinates."""
        x, y, z = np.asarray(depths, np.float64).T
        return self.place(np.stack([x * np.cos(self.yaw) + z * np.sin(self.yaw), y], axis=1))

    def width(self, stage_width: Number) -> float:
        """Return a line width that grows with the head's scale to the power 0.45."""
        return float(stage_width * (self.place.scale / 200) ** 0.45)

    def blown(self, x: Number, y: Number, root: Number, lag: Number = 0.0) -> tuple[Number, Number]:
        """Move a point of hanging hair by wind and sway; lower points move more and later."""
        drop = max(0.0, y - root)
        swing = 0.07 * drop**1.2 * np.sin(self.sway - 0.9 * drop - lag)
        back = self.wind * 0.34 * drop**1.25
        lift = self.wind * (0.10 * drop**1.2 + 0.05 * drop * np.sin(self.sway - 1.3 * drop - lag))
        return x - back + swing * (1 + self.wind), y - lift


def bulged(tips: Depths, amount: Number) -> list[Sequence[Number]]:
    """Insert points between tips (even) and valleys (odd), so that the sides of locks are arcs."""
    rim = [tips[0]]
    for index, (one, two) in enumerate(pairwise(tips)):
        tip, valley = (one, two) if index % 2 == 0 else (two, one)
        x, y, z = ((a + b) / 2 for a, b in zip(one, two, strict=True))
        rim += [(x + amount * np.sign(valley[0] - tip[0]), y, z), two]
    return rim


def skin_shadow(look: HeadColors) -> Color:
    """Return the warm shadow colour of the skin."""
    red, green, blue = look.skin
    return round(red * 0.945), round(green * 0.80), round(blue * 0.78)


def face_outline(head: Head) -> Points:
    """Return control points of the face; the top is hidden by the hair."""
    half = [(0.92, 0.10, 0.05), (0.87, 0.52, 0.12), (0.63, 0.93, 0.28), (0.20, 1.20, 0.48)]
    right = head.turned(half)
    left = head.turned([(-x, y, z) for x, y, z in half])
    chin = head.turned([(0.0, 1.25, 0.52)])
    top = head.turned([(-0.8, -0.6, 0.1), (0.0, -0.9, 0.1), (0.8, -0.6, 0.1)])
    return np.concatenate([left, chin, right[::-1], top[::-1]])


def fringe() -> list[Sequence[Number]]:
    """Return the lower edge of the front hair from left to right: tips and valleys in turn."""
    tips = [
        (-1.02, 0.66, 0.15), (-0.76, 0.02, 0.44), (-0.64, 0.36, 0.58),
        (-0.44, -0.10, 0.84), (-0.33, 0.33, 0.93), (-0.10, -0.12, 1.0),
        (0.06, 0.35, 1.0), (0.30, -0.10, 0.92), (0.50, 0.32, 0.72), (0.76, 0.00, 0.44),
        (1.02, 0.66, 0.15),
    ]  # fmt: skip
    return bulged(tips, 0.055)


def draw_face(canvas: Canvas, head: Head, look: HeadColors) -> None:
    """Draw face, eyes, nose and mouth, and the fringe's shadow but not the fringe."""
    controls = face_outline(head)
    outline = canvas.shape(controls, look.skin, width=head.width(3.8), gaps=[(9, 11.5)])
    shadow = skin_shadow(look)
    with canvas.inside(outline) as part:
        cast = [(x, y + 0.12, z) for x, y, z in fringe()]
        part.tone(head.turned([*cast, (1.2, -1.0, 0.0), (-1.2, -1.0, 0.0)]), shadow)
        part.tone(
            curve(
                head.turned([(-1.1, 0.2, 0), (-0.80, 0.55, 0), (-0.62, 0.95, 0.2), (-1.1, 1.2, 0)]),
                closed=True,
            ),
            shadow,
        )
        for side in (-1, 1):
            x, y = head.turned([(side * 0.60, 0.80, 0.55)])[0]
            radius = 0.15 * head.place.scale
            blush = mixed(look.skin, paint(0xF8968C), 0.45)
            part.tone(ellipse(x, y, radius * 0.95, radius * 0.5), blush)
    for side in (-1, 1):
        _draw_eye(canvas, head, look, side)
    _draw_nose_and_mouth(canvas, head, look)


def _draw_nose_and_mouth(canvas: Canvas, head: Head, look: HeadColors) -> None:
    nose = head.turned([(-0.01, 0.76, 1.0), (0.035, 0.83, 1.05), (-0.02, 0.855, 1.0)])
    canvas.tone(nose, skin_shadow(look))
    canvas.stroke(curve(nose[:2], samples=5), head.width(2.6), taper=(0.8, 0.2))
    opening = 0.16 * head.mouth
    upper = [(-0.17, 0.955, 0.82), (-0.07, 0.995, 0.88), (0.07, 0.995, 0.88), (0.17, 0.955, 0.82)]
    lips = head.turned(upper)
    if head.mouth > 0.1:
        lower = head.turned([(0.10, 1.0 + opening, 0.86), (-0.10, 1.0 + opening, 0.86)])
        mouth = canvas.shape(
            np.concatenate([lips, lower]), paint(0xA8433F), corners=(0, 3), width=head.width(2.4)
        )
        with canvas.inside(mouth) as part:
            x, y = lower.mean(axis=0)
            part.tone(
                ellipse(
                    x, y + 0.02 * head.place.scale, 0.11 * head.place.scale, 0.07 * head.place.scale
                ),
                paint(0xE88078),
            )
    else:
        canvas.stroke(curve(lips), head.width(3.2), taper=(0.3, 0.3))
    below = head.turned([(-0.05, 1.10 + opening * 0.6, 0.8), (0.05, 1.10 + opening * 0.6, 0.8)])
    canvas.stroke(below, head.width(1.8), taper=(0.5, 0.5))


def _draw_eye(canvas: Canvas, head: Head, look: HeadColors, side: int) -> None:
    """Draw one eye; `side` is 1 for the one on the right of the picture, else -1."""
    narrow = np.cos(head.yaw + side * 0.45) / np.cos(0.45)
    center = (side * 0.43, 0.47, 0.62)

    def at(pairs: Controls) -> Points:
        x, y = head.turned([center])[0]
        local = points(pairs) * np.array([side * narrow * head.place.scale, head.place.scale])
        return Placement(x, y, 1.0, head.place.turn)(local)

    upper = points([(-0.22, 0.06), (-0.15, -0.13), (0.0, -0.225), (0.15, -0.17), (0.245, 0.0)])
    lower = points([(0.20, 0.14), (0.02, 0.235), (-0.16, 0.17)])
    closed = points([(-0.22, 0.10), (-0.13, 0.15), (0.0, 0.175), (0.14, 0.14), (0.25, 0.05)])
    lid = closed + (upper - closed) * head.eyes
    if head.eyes > 0.2:
        low = moved(lower * [1, 0.55 + 0.45 * head.eyes], 0, 0.05 * (1 - head.eyes))
        white = curve(at(np.concatenate([lid, low])), closed=True, corners=(0, 4))
        canvas.fill(white, paint(0xFFFBF6))
        with canvas.inside(white) as part:
            _draw_iris(part, head, look, at, head.gaze / narrow * side)
        canvas.stroke(
            curve(at([(0.21, 0.12), *lower.tolist()[:2], (-0.10, 0.21)])), head.width(2.2)
        )
    lash = curve(at(lid))
    flick = curve(at([tuple(lid[-2]), tuple(lid[-1]), (lid[-1][0] + 0.07, lid[-1][1] - 0.05)]))
    canvas.stroke(lash, head.width(13.0), taper=(0.55, 0.1))
    canvas.stroke(flick, head.width(8.5), taper=(0.05, 0.6))
    crease = moved(lid[1:4] * [1.02, 1.0], 0.01, -0.075)
    canvas.stroke(curve(at(crease)), head.width(1.9))
    brow = [(-0.20, -0.40), (0.02, -0.47), (0.26, -0.40)]
    canvas.stroke(curve(at(brow)), head.width(4.0), taper=(0.1, 0.7))


def _draw_iris(
    canvas: Canvas, head: Head, look: HeadColors, at: Callable[[Controls], Points], gaze: Number
) -> None:
    """Draw iris, pupil and highlights of an eye."""

    def oval(y: Number, radius_x: Number, radius_y: Number) -> Points:
        return at(ellipse(gaze, y, radius_x, radius_y))

    canvas.tone(at([(-0.4, -0.4), (0.4, -0.4), (0.4, -0.10), (-0.4, -0.06)]), paint(0xCFC4D6))
    canvas.fill(oval(0.01, 0.150, 0.215), look.iris)
    with canvas.inside(oval(0.01, 0.150, 0.215)) as part:
        part.tone(oval(-0.16, 0.20, 0.17), shadow_of(look.iris, 1.7))
        bright = mixed(look.iris, paint(0xFFFFFF), 0.5)
        part.tone(oval(0.17, 0.10, 0.075), bright)
    canvas.outline(oval(0.01, 0.150, 0.215), head.width(3.0))
    canvas.blacken(oval(0.0, 0.062, 0.095))
    white = paint(0xFFFFFF)
    canvas.fill(at(ellipse(gaze * 0.7 - 0.055, -0.095, 0.055, 0.065)), white)
    canvas.fill(at(ellipse(gaze * 0.7 + 0.07, 0.10, 0.026, 0.032)), white)
