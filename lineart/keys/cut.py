"""Cuts: a region of a drawing is split where a key has several regions, as at a gap in a line."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from lineart.imaging.region_maps import fill_from_neighbours, look_up, spread_regions
from lineart.keys.border_matrix import find_borders, find_outlines
from lineart.keys.hidden import show_hidden
from lineart.keys.key import PreparedKey
from lineart.keys.key_colors import UNKNOWN, least_part_px
from lineart.keys.region_motion import CarriedKey, carry_parts
from lineart.keys.runs import SmallMap, count_pairs, find_largest
from lineart.keys.same_shape import carry_same_shapes

WINDOW_PX = 7
"""A mark is a pixel around which a window of this size lies in one region of the key."""
OWN_WINDOW_PX = 3
"""The same for the region of the key that most of a region comes from: the flow has found it, and
thin parts have no room for the larger window."""
MIN_INSIDE, MIN_CARRIED = 0.8, 0.5
"""A region of the key that is closed there is a part of a region here if this share of it is
carried into that region, and if what is carried anywhere has this share of its area."""
MAX_OPEN = 0.3
"""Parts are cut off if the share of their outline without a line is at most by this above that in
the key."""
MAX_GROWN = 1.6
"""What is closed in the key is not cut off if its area would be larger by more than this: what was
behind it has appeared, and the lines around it are those of other things."""
MIN_KNOWN = 0.9
"""A region of which a key knows this share is not cut by others."""
MAX_DEPTH = 3.0
"""Paper that is farther from lines, in pixels, is as wide as any: marks meet midway in it."""


class Cut(NamedTuple):
    """Regions of a drawing after a cut."""

    labels: SmallMap
    """At the working size; new regions have numbers above the others."""
    whole: Int32[np.ndarray, " M"]
    """The region that each new one was cut from."""
    is_settled: Bool[np.ndarray, " N"]
    """Which of those that were asked for, and of the new ones, have colours that the key knows."""
    is_part: Bool[np.ndarray, " N"]
    """Which of all regions are one of several parts of a region of the key."""


class _CarriedCounts(NamedTuple):
    """How many pixels of each region of the drawing are carried from each part of the key."""

    region: Int64[np.ndarray, " P"]
    part: Int64[np.ndarray, " P"]
    pixels: Int64[np.ndarray, " P"]
    main: Int32[np.ndarray, " N"]
    """The whole region of the key that most of each region comes from, or 0."""
    main_part: Int64[np.ndarray, " N"]
    """The part that has the most pixels in each region, or 0."""


class _Parts(NamedTuple):
    """Parts of the key in regions of the drawing, sorted by region.

    The first one of each region is the largest part of what most of the region comes from.
    """

    region: Int32[np.ndarray, " P"]
    part: Int32[np.ndarray, " P"]
    number: Int32[np.ndarray, " P"]
    """Number that the part has after the cut; the first one keeps that of the region."""


def cut_regions(
    labels: SmallMap,
    depth: Float32[np.ndarray, "h w"],
    carried_key: CarriedKey,
    is_asked: Bool[np.ndarray, " N"],
    others: Sequence[CarriedKey] = (),
) -> Cut:
    """Cut regions of a drawing into the parts that the key shows there.

    Parts are those of a region of the key by its colours, and regions that are closed in the key
    and open here. They are carried along the flow. Those of one region meet where they are carried.
    Of different regions, what lies well inside one marks it, and the marks are flooded from the
    depth of the paper to the lines: the cut is where the paper is narrowest. A part whose outline
    has fewer lines than the key's is not cut off.

    Args:
        labels: Regions of the drawing at the working size.
        depth: Distance to the nearest ink.
        carried_key: The key.
        is_asked: Which regions may be cut; entry r is region r. Others stay as they are.
        others: Other keys, which show what this one hides; those that fit best first.
    """
    if not is_asked[1:].any():
        return Cut(labels, np.zeros(0, np.int32), *np.zeros((2, len(is_asked)), bool))
    key, total = carried_key.key, int(labels.max(initial=0))
    by_motion = carry_parts(labels, depth, carried_key, is_asked)
    carried = show_hidden(labels, depth, key, by_motion, others, is_asked)
    carried = carry_same_shapes(labels, key, carried_key.regions, carried, is_asked)
    found = _count_carried(labels, key, carried)
    marks = spread_regions(carried)
    origin = look_up(np.append(np.int32(0), key.parent), marks)
    is_mark = _are_inside(origin, WINDOW_PX)
    is_mark |= _are_inside(origin, OWN_WINDOW_PX) & (origin == look_up(found.main, labels))
    marks[~(is_mark & look_up(is_asked, labels))] = 0
    parts = _find_parts(labels, key, found, marks)
    cut = _flood(labels, depth, marks, parts)
    is_wrong = _are_open(total, key, cut, parts) | _are_grown(total, key, cut, parts)
    is_left_out = np.zeros(key.drawing.total + 1, bool)
    while is_wrong.any():
        is_left_out[parts.part[is_wrong]] = True
        # What they would have taken goes to the other parts of their regions, which grow by it.
        is_changed = np.zeros(total + 1, bool)
        is_changed[parts.region[is_wrong]] = True
        parts = _keep_parts(parts, ~is_wrong)
        again = _keep_parts(parts, is_changed[parts.region])
        redone = _flood(labels, depth, marks, again)
        cut = np.where(look_up(is_changed, labels), redone, cut)
        is_wrong = _are_grown(total, key, cut, parts)
    cut, parts = _close_numbers(cut, parts, total)
    whole = parts.region[parts.number > total]
    is_settled = np.append(is_asked & _are_known(found, key), np.zeros(len(whole), bool))
    # What this key leaves open may still be several parts by another.
    is_settled[parts.number] = np.append(UNKNOWN, key.index)[parts.part] != UNKNOWN
    is_settled &= ~_have_left_out(cut, marks, is_left_out, len(is_settled))
    is_part = np.zeros_like(is_settled)
    _, _, group = _find_groups(total, key, parts)
    is_part[parts.number] = np.bincount(group)[group] > 1
    return Cut(cut, whole, is_settled, is_part)


def _are_inside(regions: SmallMap, window_px: int) -> Bool[np.ndarray, "h w"]:
    """Return around which pixels a window of a size lies in one region."""
    window, values = np.ones((window_px, window_px), np.uint8), regions.astype(np.float32)
    is_inside: Bool[np.ndarray, "h w"]
    is_inside = cv2.erode(values, window) == cv2.dilate(values, window)
    return is_inside


def _are_known(found: _CarriedCounts, key: PreparedKey) -> Bool[np.ndarray, " N"]:
    """Return which regions the key knows the colours of, by what is carried from it."""
    is_known = key.index[found.part - 1] != UNKNOWN
    known, area = (
        np.bincount(found.region, one, len(found.main))
        for one in (found.pixels * is_known, found.pixels)
    )
    are_known: Bool[np.ndarray, " N"] = known >= MIN_KNOWN * area
    return are_known


def _have_left_out(
    cut: SmallMap, marks: SmallMap, is_left_out: Bool[np.ndarray, " K"], count: int
) -> Bool[np.ndarray, " N"]:
    """Return which regions have marks of parts that were not cut off: another key may know them."""
    marked = np.bincount(cut[look_up(is_left_out, marks)], minlength=count)
    area = np.bincount(cut.ravel(), minlength=count)
    have: Bool[np.ndarray, " N"] = marked > (1 - MIN_KNOWN) * area
    return have


def _count_carried(labels: SmallMap, key: PreparedKey, carried: SmallMap) -> _CarriedCounts:
    """Count what is carried from the key's parts into the regions of a drawing; neither is ink."""
    found, count = count_pairs(labels, carried, key.drawing.total + 1), int(labels.max(initial=0))
    region, part, pixels = (one[(found.rows > 0) & (found.columns > 0)] for one in found)
    area = np.bincount(region, pixels, count + 1)
    main, most = find_largest(region, key.parent[part - 1], pixels, count + 1)
    main[most <= 0.5 * area] = 0
    main_part = np.zeros(count + 1, np.int64)
    order = np.argsort(pixels, kind="stable")
    main_part[region[order]] = part[order]
    return _CarriedCounts(region, part, pixels, main.astype(np.int32), main_part)


