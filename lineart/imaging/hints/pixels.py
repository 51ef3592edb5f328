"""Pixels that are colour hints: sampled as points or strokes, and resized without averaging."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, UInt8

from lineart.image import Frame, Hint, Size

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


class HintPixels(NamedTuple):
    """The pixels of a hint picture that are hints."""

    size: Size
    """Height and width of the picture."""
    rows: Int64[np.ndarray, " P"]
    columns: Int64[np.ndarray, " P"]
    values: UInt8[np.ndarray, "P 4"]
    """sRGB and alpha."""
    dabs: Int32[np.ndarray, " P"]
    """Number of the connected area of hints that each pixel is in."""
    is_on_line: Bool[np.ndarray, " P"]
    """Whether most of that area lay on ink, and was dropped; see `cleaning.drop_ink_hints`."""

    def select(self, chosen: np.ndarray) -> "HintPixels":
        """Return the pixels of a mask or of indices."""
        return HintPixels(self.size, *(array[chosen] for array in self[1:]))

    def picture(self) -> Hint:
        """Return the hint picture; each hint is opaque."""
        hint = no_hints(self.size)
        hint[self.rows, self.columns, :3] = self.values[:, :3]
        hint[self.rows, self.columns, 3] = 255
        return hint

    def resize(self, size: Size) -> "HintPixels":
        """Resize hints to `size` without mixing colours or losing isolated ones.

        Each hint moves to the pixel of the new grid that contains its centre. Of several hints in
        one pixel the most opaque remains and, among equals, the one nearest to that pixel's centre:
        an average of two colours would be one that the artist did not choose.
        """
        return self._move(size[0] / self.size[0], size[1] / self.size[1], size)

    def pool(self, factor: int) -> "HintPixels":
        """Shrink hints by a whole factor, to a size rounded up."""
        return self._move(1 / factor, 1 / factor, pooled_size(self.size, factor))

    def _move(self, down: float, right: float, size: Size) -> "HintPixels":
        values = self.values.copy()
        values[:, 3] = 255
        if size == self.size:
            return self._replace(values=values)
        y, x = (self.rows + 0.5) * down, (self.columns + 0.5) * right
        rows, columns = y.astype(np.int64), x.astype(np.int64)
        distance = (y - rows - 0.5) ** 2 + (x - columns - 0.5) ** 2
        best = _choose_best(rows * size[1] + columns, self.values[:, 3], distance)
        return self.select(best)._replace(
            size=size, rows=rows[best], columns=columns[best], values=values[best]
        )


def _choose_best(
    cells: Int64[np.ndarray, " P"],
    alpha: UInt8[np.ndarray, " P"],
    distance: Float64[np.ndarray, " P"],
) -> Int64[np.ndarray, " C"]:
    """Return the index of the most opaque, then nearest, then last hint of each cell, by cell."""
    count = int(cells.max(initial=0)) + 1
    highest = np.zeros(count, np.uint8)
    np.maximum.at(highest, cells, np.ascontiguousarray(alpha))
    left = np.flatnonzero(alpha == highest[cells])
    least = np.full(count, np.inf)
    np.minimum.at(least, cells[left], distance[left])
    left = left[distance[left] == least[cells[left]]]
    chosen = np.full(count, -1)
    chosen[cells[left]] = left
    return chosen[chosen >= 0]


def find_hints(hint: Hint) -> HintPixels:
    """Return the pixels of a hint picture with alpha above 0."""
    is_hint = (hint[:, :, 3] > 0).view(np.uint8)
    rows, columns = np.nonzero(is_hint)
    _, dabs = cv2.connectedComponents(is_hint, connectivity=8, ltype=cv2.CV_32S)
    size = hint.shape[0], hint.shape[1]
    is_on_line = np.zeros(len(rows), bool)
    return HintPixels(size, rows, columns, hint[rows, columns], dabs[rows, columns], is_on_line)


def join_hints(hints: Sequence[HintPixels], size: Size) -> HintPixels:
    """Join hints of one size, bottom to top: an upper one replaces a lower one in its pixel."""
    if len(hints) == 1:
        return hints[0]
    parts = [find_hints(no_hints((1, 1))), *hints]
    first_dabs = np.cumsum([0, *(one.dabs.max(initial=0) for one in parts)], dtype=np.int32)
    numbered = [one._replace(dabs=one.dabs + n) for one, n in zip(parts, first_dabs, strict=False)]
    columns = zip(*(one[1:] for one in numbered), strict=True)
    joined = HintPixels(size, *(np.concatenate(arrays) for arrays in columns))
    places = joined.rows * size[1] + joined.columns
    _, last = np.unique(places[::-1], return_index=True)
    return joined.select(len(places) - 1 - last)


def resize_hints(hint: Hint, size: Size) -> UInt8[np.ndarray, "NewH NewW 4"]:
    """Resize hints to `size` without mixing colours or losing isolated ones; see `HintPixels`."""
    return find_hints(hint).resize(size).picture()


GROUND = np.uint8(238)
"""Grey level on which hints are shown."""


def lay_on_gray(hint: Hint) -> Frame:
    """Return hints on light grey, to be looked at."""
    return np.where(hint[..., 3:] > 0, hint[..., :3], GROUND)


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


def pooled_size(size: Size, factor: int) -> Size:
    """Return the size of hints that are shrunk by a whole factor."""
    return -(-size[0] // factor), -(-size[1] // factor)


def pool_hints(hint: Hint, factor: int) -> UInt8[np.ndarray, "NewH NewW 4"]:
    """Shrink hints by a whole factor, to `ceil(H / factor)` x `ceil(W / factor)`."""
    return find_hints(hint).pool(factor).picture()


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
    hint = no_hints((color.shape[0], color.shape[1]))
    places = np.flatnonzero(allowed)
    if not places.size:
        return hint
    chosen = rng.choice(places, size=min(count, places.size), replace=False)
    y, x = np.divmod(chosen[:, np.newaxis], color.shape[1])
    angles, steps = rng.uniform(0, 2 * np.pi, y.shape), np.arange(stroke.length_px)
    rows = np.rint(y + steps * np.sin(angles)).astype(np.int64)
    columns = np.rint(x + steps * np.cos(angles)).astype(np.int64)
    colors = color[y, x]
    goes_on = np.logical_and.accumulate(_has_color(color, rows, columns, colors), axis=1)
    # A square around each step, the strokes in order.
    colors = colors[np.nonzero(goes_on)[0], np.newaxis]
    across = np.arange(stroke.width_px) - stroke.width_px // 2
    rows, columns = np.broadcast_arrays(
        rows[goes_on, np.newaxis, np.newaxis] + across[:, np.newaxis],
        columns[goes_on, np.newaxis, np.newaxis] + across,
    )
    is_hint = _has_color(color, rows, columns, colors)
    # Where strokes cross, the last one's colour remains, because it is assigned last.
    colors = np.broadcast_to(colors, (*rows.shape, 3))
    hint[rows[is_hint], columns[is_hint], :3] = colors[is_hint]
    hint[rows[is_hint], columns[is_hint], 3] = 255
    return hint


def _has_color(
    color: Frame,
    rows: Int64[np.ndarray, "*places"],
    columns: Int64[np.ndarray, "*places"],
    colors: UInt8[np.ndarray, "*strokes 3"],
) -> Bool[np.ndarray, "*places"]:
    """Return which places are in the picture and have about the colours of their strokes."""
    height, width = color.shape[:2]
    is_inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    found = color[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    difference = np.maximum(found, colors) - np.minimum(found, colors)
    has_color: Bool[np.ndarray, "*places"]
    has_color = is_inside & (difference.max(axis=-1) <= STROKE_TOLERANCE)
    return has_color
