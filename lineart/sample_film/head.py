"""Head of the girl: colours, pose and outlines.

A head turns by parallax: points nearer to the viewer move further.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lineart.sample_film.canvas import Color, paint
from lineart.sample_film.curves import Number, Placement, Points

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


LOOKS = (
    HeadColors(
        skin=paint(0xFFE6D0),
        hair=paint(0xD0694A),
        shine=paint(0xF2A274),
        iris=paint(0x2F9E94),
        sweater=paint(0xF8EFDC),
        scarf=paint(0x2F8C99),
        skirt=paint(0x46588C),
        tights=paint(0x7B6A86),
        boots=paint(0x96603F),
    ),
    HeadColors(
        skin=paint(0xFCDDC4),
        hair=paint(0x4C5F9E),
        shine=paint(0x86A2DC),
        iris=paint(0xB06A3C),
        sweater=paint(0xF4D27A),
        scarf=paint(0xD8574C),
        skirt=paint(0x6E8E63),
        tights=paint(0x8B6F63),
        boots=paint(0x5E4A58),
    ),
    HeadColors(
        skin=paint(0xF0C8A4),
        hair=paint(0x6B4560),
        shine=paint(0xA97696),
        iris=paint(0x7A9A3C),
        sweater=paint(0xBFE0D6),
        scarf=paint(0xF0A848),
        skirt=paint(0xB5546A),
        tights=paint(0x5E6480),
        boots=paint(0x40405C),
    ),
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
        (-1.02, 0.66, 0.15),
        (-0.76, 0.02, 0.44),
        (-0.64, 0.36, 0.58),
        (-0.44, -0.10, 0.84),
        (-0.33, 0.33, 0.93),
        (-0.10, -0.12, 1.0),
        (0.06, 0.35, 1.0),
        (0.30, -0.10, 0.92),
        (0.50, 0.32, 0.72),
        (0.76, 0.00, 0.44),
        (1.02, 0.66, 0.15),
    ]
    return bulged(tips, 0.055)
