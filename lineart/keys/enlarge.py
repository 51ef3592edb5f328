"""Cuts of regions at the working size, applied to the drawing at full size."""

import math

import cv2
import numpy as np
from jaxtyping import Int64, UInt8

from lineart.imaging.region_maps import (
    RegionMap,
    count_pixels,
    fill_from_neighbours,
    find_boxes,
    find_runs,
    look_up,
)
from lineart.keys.border_matrix import find_outlines
from lineart.keys.runs import SmallMap

SMOOTH, MIN_SIGMA, MAX_SIGMA = 0.25, 1.0, 2.5
"""Standard deviation of the blur of a cut, in half widths of the part, and its bounds in pixels."""


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
    half_width = count_pixels(runs, total + 1)[1:] / np.maximum(find_outlines(cut, total), 1)
    sigmas = np.clip(SMOOTH * half_width, MIN_SIGMA, MAX_SIGMA)
    boxes = find_boxes(runs, cut.shape[1], total + 1)
    divided = labels.copy()
    np.copyto(divided, 0, where=look_up(is_cut[: count + 1], labels))
    highest = np.zeros(labels.shape, np.uint8)
    for part in np.flatnonzero(is_cut & (boxes[:, 2] > 0)):
        sigma = float(sigmas[part - 1])
        inner, outer = _windows(boxes[part], math.ceil(2 * sigma), cut.shape, labels.shape)
        share = _blur(cut[inner], int(part), sigma, highest[outer].shape)
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
