"""A coloured drawing, and what matching needs of it, prepared once."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8

from lineart.image import Frame, Hint, Line, pack_colors, to_gray, to_rgb, unpack_colors
from lineart.imaging.hints.by_region import DEEP_CLASS, RegionHints, collect_hints, find_depths
from lineart.imaging.hints.cleaning import DARKER_BY, WHITE_PAPER, drop_ink_hints
from lineart.imaging.hints.pixels import FAINT_ALPHA, HintPixels, find_hints
from lineart.imaging.lines.ink import darken_lines
from lineart.imaging.lines.paper import whiten_paper
from lineart.imaging.paint.dividing import divide_regions
from lineart.imaging.paint.fills import RIM_SHARE, cut_fills
from lineart.imaging.paint.region_colors import border_regions, find_open_border_regions
from lineart.imaging.region_maps import RegionMap, fill_from_neighbours, look_up
from lineart.imaging.regions import GAP, INK_LEVEL, find_regions, scale_gap
from lineart.keys.drawing import (
    Drawing,
    count_areas,
    find_paper,
    measure_small,
    shrink_regions,
    work_size,
)
from lineart.keys.key_colors import UNKNOWN, RegionColors, has_lines, split_by_color

MAX_OPEN = 0.1
"""Share of what is drawn, by area, that a finished picture leaves open at most."""
MIN_BEYOND = 0.1
"""Hints of a dab beyond a cut count if they are at least this share of those in its region."""
MAX_SPILLED = 0.25
"""Paint spills into a region of which it covers less than this share, and less than this share of
what it fills."""
MAX_BARE = 0.25
"""Share of the edge of painted figures that is at bare paper, not at a line, at most."""
COVERED = 0.9
"""Least share of a region's paper that a finished cel covers."""
LINE_ALPHA = 16
"""Lines without paint below are more opaque than those of the drawing by at most this."""


class Key(NamedTuple):
    """One coloured drawing."""

    drawing: Line | Frame
    """The drawing on white paper."""
    colors: UInt8[np.ndarray, "H W C"]
    """Its colours, at the same size: RGB, the finished picture with or without its lines, or paint
    alone; or RGBA, hints: regions that no hint reaches are unknown, those at the border of the
    picture white, as `paint_regions` says, unless another key of the shot shows more of what is
    there. Alpha below 32 is no hint."""
    same_shot: bool = True
    """Whether it is of the shot of the drawings that it colours. A sheet is not: positions on it
    say nothing, and no motion is looked for."""
    gap: float = GAP
    """Largest gap in lines that is closed, in pixels of a drawing with 1080 lines."""

    @property
    def gap_px(self) -> float:
        """The same in pixels of this drawing."""
        return scale_gap(self.gap, (self.drawing.shape[0], self.drawing.shape[1]))


@dataclass(frozen=True)
class PreparedKey:
    """A key, its regions measured; entry r of an array is region r + 1."""

    key: Key
    drawing: Drawing
    """The key's regions, each of one colour, at the working size."""
    parent: Int32[np.ndarray, " N"]
    """The drawing's region that each region is a part of."""
    index: Int32[np.ndarray, " N"]
    """Number of the colour of each region, or -1, if it is unknown."""
    palette: UInt8[np.ndarray, "K 3"]
    is_paper: Bool[np.ndarray, " N"]
    """Which are white because nobody has coloured them, see `RegionColors`."""
    is_hints: bool = False
    """Whether its colours are hints, not a finished picture."""

    @property
    def is_partial(self) -> bool:
        """Whether it colours parts, as one that corrects others.

        It has hints, or it leaves much of what is drawn open; the paper around that does not count.
        """
        is_drawn = ~self.is_paper
        is_open = is_drawn & (self.index == UNKNOWN)
        area = self.drawing.area
        return self.is_hints or bool(area @ is_open > MAX_OPEN * (area @ is_drawn))

    @property
    def has_open_paper(self) -> bool:
        """Whether such regions are unknown, see `without_paper`."""
        return bool((self.index[self.is_paper] == UNKNOWN).any())

    @property
    def paper_share(self) -> float:
        """Share of the drawing's regions, by area, that are white as nobody has coloured them."""
        return float(self.drawing.area @ self.is_paper / self.drawing.area.sum())

    def without_paper(self) -> "PreparedKey":
        """Return the same with these regions unknown."""
        return replace(self, index=np.where(self.is_paper, np.int32(UNKNOWN), self.index))


class NoColorError(ValueError):
    """A key gives no region of its drawing a colour."""


