"""Hints by region: which colours an artist gave to each region of a drawing.

In the shapes of arrays, P is the number of hints, each a pixel, and N that of the region numbers,
of which 0 is ink. S is the number of shades, which are the different pairs of a region and a colour
of its hints, and K that of the colours, which remain of the shades when similar ones are one.
"""

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8

from lineart.image import unpack_colors
from lineart.imaging.hints.pixels import HintPixels
from lineart.imaging.region_maps import Pixels, RegionMap, find_runs
from lineart.imaging.regions import shrink_ink

Colors = UInt8[np.ndarray, "N 3"]
"""Colour of each region number."""

TOLERANCE = 6
"""Hints of a region whose channels differ by at most this are one colour: the most frequent, and of
equally frequent ones that of the lowest red, then green, then blue."""


class RegionHints(NamedTuple):
    """Hints by region."""

    pixels: Pixels
    """Places of the hints."""
    regions: Int32[np.ndarray, " P"]
    """Region of each hint."""
    color_index: Int32[np.ndarray, " P"]
    """Row in `colors` of each hint."""
    colors: UInt8[np.ndarray, "K 3"]
    """Colours of all regions, sorted by region; one that several regions have is there for each."""
    color_regions: Int32[np.ndarray, " K"]
    """Region of each colour."""
    highest_region: int
    """Highest number of a region of the drawing."""


def collect_hints(labels: RegionMap, hints: HintPixels) -> RegionHints:
    """Collect the hints of each region, without those on ink and those that spill over a line.

    Args:
        labels: Regions.
        hints: Hints at the drawing's size.
    """
    pixels = hints.rows * labels.shape[1] + hints.columns
    regions = labels.ravel()[pixels]
    colors = _pack(hints.values)
    kept = np.flatnonzero(regions)
    if kept.size:
        depths = find_depths(labels)
        depth_class = depths.at(hints)[kept]
        is_spill = _is_spill(hints.select(kept), regions[kept], depth_class, depths.deepest)
        kept = kept[~(is_spill | _is_edge(regions[kept], depth_class))]
    pixels, regions = pixels[kept], regions[kept]
    # A shade is a region and a colour as one number, which sorts several times as fast as a pair.
    packed, shade_of_hint, counts = _unique(regions.astype(np.int64) << 24 | colors[kept])
    shade_regions, shades = (packed >> 24).astype(np.int32), unpack_colors(packed)
    # Of similar shades of a region one is kept; it is the colour of them all.
    representatives = _merge_similar(shade_regions, shades, counts)
    kept_shades, color_of_shade = np.unique(representatives, return_inverse=True)
    return RegionHints(
        pixels=pixels,
        regions=regions,
        color_index=color_of_shade.astype(np.int32)[shade_of_hint],
        colors=shades[kept_shades],
        color_regions=shade_regions[kept_shades],
        highest_region=int(labels.max(initial=0)),
    )


def agreed_colors(given: RegionHints) -> UInt8[np.ndarray, "N 4"]:
    """Return the colour of each region whose hints agree, with alpha 255; others have alpha 0."""
    colors = np.zeros((given.highest_region + 1, 4), np.uint8)
    is_agreed = (
        np.bincount(given.color_regions, minlength=given.highest_region + 1)[given.color_regions]
        == 1
    )
    colors[given.color_regions[is_agreed], :3] = given.colors[is_agreed]
    colors[given.color_regions[is_agreed], 3] = 255
    return colors


# Depth: distance to the nearest ink, in classes.

UNIT_SHARE = 1 / 540
"""Unit of depths as a share of the short side; at least a pixel."""
DEPTHS: tuple[tuple[tuple[int, int], ...], ...] = (
    ((3, 3),),
    ((5, 5), (7, 1), (1, 7)),
    ((13, 1), (11, 5), (9, 9), (5, 11), (1, 13)),
)
"""Boxes that together have the pixels nearer than 1.5, 3 and 6 units, by OpenCV's 3 x 3 distances.
"""
EDGE_CLASS = 1
"""Hints of a lower class, nearer than 1.5 units, may be mixed with the colour of a line."""
SPILL_CLASS = 2
"""A dab that reaches no deeper than 3 units over a line into a region was not meant for it."""
DEEP_CLASS = 3
"""Class, from 6 units, that a dab reaches in a region that it was meant for."""


