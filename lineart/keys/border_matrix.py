"""Borders between the regions of a drawing, as a sparse matrix."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32
from scipy.sparse import csr_array

from lineart.imaging.region_maps import RegionMap


class BorderMatrix(NamedTuple):
    """How long the borders between regions are, as a sparse matrix of N rows and C entries.

    Entries are sorted by row, each pair of row and column once. A border is there twice, once for
    each of its regions.
    """

    rows: Int32[np.ndarray, " C"]
    """Row of each entry: a region's number less 1."""
    columns: Int32[np.ndarray, " C"]
    """The region beside it, likewise."""
    lengths: Float32[np.ndarray, " C"]
    """Length of the border in pixels, or the share of it after `shares`; above 0."""
    size: int
    """Number of rows and of columns."""

    def totals(self) -> Float32[np.ndarray, " N"]:
        """Return the sum of each row."""
        return np.bincount(self.rows, self.lengths, self.size).astype(np.float32)

    def shares(self) -> "BorderMatrix":
        """Return the same with each row divided by its sum."""
        return self._replace(lengths=self.lengths / self.totals()[self.rows])

    def times(self, values: Float32[np.ndarray, "N V"]) -> Float32[np.ndarray, "N V"]:
        """Return the product of the matrix with a dense one."""
        starts = np.searchsorted(self.rows, np.arange(self.size + 1))
        matrix = csr_array((self.lengths, self.columns, starts), shape=(self.size, self.size))
        product: Float32[np.ndarray, "N V"] = matrix @ values
        return product

    def gather(
        self, values: Float32[np.ndarray, "B N"], chosen: Int32[np.ndarray, "B C"]
    ) -> Float32[np.ndarray, "B C"]:
        """Return chosen elements of the product of `values` and the transposed matrix.

        Element (b, c) is the product of row b of `values` with row `chosen[b, c]` of the matrix.
        """
        bounds = np.searchsorted(self.rows, np.arange(self.size + 1))
        first, number = bounds[chosen.ravel()], np.diff(bounds)[chosen.ravel()]
        ends = np.cumsum(number)
        place = np.repeat(np.arange(chosen.size), number)
        entry = np.arange(len(place)) + np.repeat(first - ends + number, number)
        terms = self.lengths[entry] * values[place // chosen.shape[1], self.columns[entry]]
        sums = np.bincount(place, terms, chosen.size)
        return sums.reshape(chosen.shape).astype(np.float32)


def find_borders(labels: RegionMap, count: int) -> BorderMatrix:
    """Measure the borders between regions that touch, in pixels; row r is region r + 1.

    Args:
        labels: Regions from 1 to `count`; pixels of 0 touch nothing.
        count: Number of regions.
    """
    found = []
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        meets = (one != other) & (one > 0) & (other > 0)
        first, second = one[meets].astype(np.int64) - 1, other[meets].astype(np.int64) - 1
        found += [first * count + second, second * count + first]
    pairs, lengths = np.unique(np.concatenate(found), return_counts=True)
    rows, columns = np.divmod(pairs, max(count, 1))
    return BorderMatrix(
        rows.astype(np.int32), columns.astype(np.int32), lengths.astype(np.float32), count
    )


def find_outlines(labels: RegionMap, count: int) -> Float32[np.ndarray, " N"]:
    """Return the length of the outline of each region, along lines and along others."""
    sums = np.zeros(count + 1)
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        meets = one != other
        sums += np.bincount(one[meets], minlength=count + 1)
        sums += np.bincount(other[meets], minlength=count + 1)
    return sums[1:].astype(np.float32)