def prepare_key(key: Key, labels: RegionMap | None = None) -> PreparedKey:
    """Find and measure the regions of a key and their colours.

    Args:
        key: The key.
        labels: Regions of its drawing; default: those between its lines.

    Raises:
        NoColorError: The colours give no region of the drawing a colour.
        ValueError: They have another size than the drawing, or neither 3 nor 4 channels.
    """
    _check(key)
    line = darken_lines(key.drawing)
    paper = find_paper(line, work_size((line.shape[0], line.shape[1])))
    labels, found = read_key(key, line, labels)
    colored = _find_colors(labels, found, paper, key.drawing, line < INK_LEVEL)
    if not (colored.index != UNKNOWN).any():
        raise NoColorError(
            "a key gives no region of its drawing a colour; colour an area between its lines, or "
            "leave the key out"
        )
    # The parts of a region have the pixels of the working size, whole regions those of full size.
    areas = np.bincount(colored.labels.ravel(), minlength=len(colored.index) + 1)[1:]
    whole = count_areas(labels)[colored.parent - 1] * (paper.size / labels.size)
    is_whole = np.bincount(colored.parent)[colored.parent] == 1
    drawing = measure_small(paper, colored.labels, np.where(is_whole, whole, areas))
    return PreparedKey(
        key,
        drawing,
        colored.parent,
        colored.index,
        colored.palette,
        colored.is_paper,
        is_hints=not isinstance(found, FinishedPicture),
    )


def _find_colors(
    labels: RegionMap,
    found: "FinishedPicture | RegionHints",
    paper: UInt8[np.ndarray, "h w"],
    drawing: Line | Frame,
    is_ink: Bool[np.ndarray, "H W"],
) -> RegionColors:
    """Find the colours that a picture or hints give the regions of a drawing."""
    if isinstance(found, FinishedPicture):
        line = to_rgb(whiten_paper(drawing))
        shown = line if has_lines(line, is_ink, found.colors) else None
        return found.leave_open(split_by_color(labels, found.colors, paper, shown))
    flooded = color_regions_by_hints(labels, found)
    return replace(flooded, labels=shrink_regions(flooded.labels, paper))


class FinishedPicture(NamedTuple):
    """The finished picture of a key; entry r of an array is region r of its drawing, 0 ink."""

    colors: Frame
    """On white paper."""
    is_open: Bool[np.ndarray, " N"]
    """Which regions of the drawing it leaves unknown: transparent ones inside a cel."""
    is_paper: Bool[np.ndarray, " N"]
    """Which regions around a cel are transparent, and so white."""

    def leave_open(self, colored: RegionColors) -> RegionColors:
        """Return the colours of regions without those of the regions that are unknown."""
        is_open = self.is_open[colored.parent]
        return replace(
            colored,
            index=np.where(is_open, np.int32(UNKNOWN), colored.index),
            is_paper=self.is_paper[colored.parent],
        )


def read_key(
    key: Key, line: Line, labels: RegionMap | None = None
) -> tuple[RegionMap, FinishedPicture | RegionHints]:
    """Return what the colours of a key are: a finished picture, or hints in regions.

    A picture with transparency is a finished cel if it covers each region that it colours, or if it
    is of figures on bare paper. Lines that it includes are no hints, nor is paint that goes over
    the outline of what it fills.

    Args:
        key: The key.
        line: Its drawing with dark lines.
        labels: Regions of its drawing; default: those between its lines.

    Returns:
        The regions, fills as regions of their own, and the colours.
    """
    is_cut = labels is not None
    if labels is None:
        labels = find_regions(line, gap_px=key.gap_px)
    colors = key.colors
    none = np.zeros(int(labels.max(initial=0)) + 1, bool)
    if colors.shape[2] == 3:
        return labels, FinishedPicture(colors, none, none)
    if colors[:, :, 3].min(initial=255) >= FAINT_ALPHA:
        return labels, FinishedPicture(cv2.cvtColor(colors, cv2.COLOR_RGBA2RGB), none, none)
    hint = colors.copy()
    hint[hint[:, :, 3] < FAINT_ALPHA] = 0
    drawing = to_gray(whiten_paper(key.drawing))
    by_lines = find_regions(line, gap_px=key.gap_px) if is_cut else labels
    cel = _read_cel(hint, drawing, labels, by_lines)
    if cel:
        return cel
    hints = _drop_cut_spills(drop_ink_hints(find_hints(hint), drawing), labels, by_lines)
    labels = cut_fills(labels, hints)
    is_spill = _find_spills(hints, labels, drawing)
    return labels, collect_hints(labels, hints.select(~is_spill))


