"""Division of regions whose hints have several colours."""

import cv2
import numpy as np
from jaxtyping import Int32, Integer

from lineart.image import Size, fit_short_side
from lineart.imaging.region_hints import Colors, RegionHints
from lineart.imaging.region_maps import (
    Numbers,
    Pixels,
    RegionMap,
    fill_from_neighbours,
    look_up,
    shorten,
)
from lineart.imaging.regions import find_passages

DIVIDE_SIDE_PX = 540
"""Short side at which the regions of larger drawings are divided, unless that loses a colour."""
LEAST_PAPER = 192
"""Share of paper, of 255, from which a pixel of the smaller size is paper."""
MOST_LOST_PX = 24
"""Parts of a region that are lost at the smaller size are divided up to this distance from it."""
PASSAGES = (8 / 1080, 16 / 1080, 32 / 1080)
"""Widths of passages that part the colours of a region, as shares of the short side."""


def divide_regions(labels: RegionMap, hints: RegionHints) -> tuple[RegionMap, Colors]:
    """Divide each region with hints of several colours into one region for each colour.

    Hints spread along the paper at an even speed, and late through narrow passages, such as gaps.

    Returns:
        Regions, the new ones with numbers above the others, and the colour of each region with
        hints; the others are white.
    """
    colors = np.full((hints.highest + 1, 3), 255, np.uint8)
    colors[hints.owners] = hints.colors
    is_shared = np.bincount(hints.owners, minlength=hints.highest + 1) > 1
    if not is_shared.any():
        return labels, colors
    parts = np.flatnonzero(is_shared[hints.owners])
    number = np.zeros(len(hints.owners), np.int32)
    number[parts] = np.arange(1, len(parts) + 1, dtype=np.int32)
    is_seed = is_shared[hints.regions]
    pixels, seeds = hints.pixels[is_seed], number[hints.seeds[is_seed]]
    owners = np.concatenate((np.zeros(1, np.int32), hints.owners[parts]))
    inside = look_up(np.where(is_shared, np.arange(hints.highest + 1), 0).astype(np.int32), labels)
    found = _flood(labels, shorten(inside, hints.highest), (pixels, seeds), owners)
    # Their numbers are above those that they replace.
    numbers = np.concatenate(([0], hints.highest + np.arange(1, len(parts) + 1))).astype(np.int32)
    divided = np.maximum(labels, look_up(numbers, found))
    return divided, np.concatenate((colors, hints.colors[parts]))


def _flood(
    labels: RegionMap,
    inside: Numbers,
    marked: tuple[Pixels, Int32[np.ndarray, " P"]],
    owners: Int32[np.ndarray, " N"],
) -> Numbers:
    """Return the part to which each pixel of the shared regions belongs; elsewhere 0.

    Args:
        labels: Regions.
        inside: The same without regions that are not shared.
        marked: Hints in shared regions, and the part of each, from 1.
        owners: Region of each part.
    """
    pixels, seeds = marked
    size = _small_size(labels, pixels, seeds)
    kind = np.uint8 if len(owners) <= 256 else shorten(seeds, len(owners)).dtype
    small = _flood_small(labels, inside, (_shrink(pixels, labels, size), seeds), size)
    parts = _enlarge(small.astype(kind), (labels.shape[0], labels.shape[1]))
    # Along lines the small map may have another region, or none.
    parts.ravel()[pixels] = seeds
    is_right = look_up(owners, parts) == inside
    parts *= is_right
    wrong = np.flatnonzero(~is_right & (inside > 0))
    wrong = fill_from_neighbours(parts, wrong, within=inside, most=MOST_LOST_PX)
    # Parts too thin for the small map, far from all that it shows.
    any_part = np.zeros(int(owners.max()) + 1, np.int32)
    any_part[owners[seeds]] = seeds
    parts.ravel()[wrong] = any_part[inside.ravel()[wrong]]
    return parts


def _shrink(pixels: Pixels, labels: RegionMap, size: Size) -> Pixels:
    """Return the places of pixels in a smaller map."""
    rows, columns = np.divmod(pixels, labels.shape[1])
    height, width = labels.shape
    shrunk: Pixels = rows * size[0] // height * size[1] + columns * size[1] // width
    return shrunk


def _small_size(labels: RegionMap, pixels: Pixels, seeds: Int32[np.ndarray, " P"]) -> Size:
    """Return a size for dividing at which no colour is lost: small, if that loses none."""
    size = labels.shape[0], labels.shape[1]
    if min(size) <= DIVIDE_SIDE_PX:
        return size
    small = fit_short_side(size, DIVIDE_SIDE_PX)
    shrunk = _shrink(pixels, labels, small)
    seed_of = np.zeros(small[0] * small[1], seeds.dtype)
    seed_of[shrunk] = seeds
    is_left = np.zeros(int(seeds.max()) + 1, bool)
    is_left[seed_of[shrunk]] = True
    return small if is_left[seeds].all() else size


def _flood_small(
    labels: RegionMap,
    inside: Numbers,
    marked: tuple[Pixels, Int32[np.ndarray, " P"]],
    size: Size,
) -> Int32[np.ndarray, "h w"]:
    """Return the parts at a smaller size; arguments as for `_flood`, the hints at that size."""
    # Imported here: it takes longer to import than all else in a worker without paint.
    from skimage.segmentation import watershed

    area = (size[1], size[0])
    markers = np.zeros(size, np.int32)
    markers.ravel()[marked[0]] = marked[1]
    paper = cv2.resize(cv2.compare(labels, 0, cv2.CMP_GT), area, interpolation=cv2.INTER_AREA)
    is_paper = cv2.compare(paper, LEAST_PAPER, cv2.CMP_GT) & np.uint8(1)
    # Hints spread at an even speed; the narrower a passage, the later they pass it.
    late = np.zeros(size, np.uint8)
    for share in PASSAGES:
        late += find_passages(is_paper, max(1, round(share * min(size) / 2)))
    is_shared = cv2.resize(inside, area, interpolation=cv2.INTER_NEAREST) > 0
    is_open = is_paper.view(bool) & is_shared | (markers > 0)
    flooded: Int32[np.ndarray, "h w"] = watershed(late, markers, mask=is_open)
    return flooded


def _enlarge(parts: Integer[np.ndarray, "h w"], size: Size) -> Numbers:
    """Enlarge a map of parts, without its steps."""
    large: Numbers = cv2.resize(parts, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
    if parts.shape == size or parts.dtype == np.int32:
        return large
    smooth = cv2.medianBlur(large, 5)
    # The median of three parts may be a fourth one's number.
    low = cv2.erode(large, np.ones((5, 5), np.uint8))
    high = cv2.dilate(large, np.ones((5, 5), np.uint8))
    is_border = (smooth != large) & ((smooth == low) | (smooth == high)) & (low > 0)
    np.copyto(large, smooth, where=is_border)
    return large