def _find_parts(
    labels: SmallMap, key: PreparedKey, found: _CarriedCounts, marks: SmallMap
) -> _Parts:
    """Find which parts of the key lie in each region that has several.

    Args:
        labels: Regions of the drawing.
        key: The key.
        found: How many pixels of each region are carried from each part.
        marks: The parts where they mark the regions.
    """
    total = key.drawing.total + 1
    region, part, pixels, main, main_part = found
    area = np.bincount(region, pixels, len(main))
    everywhere = np.bincount(part, pixels, total)
    origin = np.concatenate(([0], key.parent))
    color = np.concatenate(([UNKNOWN], key.index))
    is_own = origin[part] == main[region]
    is_closed = (pixels >= MIN_INSIDE * everywhere[part]) & (
        everywhere[part] >= MIN_CARRIED * np.append(0, key.drawing.area)[part]
    )
    is_other = color[part] != color[main_part[region]]
    # With one of its parts, all of a region of the key is a part.
    _, whole = np.unique(region * total + origin[part], return_inverse=True)
    is_closed, is_other = (np.bincount(whole, one)[whole] > 0 for one in (is_closed, is_other))
    pairs, marked = region * total + part, count_pairs(labels, marks, total)
    marked_pairs = marked.rows * total + marked.columns
    place = np.searchsorted(pairs, marked_pairs).clip(max=max(len(pairs) - 1, 0))
    # Marks also fill what is hidden in the key, where nothing is carried.
    is_carried = np.append(pairs, -1)[place] == marked_pairs
    number = np.zeros(len(pairs), np.int64)
    number[place[is_carried]] = marked.counts[is_carried]
    is_part = (
        (main[region] > 0)
        & (is_own | (is_closed & is_other))
        & (number >= least_part_px(area[region]))
    )
    order = np.flatnonzero(is_part)
    order = order[np.lexsort((-pixels[order], ~is_own[order], region[order]))]
    region, part = (one[order].astype(np.int32) for one in (region, part))
    return _number_parts(region, part, len(main) - 1)


