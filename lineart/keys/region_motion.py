"""Motion of regions: parts that no line separates share one affine motion, fitted to the flow."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from lineart.imaging.region_maps import find_boxes, find_runs, look_up
from lineart.keys.border_matrix import BorderMatrix
from lineart.keys.flow import Flow, target_positions
from lineart.keys.key import PreparedKey
from lineart.keys.runs import PairCounts, SmallMap, count_pairs, find_largest

MIN_OPEN = 0.5
"""Parts of a key are of one group if this share of the border between them has no line."""
FADE_PX = 6.0
"""Distance from lines over which a flow loses a factor of e of its weight."""
FAR_PX = 18.0
"""Farther pixels have no weight."""
SAMPLE_PX = 4
"""Motions are fitted to every pixel of this number in both directions."""
MIN_AREA_PX = 150
"""Smaller groups have the flow's motion."""
SCALES_PX = (12.0, 6.0, 3.0, 2.0)
"""A flow that differs by so much from the motion of its group has half of its weight; step by
step."""
APART_PX = 2.0
"""A motion explains a flow that differs from it by up to this; such a flow carries its pixel."""
STIFF, SPAN_PX = 5.0, 100.0
"""Weight, as that of so many samples, of no change of the flow over the span."""
MIN_INSIDE = 0.8
"""A part lies in the region that has this share of it."""
MIN_AGREEING = 0.1
"""A motion serves if this share of the weight is within `APART_PX` of it."""
FEW_AGREEING, FAR_APART_PX = 0.5, 8.0
"""A motion with a smaller share of the weight serves where the flow differs from it by more than
this: what is before the group moves otherwise, but parts of the group may, too."""
KNOWN_AGREEING = 0.3
"""A motion is known if this share of the weight is within `APART_PX` of it."""


