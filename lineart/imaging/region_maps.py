"""Operations on maps of region numbers: look-up, runs of equal numbers, areas, spreading."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int32, Int64, Integer, Shaped, UInt8

from lineart.image import Size
from lineart.imaging.nearest import find_nearest

RegionMap = Int32[np.ndarray, "H W"]
"""Number of the region of each pixel, from 1; 0 = ink."""

Numbers = Integer[np.ndarray, "H W"]
"""The same of any integer type; none is negative."""

Pixels = Int64[np.ndarray, " P"]
"""Flat indices of pixels: row times width plus column."""

MIN_PIXELS = 4
"""Smaller areas of paper are specks: they join a region that they touch, or count as ink."""

SHORT = 2**16
"""Maps with fewer numbers than this are handled as 16-bit ones."""


def look_up(table: Shaped[np.ndarray, " N"], numbers: Numbers) -> Shaped[np.ndarray, "H W"]:
    """Return `table[numbers]`; OpenCV takes a third of NumPy's time for tables up to `SHORT`."""
    if len(table) > SHORT:
        return table.take(numbers)
    is_flag = table.dtype == bool
    padded = np.zeros((1, SHORT), np.uint8 if is_flag else table.dtype)
    padded[0, : len(table)] = table
    found: Shaped[np.ndarray, "H W"] = cv2.LUT(numbers.astype(np.uint16, copy=False), padded)
    return found.view(bool) if is_flag else found


def shorten(numbers: Numbers, highest: int) -> Numbers:
    """Return numbers up to `highest` as 16-bit ones, if they fit."""
    return numbers.astype(np.uint16, copy=False) if highest < SHORT else numbers


class Runs(NamedTuple):
    """Runs of equal numbers in reading order; one may go on in the next row."""

    numbers: Integer[np.ndarray, " R"]
    starts: Pixels
    stops: Pixels


def find_runs(numbers: Integer[np.ndarray, "*shape"]) -> Runs:
    """Find the runs of equal numbers."""
    flat = numbers.ravel()
    inner = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate((np.zeros(1, np.int64), inner))[: flat.size]
    return Runs(flat[starts], starts, np.append(inner, flat.size)[: flat.size])


def count_pixels(runs: Runs, count: int) -> Int64[np.ndarray, " N"]:
    """Return the number of pixels of each number below `count`."""
    lengths = runs.stops - runs.starts
    return np.bincount(runs.numbers, lengths, count).astype(np.int64)


def find_boxes(runs: Runs, width: int, count: int) -> Int64[np.ndarray, "N 4"]:
    """Return left, top, right and bottom of each number below `count`; these two are exclusive."""
    first_row, first_column = np.divmod(runs.starts, width)
    last_row, last_column = np.divmod(runs.stops - 1, width)
    is_wrapped = last_row > first_row
    left = np.where(is_wrapped, 0, first_column)
    right = np.where(is_wrapped, width, last_column + 1)
    boxes = np.tile(np.array([width, np.iinfo(np.int64).max, 0, 0]), (count, 1))
    for side, values, better in (
        (0, left, np.minimum),
        (1, first_row, np.minimum),
        (2, right, np.maximum),
        (3, last_row + 1, np.maximum),
    ):
        better.at(boxes[:, side], runs.numbers, values)
    return boxes


# Areas.


def number_areas(paper: UInt8[np.ndarray, "H W"]) -> RegionMap:
    """Number the 4-connected areas of at least `MIN_PIXELS`, from 1 in reading order."""
    count, labels = cv2.connectedComponents(paper, connectivity=4, ltype=cv2.CV_32S)
    is_kept = count_pixels(find_runs(labels), count) >= MIN_PIXELS
    is_kept[0] = False
    numbers = np.where(is_kept, np.cumsum(is_kept), 0).astype(np.int32)
    numbered: RegionMap = look_up(numbers, labels)
    return numbered


def number_pixels(pixels: Pixels, width: int) -> Int32[np.ndarray, " P"]:
    """Number the connected areas of sorted pixels, as `number_areas` does; 0 in specks.

    For few pixels it is faster.
    """
    # Imported here: SciPy would take longer to import than all else in a worker without paint.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left = np.flatnonzero((np.diff(pixels) == 1) & (pixels[1:] % width != 0))
    below = np.searchsorted(pixels, pixels + width).clip(max=pixels.size - 1)
    above = np.flatnonzero(pixels[below] == pixels + width)
    links = np.concatenate((left, above)), np.concatenate((left + 1, below[above]))
    graph = coo_array((np.ones(len(links[0]), bool), links), shape=(pixels.size,) * 2)
    count, area = connected_components(graph, directed=False)
    _, first = np.unique(area, return_index=True)
    order = np.argsort(first)
    is_kept = np.bincount(area, minlength=count)[order] >= MIN_PIXELS
    numbers = np.zeros(count, np.int32)
    numbers[order] = np.where(is_kept, np.cumsum(is_kept), 0)
    numbered: Int32[np.ndarray, " P"] = numbers[area]
    return numbered


