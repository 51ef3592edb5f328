"""Colours of a key: its regions split into parts of one colour."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int16, Int32, Int64, UInt8

from lineart.image import Frame, brightest_channel, pack_colors, unpack_colors
from lineart.imaging.region_maps import RegionMap, fill_from_neighbours
from lineart.keys.drawing import shrink_regions
from lineart.keys.runs import SmallMap

TOLERANCE = 6
"""Levels by which neighbouring pixels of one colour differ at most, in any channel: noise of a
JPEG, or a gradient."""
MIN_PART_PX, MIN_PART_SHARE, FEW_PART_PX = 24, 0.03, 4
"""Least pixels of a colour in a region, at the working size: with fewer, it gives way to the main
colour. In small regions, such as an iris, it is this share of the region, and at least the third
number."""
MIN_EVEN = 0.15
"""Fewer even places than this share of a region are no more than a highlight."""
MIN_MODE = 0.1
"""A colour with a smaller share of its part is one of a gradient."""
PURE = 0.9
"""A colour with at least this share of its part is exact; others may be a near one with noise."""

EDGE_PX = 3
"""Paper that is not white is the soft edge of a line up to this distance from ink."""
LINE_LEVELS, PENCIL_LEVELS = 48, 32
"""A picture has its lines if most of the ink's levels differ by at most the first number from the
drawing's, or by the second from those of the drawing over paint."""

BESIDE_PX = 1.3
"""Pixels nearer to ink, at full size, may be mixed with a line."""
SAMPLE = 256
"""Pixels of a region, about, by which the colour below its lines is found."""

UNKNOWN = -1
"""Number of the colour of a region whose colour nobody has given."""


@dataclass(frozen=True)
class RegionColors:
    """Regions of a key, each of one colour."""

    labels: RegionMap
    """Regions, numbered from 1 without gaps; a region that has several colours is several."""
    parent: Int32[np.ndarray, " N"]
    """The drawing's region that each is a part of; entry r is region r + 1."""
    index: Int32[np.ndarray, " N"]
    """Number of the colour of each, or `UNKNOWN`."""
    palette: UInt8[np.ndarray, "K 3"]
    is_paper: Bool[np.ndarray, " N"]
    """Which nobody has coloured: they are white, as paper around a figure at the border."""

    def without_paper(self) -> "RegionColors":
        """Return the same with these regions unknown."""
        return replace(self, index=np.where(self.is_paper, np.int32(UNKNOWN), self.index))


def split_by_color(
    labels: RegionMap,
    colors: Frame,
    paper: UInt8[np.ndarray, "h w"],
    line: Frame | None = None,
) -> RegionColors:
    """Split the regions of a drawing by the colours of its finished picture.

    Colours are those of even places: away from lines, and from borders between colours. A gradient
    counts as one colour.

    Args:
        labels: Regions of the drawing, numbered from 1; a number without pixels has no colour.
        colors: Picture of the same size, with or without lines.
        paper: 1 = paper, at the working size, which is that of the result.
        line: The drawing on white paper, if its lines are in the picture: what they darken in thin
            regions is lightened again.
    """
    count = int(labels.max(initial=0))
    small = shrink_regions(labels, paper)
    parts = _even_parts(small, colors)
    region, chief, leader = _choose_colors(parts, np.bincount(small.ravel(), minlength=count + 1))
    missing = np.setdiff1d(np.arange(1, count + 1), region)
    missing = missing[np.bincount(labels.ravel(), minlength=count + 1)[missing] > 0]
    region = np.concatenate((region, missing)).astype(np.int32)
    thin = median_colors(
        labels, colors, missing, line, unpack_colors(np.unique(parts.shade[leader]))
    )
    shade = _merge_noise(
        np.concatenate((parts.shade[leader], thin)),
        np.concatenate((parts.area[leader], np.zeros(len(missing), np.int64))),
        np.concatenate((parts.is_pure[leader], np.zeros(len(missing), bool))),
    )
    order = np.lexsort((shade, region))
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    split = _number_parts(small, parts, chief, number, region)
    values, index = np.unique(shade[order], return_inverse=True)
    return RegionColors(
        split,
        region[order],
        index.astype(np.int32),
        unpack_colors(values),
        np.zeros(len(order), bool),
    )


