"""Colour hints: sampling from a picture as points or strokes, and resizing without averaging."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from lineart.image import Frame, Hint, Size, pad_to_multiple

FAINT_ALPHA = 32
"""Alpha below it is no hint of an artist, but what an eraser or a soft brush has left."""
STROKE_TOLERANCE = 24
"""Largest difference in a channel between a stroke's colour and the picture below it."""


def no_hints(size: Size) -> Hint:
    """Return a hint picture of `size` without hints."""
    return np.zeros((*size, 4), np.uint8)


def sample_hints(color: Frame, count: int, rng: np.random.Generator) -> Hint:
    """Sample the colours of `count` distinct random pixels as hints.

    Raises:
        ValueError: `count` is negative or above the number of pixels.

    Source:
        Paper 001, 3.1: a binary mask selects pixels of the colour picture. Alpha is 255 at selected
        pixels, as in the paper's figure 2 (its text says the reverse).
    """
    height, width = color.shape[:2]
    if not 0 <= count <= height * width:
        raise ValueError(f"cannot take {count} hints from {height * width} pixels")
    hint = no_hints((height, width))
    rows, columns = np.divmod(rng.choice(height * width, size=count, replace=False), width)
    hint[rows, columns, :3] = color[rows, columns]
    hint[rows, columns, 3] = 255
    return hint


def resize_hints(hint: Hint, size: Size) -> UInt8[np.ndarray, "NewH NewW 4"]:
    """Resize hints to `size` without mixing colours or losing isolated hints.

    Each hint moves to the pixel of the new grid that contains its centre. Of several hints in one
    pixel the most opaque remains and, among equals, the one nearest to that pixel's centre: an
    average of two colours would be one that the artist did not choose.
    """
    height, width = size
    rows, columns = np.nonzero(hint[:, :, 3])
    y = (rows + 0.5) * (height / hint.shape[0])
    x = (columns + 0.5) * (width / hint.shape[1])
    cell_y, cell_x = y.astype(np.intp), x.astype(np.intp)
    distance = (y - cell_y - 0.5) ** 2 + (x - cell_x - 0.5) ** 2
    opacity = hint[rows, columns, 3]
    # The last write to a pixel remains, so write the best hint last.
    order = np.lexsort((-distance, opacity))
    resized = no_hints(size)
    target = resized[..., :3]
    target[cell_y[order], cell_x[order]] = hint[rows[order], columns[order], :3]
    resized[cell_y, cell_x, 3] = 255
    return resized


def is_opaque(hint: Hint) -> bool:
    """Return whether all pixels of a picture would be hints; a single pixel may be one."""
    alpha = hint[:, :, 3]
    return bool(alpha.size > 1 and alpha.min() >= FAINT_ALPHA)


def stack_hints(hints: Sequence[Hint]) -> Hint:
    """Lay hint pictures of one size over one another, the last on top; colours are not mixed."""
    stacked = hints[0].copy()
    for hint in hints[1:]:
        stacked = np.where(hint[:, :, 3:] >= FAINT_ALPHA, hint, stacked)
    return stacked


def pool_hints(hint: Hint, factor: int) -> UInt8[np.ndarray, "NewH NewW 4"]:
    """Shrink hints by a whole factor, after padding the sides to multiples of it.

    Returns:
        Hints of `ceil(H / factor)` x `ceil(W / factor)`.
    """
    padded = pad_to_multiple(hint, factor, 0)
    return resize_hints(padded, (padded.shape[0] // factor, padded.shape[1] // factor))


class Stroke(NamedTuple):
    """Size of a hint's stroke; 1 x 1 is a point."""

    length_px: int = 1
    width_px: int = 1


def sample_strokes(
    color: Frame,
    allowed: Bool[np.ndarray, "H W"],
    count: int,
    *,
    stroke: Stroke,
    rng: np.random.Generator,
) -> Hint:
    """Sample the colours of at most `count` pixels in `allowed` as straight strokes of hints.

    A stroke has the colour of its first pixel. It ends at the picture's border and where the
    picture's colour differs by more than `STROKE_TOLERANCE`; such pixels get no hint.
    """
    height, width = color.shape[:2]
    hint = no_hints((height, width))
    places = np.flatnonzero(allowed)
    if not places.size:
        return hint
    for place in rng.choice(places, size=min(count, places.size), replace=False):
        y, x = divmod(int(place), width)
        angle = rng.uniform(0, 2 * np.pi)
        start = color[y, x].astype(np.int16)
        for step in range(stroke.length_px):
            row, column = round(y + step * np.sin(angle)), round(x + step * np.cos(angle))
            is_inside = 0 <= row < height and 0 <= column < width
            if not is_inside or np.abs(color[row, column] - start).max() > STROKE_TOLERANCE:
                break
            low, high = stroke.width_px // 2, stroke.width_px - stroke.width_px // 2
            area = slice(max(0, row - low), row + high), slice(max(0, column - low), column + high)
            is_same = np.abs(color[area] - start).max(axis=2) <= STROKE_TOLERANCE
            hint[area][is_same] = (*start, 255)
    return hint
