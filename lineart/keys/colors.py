"""Colours of a key: which parts of its regions have which colour."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Int32, UInt8

from lineart.image import Frame
from lineart.imaging.region_maps import RegionMap, fill_from_neighbours
from lineart.keys.drawing import work_size

TOLERANCE = 6
"""Levels by which neighbouring pixels of one colour differ at most, in any channel: noise of a
JPEG, or a gradient."""
LEAST_PART_PX = 12
"""Parts of a region with fewer pixels, at the working size, take the region's main colour."""
LEAST_PART_SHARE = 0.02
"""So do those with a smaller share of the region."""
MOST_SAMPLES = 500_000
"""Pixels of which the most frequent colours are found."""

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


def split_by_color(labels: RegionMap, colors: Frame) -> RegionColors:
    """Split the regions of a drawing by the colours of its finished picture.

    Colours are those of even places: away from lines, and from borders between colours.

    Args:
        labels: Regions of the drawing, numbered from 1 without gaps.
        colors: Picture of the same size, with or without lines.
    """
    count = int(labels.max(initial=0))
    parts = _even_parts(labels, colors)
    region, chief, shade = _choose_colors(parts, count, _least_pixels(labels, count))
    missing = np.setdiff1d(np.arange(1, count + 1), region)
    region = np.concatenate((region, missing)).astype(np.int32)
    shade = np.concatenate((shade, _deepest_colors(labels, colors, missing)))
    order = np.lexsort((shade, region))
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(1, len(order) + 1)
    split = _number_parts(labels, parts, chief, number, region)
    values, index = np.unique(shade[order], return_inverse=True)
    return RegionColors(split, region[order], index.astype(np.int32), unpack(values))


class _Parts(NamedTuple):
    """Connected places of even colour; entry p is part p + 1."""

    labels: Int32[np.ndarray, "H W"]
    region: np.ndarray
    area: np.ndarray
    shade: np.ndarray
    """Most frequent colour, as one number."""


def _even_parts(labels: RegionMap, colors: Frame) -> _Parts:
    window = np.ones((3, 3), np.uint8)
    spread = cv2.subtract(cv2.dilate(colors, window), cv2.erode(colors, window))
    is_even = (spread.max(axis=2) <= TOLERANCE) & (labels > 0)
    for one, other, even in (
        (labels[:, 1:], labels[:, :-1], is_even[:, 1:]),
        (labels[1:], labels[:-1], is_even[1:]),
    ):
        even &= (one == other) | (other == 0)
    count, found = cv2.connectedComponents(is_even.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    places = np.flatnonzero(is_even)
    part = found.ravel()[places] - 1
    region = np.zeros(count - 1, np.int32)
    region[part] = labels.ravel()[places]
    area = np.bincount(part, minlength=count - 1)
    shade = _modes(part, places, colors, area)
    return _Parts(found, region, area, shade)


def _modes(part: np.ndarray, places: np.ndarray, colors: Frame, area: np.ndarray) -> np.ndarray:
    """Return the most frequent colour of each part, of a sample of the pixels of large parts."""
    step = max(1, len(places) // MOST_SAMPLES)
    if step > 1:
        chosen = (area[part] < 64 * step) | (np.arange(len(places)) % step == 0)
        part, places = part[chosen], places[chosen]
    shades = pack(colors.reshape(-1, 3)[places])
    pairs, counts = np.unique(part.astype(np.int64) << 24 | shades, return_counts=True)
    modes = np.zeros(len(area), np.int64)
    # The last write to a part remains.
    order = np.argsort(counts, kind="stable")
    modes[pairs[order] >> 24] = pairs[order] & 0xFFFFFF
    return modes


def _least_pixels(labels: RegionMap, count: int) -> np.ndarray:
    """Return the size of the smallest part of each region that keeps its colour."""
    size = labels.shape[0], labels.shape[1]
    scale = labels.size / np.prod(work_size(size))
    area = np.bincount(labels.ravel(), minlength=count + 1)
    least: np.ndarray = np.maximum(LEAST_PART_PX * scale, LEAST_PART_SHARE * area)
    return least


def _choose_colors(
    parts: _Parts, count: int, least: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the colours of each region.

    Returns:
        For each colour of each region the region; for each part the index of its colour in that
        list, or -1 for parts too small; and the colours.
    """
    chief = np.full(len(parts.area), -1, np.int64)
    regions: list[int] = []
    shades: list[int] = []
    order = np.argsort(parts.region, kind="stable")
    bounds = np.searchsorted(parts.region[order], np.arange(1, count + 2))
    for region in range(1, count + 1):
        own = order[bounds[region - 1] : bounds[region]]
        groups = _group(parts.shade[own], parts.area[own])
        sizes = np.bincount(groups, parts.area[own])
        for group in range(len(sizes)):
            if sizes[group] >= least[region] or sizes[group] == sizes.max():
                members = own[groups == group]
                chief[members] = len(regions)
                regions.append(region)
                shades.append(int(parts.shade[members[parts.area[members].argmax()]]))
    return np.array(regions, np.int32), chief, np.array(shades, np.int64)


def _group(shades: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Number the groups of parts whose colours are alike, by the largest part of each."""
    values = unpack(shades).astype(np.int16)
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


def _deepest_colors(labels: RegionMap, colors: Frame, regions: np.ndarray) -> np.ndarray:
    """Return the colour in the middle of regions that are too thin for even places."""
    shades = np.zeros(len(regions), np.int64)
    if not len(regions):
        return shades
    is_wanted = np.zeros(int(labels.max()) + 1, bool)
    is_wanted[regions] = True
    rows, columns = np.nonzero(is_wanted[labels])
    depth = cv2.distanceTransform((labels > 0).view(np.uint8), cv2.DIST_L2, 3)[rows, columns]
    order = np.argsort(depth, kind="stable")
    found = np.zeros(len(is_wanted), np.int64)
    found[labels[rows, columns][order]] = pack(colors[rows, columns][order])
    shades[:] = found[regions]
    return shades


def _number_parts(
    labels: RegionMap, parts: _Parts, chief: np.ndarray, number: np.ndarray, region: np.ndarray
) -> RegionMap:
    """Give each pixel of a region the number of the nearest of its colours."""
    how_many = np.bincount(region, minlength=int(labels.max(initial=0)) + 1)
    single = np.zeros(len(how_many), np.int32)
    single[region] = number
    is_shared = how_many > 1
    split: RegionMap = np.where(is_shared, 0, single).astype(np.int32)[labels]
    if is_shared.any():
        of_part = np.concatenate(([0], np.where(chief >= 0, number[chief], 0))).astype(np.int32)
        open_ = is_shared[labels]
        split[open_] = of_part[parts.labels[open_]]
        fill_from_neighbours(split, np.flatnonzero(open_ & (split == 0)), within=labels)
    return split


def pack(colors: UInt8[np.ndarray, "P 3"]) -> np.ndarray:
    """Return colours as single numbers."""
    packed: np.ndarray = colors.astype(np.int64) @ np.array([65536, 256, 1])
    return packed


def unpack(packed: np.ndarray) -> UInt8[np.ndarray, "P 3"]:
    """Return the colours of single numbers."""
    return np.stack((packed >> 16, packed >> 8 & 255, packed & 255), axis=1).astype(np.uint8)
