"""Division of regions whose hints have several colours."""

import math

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, Integer, UInt8

from lineart.image import Size, fit_short_side
from lineart.imaging.hints.by_region import Colors, RegionHints
from lineart.imaging.paint.spreading import LATE_STEPS, Paper, spread_marks
from lineart.imaging.region_maps import (
    Numbers,
    Pixels,
    RegionMap,
    fill_from_neighbours,
    look_up,
    shorten,
)
from lineart.imaging.regions import close_gaps

Borders = UInt8[np.ndarray, "BorderH BorderW"]
"""How likely colours meet at a pixel where no line is, 0..255, at a size of its own."""

DIVIDE_SIDE_PX = 180
"""Short side at which the regions of larger drawings are divided; twice, four times as much ...
where that loses a colour."""
GAP_SIDE_PX = 360
"""Short side, at least, at which gaps of larger drawings are searched."""
SHRUNK_PAPER = 192
"""Share of paper, of 255, above which a pixel of the smaller size is paper."""
MAX_LOST_PX = 24
"""Parts of a region that are lost at the smaller size are divided up to this distance from it."""
WIDE_GAP_SHARE = 32 / 1080
"""Largest gap of a line that parts the colours of a region, as a share of the short side."""
BORDER_STEPS = 24
"""Steps more to a pixel that surely is a border of colours."""
DEEP_SHARE = 0.5
"""Hints at least so deep in the paper, as a share of the deepest of their region, are deep."""


def divide_regions(
    labels: RegionMap, hints: RegionHints, borders: Borders | None = None
) -> tuple[RegionMap, Colors]:
    """Divide each region with hints of several colours into one region for each colour.

    Hints spread along the paper, see `spread_marks`, late through gaps of lines that are too wide
    to be closed, and later the more probable a border is.

    Args:
        labels: Regions of a drawing.
        hints: Hints in them.
        borders: Where colours may meet on bare paper; None: no pixel is likelier than another.

    Returns:
        Regions, the new ones with numbers above the others, and the colour of each region with
        hints; the others are white.
    """
    colors = np.full((hints.highest_region + 1, 3), 255, np.uint8)
    colors[hints.color_regions] = hints.colors
    is_shared = np.bincount(hints.color_regions, minlength=hints.highest_region + 1) > 1
    if not is_shared.any():
        return labels, colors
    parts = np.flatnonzero(is_shared[hints.color_regions])
    number = np.zeros(len(hints.color_regions), np.int32)
    number[parts] = np.arange(1, len(parts) + 1, dtype=np.int32)
    is_seed = is_shared[hints.regions]
    pixels, seeds = hints.pixels[is_seed], number[hints.color_index[is_seed]]
    owners = np.concatenate((np.zeros(1, np.int32), hints.color_regions[parts]))
    short = shorten(labels, hints.highest_region)
    inside = look_up(
        np.where(is_shared, np.arange(hints.highest_region + 1), 0).astype(short.dtype), short
    )
    found = _flood(short, inside, (pixels, seeds), owners, borders)
    # Their numbers are above those that they replace.
    numbers = np.concatenate(([0], hints.highest_region + np.arange(1, len(parts) + 1))).astype(
        np.int32
    )
    divided = np.maximum(labels, look_up(numbers, found))
    return divided, np.concatenate((colors, hints.colors[parts]))


def _flood(
    labels: Numbers,
    inside: Numbers,
    marked: tuple[Pixels, Int32[np.ndarray, " P"]],
    owners: Int32[np.ndarray, " N"],
    borders: Borders | None,
) -> Numbers:
    """Return the part to which each pixel of the shared regions belongs; elsewhere 0.

    Args:
        labels: Regions.
        inside: The same without regions that are not shared.
        marked: Hints in shared regions, and the part of each, from 1.
        owners: Region of each part.
        borders: As for `divide_regions`.
    """
    pixels, seeds = marked
    size = _small_size(labels, pixels, seeds)
    places = _shrink(pixels, labels, size)
    marks = np.zeros(size, np.int32)
    marks.ravel()[places] = seeds
    paper = _shrink_paper(labels, inside, marks > 0)
    if borders is not None:
        paper = paper._replace(delays=paper.delays + _delay_at(borders, size))
    small = spread_marks(marks, _find_reach(paper, places, owners[seeds]), paper)
    short = small.astype(np.uint8) if len(owners) <= 256 else shorten(small, len(owners))
    parts = _enlarge(short, (labels.shape[0], labels.shape[1]))
    # Along lines the small map may have another region, or none.
    parts.ravel()[pixels] = seeds
    is_right = look_up(owners, parts) == inside
    parts *= is_right
    wrong = np.flatnonzero(~is_right & (inside > 0))
    wrong = fill_from_neighbours(parts, wrong, within=inside, most=MAX_LOST_PX)
    # Parts too thin for the small map, far from all that it shows.
    any_part = np.zeros(int(owners.max()) + 1, np.int32)
    any_part[owners[seeds]] = seeds
    parts.ravel()[wrong] = any_part[inside.ravel()[wrong]]
    return parts


def _find_reach(
    paper: Paper, places: Pixels, rooms: Int32[np.ndarray, " P"]
) -> Float32[np.ndarray, "h w"]:
    """Return the depth of the paper for which each hint is meant: no end for the deep ones.

    A hint beside a line, as of a shadow, does not fill the middle of a region that has one of its
    own; deep ones share it.

    Args:
        paper: Paper at the smaller size.
        places: Places of hints there.
        rooms: Region of each.
    """
    depth = paper.depth.ravel()[places]
    deepest = np.zeros(int(rooms.max()) + 1, np.float32)
    np.maximum.at(deepest, rooms, depth)
    reach = np.zeros(paper.depth.shape, np.float32)
    reach.ravel()[places] = np.where(depth >= DEEP_SHARE * deepest[rooms], np.inf, depth)
    return reach