@dataclass(frozen=True)
class CarriedKey:
    """A key of the shot, beside a drawing of its size."""

    key: PreparedKey
    """At the working size."""
    flow: Flow
    """From the drawing to the key."""

    @cached_property
    def regions(self) -> SmallMap:
        """The key's regions, carried along the flow."""
        carried: Float32[np.ndarray, "h w"] = cv2.remap(
            self.key.drawing.labels.astype(np.float32), target_positions(self.flow), None,
            cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return carried.astype(np.int32)

    @cached_property
    def group_of(self) -> Int32[np.ndarray, " N"]:
        """Group of each of the key's parts, by its number, from 1; 0 for ink."""
        return np.append(np.int32(0), _find_groups(self.key))


class CarriedParts(NamedTuple):
    """The key's regions, carried by the motions of their groups."""

    parts: SmallMap
    """0 where the group is hidden in the key."""
    is_hidden: Bool[np.ndarray, "h w"]
    """Where the motion of the group is known, and the key hides the group."""


class _Groups(NamedTuple):
    """Groups of a key as they are carried into regions; groups of one part are left out."""

    region: Int32[np.ndarray, " G"]
    group: Int32[np.ndarray, " G"]
    is_main: Bool[np.ndarray, " G"]
    """Whether most of the region comes from the group."""
    boxes: Int64[np.ndarray, "G 4"]
    """Box around it, that of the region if most of this is of it: left, top, right, bottom."""
    labels: SmallMap
    """Number of the entry, from 1, that each pixel is of; 0: none."""
    is_inside: Bool[np.ndarray, "h w"]
    """Whether the part at a pixel lies in the region there, by most of its pixels."""


def carry_parts(
    labels: SmallMap,
    depth: Float32[np.ndarray, "h w"],
    key: CarriedKey,
    is_asked: Bool[np.ndarray, " N"],
) -> CarriedParts:
    """Carry the parts of a key by the motion of their group.

    Parts without lines between them are a group: bands of a sky, or hair and its lights, but not
    hair and the sky that meet in a gap of a line. Far from lines the flow is that of the nearest
    lines, which may be of something before the group: a band of the sky would follow a wing.

    Args:
        labels: Regions of the drawing at the working size.
        depth: Distance to the nearest ink.
        key: The key.
        is_asked: Regions whose parts matter; the flow carries the others.

    Returns:
        The key's regions, carried by the motions of their groups where the flow differs from these.
        In a region, the group that has most of it takes also what the flow carries into it from
        other regions of the key, but for parts that lie in it, such as what is closed in the key
        and open here.
    """
    carried, flow, group_of = key.regions, key.flow, key.group_of
    origin, is_hidden = np.append(np.int32(0), key.key.parent), np.zeros(labels.shape, bool)
    groups = _find_carried_groups(labels, carried, group_of, is_asked)
    if not groups.region.size:
        return CarriedParts(carried, is_hidden)
    motions, agreeing = fit_motions(flow, groups.labels, depth, len(groups.region) + 1)
    origin_of = np.zeros(len(origin), np.int32)
    origin_of[group_of] = origin
    whole = look_up(origin, carried)
    parts, key_labels = carried.copy(), key.key.drawing.labels.astype(np.float32)
    for one in np.flatnonzero(agreeing[1:] >= MIN_AGREEING):
        region, group = groups.region[one], groups.group[one]
        left, top, right, bottom = (int(side) for side in groups.boxes[one])
        box = slice(top, bottom), slice(left, right)
        slope = motions[one + 1, 1:].T
        start = motions[one + 1, 0] + slope @ (left, top)
        apart = FAR_APART_PX if agreeing[one + 1] < FEW_AGREEING else APART_PX
        is_own = groups.labels[box] == one + 1
        if groups.is_main[one]:
            is_own |= (whole[box] != origin_of[group]) & ~groups.is_inside[box]
        is_own &= labels[box] == region
        is_taken = is_own & (_find_apart(flow[box], slope, start) > apart**2)
        is_known = agreeing[one + 1] >= KNOWN_AGREEING
        if not is_known and not is_taken.any():
            continue
        moved = carried[box]
        if is_taken.any():
            map_back = np.column_stack((slope + np.eye(2), start + np.array((left, top))))
            moved = cv2.warpAffine(
                key_labels, map_back, (right - left, bottom - top),
                flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
            ).astype(np.int32)  # fmt: skip
            moved = np.where(is_taken, moved, carried[box])
        # Something else hides the group there in the key.
        is_behind = is_own & look_up(group_of != group, moved)
        if is_known:
            is_hidden[box] |= is_behind & (moved > 0)
        np.copyto(parts[box], np.where(is_behind, 0, moved), where=is_taken)
    return CarriedParts(parts, is_hidden)


def follow_regions(
    labels: SmallMap,
    depth: Float32[np.ndarray, "h w"],
    key: CarriedKey,
    is_asked: Bool[np.ndarray, " N"],
    places: Int64[np.ndarray, " P"],
) -> Int32[np.ndarray, " P"]:
    """Return the part of a key at some places, by the motion of the group that a region comes from.

    Args:
        labels: Regions of the drawing at the working size.
        depth: Distance to the nearest ink.
        key: The key.
        is_asked: Regions with such places.
        places: Places in the flattened maps.

    Returns:
        The part; 0 where the motion is not known, or where the key shows something else.
    """
    samples = (slice(None, None, SAMPLE_PX),) * 2
    own, seen = labels[samples], look_up(key.group_of, key.regions[samples])
    found = count_pairs(own, seen, int(key.group_of.max()) + 1)
    shown = found.counts * (found.columns > 0)
    group, _ = find_largest(found.rows, found.columns, shown, len(is_asked))
    group[~is_asked] = 0
    fitted_to = np.zeros_like(labels)
    fitted_to[samples] = np.where((seen == group[own]) & (seen > 0), own, 0)
    motions, agreeing = fit_motions(key.flow, fitted_to, depth, len(is_asked))
    region, (y, x) = labels.ravel()[places], np.divmod(places, labels.shape[1])
    start, right, down = np.moveaxis(motions[region], 1, 0)
    moved = np.stack((x, y), axis=1) + start + right * x[:, np.newaxis] + down * y[:, np.newaxis]
    column, row = np.rint(moved).astype(np.int64).T
    height, width = labels.shape
    parts = key.key.drawing.labels[row.clip(0, height - 1), column.clip(0, width - 1)]
    is_shown = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    is_shown &= (key.group_of[parts] == group[region]) & (agreeing[region] >= KNOWN_AGREEING)
    return np.where(is_shown, parts, np.int32(0))


def _find_groups(key: PreparedKey) -> Int32[np.ndarray, " N"]:
    """Return the group of each part of a key, from 1: parts without lines between them."""
    borders, open_ = key.drawing.borders, key.drawing.open_borders
    # What touches on paper is a border there, too.
    place = np.searchsorted(_number_pairs(borders), _number_pairs(open_))
    is_one = open_.lengths >= MIN_OPEN * borders.lengths[place]
    is_one &= key.parent[open_.rows] == key.parent[open_.columns]
    pairs = is_one[is_one], (open_.rows[is_one], open_.columns[is_one])
    graph = csr_array(pairs, shape=(open_.size, open_.size))
    groups: Int32[np.ndarray, " N"] = connected_components(graph, directed=False)[1]
    return groups + 1


def _number_pairs(borders: BorderMatrix) -> Int64[np.ndarray, " C"]:
    numbers: Int64[np.ndarray, " C"]
    numbers = borders.rows.astype(np.int64) * borders.size + borders.columns
    return numbers


def _find_carried_groups(
    labels: SmallMap,
    carried: SmallMap,
    group_of: Int32[np.ndarray, " K"],
    is_asked: Bool[np.ndarray, " N"],
) -> _Groups:
    """Find the groups of several parts in each region that is asked for.

    Args:
        labels: Regions of the drawing.
        carried: The key's parts, carried along the flow.
        group_of: Group of each part.
        is_asked: Which regions are asked for.
    """
    found, count = count_pairs(labels, carried, len(group_of)), len(is_asked)
    columns = int(group_of.max()) + 1
    pairs, place = np.unique(found.rows * columns + group_of[found.columns], return_inverse=True)
    pixels = np.bincount(place, found.counts)
    region, group = np.divmod(pairs, columns)
    area = np.bincount(region, pixels, count)
    is_chosen = (np.bincount(group_of)[group] > 1) & (pixels >= MIN_AREA_PX)
    is_chosen &= (region > 0) & (group > 0) & is_asked[region]
    region, group, pixels = region[is_chosen], group[is_chosen], pixels[is_chosen]
    carried_groups, numbers = look_up(group_of, carried), np.zeros_like(labels)
    boxes = find_boxes(find_runs(labels), labels.shape[1], count)[region]
    for number, (left, top, right, bottom) in enumerate(boxes, 1):
        box = slice(top, bottom), slice(left, right)
        is_own = (labels[box] == region[number - 1]) & (carried_groups[box] == group[number - 1])
        numbers[box][is_own] = number
    is_inside = look_up(_find_main_regions(found, len(group_of)), carried) == labels
    is_main = pixels > 0.5 * area[region]
    own_boxes = find_boxes(find_runs(numbers), labels.shape[1], len(region) + 1)[1:]
    boxes = np.where(is_main[:, np.newaxis], boxes, own_boxes)
    return _Groups(
        region.astype(np.int32), group.astype(np.int32), is_main, boxes, numbers, is_inside
    )


def _find_apart(
    flow: Flow, slope: Float64[np.ndarray, "2 2"], start: Float64[np.ndarray, " 2"]
) -> Float32[np.ndarray, "h w"]:
    """Return the square of the distance between a flow and a motion, from its left upper corner."""
    height, width = flow.shape[:2]
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, np.newaxis]
    apart = np.zeros((height, width), np.float32)
    for axis in range(2):
        right, down = slope[axis].astype(np.float32)
        apart += (flow[:, :, axis] - (right * x + down * y + np.float32(start[axis]))) ** 2
    return apart


