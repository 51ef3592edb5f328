"""Runs: pixels of one region that follow each other in a row; sums over regions by runs."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

SmallMap = Int32[np.ndarray, "h w"]
"""Number of the region of each pixel at the working size, from 1; 0 = ink."""


class RowRuns(NamedTuple):
    """Runs of a map of regions in reading order, those of ink included."""

    region: Int32[np.ndarray, " R"]
    starts: Int64[np.ndarray, " R"]
    """First pixel of each, as an index into the flat map."""
    lengths: Int64[np.ndarray, " R"]
    width: int
    """Width of the map."""
    total: int
    """Number of regions."""

    def sum(self, values: np.ndarray) -> Float64[np.ndarray, " N"]:
        """Sum values of runs over each region; entry r is region r + 1."""
        return np.bincount(self.region, values, self.total + 1)[1:]

    def sum_pixels(self, values: Float32[np.ndarray, "h w"]) -> Float64[np.ndarray, " N"]:
        """Sum values of pixels over each region."""
        return self.sum(np.add.reduceat(values.ravel(), self.starts))

    def highest(self, values: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, " N"]:
        """Return the highest value in each region, at least 0."""
        highest = np.zeros(self.total + 1, np.float32)
        np.maximum.at(highest, self.region, np.maximum.reduceat(values.ravel(), self.starts))
        return highest[1:]


def find_row_runs(labels: SmallMap, total: int) -> RowRuns:
    """Find the runs of a map with regions 1 to `total`."""
    is_start = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=is_start[:, 1:])
    starts = np.flatnonzero(is_start)
    lengths = np.diff(starts, append=labels.size)
    return RowRuns(labels.ravel()[starts], starts, lengths, labels.shape[1], total)


class Moments(NamedTuple):
    """Centres and spreads of regions; a region without pixels is a point in the middle."""

    center: Float64[np.ndarray, "N 2"]
    """x and y."""
    long: Float64[np.ndarray, " N"]
    """Variance along the main axis."""
    short: Float64[np.ndarray, " N"]
    """Variance across it."""
    angle: Float64[np.ndarray, " N"]
    """Angle of the main axis in radians."""


def find_moments(runs: RowRuns, middle: tuple[float, float]) -> Moments:
    """Compute the moments of regions; `middle` is the place of those without pixels."""
    rows, first = np.divmod(runs.starts.astype(np.float64), runs.width)
    number = runs.lengths.astype(np.float64)
    last = first + number - 1
    along = number * (first + last) / 2
    squares = _sum_squares(last) - _sum_squares(first - 1)
    pixels = runs.sum(number)
    area = np.maximum(pixels, 1)
    center = np.stack((runs.sum(along), runs.sum(number * rows)), axis=1) / area[:, np.newaxis]
    xx = runs.sum(squares) / area - center[:, 0] ** 2 + 1 / 12
    yy = runs.sum(number * rows**2) / area - center[:, 1] ** 2 + 1 / 12
    xy = runs.sum(along * rows) / area - center[:, 0] * center[:, 1]
    half, root = (xx + yy) / 2, np.sqrt((xx - yy) ** 2 / 4 + xy**2)
    short = np.maximum(half - root, 1 / 12)
    center[pixels == 0] = middle
    return Moments(
        center, np.maximum(half + root, 1 / 12), short, 0.5 * np.arctan2(2 * xy, xx - yy)
    )


def _sum_squares(last: Float64[np.ndarray, " R"]) -> Float64[np.ndarray, " R"]:
    """Return the sum of the squares of 0 to `last`."""
    total: Float64[np.ndarray, " R"] = last * (last + 1) * (2 * last + 1) / 6
    return total


MAX_COUNTERS = 4_000_000
"""Pairs are counted by one counter each up to this number, else by sorting."""


class PairCounts(NamedTuple):
    """How often pairs of numbers occur, in rising order."""

    rows: Int64[np.ndarray, " P"]
    columns: Int64[np.ndarray, " P"]
    counts: Int64[np.ndarray, " P"]


def count_pairs(
    one: Int32[np.ndarray, "*S"], other: Int32[np.ndarray, "*S"], columns: int
) -> PairCounts:
    """Count the pairs of two arrays of the same shape; those of `other` are below `columns`."""
    pairs = (one.astype(np.int64) * columns + other).ravel()
    total = (int(one.max(initial=0)) + 1) * columns
    if total <= MAX_COUNTERS:
        counts = np.bincount(pairs, minlength=total)
        pairs = np.flatnonzero(counts)
        counts = counts[pairs]
    else:
        pairs, counts = np.unique(pairs, return_counts=True)
    return PairCounts(pairs // columns, pairs % columns, counts)


def find_largest(
    region: np.ndarray, kind: np.ndarray, pixels: np.ndarray, count: int
) -> tuple[Int64[np.ndarray, " N"], Float64[np.ndarray, " N"]]:
    """Return the kind with the most pixels in each region, the first of several, and its pixels."""
    columns = int(kind.max(initial=0)) + 1
    pairs, inverse = np.unique(region * columns + kind, return_inverse=True)
    sums = np.bincount(inverse, pixels, len(pairs))
    rows, kinds = np.divmod(pairs, columns)
    # The last write to a region remains.
    order = np.lexsort((-kinds, sums))
    largest, most = np.zeros(count, np.int64), np.zeros(count)
    largest[rows[order]], most[rows[order]] = kinds[order], sums[order]
    return largest, most
