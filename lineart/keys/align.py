"""A drawing with its keys: its regions, cut as the keys show, and the optical flow to each key."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int64

from lineart.image import Frame, Line, Size
from lineart.imaging.region_maps import RegionMap
from lineart.imaging.regions import GAP, find_regions, scale_gap
from lineart.keys.cut import cut_regions
from lineart.keys.drawing import (
    Drawing,
    count_areas,
    find_depth,
    find_paper,
    measure_small,
    shrink_regions,
    work_size,
)
from lineart.keys.enlarge import enlarge_cut
from lineart.keys.flow import Flow, Misfit, find_flow, make_soft_ink, resize_ink
from lineart.keys.key import PreparedKey
from lineart.keys.pairs import PairFeatures, compare
from lineart.keys.region_motion import CarriedKey
from lineart.keys.runs import SmallMap

SAME_ASPECT = 0.02
"""Largest difference of two aspect ratios that are the same, as a share."""

MAX_MISFIT = 80.0
"""A key that fits worse around a region, in levels of 255, does not cut what the best one left."""


class Aligned(NamedTuple):
    """A drawing and its keys."""

    labels: RegionMap
    """Regions of the drawing; one that a key shows to be several is several."""
    drawing: Drawing
    """The same regions, measured."""
    keys: tuple[PreparedKey, ...]
    """The keys, at the working size of the drawing if their aspect ratio is the same."""
    flows: tuple[Flow | None, ...]
    """Flow from the drawing to each key; None for a sheet or another aspect ratio."""
    is_part: Bool[np.ndarray, " N"]
    """Which regions are one of several parts of a region of a key."""
    misfits: Float64[np.ndarray, "K N"]
    """Mean misfit of each flow in each region, in levels of 255; infinite without a flow."""

    def compare(self, number: int) -> PairFeatures:
        """Compare the regions with those of one key."""
        key = self.keys[number]
        return compare(self.drawing, key.drawing, key.index, self.flows[number])


def align(line: Line | Frame, keys: Sequence[PreparedKey], gap: float = GAP) -> Aligned:
    """Find the regions of a drawing and the flow from it to each key.

    A region is cut by the key whose flow fits best around it; what something hides there, other
    keys show. What this key leaves open is cut by the others, the best for the whole drawing first,
    if they are at all alike around it.

    Args:
        line: Drawing on white paper.
        keys: Its keys.
        gap: Largest gap in lines that is closed, in pixels of a drawing with 1080 lines.
    """
    labels = find_regions(line, gap_px=scale_gap(gap, (line.shape[0], line.shape[1])))
    paper = find_paper(line, work_size((line.shape[0], line.shape[1])))
    ink, depth, small = make_soft_ink(paper), find_depth(paper), shrink_regions(labels, paper)
    fitted = tuple(resize_key(one, (paper.shape[0], paper.shape[1])) for one in keys)
    found = [
        find_flow(ink, one.drawing.ink)
        if one.key.same_shot and one.drawing.size == paper.shape
        else None
        for one in fitted
    ]
    misfits = {number: one[1] for number, one in enumerate(found) if one is not None}
    flows = tuple(None if one is None else one[0] for one in found)
    total = int(labels.max(initial=0))
    cut, best = small, _find_best(small, total, misfits)
    is_settled, is_part = np.zeros((2, total + 1), bool)
    order = sorted(misfits, key=lambda number: float(misfits[number].mean()))
    carried = {n: CarriedKey(fitted[n], flow) for n, flow in enumerate(flows) if flow is not None}
    for is_best in (True, False):
        for number in order:
            is_asked = ~is_settled & ((best == number) == is_best)
            if not is_best and is_asked[1:].any():
                is_asked &= _average(cut, len(best) - 1, misfits[number]) <= MAX_MISFIT
            others = [carried[other] for other in order if other != number]
            found_cut = cut_regions(cut, depth, carried[number], is_asked, others)
            cut, whole = found_cut.labels, found_cut.whole
            is_new = np.zeros(len(whole), bool)
            is_settled = np.append(is_settled, is_new) | found_cut.is_settled
            is_part = np.append(is_part, is_new) | found_cut.is_part
            best = np.append(best, best[whole])
    if cut.max(initial=0) > total:
        labels = enlarge_cut(labels, small, cut)
    # Parts of a few pixels may be lost at full size.
    areas = count_areas(labels, int(cut.max(initial=0))) * (cut.size / labels.size)
    around = np.full((len(keys), len(areas)), np.inf)
    for number, misfit in misfits.items():
        around[number] = _average(cut, len(areas), misfit)[1:]
    measured = measure_small(paper, cut, areas, ink)
    return Aligned(labels, measured, fitted, flows, is_part[1 : len(areas) + 1], around)


def _find_best(
    labels: SmallMap, total: int, misfits: Mapping[int, Misfit]
) -> Int64[np.ndarray, " N"]:
    """Return the number of the key that fits best around each region; entry 0 is ink."""
    numbers = np.array([*misfits], np.int64)
    if not len(numbers):
        return np.zeros(total + 1, np.int64)
    best: Int64[np.ndarray, " N"]
    best = numbers[np.argmin([_average(labels, total, one) for one in misfits.values()], axis=0)]
    return best


def _average(labels: SmallMap, total: int, misfit: Misfit) -> Float64[np.ndarray, " N"]:
    """Return the mean misfit in each region, by every second pixel in both directions.

    The misfit is smooth; regions without such a pixel have 0.
    """
    sampled = labels[::2, ::2].ravel()
    sums = np.bincount(sampled, misfit[::2, ::2].ravel(), total + 1)
    return sums / np.maximum(np.bincount(sampled, minlength=total + 1), 1)


def resize_key(prepared: PreparedKey, size: Size) -> PreparedKey:
    """Return a key at another size, if the aspect ratio is the same; else as it is."""
    drawing = prepared.drawing
    down, right = size[0] / drawing.size[0], size[1] / drawing.size[1]
    if drawing.size == size or abs(down / right - 1) > SAME_ASPECT:
        return prepared
    area, scale = (size[1], size[0]), (down * right) ** 0.5
    labels, spread, depth = (
        cv2.resize(one, area, interpolation=cv2.INTER_NEAREST)
        for one in (drawing.labels, drawing.spread, drawing.depth)
    )
    fitted = drawing._replace(
        labels=labels,
        spread=spread,
        depth=depth * np.float32(scale),
        ink=resize_ink(drawing.ink, size),
        area=drawing.area * np.float32(scale**2),
        center=drawing.center * np.float32(scale),
        diagonal=drawing.diagonal * scale,
    )
    return replace(prepared, drawing=fitted)