def _find_main_regions(found: PairCounts, count: int) -> Int32[np.ndarray, " K"]:
    """Return the region in which most of each carried part lies; 0 if there is none."""
    everywhere = np.bincount(found.columns, found.counts, count)
    main_region = np.zeros(count, np.int32)
    is_inside = found.counts >= MIN_INSIDE * everywhere[found.columns]
    main_region[found.columns[is_inside]] = found.rows[is_inside]
    return main_region


def fit_motions(
    flow: Flow, labels: SmallMap, depth: Float32[np.ndarray, "h w"], count: int
) -> tuple[Float64[np.ndarray, "N 3 2"], Float64[np.ndarray, " N"]]:
    """Fit an affine motion to the flow of each region; what differs much from it counts little.

    Args:
        flow: Flow.
        labels: Regions; 0 for pixels that no motion is fitted to.
        depth: Distance to the nearest ink.
        count: Number of regions, with 0.

    Returns:
        For each region the motion, x and y, at the corner of the picture, and its change over a
        pixel to the right and down; and the share of the flow, by weight, that it explains.

    Source:
        Weights of Cauchy's function: Holland, Welsch, "Robust regression using iteratively
        reweighted least-squares", 1977.
    """
    samples = (slice(None, None, SAMPLE_PX),) * 2
    is_near = (labels[samples] > 0) & (depth[samples] < FAR_PX)
    rows, columns = (one * SAMPLE_PX for one in np.nonzero(is_near))
    own, seen = labels[rows, columns], flow[rows, columns].astype(np.float64)
    weights = np.exp(depth[rows, columns].astype(np.float64) / -FADE_PX)
    terms = np.stack((np.ones(len(rows)), columns / SPAN_PX, rows / SPAN_PX), axis=1)
    total = np.maximum(np.bincount(own, weights, count), 1e-6)
    middle = np.stack([np.bincount(own, weights * terms[:, one], count) for one in (1, 2)], axis=1)
    terms[:, 1:] -= (middle / total[:, np.newaxis])[own]
    found, counting = np.zeros((count, 3, 2)), weights
    for scale in SCALES_PX:
        found = _solve(own, terms, seen, counting, count)
        left = seen - np.einsum("pt,ptv->pv", terms, found[own])
        apart = (left**2).sum(axis=1)
        counting = weights / (1 + apart / scale**2)
    explained = np.bincount(own, weights * (apart <= APART_PX**2), count) / total
    found[:, 1:] /= SPAN_PX
    found[:, 0] -= np.einsum("nt,ntv->nv", middle / total[:, np.newaxis] * SPAN_PX, found[:, 1:])
    return found, explained


def _solve(
    own: Int32[np.ndarray, " P"],
    terms: Float64[np.ndarray, "P 3"],
    seen: Float64[np.ndarray, "P 2"],
    weights: Float64[np.ndarray, " P"],
    count: int,
) -> Float64[np.ndarray, "N 3 2"]:
    """Return the weighted least squares of each region, with little change over a region."""
    values = np.concatenate((terms, seen), axis=1)
    sums = np.empty((count, 3, 5))
    for one in range(3):
        weighted = weights * terms[:, one]
        for other in range(5):
            sums[:, one, other] = np.bincount(own, weighted * values[:, other], count)
    squares = sums[:, :, :3] + np.diag((1e-6, STIFF, STIFF))
    solved: Float64[np.ndarray, "N 3 2"] = np.linalg.solve(squares, sums[:, :, 3:])
    return solved