class Depths(NamedTuple):
    """How deep the paper of a drawing is."""

    classes: UInt8[np.ndarray, "h w"]
    """How many of `DEPTHS` have no ink around each pixel of a map in units, 0..3."""
    deepest: UInt8[np.ndarray, " N"]
    """Highest class of each region."""
    unit: int
    """Side of a pixel of the map in pixels of the drawing."""

    def at(self, hints: HintPixels) -> UInt8[np.ndarray, " P"]:
        """Return the class of each hint."""
        classes: UInt8[np.ndarray, " P"]
        classes = self.classes[hints.rows // self.unit, hints.columns // self.unit]
        return classes


def find_depths(labels: RegionMap) -> Depths:
    """Find how deep the paper of a drawing is, from its regions; cells with any ink are ink."""
    unit = max(1, round(min(labels.shape) * UNIT_SHARE))
    is_paper = shrink_ink((labels > 0).view(np.uint8), unit)
    classes = np.zeros_like(is_paper)
    for boxes in DEPTHS:
        is_free = cv2.erode(is_paper, np.ones(boxes[0], np.uint8))
        for box in boxes[1:]:
            is_free &= cv2.erode(is_paper, np.ones(box, np.uint8))
        classes += is_free
    deepest = np.zeros(int(labels.max(initial=0)) + 1, np.uint8)
    np.maximum.at(deepest, labels[::unit, ::unit].ravel(), classes.ravel())
    return Depths(classes, deepest, unit)


def _is_spill(
    hints: HintPixels,
    regions: Int32[np.ndarray, " P"],
    depth_class: UInt8[np.ndarray, " P"],
    deepest: UInt8[np.ndarray, " N"],
) -> Bool[np.ndarray, " P"]:
    """Return which pixels of dabs lie in a region that their dab barely reaches.

    The dab was meant for another region, in which it lies deep, or whose deepest paper it covers;
    or for none, as most of it lies on a line.

    Args:
        hints: Hints on paper.
        regions: Region of each hint, none of them ink.
        depth_class: Class of the depth of each hint, 0..3; see `Depths`.
        deepest: Highest class of each region.
    """
    dabs = hints.dabs
    runs = find_runs(dabs.astype(np.int64) * len(deepest) + regions)
    parts, part = np.unique(runs.numbers, return_inverse=True)
    reach = np.zeros(len(parts), np.uint8)
    np.maximum.at(reach, part, np.maximum.reduceat(depth_class, runs.starts))
    dab, region = np.divmod(parts, len(deepest))
    is_filled = reach >= np.minimum(deepest[region], DEEP_CLASS)
    filled = np.zeros(int(dabs.max()) + 1, np.uint8)
    np.maximum.at(filled, dab[is_filled], reach[is_filled])
    is_meant_elsewhere = filled[dab] >= np.where(is_filled, DEEP_CLASS, reach + 1)
    is_on_line = np.zeros(len(parts), bool)
    is_on_line[part] = hints.is_on_line[runs.starts]
    spills = (reach < SPILL_CLASS) & (is_meant_elsewhere | (is_on_line & ~is_filled))
    return np.repeat(spills[part], runs.stops - runs.starts)


def _is_edge(
    regions: Int32[np.ndarray, " P"], depth_class: UInt8[np.ndarray, " P"]
) -> Bool[np.ndarray, " P"]:
    """Return which hints lie at the soft edge of a line, in regions that have deeper ones."""
    is_shallow = depth_class < EDGE_CLASS
    has_deep = np.zeros(int(regions.max()) + 1, bool)
    has_deep[regions[~is_shallow]] = True
    edges: Bool[np.ndarray, " P"] = is_shallow & has_deep[regions]
    return edges


# Colours.


def _unique(
    values: Int64[np.ndarray, " P"],
) -> tuple[Int64[np.ndarray, " S"], Int64[np.ndarray, " P"], Int64[np.ndarray, " S"]]:
    """Return sorted values, the index of each among them, and how often each is there.

    It sorts runs of equal values, which are long where an artist has painted.
    """
    runs = find_runs(values)
    lengths = runs.stops - runs.starts
    found, index = np.unique(runs.numbers, return_inverse=True)
    counts = np.bincount(index, lengths, len(found)).astype(np.int64)
    return found, np.repeat(index, lengths), counts


def _merge_similar(
    regions: Int32[np.ndarray, " S"],
    colors: UInt8[np.ndarray, "S 3"],
    counts: Int64[np.ndarray, " S"],
) -> Int64[np.ndarray, " S"]:
    """Return for each shade the index of the shade of its region that stands for it.

    Args:
        regions: Region of each shade, in rising order.
        colors: Colour of each shade.
        counts: Number of its hints.
    """
    representative = np.arange(len(regions))
    starts = np.flatnonzero(np.diff(regions, prepend=-1))
    for start, stop in pairwise([*starts, len(regions)]):
        if stop - start < 2:
            continue
        found: list[int] = []
        for place in start + np.argsort(-counts[start:stop], kind="stable"):
            distance = np.abs(colors[found].astype(np.int16) - colors[place]).max(axis=1)
            near = np.flatnonzero(distance <= TOLERANCE)
            if near.size:
                representative[place] = found[near[0]]
            else:
                found.append(int(place))
    return representative


def _pack(colors: UInt8[np.ndarray, "P 4"]) -> Int64[np.ndarray, " P"]:
    """Return colours without their alpha as one number each, red first."""
    return np.ascontiguousarray(colors).view(">u4").ravel().astype(np.int64) >> 8
