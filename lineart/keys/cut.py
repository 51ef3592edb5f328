"""Regions of a drawing cut where a key shows that they are several: lines may be open there."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8

from lineart.imaging.region_maps import (
    RegionMap,
    count_pixels,
    fill_from_neighbours,
    find_boxes,
    find_runs,
    look_up,
)
from lineart.keys.colors import UNKNOWN
from lineart.keys.contacts import find_borders
from lineart.keys.flow import Flow, land
from lineart.keys.key import PreparedKey
from lineart.keys.runs import SmallMap, count_pairs
from lineart.keys.steady import steady_parts

WINDOW_PX = 7
"""A mark is a pixel around which a window of this size lies in one part of the key."""
LEAST_MARKS = 24
"""Parts with fewer marks in a region are not cut off."""
LEAST_INSIDE, LEAST_CARRIED = 0.8, 0.5
"""A region of the key that is closed there is a part of a region here if this share of it is
carried into that region, and if what is carried anywhere has this share of its area."""
MOST_OPEN = 0.3
"""Parts are cut off if the share of their outline without a line is at most by this above that in
the key."""
MOST_GROWN = 2.0
"""What is closed in the key is not cut off if its area would be larger by more than this."""
MOST_DEPTH = 3.0
"""Paper that is farther from lines, in pixels, is as wide as any: marks meet midway in it."""
SMOOTH, LEAST_SIGMA, MOST_SIGMA = 0.7, 1.0, 4.0
"""Radius of the smoothing of cuts, in half widths of the part, and its bounds in pixels."""


class _Parts(NamedTuple):
    """Parts of the key in regions of the drawing; sorted by region, the largest part first."""

    region: Int32[np.ndarray, " P"]
    part: Int32[np.ndarray, " P"]
    number: Int32[np.ndarray, " P"]
    """Number that the part has after the cut; the largest one keeps that of the region."""


def cut_regions(
    labels: SmallMap,
    depth: Float32[np.ndarray, "h w"],
    key: PreparedKey,
    flow: Flow,
    is_whole: Bool[np.ndarray, " N"],
) -> SmallMap:
    """Cut regions of a drawing into the parts that the key shows there.

    Parts are those of a region of the key by its colours, and regions that are closed in the key
    and open here. They are carried along the flow; what lies well inside one of them marks it, and
    the marks are flooded from the depth of the paper to the lines: the cut is where the paper is
    narrowest. A part whose outline has fewer lines than the key's is not cut off.

    Args:
        labels: Regions of the drawing at the working size.
        depth: Distance to the nearest ink.
        key: The key, at the same size.
        flow: Flow from the drawing to the key.
        is_whole: Which regions may be cut; entry r is region r.

    Returns:
        The drawing's regions at the working size; new ones have numbers above the others.
    """
    total = int(labels.max(initial=0))
    carried = cv2.remap(
        key.drawing.labels.astype(np.float32), land(flow), None, cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    window = np.ones((WINDOW_PX, WINDOW_PX), np.uint8)
    carried_parts = steady_parts(labels, depth, key, flow, carried.astype(np.int32))
    carried = carried_parts.astype(np.float32)
    is_inside = cv2.erode(carried, window) == cv2.dilate(carried, window)
    marks = np.where(is_inside & look_up(is_whole, labels), carried_parts, 0)
    parts = _find_parts(labels, key, carried_parts, marks)
    cut = _flood(labels, depth, marks, parts)
    is_open = _are_open(total, key, cut, parts)
    if is_open.any():
        # What they would have taken goes to the other parts.
        parts = _number_parts(parts.region[~is_open], parts.part[~is_open], total)
        cut = _flood(labels, depth, marks, parts)
    return cut


def _find_parts(labels: SmallMap, key: PreparedKey, carried: SmallMap, marks: SmallMap) -> _Parts:
    """Find which parts of the key lie in each region that has several."""
    total, count = key.drawing.total + 1, int(labels.max(initial=0))
    found = count_pairs(labels, carried, total)
    region, part, pixels = (one[(found.rows > 0) & (found.columns > 0)] for one in found)
    area = np.bincount(region, pixels, count + 1)
    everywhere = np.bincount(part, pixels, total)
    origin = np.concatenate(([0], key.parent))
    color = np.concatenate(([UNKNOWN], key.index))
    main, main_part = _find_main(region, part, pixels, origin, area)
    is_own = origin[part] == main[region]
    is_closed = (
        (pixels >= LEAST_INSIDE * everywhere[part])
        & (everywhere[part] >= LEAST_CARRIED * np.append(0, key.drawing.area)[part])
        & (color[part] != color[main_part[region]])
    )
    marked = count_pairs(labels, marks, total)
    place = np.searchsorted(region * total + part, marked.rows * total + marked.columns)
    number = np.zeros(len(region) + 1, np.int64)
    number[place.clip(0, len(region))] = np.where(
        (marked.rows > 0) & (marked.columns > 0), marked.counts, 0
    )
    is_part = (main[region] > 0) & (is_own | is_closed) & (number[:-1] >= LEAST_MARKS)
    order = np.flatnonzero(is_part)
    order = order[np.lexsort((-pixels[order], region[order]))]
    return _number_parts(region[order].astype(np.int32), part[order].astype(np.int32), count)


def _number_parts(
    region: Int32[np.ndarray, " P"], part: Int32[np.ndarray, " P"], total: int
) -> _Parts:
    """Number parts, sorted as in `_Parts`, of regions that have several; others are left out."""
    is_several = np.bincount(region)[region] > 1 if region.size else np.zeros(0, bool)
    region, part = region[is_several], part[is_several]
    is_first = np.diff(region, prepend=-1) != 0
    number = np.where(is_first, region, total + np.cumsum(~is_first)).astype(np.int32)
    return _Parts(region, part, number)


def _find_main(
    region: np.ndarray, part: np.ndarray, pixels: np.ndarray, origin: np.ndarray, area: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the key's whole region and the part that most of each region comes from, or 0."""
    columns = int(origin.max()) + 1
    of_whole = np.bincount(region * columns + origin[part], pixels, len(area) * columns)
    of_whole = of_whole.reshape(len(area), columns)
    main = of_whole.argmax(axis=1)
    main[of_whole.max(axis=1) <= 0.5 * area] = 0
    main_part = np.zeros(len(area), np.int64)
    order = np.argsort(pixels, kind="stable")
    main_part[region[order]] = part[order]
    return main, main_part


