"""Geometry of the sample film: smooth curves, outlines of limbs, placement on the stage.

The stage has 1920 x 1080 units and is scaled to cover a picture of any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

Number = int | float


Points = Float64[np.ndarray, "_ 2"]
"""Stage coordinates: x to the right, y down."""


Controls = Points | Sequence[Sequence[Number] | Float64[np.ndarray, " 2"]]


STAGE_WIDTH, STAGE_HEIGHT = 1920, 1080


SAMPLES = 8


def points(controls: Controls) -> Points:
    """Return control points as an array."""
    return np.asarray(controls, np.float64).reshape(-1, 2)


def curve(
    controls: Controls, *, closed: bool = False, corners: Sequence[int] = (), samples: int = SAMPLES
) -> Points:
    """Sample a smooth curve through control points, `samples` per segment; `corners` stay sharp.

    Source:
        Catmull, Rom, "A class of local interpolating splines", 1974; tangents by chord length.
    """
    control = points(controls)
    ahead = np.roll(control, -1, axis=0) - control
    length = np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-6)[:, None]
    behind, length_behind = np.roll(ahead, 1, axis=0), np.roll(length, 1, axis=0)
    tangent = ahead / length * length_behind + behind / length_behind * length
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-6)[:, None]
    leave, arrive = tangent * length, tangent * length_behind
    sharp = [*corners] if closed else [0, *corners, len(control) - 1]
    if sharp:
        _sharpen(leave, arrive, ahead, np.array(sharp) % len(control))
    steps = np.linspace(0, 1, samples, endpoint=False)[None, :, None]
    start, end = control[:, None], np.roll(control, -1, axis=0)[:, None]
    square, cube = steps**2, steps**3
    sampled = (
        (2 * cube - 3 * square + 1) * start
        + (cube - 2 * square + steps) * leave[:, None]
        + (3 * square - 2 * cube) * end
        + (cube - square) * np.roll(arrive, -1, axis=0)[:, None]
    )
    if closed:
        return points(sampled.reshape(-1, 2))
    return np.concatenate([sampled[:-1].reshape(-1, 2), control[-1:]])


def _sharpen(leave: Points, arrive: Points, ahead: Points, corners: np.ndarray) -> None:
    """Set the two tangents of each corner independently, in place, for a sharp bend there."""
    behind = np.roll(ahead, 1, axis=0)
    leave[corners], arrive[corners] = ahead[corners], behind[corners]
    following, preceding = (corners + 1) % len(ahead), corners - 1
    leaving = 1.5 * ahead[corners] - 0.5 * arrive[following]
    arriving = 1.5 * behind[corners] - 0.5 * leave[preceding]
    leave[corners], arrive[corners] = leaving, arriving


def moved(line: Points, x: Number, y: Number) -> Points:
    """Return the points moved by `x` and `y`."""
    return line + np.array([x, y], np.float64)


def tube(spine: Controls, half_widths: Sequence[Number], samples: int = SAMPLES) -> Points:
    """Return the outline of a limb along `spine`: one side forward, the other side back."""
    center = curve(spine, samples=samples)
    knots = np.linspace(0, 1, len(half_widths))
    half = np.interp(np.linspace(0, 1, len(center)), knots, half_widths)
    offset = normals(center) * half[:, None]
    return np.concatenate([center + offset, (center - offset)[::-1]])


def ellipse(x: Number, y: Number, radius_x: Number, radius_y: Number, turn: Number = 0.0) -> Points:
    """Return the outline of an ellipse turned by `turn` radians."""
    angle = np.linspace(0, 2 * np.pi, 28 if radius_x < 60 else 72, endpoint=False)
    round_trip = np.stack([radius_x * np.cos(angle), radius_y * np.sin(angle)], axis=1)
    return Placement(x, y, 1.0, turn)(round_trip)


def normals(line: Points) -> Points:
    """Return the unit normal at every point of an open line."""
    tangent = np.empty_like(line)
    tangent[1:-1] = line[2:] - line[:-2]
    tangent[0], tangent[-1] = line[1] - line[0], line[-1] - line[-2]
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-6)[:, None]
    return np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)


@dataclass(frozen=True)
class Placement:
    """Placement of a part on the stage: position, scale and rotation in radians, clockwise."""

    x: Number
    y: Number
    scale: Number = 1.0
    turn: Number = 0.0

    def __call__(self, controls: Controls) -> Points:
        """Transform the part's own coordinates to stage coordinates."""
        cosine, sine = np.cos(self.turn) * self.scale, np.sin(self.turn) * self.scale
        rotation = np.array([[cosine, sine], [-sine, cosine]])
        return moved(points(controls) @ rotation, self.x, self.y)

    def joint(self, x: Number, y: Number, turn: Number = 0.0) -> "Placement":
        """Return the placement of a part attached at (x, y) of this one and turned by `turn`."""
        at = self([(x, y)])[0]
        return Placement(float(at[0]), float(at[1]), self.scale, self.turn + turn)
