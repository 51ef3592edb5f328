"""Canvas of the sample film: curves and placement on the stage, layers for ink and flat colour.

The stage has 1920 x 1080 units and is scaled to cover a picture of any size.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from lineart.image import Color, Frame, Line, Size

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


def box(left: Number, top: Number, right: Number, bottom: Number) -> Points:
    """Return the corners of a rectangle."""
    return points([(left, top), (right, top), (right, bottom), (left, bottom)])


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


INK: Color = (44, 30, 42)
WHITE: Color = (0xFF, 0xF8, 0xEE)
"""Of fur and eyes."""

_SUBPIXEL_BITS = 4

_MIN_HALF_WIDTH_PX = 0.3

_FINEST_STROKE_PX = 0.135

_SHADOW_LEVELS = 5
"""Neighbours that differ by as many levels have two colours."""


def paint(code: int) -> Color:
    """Return the colour of a hexadecimal code such as 0xF2C9A5."""
    return code >> 16 & 255, code >> 8 & 255, code & 255


def shadow_of(color: Color, strength: Number = 1.0) -> Color:
    """Return the darker, cooler cel-shading tone of a colour; `strength` 0 leaves it unchanged."""
    factors = 1 - strength * (1 - np.array([0.80, 0.72, 0.82]))
    red, green, blue = (int(value) for value in np.round(np.array(color) * factors))
    return red, green, blue


def mixed(one: Color, two: Color, share: Number = 0.5) -> Color:
    """Return the linear mix of two colours; `share` 0..1 is that of the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, two, strict=True))
    return red, green, blue