def least_part_px(areas: np.ndarray) -> Float64[np.ndarray, " N"]:
    """Return the least number of pixels of a part of regions of these areas, at working size."""
    least: Float64[np.ndarray, " N"] = np.clip(MIN_PART_SHARE * areas, FEW_PART_PX, MIN_PART_PX)
    return least


class _Parts(NamedTuple):
    """Connected places of even colour; entry p is part p + 1."""

    labels: SmallMap
    region: Int32[np.ndarray, " P"]
    area: Int64[np.ndarray, " P"]
    shade: Int64[np.ndarray, " P"]
    """The colour, as one number."""
    is_pure: Bool[np.ndarray, " P"]
    """Whether nearly all of its pixels have exactly this colour."""


def _even_parts(labels: SmallMap, colors: Frame) -> _Parts:
    """Find the connected even places of each region at the working size."""
    height, width = labels.shape
    is_even, shades = _is_even(colors, labels), colors
    if colors.shape[:2] != labels.shape:
        is_even, shades = (
            cv2.resize(one, (width, height), interpolation=cv2.INTER_NEAREST)
            for one in (is_even, colors)
        )
    is_even = is_even * (labels > 0)
    # Regions that touch each other, where a gap is closed.
    for one, other, even in (
        (labels[:, 1:], labels[:, :-1], is_even[:, 1:]),
        (labels[1:], labels[:-1], is_even[1:]),
    ):
        even[(one != other) & (other != 0)] = 0
    count, found = cv2.connectedComponents(is_even, connectivity=4, ltype=cv2.CV_32S)
    places = np.flatnonzero(is_even)
    part = found.ravel()[places] - 1
    region = np.zeros(count - 1, np.int32)
    region[part] = labels.ravel()[places]
    area = np.bincount(part, minlength=count - 1)
    shade, is_pure = _find_shades(part, shades.reshape(-1, 3)[places], area)
    return _Parts(found, region, area, shade, is_pure)


def _is_even(colors: Frame, labels: SmallMap) -> UInt8[np.ndarray, "H W"]:
    """Return 1 where the pixels of a window of 3 x 3 are alike, but for the noise of the picture.

    Noise is the median difference on paper: that of JPEG, or of grain.
    """
    window = np.ones((3, 3), np.uint8)
    ranges = cv2.subtract(cv2.dilate(colors, window), cv2.erode(colors, window))
    widest = brightest_channel(ranges)
    height, width = labels.shape
    small = cv2.resize(widest, (width, height), interpolation=cv2.INTER_NEAREST)
    on_paper = small[labels > 0]
    noise = float(np.median(on_paper)) if on_paper.size else 0.0
    is_even: UInt8[np.ndarray, "H W"] = (widest <= TOLERANCE + noise).view(np.uint8)
    return is_even


def _find_shades(
    part: Int32[np.ndarray, " Q"], colors: UInt8[np.ndarray, "Q 3"], area: Int64[np.ndarray, " P"]
) -> tuple[Int64[np.ndarray, " P"], Bool[np.ndarray, " P"]]:
    """Return the most frequent colour of each part, or in a gradient that nearest to the mean.

    Returns:
        The colours, and whether nearly all pixels of a part have its colour.
    """
    pairs, counts = np.unique(part.astype(np.int64) << 24 | pack_colors(colors), return_counts=True)
    owner, shade = pairs >> 24, pairs & 0xFFFFFF
    values = unpack_colors(shade).astype(np.float64)
    sums = [np.bincount(owner, counts * values[:, axis], len(area)) for axis in range(3)]
    mean = np.stack(sums, axis=1) / np.maximum(area, 1)[:, np.newaxis]
    apart = np.abs(values - mean[owner]).max(axis=1)
    is_common = counts >= MIN_MODE * area[owner]
    best = np.zeros(len(area), np.int64)
    # The last write to a part remains: the most common colour, or else that nearest to the mean.
    order = np.lexsort((np.where(is_common, counts, -apart), is_common))
    best[owner[order]] = shade[order]
    share = np.zeros(len(area))
    share[owner[order]] = counts[order]
    return best, share >= PURE * area


