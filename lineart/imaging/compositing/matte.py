"""Cels: where a coloured drawing is opaque, and its pixels on transparent paper."""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from lineart.image import Frame, Line, darkest_channel, is_gray
from lineart.imaging.hints.pixels import HintPixels
from lineart.imaging.region_maps import RegionMap, count_pixels, find_region_contacts, find_runs
from lineart.imaging.regions import GAP, find_regions, scale_gap

Opacity = UInt8[np.ndarray, "H W"]
"""0 = transparent, 255 = opaque."""
Cel = UInt8[np.ndarray, "H W 4"]
"""Colour picture of straight alpha; colours below alpha 0 are 0."""

MIN_INK = 32
"""Opacity below it is no ink: what an eraser has left, or the grain of paper."""
MAX_CUT_OFF = 4
"""Largest area of a part that a closed gap cuts off from the outside, in squares of the gap."""
_RIM_PX = 5
"""Hints that are so near to a line may belong to its other side."""


def split_cel(picture: UInt8[np.ndarray, "H W *C"]) -> tuple[Line | Frame, Opacity | None]:
    """Return the drawing on white paper, grey if it has no colour, and its alpha.

    Args:
        picture: Grey, RGB, or RGB on white paper with alpha, as `codec.decode_line_art` returns it.
    """
    if picture.ndim == 2 or picture.shape[2] == 3:
        return picture, None
    red, green, blue, alpha = cv2.split(picture)
    return red if is_gray(picture) else cv2.merge((red, green, blue)), alpha


def ink_opacity(drawing: Line | Frame) -> Opacity:
    """Return the opacity of the ink of a drawing on white paper: 255 less the darkest channel."""
    opacity: Opacity = cv2.bitwise_not(darkest_channel(drawing))
    return opacity


def find_matte(cover: Opacity, hints: HintPixels, gap: float = GAP) -> Opacity:
    """Return the opacity of a cel: all but the regions outside of the character is opaque.

    Outside are the regions that touch the border of the picture, unless an artist gave a hint
    there, and small parts that closed gaps cut off from them. Gaps in lines are closed, as for
    `find_regions`. Pixels of a soft line that are nearer to an outside region than to an inside one
    have the opacity of the line, so that the cel has no halo on any background; the colour of the
    inside reaches to the middle of the line.

    Args:
        cover: Opacity of the drawing.
        hints: Hints at the size of the drawing.
        gap: Largest gap that is closed, in pixels of a drawing with 1080 lines.
    """
    outside = _find_outside(cover, hints, gap)
    is_free = cover < MIN_INK
    to_outside = cv2.distanceTransform((~outside).view(np.uint8), cv2.DIST_L2, 3)
    to_inside = cv2.distanceTransform((~is_free | outside).view(np.uint8), cv2.DIST_L2, 3)
    matte: Opacity = np.where(outside | ~is_free & (to_outside < to_inside), cover, np.uint8(255))
    return matte


def _find_outside(cover: Opacity, hints: HintPixels, gap: float) -> Bool[np.ndarray, "H W"]:
    """Return which pixels belong to regions that touch the border and hold no hint."""
    gap_px = scale_gap(gap, (cover.shape[0], cover.shape[1]))
    paper = np.where(cover < MIN_INK, np.uint8(255), np.uint8(0))
    regions = find_regions(paper, gap_px=gap_px)
    is_outside = np.zeros(regions.max() + 1, bool)
    for edge in (regions[0], regions[-1], regions[:, 0], regions[:, -1]):
        is_outside[edge] = True
    is_hinted = np.zeros(len(is_outside), bool)
    if hints.rows.size:
        to_ink = cv2.distanceTransform((regions > 0).view(np.uint8), cv2.DIST_L2, 3)
        is_deep = to_ink[hints.rows, hints.columns] > _RIM_PX
        is_hinted[regions[hints.rows[is_deep], hints.columns[is_deep]]] = True
    is_outside &= ~is_hinted
    is_outside[0] = False
    _add_cut_off(is_outside, regions, ~is_hinted, MAX_CUT_OFF * gap_px**2)
    outside: Bool[np.ndarray, "H W"] = is_outside[regions]
    return outside


def _add_cut_off(
    is_outside: Bool[np.ndarray, " N"],
    regions: RegionMap,
    may_be: Bool[np.ndarray, " N"],
    max_area: float,
) -> None:
    """Add the small regions that meet the outside on paper, as a wedge below an arm."""
    areas = count_pixels(find_runs(regions), len(is_outside))
    contacts = find_region_contacts(regions, regions)
    is_met = contacts.is_gap & (may_be & (areas <= max_area))[contacts.first]
    first, second = contacts.first[is_met], contacts.second[is_met]
    while (found := first[is_outside[second] & ~is_outside[first]]).size:
        is_outside[found] = True


def cut_out(frame: Frame, below: Frame, matte: Opacity) -> Cel:
    """Return a frame as a cel.

    Where the matte is partly transparent, the frame is ink over a colour; the colour is taken away
    as far as the matte is transparent.

    Args:
        frame: Colours with lines.
        below: Colours without lines.
        matte: Opacity of the cel, at least that of the ink.
    """
    cel: Cel = cv2.merge((*cv2.split(frame), matte))
    cel[matte == 0] = 0
    rows, columns = np.nonzero((matte > 0) & (matte < 255))
    opacity = matte[rows, columns].astype(np.float32)[:, np.newaxis] / 255
    behind = np.rint(below[rows, columns] * (1 - opacity))
    ink = (frame[rows, columns] - behind) / opacity
    cel[rows, columns, :3] = np.clip(ink, 0, 255).round()
    return cel
