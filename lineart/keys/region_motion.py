"""Motion of regions: parts without lines between them move as the whole region does."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

from lineart.imaging.region_maps import count_pixels, find_boxes, find_runs, look_up
from lineart.keys.flow import Flow
from lineart.keys.key import PreparedKey
from lineart.keys.runs import PairCounts, SmallMap, count_pairs

FADE_PX = 6.0
"""Distance from lines over which a flow loses a factor of e of its weight."""
FAR_PX = 18.0
"""Farther pixels have no weight."""
SAMPLE_PX = 4
"""Motions are fitted to every pixel of this number in both directions."""
MIN_AREA_PX = 150
"""Smaller regions have the flow's motion."""
SCALES_PX = (12.0, 6.0, 3.0, 2.0)
"""A flow that differs by so much from the motion of its region has half of its weight; step by
step."""
APART_PX = 2.0
"""A motion explains a flow that differs from it by up to this."""
STIFF, SPAN_PX = 5.0, 100.0
"""Weight, as that of so many samples, of no change of the flow over the span."""
MIN_INSIDE = 0.8
"""A part lies in the region that has this share of it."""
MIN_AGREEING = 0.5
"""A motion serves if this share of the weight is within `APART_PX` of it."""


def carry_parts(
    labels: SmallMap,
    depth: Float32[np.ndarray, "h w"],
    key: PreparedKey,
    flow: Flow,
    carried: SmallMap,
    is_settled: Bool[np.ndarray, " N"],
) -> SmallMap:
    """Carry the parts of each region of the key by the motion of the whole region.

    Far from lines the flow is that of the nearest lines, which may be of something before the
    region: a band of the sky would follow a wing.

    Args:
        labels: Regions of the drawing at the working size.
        depth: Distance to the nearest ink.
        key: The key, at the same size.
        flow: Flow from the drawing to the key.
        carried: The key's regions, carried along the flow.
        is_settled: Regions whose parts do not matter any more; the flow carries them.

    Returns:
        The key's regions, carried by the motions of whole regions, but for other parts that the
        flow carries into a region, such as what is closed in the key and open here.
    """
    origin = np.concatenate((np.zeros(1, np.int32), key.parent))
    found = count_pairs(labels, carried, len(origin))
    count = len(is_settled)
    runs = find_runs(labels)
    main_part = _find_main_parts(found, origin, count)
    main_part[is_settled | (count_pixels(runs, count) < MIN_AREA_PX)] = 0
    if not main_part.any():
        return carried
    several = np.where(main_part > 0, np.arange(count), 0).astype(np.int32)
    motions, is_fit = fit_motions(flow, look_up(several, labels), depth, count)
    main_region = _find_main_regions(found, len(origin))
    whole = look_up(origin, carried)
    parts, key_labels = carried.copy(), key.drawing.labels.astype(np.float32)
    boxes = find_boxes(runs, labels.shape[1], count)
    for region in np.flatnonzero(is_fit & (main_part > 0)):
        left, top, right, bottom = (int(side) for side in boxes[region])
        box = slice(top, bottom), slice(left, right)
        slope = motions[region, 1:].T + np.eye(2)
        start = motions[region, 0] + slope @ (left, top)
        moved = cv2.warpAffine(
            key_labels, np.column_stack((slope, start)), (right - left, bottom - top),
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.int32)  # fmt: skip
        is_taken = (labels[box] == region) & (origin[moved] == main_part[region])
        is_taken &= (main_region[carried[box]] != region) | (whole[box] == main_part[region])
        np.copyto(parts[box], moved, where=is_taken)
    return parts


def _find_main_parts(
    found: PairCounts, origin: Int32[np.ndarray, " K"], count: int
) -> Int32[np.ndarray, " N"]:
    """Return the key's region of several parts that most of each region comes from, or 0.

    Args:
        found: How many pixels of each region are carried from each part.
        origin: The key's region of each part.
        count: Number of regions, with 0.
    """
    is_several = np.bincount(origin) > 1
    is_several[0] = False
    columns = len(is_several)
    pairs, place = np.unique(found.rows * columns + origin[found.columns], return_inverse=True)
    pixels = np.bincount(place, found.counts)
    rows, whole = np.divmod(pairs, columns)
    area = np.bincount(found.rows, found.counts, count)
    is_main = (pixels > 0.5 * area[rows]) & is_several[whole] & (rows > 0)
    main = np.zeros(count, np.int32)
    main[rows[is_main]] = whole[is_main]
    return main


def _find_main_regions(found: PairCounts, count: int) -> Int32[np.ndarray, " K"]:
    """Return the region in which most of each carried part lies; 0 if there is none."""
    everywhere = np.bincount(found.columns, found.counts, count)
    main_region = np.zeros(count, np.int32)
    is_inside = found.counts >= MIN_INSIDE * everywhere[found.columns]
    main_region[found.columns[is_inside]] = found.rows[is_inside]
    return main_region


def fit_motions(
    flow: Flow, labels: SmallMap, depth: Float32[np.ndarray, "h w"], count: int
) -> tuple[Float64[np.ndarray, "N 3 2"], Bool[np.ndarray, " N"]]:
    """Fit an affine motion to the flow of each region; what differs much from it counts little.

    Args:
        flow: Flow.
        labels: Regions; 0 for pixels that no motion is fitted to.
        depth: Distance to the nearest ink.
        count: Number of regions, with 0.

    Returns:
        For each region the motion, x and y, at the corner of the picture, and its change over a
        pixel to the right and down; and whether that explains most of the flow.

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
    is_fit = np.bincount(own, weights * (apart <= APART_PX**2), count) >= MIN_AGREEING * total
    found[:, 1:] /= SPAN_PX
    found[:, 0] -= np.einsum("nt,ntv->nv", middle / total[:, np.newaxis] * SPAN_PX, found[:, 1:])
    return found, is_fit


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
