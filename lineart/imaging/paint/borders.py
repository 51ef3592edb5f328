"""Borders of colours on bare paper, which a network finds: its inputs, and when they are needed."""

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.image import Line, Size, pack_colors, resize
from lineart.imaging.hints.pixels import HintPixels
from lineart.imaging.lines.paper import PAPER_FROM
from lineart.imaging.paint.finish import paint_drawing
from lineart.imaging.paint.region_colors import Guess

BORDER_SIDE_PX = 256
"""Short side of the network's inputs, in pixels."""
PAPER = np.full((1, 1, 3), 255, np.uint8)


def border_inputs(
    line: Line, hints: HintPixels, size: Size
) -> list[UInt8[np.ndarray, "BorderH BorderW *C"]]:
    """Return the network's inputs: drawing and marked paint, or none if it is not needed.

    It is needed where an area of paper, between lines, has hints of several colours.

    Args:
        line: Drawing with dark lines.
        hints: Hints that count, at the drawing's size.
        size: Height and width of the inputs.
    """
    if not _share_paper(line, hints):
        return []
    small = resize(line, size)
    return [small, mark_paint(small, hints.resize(size))]


def mark_paint(line: Line, hints: HintPixels) -> UInt8[np.ndarray, "H W 4"]:
    """Return paint as hints alone give it, with alpha 255 at the hints and 0 elsewhere.

    The network sees where hints part without it, and corrects that.
    """
    paint = paint_drawing(line, hints, Guess(PAPER)).fill()
    return np.dstack((paint, hints.picture()[:, :, 3]))


def _share_paper(line: Line, hints: HintPixels) -> bool:
    """Return whether an area of paper has hints of several colours."""
    if not (hints.values[:, :3] != hints.values[:1, :3]).any():
        return False
    paper = cv2.compare(line, PAPER_FROM, cv2.CMP_GE)
    _, areas = cv2.connectedComponents(paper, connectivity=4, ltype=cv2.CV_32S)
    own = areas[hints.rows, hints.columns]
    codes = pack_colors(hints.values[:, :3])
    least, most = np.full(areas.max() + 1, 1 << 24), np.full(areas.max() + 1, -1)
    np.minimum.at(least, own, codes)
    np.maximum.at(most, own, codes)
    return bool((least < most)[1:].any())
