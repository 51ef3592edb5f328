"""Finish of a frame's colours: flat paint of regions, or the network's with exact hints."""

from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from lineart.image import Frame, Line
from lineart.imaging.compositing.frequency import DEFAULT_SIGMA, ColorMap, low_band
from lineart.imaging.hints.by_region import agreed_colors, collect_hints
from lineart.imaging.hints.pixels import HintPixels
from lineart.imaging.lines.ink import darken_lines
from lineart.imaging.paint.fills import cut_fills
from lineart.imaging.paint.region_colors import (
    Guess,
    Paint,
    border_regions,
    paint_regions,
    region_medians,
)
from lineart.imaging.region_maps import RegionMap, look_up, search_factor, spread_regions
from lineart.imaging.regions import GAP, find_regions, scale_gap, shrink_ink

Finish = Literal["soft", "paint"]
"""`soft`: the network's colours, but exactly the hints' in regions whose hints agree, and one
colour for each region without hints. `paint`: one colour for each region, without soft edges."""


def paint_drawing(
    drawing: Line | Frame, hints: HintPixels, guess: Guess, gap: float = GAP
) -> Paint:
    """Choose a colour for each region of a drawing; see `paint_regions`.

    Args:
        drawing: Drawing at full size; its paper may be that of a scan, its lines pencil.
        hints: Hints at the size of the drawing.
        guess: What networks say of the drawing.
        gap: Largest gap in a line that is closed, in pixels of a drawing with 1080 lines.
    """
    gap_px = scale_gap(gap, (drawing.shape[0], drawing.shape[1]))
    return paint_regions(find_regions(darken_lines(drawing), gap_px=gap_px), hints, guess)


def soften(drawing: Line | Frame, hints: HintPixels, color: ColorMap, gap: float = GAP) -> Frame:
    """Return the network's colours at the size of a drawing, exact where hints agree.

    - A region whose hints agree has exactly their colour.
    - A region without hints, in a drawing that has some, has one colour: the median of the
      network's, whose variation inside a region is noise. It is white if it has most of the
      picture's border without ink: the network would give the background colours of the figure.
    - In a region whose hints differ, and in a drawing without hints, the network's colours stay.

    Args:
        drawing: Drawing at full size; its paper may be that of a scan, its lines pencil.
        hints: Hints at the size of the drawing.
        color: The network's colours at a size of their own.
        gap: Largest gap in a line that is closed, in pixels of a drawing with 1080 lines.
    """
    soft = low_band(color, (drawing.shape[0], drawing.shape[1]), sigma=DEFAULT_SIGMA)
    if hints.rows.size:
        line = darken_lines(drawing)
        small = shrink_ink(line, search_factor((line.shape[0], line.shape[1])))
        gap_px = scale_gap(gap, (small.shape[0], small.shape[1]))
        labels = find_regions(small, gap_px=gap_px)
        small_hints = hints.resize((small.shape[0], small.shape[1]))
        labels = cut_fills(labels, small_hints)
        even = _even_colors(labels, small_hints, color)
        # Regions meet below lines, so that the smaller map is enough.
        spread = spread_regions(labels)
        # The four channels are looked up as one number.
        packed = look_up(even.view(np.int32).ravel(), spread)
        fill = packed.view(np.uint8).reshape(*packed.shape, 4)
        exact, mask = (
            cv2.resize(one, (soft.shape[1], soft.shape[0]), interpolation=cv2.INTER_NEAREST)
            for one in (cv2.cvtColor(fill, cv2.COLOR_RGBA2RGB), cv2.extractChannel(fill, 3))
        )
        cv2.copyTo(exact, mask, soft)
    return soft


def _even_colors(labels: RegionMap, hints: HintPixels, color: ColorMap) -> UInt8[np.ndarray, "N 4"]:
    """Return the colours of regions that have one, with alpha 255; others have alpha 0."""
    given = collect_hints(labels, hints)
    colors = agreed_colors(given)
    is_open = np.ones(len(colors), bool)
    is_open[0] = is_open[given.color_regions] = False
    colors[is_open, :3] = region_medians(labels, color, is_open)[is_open]
    colors[_has_most_of_border(labels, is_open), :3] = 255
    colors[is_open, 3] = 255
    return colors


def _has_most_of_border(
    labels: RegionMap, is_open: Bool[np.ndarray, " N"]
) -> Bool[np.ndarray, " N"]:
    """Return which open region has more than half of the border's pixels without ink, if one has.

    `region_colors.find_open_border_regions` has another rule: there, all open regions count
    together.
    """
    on_border = np.bincount(border_regions(labels), minlength=len(is_open))
    is_background: Bool[np.ndarray, " N"] = is_open & (2 * on_border > on_border.sum())
    return is_background


def finish_colors(drawing: Line | Frame, hints: HintPixels, guess: Guess, finish: Finish) -> Frame:
    """Return the colours below the lines of a drawing, at its size.

    Args:
        drawing: Drawing at full size; its paper may be that of a scan, its lines pencil.
        hints: Hints at the size of the drawing.
        guess: What networks say of the drawing.
        finish: `paint` for `paint_drawing`, `soft` for `soften`, both with the default gap.
    """
    if finish == "paint":
        return paint_drawing(drawing, hints, guess).fill()
    return soften(drawing, hints, guess.colors)