def _shrink(pixels: Pixels, labels: Numbers, size: Size) -> Pixels:
    """Return the places of pixels in a smaller map."""
    rows, columns = np.divmod(pixels, labels.shape[1])
    height, width = labels.shape
    shrunk: Pixels = rows * size[0] // height * size[1] + columns * size[1] // width
    return shrunk


def _small_size(labels: Numbers, pixels: Pixels, seeds: Int32[np.ndarray, " P"]) -> Size:
    """Return a size for dividing at which no colour is lost: small, if that loses none."""
    size = labels.shape[0], labels.shape[1]
    side = DIVIDE_SIDE_PX
    while side < min(size):
        small = fit_short_side(size, side)
        shrunk = _shrink(pixels, labels, small)
        seed_of = np.zeros(small[0] * small[1], seeds.dtype)
        seed_of[shrunk] = seeds
        is_left = np.zeros(int(seeds.max()) + 1, bool)
        is_left[seed_of[shrunk]] = True
        if is_left[seeds].all():
            return small
        side *= 2
    return size


def _shrink_paper(labels: Numbers, inside: Numbers, is_marked: Bool[np.ndarray, "h w"]) -> Paper:
    """Return the paper of the shared regions at a smaller size.

    Args:
        labels: Regions.
        inside: The same without regions that are not shared.
        is_marked: Where hints are, at the smaller size.
    """
    size = is_marked.shape
    area = (size[1], size[0])
    is_paper = _shrink_to_paper(labels, size)
    depth = cv2.distanceTransform(is_paper, cv2.DIST_L2, 5)
    is_shared = cv2.resize(inside, area, interpolation=cv2.INTER_NEAREST) > 0
    is_open = is_paper.view(bool) & is_shared | is_marked
    return Paper(is_open, depth, _find_barriers(labels, size) * np.int32(LATE_STEPS))


def _delay_at(borders: Borders, size: Size) -> Int32[np.ndarray, "h w"]:
    """Return the steps by which borders delay hints, in a map of another size."""
    share = cv2.resize(borders, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    delays: Int32[np.ndarray, "h w"]
    delays = np.rint(share * np.float32(BORDER_STEPS / 255)).astype(np.int32)
    return delays


def _shrink_to_paper(labels: Numbers, size: Size) -> UInt8[np.ndarray, "h w"]:
    """Return 1 where enough of a pixel of a smaller map is paper, else 0."""
    share = cv2.compare(labels, 0, cv2.CMP_GT)
    share = cv2.resize(share, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    is_paper: UInt8[np.ndarray, "h w"] = cv2.compare(share, SHRUNK_PAPER, cv2.CMP_GT)
    return is_paper & np.uint8(1)


def _find_barriers(labels: Numbers, size: Size) -> UInt8[np.ndarray, "h w"]:
    """Return 1 at the gaps of lines in a smaller map, else 0.

    They are searched at a larger one, because narrow ends of regions are lost.
    """
    wide = labels.shape[0], labels.shape[1]
    if min(wide) > GAP_SIDE_PX:
        wide = max(size, fit_short_side(wide, GAP_SIDE_PX))
    # Discs of one size: smaller ones find no more that part colours, in twice the time.
    paper = _shrink_to_paper(labels, wide)
    gaps = close_gaps(paper, WIDE_GAP_SHARE * min(wide), shares=(1.0,))
    if wide == size:
        return gaps
    # As wide as the step to the smaller map, so that none is lost.
    step = math.ceil(wide[0] / size[0])
    gaps = cv2.dilate(gaps, np.ones((step, step), np.uint8))
    barriers: UInt8[np.ndarray, "h w"]
    barriers = cv2.resize(gaps, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
    return barriers


def _enlarge(parts: Integer[np.ndarray, "h w"], size: Size) -> Numbers:
    """Enlarge a map of parts, without its steps."""
    if parts.dtype == np.int32:
        large: Numbers = cv2.resize(parts, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
        return large
    # Along the lines, where the small map has no paper, the parts beside it.
    beside = cv2.dilate(parts, np.ones((3, 3), np.uint8))
    parts = cv2.copyTo(parts, cv2.compare(parts, 0, cv2.CMP_GT), beside)
    while parts.shape != size:
        # Twice as large each time: a median of 5 x 5 pixels smooths steps of two.
        area = min(size[1], 2 * parts.shape[1]), min(size[0], 2 * parts.shape[0])
        parts = _smooth(cv2.resize(parts, area, interpolation=cv2.INTER_NEAREST))
    return parts


def _smooth(parts: Integer[np.ndarray, "h w"]) -> Numbers:
    low = cv2.erode(parts, np.ones((5, 5), np.uint8))
    high = cv2.dilate(parts, np.ones((5, 5), np.uint8))
    meet = cv2.compare(low, high, cv2.CMP_LT) & cv2.compare(low, 0, cv2.CMP_GT)
    left, top, width, height = cv2.boundingRect(meet)
    if not width:
        return parts
    own = slice(max(0, top - 2), top + height + 2), slice(max(0, left - 2), left + width + 2)
    smooth = cv2.medianBlur(parts[own], 5)
    # The median of three parts may be a fourth one's number.
    is_part = cv2.compare(smooth, low[own], cv2.CMP_EQ) | cv2.compare(smooth, high[own], cv2.CMP_EQ)
    smoothed: Numbers = parts.copy()
    smoothed[own] = cv2.copyTo(smooth, is_part & meet[own], parts[own])
    return smoothed
