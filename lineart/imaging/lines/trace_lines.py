"""Trace lines: thin lines in pure red, green or blue, which part the areas of light and shadow.

They are instructions to the painter: each side takes its own paint, and the line vanishes.
"""

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int64, UInt8

from lineart.image import Frame, Line, to_gray
from lineart.imaging.nearest import find_nearest

CHROMA, FAINT_CHROMA = 48, 12
"""Least difference of the highest and the lowest channel in the middle of a line, and at its
anti-aliased edges."""
DEGREES = 20
"""Largest distance of the hue from pure red, green or blue."""
MAX_BLACK = 1 / 3
"""Largest share of black in a line; darker lines in colour are outlines."""
WIDTH_SHARE = 6 / 1080
"""Largest width of a line with its anti-aliased edges, as a share of the drawing's short side."""
INK = 170
"""Highest level of ink that goes on below a trace line; the edges of that ink may be lighter."""
DIRECTIONS = 8
"""Number of slopes along which ink is looked for on both sides of a trace line."""

Colors = UInt8[np.ndarray, "h w 3"]
"""Colours below a drawing, at a size of their own."""


class _Channels(NamedTuple):
    most: UInt8[np.ndarray, "H W"]
    least: UInt8[np.ndarray, "H W"]
    is_pure: Bool[np.ndarray, "H W"]
    """Whether the hue is near pure red, green or blue; any pixel without colour is near, too."""


def find_trace_lines(drawing: Line | Frame) -> Bool[np.ndarray, "H W"]:
    """Return the pixels of trace lines, with their anti-aliased edges; a grey drawing has none."""
    if drawing.ndim == 2:
        return np.zeros(drawing.shape, bool)
    return _find(_channels(drawing))


def _find(channels: _Channels) -> Bool[np.ndarray, "H W"]:
    most, least, is_pure = channels
    chroma = cv2.subtract(most, least)
    # The share of black is the same at the edges of a line, which are mixed with paper.
    is_bright = cv2.bitwise_not(most) <= cv2.multiply(cv2.bitwise_not(least), 1, scale=MAX_BLACK)
    strong = (is_pure & is_bright & (chroma >= CHROMA)).view(np.uint8)
    width = _max_width(most.shape)
    # Opening keeps what is wider than a line, such as a red scarf.
    wide = cv2.morphologyEx(strong, cv2.MORPH_OPEN, np.ones((width + 1, width + 1), np.uint8))
    wide = cv2.dilate(wide, np.ones((3, 3), np.uint8))
    near = cv2.dilate(cv2.subtract(strong, wide), np.ones((3, 3), np.uint8))
    found: Bool[np.ndarray, "H W"]
    found = (near != 0) & is_pure & (chroma >= FAINT_CHROMA) & (wide == 0)
    return found


def _max_width(shape: tuple[int, ...]) -> int:
    return max(6, round(WIDTH_SHARE * min(shape)))


def _channels(drawing: Frame) -> _Channels:
    red, green, blue = cv2.split(drawing)
    low, high = cv2.min(red, green), cv2.max(red, green)
    most, least = cv2.max(high, blue), cv2.min(low, blue)
    middle = cv2.max(low, cv2.min(high, blue))
    # At a pure hue the two lower channels are equal; at 60 degrees two channels are the highest.
    above = cv2.subtract(middle, least).astype(np.uint16) * np.uint16(60)
    is_pure = above <= cv2.subtract(most, least).astype(np.uint16) * np.uint16(DEGREES)
    return _Channels(most, least, is_pure)


def darken_trace_lines(drawing: Line | Frame) -> Line:
    """Return the drawing in grey, with trace lines as dark as ink, so that they part regions."""
    if drawing.ndim == 2:
        return drawing
    channels = _channels(drawing)
    return np.where(_find(channels), channels.least, to_gray(drawing))


def erase_trace_lines(drawing: Line | Frame) -> Line | Frame:
    """Return the drawing without its trace lines.

    A pixel of a trace line is a mixture of white paper, pure colour and black ink. Its highest
    channel is the share of paper and colour, and remains as grey. Where an outline goes on below a
    trace line, the pixel is ink; a trace line that ends at an outline leaves none.
    """
    if drawing.ndim == 2:
        return drawing
    channels = _channels(drawing)
    found = _find(channels)
    if not found.any():
        return drawing
    erased = drawing.copy()
    erased[found] = channels.most[found][:, np.newaxis]
    _mend_ink(erased, channels.most, found)
    return erased


