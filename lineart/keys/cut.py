"""Regions of a drawing cut where a key shows that they are several: lines may be open there."""

import cv2
import numpy as np
from jaxtyping import Bool, Int32

from lineart.imaging.region_maps import RegionMap, fill_from_neighbours, look_up
from lineart.keys.drawing import Drawing
from lineart.keys.flow import Flow, land
from lineart.keys.runs import SmallMap, count_pairs

WINDOW_PX = 7
"""A marker is a pixel around which a window of this size lies in one part of the key."""
LEAST_MARKER_PX, LEAST_MARKER_SHARE = 60, 0.01
"""Parts with fewer markers, in pixels or as a share of the region, are not cut off."""


def cut_regions(
    drawing: Drawing, key: Drawing, parent: Int32[np.ndarray, " N"], flow: Flow
) -> SmallMap:
    """Cut regions of a drawing into the parts that a region of the key has by its colours.

    The parts are carried along the flow. What lies well inside one of them marks it, and the marks
    are flooded from the depth of the paper to the lines: the cut is where the paper is narrowest.

    Args:
        drawing: Drawing to cut.
        key: The key, its regions split by colour, at the same size.
        parent: Region of the key's drawing of each region of the key.
        flow: Flow from the drawing to the key.

    Returns:
        The drawing's regions at the working size; new ones have numbers above the others.
    """
    is_several = np.bincount(parent) > 1
    labels = drawing.labels
    if not is_several.any() or not drawing.total:
        return labels
    carried = cv2.remap(
        key.labels.astype(np.float32), land(flow), None, cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    part = carried.astype(np.int32)
    origin = np.concatenate(([0], parent)).astype(np.int32)[part]
    main = _main_regions(labels, origin, drawing.total, len(is_several))
    is_cut = (main > 0) & is_several[main]
    if not is_cut.any():
        return labels
    window = np.ones((WINDOW_PX, WINDOW_PX), np.uint8)
    is_inside = cv2.erode(carried, window) == cv2.dilate(carried, window)
    marks = np.where(is_inside & is_cut[labels] & (origin == main[labels]), part, 0)
    return _flood(drawing, marks, is_cut)


def _main_regions(
    labels: SmallMap, origin: SmallMap, count: int, origins: int
) -> Int32[np.ndarray, " N"]:
    """Return the key's region that most of each region comes from, or 0; entry 0 is ink."""
    region, source, pixels = count_pairs(labels, origin, origins)
    area = np.bincount(region, pixels, count + 1)
    is_most = (pixels > 0.5 * area[region]) & (region > 0)
    main = np.zeros(count + 1, np.int32)
    main[region[is_most]] = source[is_most]
    return main


def _flood(drawing: Drawing, marks: SmallMap, is_cut: Bool[np.ndarray, " N"]) -> SmallMap:
    """Flood each region from its marks, if it has those of several parts."""
    # Imported here: it takes longer to import than all else in a worker without keys.
    from skimage.segmentation import watershed

    labels = drawing.labels
    parts = int(marks.max(initial=0)) + 1
    region, part, pixels = count_pairs(labels, marks, parts)
    area = np.bincount(region, pixels, len(is_cut))
    least = np.maximum(LEAST_MARKER_PX, LEAST_MARKER_SHARE * area[region])
    is_large = (part > 0) & (pixels >= least)
    how_many = np.bincount(region[is_large], minlength=len(is_cut))
    is_large &= how_many[region] > 1
    if not is_large.any():
        return labels
    owner, part = region[is_large].astype(np.int32), part[is_large]
    # The first part of a region keeps its number.
    is_first = np.diff(owner, prepend=-1) != 0
    number = np.where(is_first, owner, drawing.total + np.cumsum(~is_first)).astype(np.int32)
    pairs, places = owner.astype(np.int64) * parts + part, np.flatnonzero(marks)
    marked = labels.ravel()[places].astype(np.int64) * parts + marks.ravel()[places]
    found = np.searchsorted(pairs, marked).clip(0, len(pairs) - 1)
    is_seed = pairs[found] == marked
    seeds = np.zeros(labels.shape, np.int32)
    seeds.ravel()[places[is_seed]] = number[found[is_seed]]
    is_open = np.zeros(len(is_cut), bool)
    is_open[owner] = True
    # The flood starts at the rims of the marks; all but them is done.
    inner = cv2.erode((seeds > 0).view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    band = is_open[labels] & ~inner
    flooded = watershed(-drawing.depth, np.where(band, seeds, 0), mask=band)
    result: SmallMap = np.where(band & (flooded > 0), flooded, labels).astype(np.int32)
    np.copyto(result, seeds, where=inner)
    return result


def enlarge_cut(labels: RegionMap, small: SmallMap, cut: SmallMap) -> RegionMap:
    """Apply a cut at the working size to the regions at full size.

    Args:
        labels: Regions of the drawing at full size.
        small: The same at the working size.
        cut: Regions at the working size after the cut.
    """
    count = int(small.max(initial=0))
    is_cut = np.zeros(count + 1, bool)
    is_cut[small[cut > count]] = True
    owner = np.arange(int(cut.max()) + 1, dtype=np.int32)
    owner[cut] = small
    size = (labels.shape[1], labels.shape[0])
    large = cv2.resize(cut, size, interpolation=cv2.INTER_NEAREST)
    is_inside = look_up(is_cut, labels)
    is_lost = is_inside & (look_up(owner, large) != labels)
    divided = labels.copy()
    np.copyto(divided, large, where=is_inside)
    divided[is_lost] = 0
    fill_from_neighbours(divided, np.flatnonzero(is_lost), within=labels)
    np.copyto(divided, labels, where=divided == 0)
    return divided