def _flood(
    labels: SmallMap, depth: Float32[np.ndarray, "h w"], marks: SmallMap, parts: _Parts
) -> SmallMap:
    """Flood each region that has several parts from the marks of these."""
    # Imported here: it takes longer to import than all else in a worker without keys.
    from skimage.segmentation import watershed

    columns = int(marks.max()) + 1
    if not parts.region.size:
        return labels
    pairs = parts.region.astype(np.int64) * columns + parts.part
    order = np.argsort(pairs)
    places = np.flatnonzero(marks)
    marked = labels.ravel()[places].astype(np.int64) * columns + marks.ravel()[places]
    found = order[np.searchsorted(pairs[order], marked).clip(0, len(pairs) - 1)]
    is_seed = pairs[found] == marked
    seeds = np.zeros(labels.shape, np.int32)
    seeds.ravel()[places[is_seed]] = parts.number[found[is_seed]]
    is_open = np.zeros(int(labels.max()) + 1, bool)
    is_open[parts.region] = True
    # The flood starts at the rims of the marks; all but them is done.
    inner = cv2.erode((seeds > 0).view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    band = look_up(is_open, labels) & ~inner
    flooded = watershed(-np.minimum(depth, MOST_DEPTH), np.where(band, seeds, 0), mask=band)
    result: SmallMap = np.where(band & (flooded > 0), flooded, labels).astype(np.int32)
    np.copyto(result, seeds, where=inner)
    # Where a gap between two regions is closed, they touch, and a part floods the other one, too.
    owner = np.arange(max(int(parts.number.max()), int(labels.max())) + 1, dtype=np.int32)
    owner[parts.number] = parts.region
    is_wrong = look_up(owner, result) != labels
    result[is_wrong] = 0
    fill_from_neighbours(result, np.flatnonzero(is_wrong), within=labels)
    np.copyto(result, labels, where=result == 0)
    return result


def _are_open(total: int, key: PreparedKey, cut: SmallMap, parts: _Parts) -> Bool[np.ndarray, " P"]:
    """Return which parts have too few lines around them to be cut off.

    Parts that are one closed region in the key are judged together.
    """
    if not parts.region.size:
        return np.zeros(0, bool)
    count = max(int(cut.max()), total)
    origin = key.parent[parts.part - 1]
    largest = np.flatnonzero(parts.number <= total)
    main = np.zeros(total + 1, np.int32)
    main[parts.region[largest]] = origin[largest]
    is_closed = origin != main[parts.region]
    pairs = parts.region.astype(np.int64) * (int(origin.max()) + 1) + origin
    _, first, group = np.unique(pairs, return_index=True, return_inverse=True)
    whole = np.arange(count + 1, dtype=np.int32)
    whole[parts.number[is_closed]] = parts.number[first[group[is_closed]]]
    in_key = key.drawing.openings.totals() / np.maximum(key.drawing.borders.totals(), 1)
    joined = look_up(whole, cut)
    share = _open_shares(joined, count)[whole[parts.number] - 1]
    is_open: Bool[np.ndarray, " P"] = (
        share > np.where(is_closed, 0, in_key[parts.part - 1]) + MOST_OPEN
    )
    area = np.bincount(joined.ravel(), minlength=count + 1)[whole[parts.number]]
    area_there = np.bincount(key.parent, key.drawing.area)[origin]
    is_open |= is_closed & (area > MOST_GROWN * area_there)
    is_open &= parts.number > total
    return is_open


def _open_shares(labels: SmallMap, count: int) -> Float32[np.ndarray, " N"]:
    """Return the share of each region's outline that is beside another, without a line."""
    open_: Float32[np.ndarray, " N"] = find_borders(labels, count).totals()
    open_ /= np.maximum(_outlines(labels, count), 1)
    return open_


def _outlines(labels: SmallMap, count: int) -> Float32[np.ndarray, " N"]:
    """Return the length of the outline of each region, along lines and along others."""
    sums = np.zeros(count + 1)
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        meets = one != other
        sums += np.bincount(one[meets], minlength=count + 1)
        sums += np.bincount(other[meets], minlength=count + 1)
    return sums[1:].astype(np.float32)


def enlarge_cut(labels: RegionMap, small: SmallMap, cut: SmallMap) -> RegionMap:
    """Apply a cut at the working size to the regions at full size, without its steps.

    A pixel of a region belongs to the part that has the largest share of the places around it. A
    part may be lost that has a few pixels at the working size.

    Args:
        labels: Regions of the drawing at full size.
        small: The same at the working size.
        cut: Regions at the working size after the cut.
    """
    count, total = int(small.max(initial=0)), int(cut.max())
    owner = np.arange(total + 1, dtype=np.int32)
    owner[cut] = small
    is_cut = np.isin(owner, owner[count + 1 :])
    runs = find_runs(cut)
    half_width = count_pixels(runs, total + 1)[1:] / np.maximum(_outlines(cut, total), 1)
    sigma = np.clip(SMOOTH * half_width, LEAST_SIGMA, MOST_SIGMA)
    boxes = find_boxes(runs, cut.shape[1], total + 1)
    divided = labels.copy()
    np.copyto(divided, 0, where=look_up(is_cut[: count + 1], labels))
    highest = np.zeros(labels.shape, np.uint8)
    for part in np.flatnonzero(is_cut & (boxes[:, 2] > 0)):
        radius = float(sigma[part - 1])
        inner, outer = _windows(boxes[part], math.ceil(2 * radius), cut.shape, labels.shape)
        share = _blur(cut[inner], int(part), radius, highest[outer].shape)
        is_more = share > highest[outer]
        is_more &= labels[outer] == owner[part]
        np.copyto(divided[outer], part, where=is_more)
        np.copyto(highest[outer], share, where=is_more)
    lost = np.flatnonzero((divided == 0) & (labels > 0))
    fill_from_neighbours(divided, lost, within=labels)
    np.copyto(divided, labels, where=divided == 0)
    return divided


Window = tuple[slice, slice]


def _windows(
    box: Int64[np.ndarray, " 4"], more: int, size: tuple[int, ...], large: tuple[int, ...]
) -> tuple[Window, Window]:
    """Return the windows around a box with a margin, at the box's size and at a larger one."""
    inner, outer = [], []
    for low, high, side, full in zip(box[1::-1], box[:1:-1], size, large, strict=True):
        first, last = max(int(low) - more, 0), min(int(high) + more, side)
        inner.append(slice(first, last))
        outer.append(slice(first * full // side, -(-last * full // side)))
    return (inner[0], inner[1]), (outer[0], outer[1])


def _blur(
    cut: SmallMap, part: int, sigma: float, size: tuple[int, ...]
) -> UInt8[np.ndarray, "H W"]:
    """Return the share of a part around each pixel, 0..255, at another size."""
    share = cv2.compare(np.ascontiguousarray(cut), part, cv2.CMP_EQ)
    side = 2 * math.ceil(2 * sigma) + 1
    share = cv2.GaussianBlur(share, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
    enlarged: UInt8[np.ndarray, "H W"]
    enlarged = cv2.resize(share, size[::-1], interpolation=cv2.INTER_LINEAR)
    return enlarged
