"""Regions with the shape of one of a key's that the flow does not find, as posts of a fence."""

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from lineart.imaging.region_maps import find_boxes, find_runs, look_up
from lineart.keys.key import PreparedKey
from lineart.keys.runs import SmallMap, count_pairs

SAME = 0.85
"""Two shapes are the same if they have this share in common, with the box of one laid on that of
the other: pixels of both by those of any."""
LOST = 0.7
"""The flow has lost a region if less is in common with what it carries of any region of the key."""
SIDE_SHARE, SIDE_PX = 0.15, 2
"""Sides of boxes of the same shape differ by at most this share, or by so many pixels."""
MIN_AREA_PX = 40
"""Smaller regions have no shape to speak of."""
NEAREST = 8
"""Most regions of the key, the nearest ones of the size, that a region is compared with."""

Boxes = Int64[np.ndarray, "N 4"]
"""Left, top, right and bottom of regions; the last two are exclusive."""


def carry_same_shapes(
    labels: SmallMap,
    key: PreparedKey,
    carried: SmallMap,
    carried_parts: SmallMap,
    is_asked: Bool[np.ndarray, " N"],
) -> SmallMap:
    """Carry the parts of a key into regions of the same shape that the flow has lost.

    Of things that are alike, the flow takes one for another or falls between them.

    Args:
        labels: Regions of the drawing at the working size.
        key: The key, at the same size.
        carried: The key's regions, carried along the flow.
        carried_parts: The same, as `carry_parts` returns it.
        is_asked: Which regions matter.

    Returns:
        `carried_parts`; but in each lost region, the parts of the key's region of the same shape,
        whose box is laid on its own.
    """
    parent, is_several = np.append(np.int32(0), key.parent), np.bincount(key.parent) > 1
    common = _find_common(labels, look_up(parent, carried), key, len(is_asked))
    is_lost = is_asked & (common < LOST)
    if not is_several.any() or not is_lost.any():
        return carried_parts
    wholes, result = look_up(parent, key.drawing.labels), carried_parts.copy()
    boxes, of_key = (
        find_boxes(find_runs(one), one.shape[1], count)
        for one, count in ((labels, len(is_asked)), (wholes, len(is_several)))
    )
    of_key[0] = 0
    for region in np.flatnonzero(is_lost):
        likely = _find_likely(boxes[region], of_key)
        if not is_several[likely].any():
            continue
        here = _window(boxes[region])
        is_own = labels[here] == region
        shapes = [_fit(wholes[_window(of_key[one])] == one, is_own.shape) for one in likely]
        shares = [(is_own & one).sum() / (is_own | one).sum() for one in shapes]
        best = int(np.argmax(shares))
        if shares[best] >= SAME:
            there = _window(of_key[likely[best]])
            parts = np.where(wholes[there] == likely[best], key.drawing.labels[there], 0)
            np.copyto(result[here], _fit(parts, is_own.shape), where=is_own)
    return result


def _find_common(
    labels: SmallMap, carried: SmallMap, key: PreparedKey, count: int
) -> Float64[np.ndarray, " N"]:
    """Return the highest share that each region has in common with one carried from the key.

    Ink and regions without a shape have 1.
    """
    area = np.bincount(labels.ravel(), minlength=count)
    of_key = np.bincount(key.parent, key.drawing.area)
    found = count_pairs(labels, carried, len(of_key))
    shares = found.counts / (area[found.rows] + of_key[found.columns] - found.counts).clip(1)
    common = np.zeros(count)
    np.maximum.at(common, found.rows, np.where(found.columns > 0, shares, 0))
    common[area < MIN_AREA_PX] = 1
    common[0] = 1
    return common


def _find_likely(box: Int64[np.ndarray, " 4"], boxes: Boxes) -> Int64[np.ndarray, " C"]:
    """Return the nearest of the key's regions whose boxes have the size of a region's."""
    size, sizes = box[2:] - box[:2], boxes[:, 2:] - boxes[:, :2]
    most = np.maximum(SIDE_SHARE * size, SIDE_PX)
    is_likely = np.abs(sizes[:, 0] - size[0]) <= most[0]
    is_likely &= np.abs(sizes[:, 1] - size[1]) <= most[1]
    likely = np.flatnonzero(is_likely & (sizes[:, 0] > 0))
    away = boxes[likely] - box
    distance = (away[:, 0] + away[:, 2]) ** 2 + (away[:, 1] + away[:, 3]) ** 2
    nearest: Int64[np.ndarray, " C"] = likely[np.argsort(distance, kind="stable")[:NEAREST]]
    return nearest


def _window(box: Int64[np.ndarray, " 4"]) -> tuple[slice, slice]:
    left, top, right, bottom = (int(side) for side in box)
    return slice(top, bottom), slice(left, right)


def _fit(values: Shaped[np.ndarray, "h w"], shape: tuple[int, ...]) -> Shaped[np.ndarray, "H W"]:
    """Return numbers or flags at another size."""
    size = shape[1], shape[0]
    fitted = cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(fitted, values.dtype)