class Canvas:
    """Picture being drawn, with separate layers for flat colour and ink.

    A fill erases the ink below it, so that objects in front hide the lines behind them.
    """

    flat: Frame
    ink: Line

    def __init__(self, size: Size, seed: Sequence[int] = (0,)) -> None:
        height, width = size
        self.flat = np.full((height, width, 3), 255, np.uint8)
        self.ink = np.full((height, width), 255, np.uint8)
        self.scale = max(height / STAGE_HEIGHT, width / STAGE_WIDTH)
        left = (width - STAGE_WIDTH * self.scale) / 2
        top = (height - STAGE_HEIGHT * self.scale) / 2
        self._origin = np.array([left, top])
        # Random variation of line weights, different in every drawing.
        self._hand = np.random.default_rng(seed)
        self._weight = 1.0

    def finer(self, weight: Number) -> "Canvas":
        """Return the same canvas with line widths scaled by `weight`, for distant objects."""
        other = copy(self)
        other._weight = self._weight * weight
        return other

    def aim(self, x: Number, y: Number, zoom: Number) -> None:
        """Point the camera at a place of the stage, before anything is drawn.

        Args:
            x: Stage coordinate of the picture's centre.
            y: Stage coordinate of the picture's centre.
            zoom: Enlargement; 1 shows the whole stage.
        """
        height, width = self.ink.shape
        self.scale *= zoom
        self._origin = np.array([width, height]) / 2 - np.array([x, y]) * self.scale

    def line_shadows(self) -> None:
        """Draw a line wherever two flat colours meet without one, as trace lines of shadows do."""
        change = cv2.morphologyEx(self.flat, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8))
        self.ink[(change.max(axis=2) >= _SHADOW_LEVELS) & (self.ink > 0)] = 0

    def painted(self) -> Frame:
        """Return the coloured picture: flat colour with the lines in ink colour on top."""
        ink = cv2.cvtColor(self.ink, cv2.COLOR_GRAY2RGB)
        ramp = 255.0 - np.arange(256)[:, None]
        table = np.round(ramp * np.array(INK) / 255).astype(np.uint8)[None]
        lit = cv2.multiply(self.flat, ink, scale=1 / 255)
        return np.asarray(cv2.add(lit, cv2.LUT(ink, table)))

    def fill(self, outline: Controls, color: Color) -> None:
        """Fill a shape with a colour and erase the lines inside it."""
        corner = self._fixed(self._pixels(outline))
        _fill_polygon(self.flat, corner, color)
        _fill_polygon(self.ink, corner, 255)

    def tone(self, outline: Controls, color: Color) -> None:
        """Fill a shape with a colour and keep the lines."""
        _fill_polygon(self.flat, self._fixed(self._pixels(outline)), color)

    def blacken(self, outline: Controls) -> None:
        """Fill a shape with ink."""
        _fill_polygon(self.ink, self._fixed(self._pixels(outline)), 0)

    def stroke(
        self, line: Controls, width: Number = 3.4, *, taper: tuple[Number, Number] = (0.35, 0.35)
    ) -> None:
        """Draw an ink stroke that widens from its start and thins towards its end.

        Args:
            line: Sampled curve; at most three points are taken as control points.
            width: Full width in stage units; strokes below 0.135 pixels are left out.
            taper: Shares of the length over which the stroke widens at the start and thins at the
                end.
        """
        width_px = width * self._weight * self.scale
        # Too fine for a picture of this size.
        if width_px < _FINEST_STROKE_PX:
            return
        center = self._pixels(line if len(line) > 3 else curve(line))
        half = np.maximum(width_px / 2 * self._pressure(center, taper), _MIN_HALF_WIDTH_PX)
        offset = normals(center) * half[:, None]
        sides = np.concatenate([center + offset, (center - offset)[::-1]])
        _fill_polygon(self.ink, self._fixed(sides), 0)

    def shape(
        self,
        controls: Controls,
        color: Color,
        *,
        corners: Sequence[int] = (),
        width: Number = 3.4,
        gaps: Sequence[tuple[Number, Number]] = (),
    ) -> Points:
        """Fill a closed curve and draw its outline.

        Args:
            controls: Control points of the outline.
            color: Flat colour.
            corners: Indices of control points that are sharp corners.
            width: Line width in stage units; 0 draws no outline.
            gaps: Sections of the outline without ink: (start, end) in control point indices, which
                may be fractional.

        Returns:
            The sampled outline.
        """
        outline = curve(controls, closed=True, corners=corners)
        self.fill(outline, color)
        if width > 0:
            self.outline(outline, width, gaps=[(a * SAMPLES, b * SAMPLES) for a, b in gaps])
        return outline

    def outline(
        self, outline: Points, width: Number = 3.4, *, gaps: Sequence[tuple[Number, Number]] = ()
    ) -> None:
        """Draw a closed outline in ink, except `gaps` given as (start, end) in sample indices."""
        count = len(outline)
        # Without gaps, the stroke ends one sample past its start, to close the outline.
        starts = [round(end) for _, end in gaps] or [0]
        ends = [round(start) for start, _ in gaps[1:]] + [
            round(gaps[0][0]) + count if gaps else count + 1
        ]
        taper = (0.12, 0.12) if gaps else (0.04, 0.04)
        for start, end in zip(starts, ends, strict=True):
            if end - start > 1:
                self.stroke(outline[np.arange(start, end + 1) % count], width, taper=taper)

    def draw(
        self,
        outline: Points,
        color: Color,
        width: Number,
        *,
        gaps: Sequence[tuple[Number, Number]] = (),
    ) -> None:
        """Fill a closed outline and draw it in ink."""
        self.fill(outline, color)
        self.outline(outline, width, gaps=gaps)

    def shade(self, outline: Controls, area: Controls, color: Color) -> None:
        """Tone the part of `area` that lies inside `outline`."""
        with self.inside(outline) as part:
            part.tone(area, color)

    @contextmanager
    def inside(self, outline: Controls) -> Iterator["Canvas"]:
        """Yield a canvas that is copied back only inside `outline`, at the end of the block."""
        pixels = self._pixels(outline)
        height, width = self.ink.shape
        low = np.clip(np.floor(pixels.min(axis=0)).astype(int) - 2, 0, [width, height])
        high = np.clip(np.ceil(pixels.max(axis=0)).astype(int) + 3, 0, [width, height])
        rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
        part = copy(self)
        part.flat, part.ink = self.flat[rows, columns].copy(), self.ink[rows, columns].copy()
        part._origin = self._origin - low
        yield part
        if not part.ink.size:
            return
        mask = np.zeros_like(part.ink)
        _fill_polygon(mask, self._fixed(pixels - low), 255)
        self.flat[rows, columns] = _blend(part.flat, self.flat[rows, columns], mask)
        self.ink[rows, columns] = _blend(part.ink, self.ink[rows, columns], mask)

    def _pixels(self, line: Controls) -> Points:
        pixels: Points = points(line) * self.scale + self._origin - 0.5
        return pixels

    @staticmethod
    def _fixed(pixels: Points) -> np.ndarray:
        return np.round(pixels * (1 << _SUBPIXEL_BITS)).astype(np.int32)

    def _pressure(self, line: Points, taper: tuple[Number, Number]) -> np.ndarray:
        """Return the stroke's width at every point, relative to its full width."""
        position = np.linspace(0, 1, len(line))
        attack = np.clip(position / max(taper[0], 1e-6), 0, 1)
        release = np.clip((1 - position) / max(taper[1], 1e-6), 0, 1)
        phase, cycles = self._hand.random(2)
        unrest = 1 + 0.13 * np.sin(2 * np.pi * (position * (1 + 2 * cycles) + phase))
        envelope = 0.25 + 0.75 * np.sqrt(np.minimum(attack, release))
        return np.asarray(envelope * unrest)


def _fill_polygon(
    image: UInt8[np.ndarray, "H W *C"], corner: np.ndarray, color: Color | int
) -> None:
    # OpenCV rejects empty arrays: canvases of parts outside the picture.
    if image.size:
        cv2.fillPoly(image, [corner], color, cv2.LINE_AA, _SUBPIXEL_BITS)


def _blend(
    top: UInt8[np.ndarray, "H W *C"], below: UInt8[np.ndarray, "H W *C"], mask: Line
) -> UInt8[np.ndarray, "H W *C"]:
    """Blend `top` over `below` by `mask`, 0..255; where it is 0 or 255, values stay exact."""
    if top.ndim == 3:
        mask = cv2.cvtColor(mask, cv2.COLOR_GRAY2RGB)
    upper = cv2.multiply(top, mask, scale=1 / 255)
    return np.asarray(cv2.add(upper, cv2.multiply(below, 255 - mask, scale=1 / 255)))