def _read_cel(
    hint: Hint, drawing: Line, labels: RegionMap, by_lines: RegionMap
) -> tuple[RegionMap, FinishedPicture] | None:
    """Return the regions and the picture that a finished cel is; None of hints.

    Its alpha alone decides: its lines and what is dark beside them count as paint where it covers
    more than the lines of the drawing do.

    Args:
        hint: Picture without faint alpha.
        drawing: Drawing on white paper.
        labels: Regions of the drawing, also cut where no line is.
        by_lines: Regions between lines.
    """
    hints = find_hints(hint)
    hints = _drop_cut_spills(hints.select(~_is_line(hints, drawing)), labels, by_lines)
    labels = cut_fills(labels, hints)
    is_spill = _find_spills(hints, labels, drawing)
    is_spill &= find_depths(labels).at(hints) < DEEP_CLASS
    spilled, hints = hints.select(is_spill), hints.select(~is_spill)
    sizes = np.bincount(labels.ravel())
    # Of thin regions, hints alone would seem to spill from elsewhere.
    is_open = _count(hints, labels, len(sizes)) < COVERED * sizes
    is_open[collect_hints(labels, hints).color_regions] = False
    on_paper = np.where(drawing >= WHITE_PAPER, labels, 0)
    areas = np.bincount(on_paper.ravel(), minlength=len(sizes))
    is_partial = (_count(hints, on_paper, len(sizes)) < COVERED * areas) & ~is_open
    if is_open[1:].all() or (is_partial.any() and not _is_cut_out(hints, on_paper)):
        return None
    is_open[0] = False
    is_paper = np.zeros(len(sizes), bool)
    is_paper[find_open_border_regions(labels, is_open)] = True
    hint = hint.copy()
    hint[spilled.rows, spilled.columns] = 0
    outside = np.zeros(len(sizes), bool)
    outside[border_regions(labels)] = True
    is_whole = ~is_open & ~(is_partial & outside)
    below = cv2.cvtColor(hint[:, :, 3], cv2.COLOR_GRAY2RGB)
    white = 255 - cv2.multiply(255 - hint[:, :, :3], below, scale=1 / 255)
    white = _fill_rims(white, hint[:, :, 3], np.where(look_up(is_whole, labels), labels, 0))
    return labels, FinishedPicture(white, is_open & ~is_paper, is_paper)


def _is_line(hints: HintPixels, drawing: Line) -> Bool[np.ndarray, " P"]:
    """Return which pixels are lines without paint: dark, and as opaque as those of a drawing."""
    level = drawing[hints.rows, hints.columns].astype(np.int16)
    is_dark = hints.values[:, :3].max(axis=1) <= level + DARKER_BY
    own: Bool[np.ndarray, " P"] = is_dark & (hints.values[:, 3] <= 255 - level + LINE_ALPHA)
    return own


def _count(hints: HintPixels, labels: RegionMap, count: int) -> Int64[np.ndarray, " N"]:
    """Return the number of hints in each of N regions."""
    found: Int64[np.ndarray, " N"] = np.bincount(labels[hints.rows, hints.columns], minlength=count)
    return found


def _is_cut_out(hints: HintPixels, labels: RegionMap) -> bool:
    """Return whether paint is that of figures on bare paper, which their outlines may not close.

    It leaves most of the picture's border open, and each of its areas ends at lines nearly all
    around, those inside it, too, which a dab does not.

    Args:
        hints: Hints.
        labels: Regions, 0 where the drawing has no bare paper.
    """
    hints = find_hints(hints.picture())
    hints = hints.select(labels[hints.rows, hints.columns] > 0)
    dabs = np.zeros(labels.shape, np.float32)
    dabs[hints.rows, hints.columns] = hints.dabs + 1
    rim = np.concatenate((dabs[0], dabs[-1], dabs[:, 0], dabs[:, -1]))
    if 2 * np.count_nonzero(rim) > rim.size:
        return False
    around = np.where(dabs > 0, 0, cv2.dilate(dabs, np.ones((3, 3), np.uint8))).astype(np.int32)
    edge, bare = (np.bincount(one[one > 0]) for one in (around, np.where(labels > 0, around, 0)))
    return bool((bare <= MAX_BARE * edge[: len(bare)]).all())


