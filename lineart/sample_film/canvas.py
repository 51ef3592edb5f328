"""A canvas that keeps ink and paint apart, and its colours."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.image import Frame, Line, Size
from lineart.sample_film.curves import (
    SAMPLES,
    STAGE_HEIGHT,
    STAGE_WIDTH,
    Controls,
    Number,
    Points,
    curve,
    normals,
    points,
)

Color = tuple[int, int, int]
"""sRGB, 0..255."""


INK: Color = (44, 30, 42)


_SUBPIXEL_BITS = 4


_MIN_HALF_WIDTH_PX = 0.3


_FINEST_STROKE_PX = 0.135


def paint(code: int) -> Color:
    """Give the colour of a hexadecimal code such as 0xF2C9A5."""
    return code >> 16 & 255, code >> 8 & 255, code & 255


def shadow_of(color: Color, strength: Number = 1.0) -> Color:
    """Give the cool, darker tone that a cel painter puts on the side away from the light."""
    factors = 1 - strength * (1 - np.array([0.80, 0.72, 0.82]))
    red, green, blue = (int(value) for value in np.round(np.array(color) * factors))
    return red, green, blue


def mixed(one: Color, two: Color, share: Number = 0.5) -> Color:
    """Give the colour between two, `share` of the way to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, two, strict=True))
    return red, green, blue


class Canvas:
    """A picture being drawn: flat paint and, apart from it, ink.

    A fill covers the ink below it, so what stands in front hides the lines behind.
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
        # The hand's unrest: every drawing has its own line weights.
        self._hand = np.random.default_rng(seed)
        self._weight = 1.0

    def finer(self, weight: Number) -> "Canvas":
        """Give the same canvas with a finer pen, for what is far away."""
        other = copy(self)
        other._weight = self._weight * weight
        return other

    def painted(self) -> Frame:
        """Give the finished picture: the flat paint with the lines on it."""
        ink = cv2.cvtColor(self.ink, cv2.COLOR_GRAY2RGB)
        ramp = 255.0 - np.arange(256)[:, None]
        table = np.round(ramp * np.array(INK) / 255).astype(np.uint8)[None]
        lit = cv2.multiply(self.flat, ink, scale=1 / 255)
        return np.asarray(cv2.add(lit, cv2.LUT(ink, table)))

    def fill(self, outline: Controls, color: Color) -> None:
        """Paint a shape and hide the lines behind it."""
        corner = self._fixed(self._pixels(outline))
        _fill_polygon(self.flat, corner, color)
        _fill_polygon(self.ink, corner, 255)

    def tone(self, outline: Controls, color: Color) -> None:
        """Paint a shape and leave the lines."""
        _fill_polygon(self.flat, self._fixed(self._pixels(outline)), color)

    def blacken(self, outline: Controls) -> None:
        """Fill a shape with ink."""
        _fill_polygon(self.ink, self._fixed(self._pixels(outline)), 0)

    def stroke(
        self, line: Controls, width: Number = 3.4, *, taper: tuple[Number, Number] = (0.35, 0.35)
    ) -> None:
        """Draw a pen stroke that swells from its start and thins to its end.

        Args:
            line: Sampled curve.
            width: Full width on the stage; strokes too fine for a small picture are left out.
            taper: Share of the length over which the pen comes down and lifts off.
        """
        width_px = width * self._weight * self.scale
        # A small picture has no room for the finest strokes.
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
        """Paint a closed curve and ink its outline.

        Args:
            controls: Control points of the outline.
            color: Flat colour.
            corners: Control points that stay sharp.
            width: Line width on the stage; 0 leaves the outline out.
            gaps: Stretches of the outline without ink, as pairs of positions counted in controls.

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
        """Ink a closed outline except its gaps, given as pairs of sample positions."""
        count = len(outline)
        # A closed line starts where the pen came down and ends a little past it.
        starts = [round(end) for _, end in gaps] or [0]
        ends = [round(start) for start, _ in gaps[1:]] + [
            round(gaps[0][0]) + count if gaps else count + 1
        ]
        taper = (0.12, 0.12) if gaps else (0.04, 0.04)
        for start, end in zip(starts, ends, strict=True):
            if end - start > 1:
                self.stroke(outline[np.arange(start, end + 1) % count], width, taper=taper)

    @contextmanager
    def inside(self, outline: Controls) -> Iterator["Canvas"]:
        """Give a canvas whose drawing shows only inside `outline`."""
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
        """Give the share of the full width at every point of a stroke."""
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
    # A part outside the picture has no pixels; OpenCV refuses those.
    if image.size:
        cv2.fillPoly(image, [corner], color, cv2.LINE_AA, _SUBPIXEL_BITS)


def _blend(
    top: UInt8[np.ndarray, "H W *C"], below: UInt8[np.ndarray, "H W *C"], mask: Line
) -> UInt8[np.ndarray, "H W *C"]:
    """Lay `top` over `below` where `mask` is 255; flat paint stays exact."""
    if top.ndim == 3:
        mask = cv2.cvtColor(mask, cv2.COLOR_GRAY2RGB)
    upper = cv2.multiply(top, mask, scale=1 / 255)
    return np.asarray(cv2.add(upper, cv2.multiply(below, 255 - mask, scale=1 / 255)))