def _mend_ink(
    erased: Frame, level: UInt8[np.ndarray, "H W"], found: Bool[np.ndarray, "H W"]
) -> None:
    """Fill the ink that trace lines have covered: what has ink beside them on opposite sides.

    From each pixel of a trace line, rays lead out of it in opposite directions. The lighter of both
    ends is the pixel's ink, on the pair of rays where that is darkest.

    Args:
        erased: The drawing without trace lines; is changed.
        level: Its highest channel.
        found: The pixels of trace lines.
    """
    # An outline that crosses a line at 40 degrees or more leaves it within 1.5 times its width.
    reach = round(1.5 * _max_width(found.shape))
    margin = reach + 1
    left, top, across, down = cv2.boundingRect(found.view(np.uint8))
    rows = slice(max(0, top - margin), top + down + margin)
    columns = slice(max(0, left - margin), left + across + margin)
    erased, level, found = (one[rows, columns] for one in (erased, level, found))
    inside, levels = np.pad(found, margin), np.pad(level, margin, constant_values=255)
    near = cv2.dilate(inside.view(np.uint8), np.ones((3, 3), np.uint8))
    beside = levels | cv2.compare(near, 0, cv2.CMP_EQ)
    around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    starts = np.flatnonzero(inside & (cv2.erode(beside, around) <= INK))
    if not starts.size:
        return
    width = inside.shape[1]
    rays = _Rays(inside.ravel(), levels.ravel(), _steps(width, reach))
    pixels = np.repeat(starts, DIRECTIONS)
    slopes = np.tile(np.arange(DIRECTIONS), len(starts))
    ends = rays.follow(pixels, slopes)
    is_inked = rays.level[ends] < rays.level[pixels]
    pixels, slopes, ends = pixels[is_inked], slopes[is_inked], ends[is_inked]
    others = rays.follow(pixels, slopes + DIRECTIONS)
    ends = np.where(rays.level[others] > rays.level[ends], others, ends)
    is_inked = rays.level[ends] < rays.level[pixels]
    pixels, ends = pixels[is_inked], ends[is_inked]
    # The last one of several values of a pixel is assigned.
    order = np.argsort(-rays.level[ends].astype(np.int16), kind="stable")
    y, x = np.divmod(ends[order], width)
    ink = erased[y - margin, x - margin]
    y, x = np.divmod(pixels[order], width)
    erased[y - margin, x - margin] = ink


def _steps(width: int, reach: int) -> Int64[np.ndarray, "directions steps"]:
    """Return how far the pixels of each ray are from its start, in a flat picture."""
    angles = np.arange(2 * DIRECTIONS)[:, np.newaxis] * (np.pi / DIRECTIONS)
    steps = np.arange(1, reach + 2)
    down, right = np.rint(np.sin(angles) * steps), np.rint(np.cos(angles) * steps)
    found: Int64[np.ndarray, "directions steps"] = (down * width + right).astype(np.int64)
    return found


class _Rays(NamedTuple):
    """Rays out of trace lines, in flat pictures with a margin."""

    is_inside: Bool[np.ndarray, " P"]
    level: UInt8[np.ndarray, " P"]
    """Highest channel; 255 in the margin."""
    steps: Int64[np.ndarray, "directions steps"]

    def follow(
        self, starts: Int64[np.ndarray, " N"], directions: Int64[np.ndarray, " N"]
    ) -> Int64[np.ndarray, " N"]:
        """Return where rays leave their trace line; a place in the margin if they do not.

        It is the darker one of two pixels, because a ray may miss a line of one pixel.
        """
        ends = np.zeros_like(starts)
        left = np.arange(len(starts))
        for step, further in pairwise(self.steps.T):
            here = starts[left] + step[directions[left]]
            is_out = ~self.is_inside[here]
            out, here = left[is_out], here[is_out]
            beyond = starts[out] + further[directions[out]]
            ends[out] = np.where(self.level[beyond] < self.level[here], beyond, here)
            left = left[~is_out]
        return ends


def fill_trace_lines(color: Colors, drawing: Line | Frame) -> Colors:
    """Replace the colours below trace lines by the nearest colour beside them.

    Args:
        color: Colours at a size of their own.
        drawing: Drawing whose trace lines are to vanish.
    """
    found = find_trace_lines(drawing).view(np.uint8)
    if not found.any():
        return color
    height, width = color.shape[:2]
    share = cv2.resize(found * np.uint8(255), (width, height), interpolation=cv2.INTER_AREA)
    is_below = cv2.dilate(share, np.ones((3, 3), np.uint8)) > 0
    if is_below.all():
        return color
    filled = color.copy()
    filled[is_below] = color[~is_below][find_nearest(~is_below)[is_below]]
    return filled
