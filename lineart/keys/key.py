"""A coloured drawing, and what matching needs of it, prepared once."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Int32, UInt8

from lineart.image import Frame, Line, to_gray
from lineart.imaging.dividing import divide_regions
from lineart.imaging.frequency import whiten_paper
from lineart.imaging.hint_cleaning import drop_ink_hints
from lineart.imaging.hints import FAINT_ALPHA, find_hints
from lineart.imaging.ink import darken_lines
from lineart.imaging.paint import find_background
from lineart.imaging.region_hints import collect_hints
from lineart.imaging.region_maps import RegionMap
from lineart.imaging.regions import GAP, find_regions, scale_gap
from lineart.keys.colors import UNKNOWN, RegionColors, pack, split_by_color, unpack
from lineart.keys.drawing import (
    Drawing,
    find_areas,
    find_paper,
    measure_small,
    shrink_regions,
    work_size,
)


class Key(NamedTuple):
    """One coloured drawing."""

    drawing: Line | Frame
    """The drawing on white paper."""
    colors: UInt8[np.ndarray, "H W C"]
    """Its colours, at the same size: RGB, the finished picture with or without its lines, or paint
    alone; or RGBA, hints: regions that no hint reaches are unknown, those at the border of the
    picture white, as `paint_regions` says. Alpha below 32 is no hint."""
    motion: bool = True
    """Whether the drawing is of the same shot. A sheet is not: positions on it say nothing."""
    gap: float = GAP
    """Largest gap in lines that is closed, in pixels of a drawing with 1080 lines."""

    @property
    def gap_px(self) -> float:
        """The same in pixels of this drawing."""
        return scale_gap(self.gap, (self.drawing.shape[0], self.drawing.shape[1]))


@dataclass(frozen=True)
class PreparedKey:
    """A key, its regions measured."""

    key: Key
    drawing: Drawing
    """The key's regions, each of one colour, at the working size."""
    parent: Int32[np.ndarray, " N"]
    """The drawing's region that each region is a part of."""
    index: Int32[np.ndarray, " N"]
    """Number of the colour of each region, or -1, if it is unknown."""
    palette: UInt8[np.ndarray, "K 3"]


def prepare_key(key: Key) -> PreparedKey:
    """Find and measure the regions of a key and their colours.

    Raises:
        ValueError: The colours have another size than the drawing, or neither 3 nor 4 channels, or
            give no region of the drawing a colour.
    """
    _check(key)
    line = darken_lines(key.drawing)
    labels = find_regions(line, gap_px=key.gap_px)
    paper = find_paper(line, work_size((line.shape[0], line.shape[1])))
    colored = _find_colors(labels, key, paper)
    if not (colored.index != UNKNOWN).any():
        raise ValueError(
            "a key gives no region of its drawing a colour; colour an area between its lines, or "
            "leave the key out"
        )
    # The parts of a region have the pixels of the working size, whole regions those of full size.
    areas = np.bincount(colored.labels.ravel(), minlength=len(colored.index) + 1)[1:]
    whole = find_areas(labels)[colored.parent - 1] * (paper.size / labels.size)
    is_whole = np.bincount(colored.parent)[colored.parent] == 1
    drawing = measure_small(paper, colored.labels, np.where(is_whole, whole, areas))
    return PreparedKey(key, drawing, colored.parent, colored.index, colored.palette)


def _find_colors(labels: RegionMap, key: Key, paper: UInt8[np.ndarray, "h w"]) -> RegionColors:
    """Find the colours that a picture or hints give the regions of a drawing."""
    colors = key.colors
    if colors.shape[2] == 3:
        return split_by_color(labels, colors, paper)
    if colors[:, :, 3].min(initial=255) >= FAINT_ALPHA:
        return split_by_color(labels, cv2.cvtColor(colors, cv2.COLOR_RGBA2RGB), paper)
    flooded = flood_hints(labels, key)
    return replace(flooded, labels=shrink_regions(flooded.labels, paper))


def flood_hints(labels: RegionMap, key: Key) -> RegionColors:
    """Give regions the colours of the hints in them, each part of a region that of its own.

    Lines that the hints include, as a finished cel does, are none.
    """
    hint = key.colors.copy()
    hint[hint[:, :, 3] < FAINT_ALPHA] = 0
    hints = drop_ink_hints(find_hints(hint), to_gray(whiten_paper(key.drawing)))
    given = collect_hints(labels, hints)
    divided, colors = divide_regions(labels, given)
    is_known = np.zeros(len(colors), bool)
    is_known[given.color_regions] = True
    is_known[given.highest_region + 1 :] = True
    is_known[find_background(labels, ~is_known[: given.highest_region + 1])] = True
    parent = np.arange(len(colors))
    parent[divided] = labels
    used = np.flatnonzero(np.bincount(divided.ravel(), minlength=len(colors)) > 0)
    used = used[used > 0]
    number = np.zeros(len(colors), np.int32)
    number[used] = np.arange(1, len(used) + 1)
    values, index = np.unique(pack(colors[used]), return_inverse=True)
    index = np.where(is_known[used], index, UNKNOWN).astype(np.int32)
    return RegionColors(number[divided], parent[used].astype(np.int32), index, unpack(values))


def _check(key: Key) -> None:
    size, colors = key.drawing.shape[:2], key.colors
    if colors.ndim != 3 or colors.shape[2] not in (3, 4):
        raise ValueError(f"colours of shape {colors.shape} are neither RGB nor RGBA; convert them")
    if colors.shape[:2] != size:
        raise ValueError(
            f"a key's colours are {colors.shape[1]} x {colors.shape[0]} px and its drawing "
            f"{size[1]} x {size[0]}; scale the colours to the drawing, without blending"
        )