def _choose_colors(
    parts: _Parts, areas: Int64[np.ndarray, " _"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the colours of each region, of those that have places of even colour.

    Args:
        parts: Even places.
        areas: Pixels of each region, entry 0 of ink.

    Returns:
        For each colour of each region the region; for each part the index of its colour in that
        list, or -1 for parts too small; and for each colour the largest part that has it.
    """
    chief = np.full(len(parts.area), -1, np.int64)
    regions: list[int] = []
    leaders: list[int] = []
    least = least_part_px(areas)
    order = np.argsort(parts.region, kind="stable")
    bounds = np.searchsorted(parts.region[order], np.arange(1, len(areas) + 1))
    for region in range(1, len(areas)):
        own = order[bounds[region - 1] : bounds[region]]
        if parts.area[own].sum() < min(MIN_PART_PX, MIN_EVEN * areas[region]):
            continue
        groups = _group(parts.shade[own], parts.area[own])
        sizes = np.bincount(groups, parts.area[own])
        for group in range(len(sizes)):
            if sizes[group] >= least[region] or sizes[group] == sizes.max():
                members = own[groups == group]
                chief[members] = len(regions)
                regions.append(region)
                leaders.append(int(members[parts.area[members].argmax()]))
    return np.array(regions, np.int32), chief, np.array(leaders, np.int64)


def _group(shades: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Number the groups of parts whose colours are alike, by the largest part of each."""
    values = unpack_colors(shades).astype(np.int16)
    groups = np.zeros(len(shades), np.int64)
    leaders: list[int] = []
    for part in np.argsort(-areas, kind="stable"):
        near = np.abs(values[leaders] - values[part]).max(axis=1) <= TOLERANCE
        if not near.any():
            groups[part] = len(leaders)
            leaders.append(int(part))
        else:
            groups[part] = int(near.argmax())
    return groups


def _merge_noise(shades: np.ndarray, areas: np.ndarray, is_pure: np.ndarray) -> np.ndarray:
    """Replace colours that noise has changed by the colour they are near to, in any region."""
    values, number = np.unique(shades, return_inverse=True)
    area = np.bincount(number, areas, len(values))
    pure = np.bincount(number, is_pure, len(values)) > 0
    levels = unpack_colors(values).astype(np.int16)
    chief = np.arange(len(values))
    leaders: list[int] = []
    for one in np.lexsort((-area, ~pure)):
        apart = np.abs(levels[leaders] - levels[one]).max(axis=1)
        if pure[one] or not (apart <= TOLERANCE).any():
            leaders.append(int(one))
        else:
            chief[one] = leaders[int(apart.argmin())]
    merged: np.ndarray = values[chief[number]]
    return merged


def median_colors(
    labels: RegionMap,
    colors: Frame,
    regions: np.ndarray,
    line: Frame | None,
    palette: UInt8[np.ndarray, "K 3"],
) -> np.ndarray:
    """Return the colour of regions that are too thin or too shaded for even places.

    It is that of the pixel nearest to the median of those away from lines: in a shaded iris not
    that of its highlight. Where lines darken these pixels, it is that of the paint below, see
    `_below_lines`.

    Args:
        labels: Regions.
        colors: The picture.
        regions: Numbers of these regions.
        line: The drawing on white paper, if its lines are in the picture.
        palette: Colours of places without lines.
    """
    shades = np.zeros(len(regions), np.int64)
    if not len(regions):
        return shades
    is_wanted = np.zeros(int(labels.max()) + 1, bool)
    is_wanted[regions] = True
    places = np.flatnonzero(is_wanted[labels])
    depth = cv2.distanceTransform((labels > 0).view(np.uint8), cv2.DIST_L2, 3).ravel()[places]
    own = labels.ravel()[places]
    deepest = np.zeros(len(is_wanted), np.float32)
    np.maximum.at(deepest, own, depth)
    is_inner = depth >= np.minimum(deepest[own], BESIDE_PX)
    places, own = places[is_inner], own[is_inner]
    order = np.argsort(own, kind="stable")
    seen = colors.reshape(-1, 3)[places[order]].astype(np.int16)
    over = None if line is None else line.reshape(-1, 3)[places[order]]
    bounds = np.searchsorted(own[order], regions), np.searchsorted(own[order], regions, "right")
    for place, (first, last) in enumerate(zip(*bounds, strict=True)):
        inside = seen[first:last]
        apart = np.abs(inside - np.median(inside, axis=0)).sum(axis=1)
        color = inside[apart.argmin()]
        if over is not None and over[first:last].min() < 255:
            step = max(1, len(inside) // SAMPLE)
            color = _below_lines(inside[::step], over[first:last:step], color, palette)
        shades[place] = pack_colors(color[np.newaxis].astype(np.uint8))[0]
    return shades


def _below_lines(
    shown: Int16[np.ndarray, "P 3"],
    line: UInt8[np.ndarray, "P 3"],
    color: np.ndarray,
    palette: UInt8[np.ndarray, "K 3"],
) -> np.ndarray:
    """Return the paint that shows these colours below the soft edges of lines.

    It is the colour of the palette that explains them but for noise, or else the median of what
    they are without the line, if that explains them as well as one colour without lines does.

    Args:
        shown: Colours of the pixels of a region.
        line: Levels of the lines over them.
        color: Their colour, taken as it is.
        palette: Colours of places without lines.
    """
    share = np.maximum(line, 1) / 255
    lightened = np.median(np.minimum(shown / share, 255), axis=0).round()
    paints = np.concatenate((palette, [lightened]))
    errors = np.median(np.abs(paints[:, np.newaxis] * share - shown).max(axis=2), axis=1)
    if len(palette) and errors[:-1].min() <= TOLERANCE:
        best: np.ndarray = palette[errors[:-1].argmin()]
        return best
    # Rounding makes a difference of up to a level.
    as_it_is = np.median(np.abs(color - shown).max(axis=1)) + 1
    return lightened if errors[-1] <= as_it_is else color


def has_lines(line: Frame, is_ink: Bool[np.ndarray, "H W"], colors: Frame) -> bool:
    """Return whether a picture shows the lines of its drawing, opaque or, as pencil, over paint."""
    if not is_ink.any():
        return False
    paint = cv2.morphologyEx(colors, cv2.MORPH_CLOSE, np.ones((2 * EDGE_PX + 1,) * 2, np.uint8))
    over_paint = cv2.multiply(paint, line, scale=1 / 255)
    return any(
        np.median(cv2.absdiff(shown, colors).max(axis=2)[is_ink]) <= levels
        for shown, levels in ((line, LINE_LEVELS), (over_paint, PENCIL_LEVELS))
    )


def _number_parts(
    labels: SmallMap, parts: _Parts, chief: np.ndarray, number: np.ndarray, region: np.ndarray
) -> SmallMap:
    """Give each pixel of a region the number of the nearest of its colours."""
    how_many = np.bincount(region, minlength=int(labels.max(initial=0)) + 1)
    single = np.zeros(len(how_many), np.int32)
    single[region] = number
    is_shared = how_many > 1
    split: SmallMap = np.where(is_shared, 0, single).astype(np.int32)[labels]
    if is_shared.any():
        of_part = np.concatenate(([0], np.where(chief >= 0, number[chief], 0))).astype(np.int32)
        open_ = is_shared[labels]
        split[open_] = of_part[parts.labels[open_]]
        missing = np.flatnonzero(open_ & (split == 0))
        fill_from_neighbours(split, missing, within=labels)
    return split
