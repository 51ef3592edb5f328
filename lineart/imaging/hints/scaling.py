"""Hint pictures that an editor has scaled: the colours that its filter has left at edges.

Sharp filters, such as bicubic and Lanczos, go beyond a colour where another one, or nothing, is
beside it. Where alpha is straight, filters mix it with the colour of what is transparent. In the
shapes of arrays, P and A are numbers of pixels.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int16, Int32, Int64, UInt8

from lineart.image import Frame, Hint, brightest_channel
from lineart.imaging.hints.edges import FAINT_SHARE, MATTE_LEVELS
from lineart.imaging.nearest import find_nearest

EVEN_LEVELS = 2
"""Most levels by which the pixels in a stroke, away from its edges, differ in a channel."""
OVERSHOOT = 0.15
"""Share of the step of a channel at an edge by which a filter goes beyond it, at most."""
FILTER_PX = 3
"""Distance from an edge, in pixels of the smaller picture, up to which a filter does so."""
MOST_STRENGTH = (1 + OVERSHOOT) ** 2
"""Strength of a colour at the corner of a dab, where a filter goes beyond it in both directions, as
a multiple of its own."""

ByteMask = UInt8[np.ndarray, "H W"]
Places = Int64[np.ndarray, " P"]
Colors = UInt8[np.ndarray, "P 3"]


def even_overshoot(hint: Hint, scale: float, *, on_paper: bool = False) -> Hint:
    """Return hints in which the edges of strokes have the colour of the stroke.

    A pixel that is not even with those around it takes the colour of the nearest one of its dab
    that is or, in a dab without such pixels, the middle one of its colours, if the step beside it
    explains the difference. So two colours that touch stay two, and mixtures of them stay as they
    are.

    Args:
        hint: Hints, transparent elsewhere.
        scale: Size of the hint picture as a multiple of the drawing's.
        on_paper: Whether they are on white paper.
    """
    narrow, reach = math.ceil(scale), math.ceil(FILTER_PX * max(1.0, scale))
    # A margin, so that what is beside a hint at the border is a hint, too.
    framed = cv2.copyMakeBorder(hint, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    box = _find_box(framed, margin=reach)
    pixels = np.ascontiguousarray(framed[box])
    colors, is_hint = cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), _is_hint(pixels)
    near = _Around.look(colors, is_hint, narrow)
    is_even, differs = near.find_even()
    places = np.flatnonzero(_clear_border(cv2.bitwise_and(differs, is_hint), reach))
    if not places.size:
        return hint
    flat = pixels.reshape(-1, 4)
    meant = flat[_find_sources(flat, is_hint, is_even, places)]
    around = _Around.look(colors, is_hint, reach)
    is_edge = np.zeros(len(places), bool)
    if not on_paper:
        rim = np.flatnonzero(around.is_within.ravel()[places] == 0)
        is_edge[rim] = _are_parts(flat[places[rim]], meant[rim])
    own, meant = flat[places, :3], meant[:, :3]
    # Most pixels of copied lines are far from any even colour.
    left = np.flatnonzero(~is_edge & (_differ(own, meant).max(axis=1) <= OVERSHOOT * 255))
    apart, allowed = _differ(own, meant)[left], OVERSHOOT * around.steps(places[left])
    room = near.room(places[left], own[left], meant[left], on_paper)
    is_edge[left] = ((apart <= allowed) & ((room <= allowed) | (apart == 0))).all(axis=1)
    flat[places[is_edge], :3] = meant[is_edge]
    framed[box] = pixels
    return np.ascontiguousarray(framed[reach:-reach, reach:-reach])


def _clear_border(mask: ByteMask, width: int) -> ByteMask:
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


def _is_hint(hint: Hint) -> ByteMask:
    """Return 255 where hints are, 0 elsewhere."""
    mask: ByteMask = cv2.compare(cv2.extractChannel(hint, 3), 0, cv2.CMP_GT)
    return mask


class _Around(NamedTuple):
    """Colours of hints near each pixel."""

    low: Frame
    high: Frame
    """Lowest and highest level of each channel."""
    is_within: ByteMask
    """255 where all around are hints, 0 elsewhere."""

    @classmethod
    def look(cls, colors: Frame, is_hint: ByteMask, reach: int) -> "_Around":
        """Look at the square that reaches so many pixels in each direction."""
        square = np.ones((2 * reach + 1,) * 2, np.uint8)
        mask = cv2.merge([is_hint] * 3)
        return cls(
            low=cv2.erode(cv2.bitwise_or(colors, cv2.bitwise_not(mask)), square),
            high=cv2.dilate(cv2.bitwise_and(colors, mask), square),
            is_within=cv2.erode(is_hint, square),
        )

    def find_even(self) -> tuple[ByteMask, ByteMask]:
        """Return 255 where all around are hints of about one colour, and where hints differ."""
        step = brightest_channel(cv2.subtract(self.high, self.low))
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


def _find_sources(
    pixels: UInt8[np.ndarray, "A 4"], is_hint: ByteMask, is_even: ByteMask, places: Places
) -> Places:
    """Return for each place the pixel that has the colour of its stroke.

    It is the nearest even one or, where that is in another dab, the middle one of its own.
    """
    _, dabs = cv2.connectedComponents(is_hint, connectivity=8, ltype=cv2.CV_32S)
    dab, even, sources = dabs.ravel(), np.flatnonzero(is_even), np.zeros_like(places)
    if even.size:
        sources = even[find_nearest(is_even > 0).ravel()[places]]
    is_other = (dab[sources] != dab[places]) | (is_even.ravel()[sources] == 0)
    others = places[is_other]
    if others.size:
        sources[is_other] = _find_middles(pixels[others], others, dab[others])
    return sources


def _find_middles(
    own: UInt8[np.ndarray, "P 4"], places: Places, dabs: Int32[np.ndarray, " P"]
) -> Places:
    """Return for each place, of those of its dab, the one of the middle lightness.

    Args:
        own: Colour and alpha of each place; faint ones have lost too many levels to count.
        places: Places of pixels.
        dabs: Number of the dab of each.
    """
    highest = np.zeros(int(dabs.max()) + 1, np.uint8)
    np.maximum.at(highest, dabs, own[:, 3])
    is_strong = own[:, 3] >= FAINT_SHARE * highest[dabs]
    lightness = own[is_strong, :3].sum(axis=1, dtype=np.int64)
    order = np.argsort(dabs[is_strong].astype(np.int64) << 16 | lightness, kind="stable")
    count = np.bincount(dabs[is_strong])
    middle = np.cumsum(count) - count + count // 2
    middles: Places = places[is_strong][order[middle[dabs]]]
    return middles


def _are_parts(
    own: UInt8[np.ndarray, "P 4"], meant: UInt8[np.ndarray, "P 4"]
) -> Bool[np.ndarray, " P"]:
    """Return which pixels are the colour that is meant, weaker or stronger, on black or white.

    Alpha that was not premultiplied makes it weaker, by no more than alpha itself became less.
    """
    are_parts = np.zeros(len(own), bool)
    least = np.minimum(own[:, 3] / meant[:, 3].astype(np.float32), 1)
    for matte in (0, 255):
        part, full = (one[:, :3].astype(np.float32) - matte for one in (own, meant))
        # A level at the other end may have been beyond it.
        free = np.where(own[:, :3] == 255 - matte, 0, full)
        strength = (part * free).sum(axis=1) / np.maximum((full * free).sum(axis=1), 1)
        strength = np.clip(strength, least, MOST_STRENGTH)
        mixture = np.clip(strength[:, np.newaxis] * full + matte, 0, 255)
        are_parts |= np.abs(own[:, :3] - mixture).max(axis=1, initial=0) <= MATTE_LEVELS
    return are_parts
