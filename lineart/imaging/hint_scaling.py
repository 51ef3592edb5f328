"""Hint pictures that an editor has scaled: the colours that its filter has left at edges.

Sharp filters, such as bicubic and Lanczos, go beyond a colour where another one, or nothing, is
beside it. In the shapes of arrays, P is the number of pixels, and N that of dabs.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int16, Int32, Int64, UInt8

from lineart.image import Frame, Hint

EVEN_LEVELS = 2
"""Most levels by which the pixels in a stroke, away from its edges, differ in a channel."""
OVERSHOOT = 0.15
"""Share of the step of a channel at an edge by which a filter goes beyond it, at most."""
FILTER_PX = 3
"""Distance from an edge, in pixels of the smaller picture, up to which a filter does so."""
DIRECTIONS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]

Mask = UInt8[np.ndarray, "H W"]
Places = Int64[np.ndarray, " P"]
Colors = UInt8[np.ndarray, "P 3"]


def even_overshoot(hint: Hint, scale: float, *, on_paper: bool = False) -> Hint:
    """Return hints in which the edges of strokes have the colour of the stroke.

    A pixel that is not even with those around it takes the colour of the nearest one that is, and,
    in a dab without such pixels, the middle one of its colours, if the step beside it explains the
    difference. So two colours that touch stay two, and mixtures of them stay as they are.

    Args:
        hint: Hints, transparent elsewhere.
        scale: Size of the hint picture as a multiple of the drawing's.
        on_paper: Whether they are on white paper.
    """
    narrow, reach = math.ceil(scale), math.ceil(FILTER_PX * max(1.0, scale))
    # A margin, so that a step away from a hint is a step in the flat arrays.
    framed = cv2.copyMakeBorder(hint, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    box = _find_box(framed, margin=reach)
    colors, is_hint = cv2.cvtColor(framed[box], cv2.COLOR_RGBA2RGB), _is_hint(framed[box])
    near = _Around.look(colors, is_hint, narrow)
    is_even, differs = near.find_even()
    places = np.flatnonzero(_clear_border(cv2.bitwise_and(differs, is_hint), reach))
    if not places.size:
        return hint
    meant = _find_meant(colors, is_hint, is_even, places, reach)
    flat = colors.reshape(-1, 3)
    # Most pixels of copied lines are far from any even colour.
    is_near = _differ(flat[places], meant).max(axis=1) <= OVERSHOOT * 255
    places, meant = places[is_near], meant[is_near]
    apart, own = _differ(flat[places], meant), flat[places]
    allowed = OVERSHOOT * _Around.look(colors, is_hint, reach).steps(places)
    room = near.room(places, own, meant, on_paper)
    is_edge = ((apart <= allowed) & ((room <= allowed) | (apart == 0))).all(axis=1)
    flat[places[is_edge]] = meant[is_edge]
    framed[box][:, :, :3] = colors
    return np.ascontiguousarray(framed[reach:-reach, reach:-reach])


def _clear_border(mask: Mask, width: int) -> Mask:
    mask[:width], mask[-width:], mask[:, :width], mask[:, -width:] = 0, 0, 0, 0
    return mask


def _differ(one: Colors, other: Colors) -> Colors:
    difference: Colors = np.maximum(one, other) - np.minimum(one, other)
    return difference


def _find_box(framed: Hint, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns that hints are in, and a margin around them."""
    inside = framed[margin:-margin, margin:-margin]
    left, top, width, height = cv2.boundingRect(cv2.extractChannel(inside, 3))
    return slice(top, top + height + 2 * margin), slice(left, left + width + 2 * margin)


def _is_hint(hint: Hint) -> Mask:
    """Return 255 where hints are, 0 elsewhere."""
    mask: Mask = cv2.compare(cv2.extractChannel(hint, 3), 0, cv2.CMP_GT)
    return mask