def _find_spills(hints: HintPixels, labels: RegionMap, drawing: Line) -> Bool[np.ndarray, " P"]:
    """Return which hints are paint that goes over the outline of what it fills.

    It covers little of the region beyond, and far less than what it fills: a dab of its own, and a
    brush stroke over a line, remain.

    Args:
        hints: Hints.
        labels: Regions.
        drawing: Drawing on white paper.
    """
    on_paper = np.where(drawing >= WHITE_PAPER, labels, 0)
    areas = np.bincount(on_paper.ravel(), minlength=int(labels.max(initial=0)) + 1)
    covered = _count(hints, on_paper, len(areas))
    is_filled, is_grazed = covered >= COVERED * areas, covered < MAX_SPILLED * areas
    is_filled[0] = is_grazed[0] = False
    region, white = (one[hints.rows, hints.columns] for one in (labels, on_paper))
    filling, beyond = (np.bincount(hints.dabs, chosen[white]) for chosen in (is_filled, is_grazed))
    is_spill: Bool[np.ndarray, " P"]
    is_spill = is_grazed[region] & (beyond < MAX_SPILLED * filling)[hints.dabs]
    return is_spill


def _drop_cut_spills(hints: HintPixels, labels: RegionMap, by_lines: RegionMap) -> HintPixels:
    """Return hints without the few of each dab beyond a cut: where that is, nobody has drawn.

    Args:
        hints: Hints.
        labels: Regions, also cut where no line is.
        by_lines: Regions between lines.
    """
    if labels is by_lines:
        return hints
    places = hints.rows * labels.shape[1] + hints.columns
    part, region = labels.ravel()[places].astype(np.int64), by_lines.ravel()[places]
    dab = hints.dabs.astype(np.int64)
    _, whole, of_region = np.unique(dab << 32 | region, return_inverse=True, return_counts=True)
    _, some, of_part = np.unique(dab << 32 | part, return_inverse=True, return_counts=True)
    return hints.select(of_part[some] >= MIN_BEYOND * of_region[whole])


def _fill_rims(colors: Frame, alpha: UInt8[np.ndarray, "H W"], labels: RegionMap) -> Frame:
    """Give paper beside lines that a cel leaves out the nearest colour of its region.

    Args:
        colors: Colours of the cel on white.
        alpha: Its alpha.
        labels: Regions that it colours; 0 elsewhere.
    """
    rim = max(1, round(min(labels.shape) * RIM_SHARE))
    near = cv2.dilate((labels == 0).view(np.uint8), np.ones((2 * rim + 1,) * 2, np.uint8))
    is_bare = (alpha == 0) & (labels > 0) & (near > 0)
    return take_nearest(colors, is_bare, alpha == 0, labels) if is_bare.any() else colors


def take_nearest(
    colors: Frame,
    is_asked: Bool[np.ndarray, "H W"],
    is_unknown: Bool[np.ndarray, "H W"],
    labels: RegionMap,
) -> Frame:
    """Give some pixels the colour of the nearest one of their region whose colour is known.

    Args:
        colors: Colours; pixels that find none keep theirs.
        is_asked: Which pixels are given one.
        is_unknown: Which pixels have no colour to give, those that are asked among them.
        labels: Regions.
    """
    source = np.arange(1, labels.size + 1, dtype=np.int32).reshape(labels.shape)
    source[is_unknown] = 0
    fill_from_neighbours(source, np.flatnonzero(is_asked), within=labels)
    source = np.where(source > 0, source - 1, np.arange(labels.size).reshape(labels.shape))
    taken: Frame = colors.reshape(-1, 3)[source]
    return taken


def color_regions_by_hints(labels: RegionMap, given: RegionHints) -> RegionColors:
    """Give regions the colours of the hints in them, each part of a region that of its own."""
    divided, colors = divide_regions(labels, given)
    is_known = np.zeros(len(colors), bool)
    is_known[given.color_regions] = True
    is_known[given.highest_region + 1 :] = True
    is_paper = np.zeros(len(colors), bool)
    is_paper[find_open_border_regions(labels, ~is_known[: given.highest_region + 1])] = True
    parent = np.arange(len(colors))
    parent[divided] = labels
    used = np.flatnonzero(np.bincount(divided.ravel(), minlength=len(colors)) > 0)
    used = used[used > 0]
    number = np.zeros(len(colors), np.int32)
    number[used] = np.arange(1, len(used) + 1)
    values, index = np.unique(pack_colors(colors[used]), return_inverse=True)
    index = np.where((is_known | is_paper)[used], index, UNKNOWN).astype(np.int32)
    return RegionColors(
        number[divided], parent[used].astype(np.int32), index, unpack_colors(values), is_paper[used]
    )


def _check(key: Key) -> None:
    size, colors = key.drawing.shape[:2], key.colors
    if colors.ndim != 3 or colors.shape[2] not in (3, 4):
        raise ValueError(f"colours of shape {colors.shape} are neither RGB nor RGBA; convert them")
    if colors.shape[:2] != size:
        raise ValueError(
            f"a key's colours are {colors.shape[1]} x {colors.shape[0]} px and its drawing "
            f"{size[1]} x {size[0]}; scale the colours to the drawing, without blending"
        )
