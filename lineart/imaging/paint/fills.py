"""Fills: an area filled by an artist that ends at a gap in a line is a region of its own."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from lineart.imaging.hints.pixels import HintPixels
from lineart.imaging.region_maps import RegionMap, count_pixels, fill_from_neighbours, find_runs

MIN_SIDE_SHARE = 1 / 27
"""Side of the smallest fill, as a square, as a share of the drawing's short side."""
MAX_SHARE = 0.5
"""A fill has at most this share of its region: what a larger one left out belongs to it."""
MAX_COVERED = 0.95
"""Regions with more hints than this share of their pixels are not searched."""
RIM_SHARE = 1 / 108
"""Paper so near to a line that a fill may leave it out, as a share of the short side."""
MIN_RADIUS = 1.5
"""Radius of the largest disc in a fill, at least, as a multiple of that distance: a stroke along a
line is none."""


class _Fill(NamedTuple):
    """A connected area of hints in one region."""

    window: tuple[slice, slice]
    """Rows and columns of its box, with what is around."""
    region: int
    is_filled: Bool[np.ndarray, "h w"]


def cut_fills(labels: RegionMap, hints: HintPixels) -> RegionMap:
    """Cut fills off the regions that they are a part of.

    A dab speaks for its region. An area that is filled up to the lines around it, and ends where
    they are open, does not say what is behind the opening. It is a fill if the opening is no longer
    than the radius of the largest disc in it.

    Args:
        labels: Regions of a drawing.
        hints: Hints at its size.

    Returns:
        Regions, the new ones with numbers above the others.
    """
    rim = max(1, round(min(labels.shape) * RIM_SHARE))
    divided = labels
    for fill in _find_fills(labels, hints, rim):
        near = divided[fill.window]
        is_region = near == fill.region
        is_rim = cv2.dilate((near == 0).view(np.uint8), np.ones((2 * rim + 1,) * 2, np.uint8)) > 0
        is_rest = is_region & ~fill.is_filled & ~is_rim
        radius = _radius(fill.is_filled)
        if radius < MIN_RADIUS * rim or _opening(fill.is_filled, is_rest) > radius:
            continue
        if divided is labels:
            divided = labels.copy()
        number = int(divided.max()) + 1
        parts = np.where(is_region & ~fill.is_filled & is_rim, 0, near)
        parts[fill.is_filled] = number
        left = fill_from_neighbours(
            parts, np.flatnonzero(is_region & (parts == 0)), within=is_region.astype(np.uint8)
        )
        parts.ravel()[left] = fill.region
        divided[fill.window] = parts
    return divided


def _find_fills(labels: RegionMap, hints: HintPixels, rim: int) -> Iterator[_Fill]:
    """Yield the areas of hints that are large, and a part of their region."""
    min_area = (min(labels.shape) * MIN_SIDE_SHARE) ** 2
    if hints.rows.size < min_area:
        return
    regions = labels[hints.rows, hints.columns]
    sizes = count_pixels(find_runs(labels), int(labels.max(initial=0)) + 1)
    hinted = np.bincount(regions, minlength=len(sizes))
    is_open = (hinted >= min_area) & (hinted < MAX_COVERED * sizes)
    is_open[0] = False
    is_chosen = is_open[regions]
    if not is_chosen.any():
        return
    is_hint = np.zeros(labels.shape, np.uint8)
    is_hint[hints.rows[is_chosen], hints.columns[is_chosen]] = 1
    count, areas, boxes, _ = cv2.connectedComponentsWithStats(is_hint, connectivity=4)
    large = [n for n in range(1, count) if boxes[n, cv2.CC_STAT_AREA] >= min_area]
    for n in large:
        left, top, width, height, area = boxes[n]
        rows = slice(max(0, top - 2 * rim), top + height + 2 * rim)
        columns = slice(max(0, left - 2 * rim), left + width + 2 * rim)
        is_filled = areas[rows, columns] == n
        below = labels[rows, columns][is_filled]
        region = int(below[0])
        if area <= MAX_SHARE * sizes[region] and (below == region).all():
            is_bare = (labels[rows, columns] == region) & ~is_filled
            yield _Fill((rows, columns), region, is_filled | _find_holes(is_bare))


def _find_holes(is_bare: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return the paper that a fill encloses: what does not go on beyond its window."""
    count, parts = cv2.connectedComponents(is_bare.view(np.uint8), connectivity=4)
    is_hole = np.ones(count, bool)
    for edge in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
        is_hole[edge] = False
    is_hole[0] = False
    holes: Bool[np.ndarray, "h w"] = is_hole[parts]
    return holes


def _opening(is_filled: Bool[np.ndarray, "h w"], is_rest: Bool[np.ndarray, "h w"]) -> int:
    """Return the number of pixels of the rest that a fill touches."""
    around = cv2.dilate(is_filled.view(np.uint8), np.ones((3, 3), np.uint8))
    return int(np.count_nonzero((around > 0) & is_rest))


def _radius(is_filled: Bool[np.ndarray, "h w"]) -> float:
    inside: UInt8[np.ndarray, "H W"] = np.pad(is_filled, 1).view(np.uint8)
    return float(cv2.distanceTransform(inside, cv2.DIST_L2, 3).max())