class _Around(NamedTuple):
    """Colours of hints near each pixel."""

    low: Frame
    high: Frame
    """Lowest and highest level of each channel."""
    is_within: Mask
    """255 where all around are hints, 0 elsewhere."""

    @classmethod
    def look(cls, colors: Frame, is_hint: Mask, reach: int) -> "_Around":
        """Look at the square that reaches so many pixels in each direction."""
        square = np.ones((2 * reach + 1,) * 2, np.uint8)
        mask = cv2.merge([is_hint] * 3)
        return cls(
            low=cv2.erode(cv2.bitwise_or(colors, cv2.bitwise_not(mask)), square),
            high=cv2.dilate(cv2.bitwise_and(colors, mask), square),
            is_within=cv2.erode(is_hint, square),
        )

    def find_even(self) -> tuple[Mask, Mask]:
        """Return 255 where all around are hints of about one colour, and where hints differ."""
        red, green, blue = cv2.split(cv2.subtract(self.high, self.low))
        step = cv2.max(cv2.max(red, green), blue)
        differs = cv2.compare(step, EVEN_LEVELS, cv2.CMP_GT)
        return cv2.bitwise_and(self.is_within, cv2.bitwise_not(differs)), differs

    def at(self, places: Places) -> tuple[Colors, Colors, Bool[np.ndarray, " P 1"]]:
        """Return the lowest and highest levels of places, and whether what is no hint is near."""
        low, high = (one.reshape(-1, 3)[places] for one in (self.low, self.high))
        return low, high, self.is_within.reshape(-1, 1)[places] == 0

    def steps(self, places: Places) -> Colors:
        """Return how much colours differ; what is no hint was black or white for a filter."""
        low, high, is_rim = self.at(places)
        return np.where(is_rim, np.uint8(255), high - low)

    def room(
        self, places: Places, own: Colors, meant: Colors, on_paper: bool
    ) -> Int16[np.ndarray, "P 3"]:
        """Return how far the colours go beyond those meant, on the side of the pixels' own.

        Where that is far, a pixel is a mixture with another stroke. Beside white paper, what is
        lighter than its stroke is a mixture, however pale the stroke is.
        """
        low, high, is_rim = (one.astype(np.int16) for one in self.at(places))
        is_above = own > meant
        room = np.where(is_above, high - meant, meant - low)
        if on_paper:
            room[is_above & (is_rim > 0)] = 255
        return room


def _find_meant(colors: Frame, is_hint: Mask, is_even: Mask, places: Places, reach: int) -> Colors:
    """Return the colours of the strokes whose edges some places may be; else their own."""
    flat, even = colors.reshape(-1, 3), is_even.ravel() > 0
    meant: Colors = flat[places]
    left = np.arange(len(places))
    for down, right in _near_first(reach):
        at = places[left] + down * is_hint.shape[1] + right
        is_found = even[at]
        meant[left[is_found]] = flat[at[is_found]]
        left = left[~is_found]
        if not left.size:
            return meant
    count, dabs = cv2.connectedComponents(is_hint, connectivity=8, ltype=cv2.CV_32S)
    has_even = np.bincount(dabs[is_even > 0], minlength=count) > 0
    left = left[~has_even[dabs.ravel()[places[left]]]]
    dab = dabs.ravel()[places[left]]
    meant[left] = _middle_colors(meant[left], dab, count)[dab]
    return meant


def _near_first(reach: int) -> list[tuple[int, int]]:
    """Return the steps to the pixels up to `reach` away, the nearest first."""
    span = range(-reach, reach + 1)
    steps = [(y, x) for y in span for x in span if 0 < math.hypot(y, x) <= reach]
    return sorted(steps, key=lambda step: math.hypot(*step))


def _middle_colors(
    colors: Colors, dabs: Int32[np.ndarray, " P"], count: int
) -> UInt8[np.ndarray, "N 3"]:
    """Return of the colours of each dab that of the middle lightness; 0 if it has none.

    Args:
        colors: Colours of pixels.
        dabs: Number of the dab of each.
        count: Number of dabs.
    """
    lightness = colors.sum(axis=1, dtype=np.int64)
    order = np.argsort(dabs.astype(np.int64) << 16 | lightness)
    pixels = np.bincount(dabs, minlength=count)
    middles = np.cumsum(pixels) - pixels + pixels // 2
    found = np.zeros((count, 3), np.uint8)
    found[pixels > 0] = colors[order[middles[pixels > 0]]]
    return found