def fill_from_neighbours(
    labels: Numbers, pixels: Pixels, *, within: Numbers | None = None, most: int | None = None
) -> Int64[np.ndarray, " Left"]:
    """Give pixels without a region that of a 4-neighbour, until none has such a neighbour.

    Args:
        labels: Regions, changed in place.
        pixels: Pixels to fill, which are 0.
        within: A neighbour must have the same number there.
        most: Maximum number of steps, of a pixel each; None: as many as it takes.

    Returns:
        The pixels that are still without a region.
    """
    height, width = labels.shape
    # With a wall around the picture, all pixels have four neighbours.
    walled, fence = (
        None if one is None else cv2.copyMakeBorder(one, 1, 1, 1, 1, cv2.BORDER_CONSTANT).ravel()
        for one in (labels, within)
    )
    assert walled is not None
    places = pixels + 2 * (pixels // width) + width + 3
    steps = 0
    while places.size and (most is None or steps < most):
        found = np.zeros(places.size, walled.dtype)
        for offset in (-width - 2, -1, 1, width + 2):
            rest = np.flatnonzero(found == 0)
            beside = places[rest] + offset
            values = walled[beside]
            if fence is not None:
                values = np.where(fence[beside] == fence[places[rest]], values, 0)
            found[rest] = values
        is_filled = found != 0
        if not is_filled.any():
            break
        walled[places] = found
        places, pixels = places[~is_filled], pixels[~is_filled]
        steps += 1
    labels[:] = walled.reshape(height + 2, width + 2)[1:-1, 1:-1]
    return pixels


# Paint below lines.

SEARCH_SIDE_PX = 540
"""Short side, at least, at which regions and gaps are searched in larger drawings."""


def search_factor(size: Size) -> int:
    """Return the whole factor by which a drawing is shrunk to search it."""
    return max(1, min(size) // SEARCH_SIDE_PX)


def spread_regions(labels: RegionMap) -> RegionMap:
    """Give each pixel of ink the nearest region, for paint below lines; without regions, none."""
    height, width = labels.shape
    factor = search_factor((height, width))
    if factor == 1:
        return _spread(labels)
    # Two regions meet below a line: a step of a few pixels does not show.
    area = (width // factor, height // factor)
    small = _spread(cv2.resize(labels, area, interpolation=cv2.INTER_NEAREST))
    large: RegionMap = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    spread: RegionMap = cv2.copyTo(labels, cv2.compare(labels, 0, cv2.CMP_GT), large)
    return spread


def _spread(labels: RegionMap) -> RegionMap:
    is_region = labels > 0
    if not is_region.any():
        return labels
    spread = labels.copy()
    ink = np.flatnonzero(~is_region)
    spread.ravel()[ink] = labels[is_region][find_nearest(is_region).ravel()[ink]]
    return spread


class RegionContacts(NamedTuple):
    """Pairs of regions that meet, each in both directions."""

    first: Int32[np.ndarray, " C"]
    second: Int32[np.ndarray, " C"]
    is_gap: Bool[np.ndarray, " C"]
    """Whether they meet on paper, as at a closed gap; pairs that do both are there twice."""


def find_region_contacts(labels: RegionMap, spread: RegionMap) -> RegionContacts:
    """Find the pairs of regions that meet below a line or on paper.

    Args:
        labels: Regions.
        spread: The same below the lines, too; see `spread_regions`.
    """
    count, width = int(spread.max()) + 1, spread.shape[1]
    flat = shorten(spread, count).ravel()
    left = np.flatnonzero(flat[1:] != flat[:-1])
    left = left[(left + 1) % width != 0]
    above = np.flatnonzero(flat[width:] != flat[:-width])
    here, there = np.concatenate((left, above)), np.concatenate((left + 1, above + width))
    pairs = flat[here].astype(np.int64) * count + flat[there]
    on_paper = (labels.ravel().take(here) > 0) & (labels.ravel().take(there) > 0)
    # Contacts are long, so that most neighbours in this list are equal.
    kinds = pairs * 2 + on_paper
    kinds = np.unique(kinds[find_runs(kinds).starts])
    first, second = (side.astype(np.int32) for side in np.divmod(kinds // 2, count))
    is_gap = np.tile(kinds % 2 > 0, 2)
    return RegionContacts(np.concatenate((first, second)), np.concatenate((second, first)), is_gap)