def _number_parts(
    region: Int32[np.ndarray, " P"], part: Int32[np.ndarray, " P"], total: int
) -> _Parts:
    """Number parts, sorted as in `_Parts`, of regions that have several; others are left out."""
    is_several = np.bincount(region)[region] > 1 if region.size else np.zeros(0, bool)
    region, part = region[is_several], part[is_several]
    is_first = np.diff(region, prepend=-1) != 0
    number = np.where(is_first, region, total + np.cumsum(~is_first)).astype(np.int32)
    return _Parts(region, part, number)


def _keep_parts(parts: _Parts, is_kept: Bool[np.ndarray, " P"]) -> _Parts:
    """Return some of the parts, without those that are then the only one of their region."""
    region, part, number = (one[is_kept] for one in parts)
    is_several = np.bincount(region)[region] > 1 if region.size else np.zeros(0, bool)
    return _Parts(region[is_several], part[is_several], number[is_several])


def _close_numbers(cut: SmallMap, parts: _Parts, total: int) -> tuple[SmallMap, _Parts]:
    """Number the parts that are left without gaps."""
    closed = _number_parts(parts.region, parts.part, total)
    number = np.arange(max(int(cut.max(initial=0)), total) + 1, dtype=np.int32)
    number[parts.number] = closed.number
    return look_up(number, cut), closed


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
    left, top, width, height = cv2.boundingRect(band.view(np.uint8))
    box = slice(top, top + height), slice(left, left + width)
    flooded = np.zeros_like(labels)
    if width:
        flooded[box] = watershed(
            -np.minimum(depth[box], MAX_DEPTH), np.where(band, seeds, 0)[box], mask=band[box]
        )
    result: SmallMap = np.where(flooded > 0, flooded, labels)
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
    count = max(int(cut.max()), int(parts.number.max()), total)
    is_closed, first, group = _find_groups(total, key, parts)
    whole = np.arange(count + 1, dtype=np.int32)
    whole[parts.number[is_closed]] = parts.number[first[group[is_closed]]]
    in_key = key.drawing.open_borders.totals() / np.maximum(key.drawing.borders.totals(), 1)
    share = _open_shares(look_up(whole, cut), count)[whole[parts.number] - 1]
    is_open: Bool[np.ndarray, " P"] = (
        share > np.where(is_closed, 0, in_key[parts.part - 1]) + MAX_OPEN
    )
    return is_open & (parts.number > total)


def _are_grown(
    total: int, key: PreparedKey, cut: SmallMap, parts: _Parts
) -> Bool[np.ndarray, " P"]:
    """Return which parts are regions that are closed in the key and much smaller there."""
    if not parts.region.size:
        return np.zeros(0, bool)
    is_closed, _, group = _find_groups(total, key, parts)
    sizes = np.bincount(cut.ravel(), minlength=int(parts.number.max()) + 1)[parts.number]
    area = np.bincount(group, sizes)[group]
    in_key = np.bincount(key.parent, key.drawing.area)[key.parent[parts.part - 1]]
    is_grown: Bool[np.ndarray, " P"] = is_closed & (area > MAX_GROWN * in_key)
    return is_grown & (parts.number > total)


def _find_groups(
    total: int, key: PreparedKey, parts: _Parts
) -> tuple[Bool[np.ndarray, " P"], np.ndarray, np.ndarray]:
    """Find the parts of one region that come from one whole region of the key.

    Returns:
        Which parts come from another than the first part of their region does: they are closed in
        the key. The first part of each group, and the group of each part.
    """
    origin = key.parent[parts.part - 1]
    first_of_region = np.flatnonzero(parts.number <= total)
    main = np.zeros(total + 1, np.int32)
    main[parts.region[first_of_region]] = origin[first_of_region]
    pairs = parts.region.astype(np.int64) * (int(origin.max(initial=0)) + 1) + origin
    _, first, group = np.unique(pairs, return_index=True, return_inverse=True)
    return origin != main[parts.region], first, group


def _open_shares(labels: SmallMap, count: int) -> Float32[np.ndarray, " N"]:
    """Return the share of each region's outline that is beside another, without a line."""
    open_: Float32[np.ndarray, " N"] = find_borders(labels, count).totals()
    open_ /= np.maximum(find_outlines(labels, count), 1)
    return open_
