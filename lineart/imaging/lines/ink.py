"""A drawing with dark lines on white paper, which all later decisions are made on."""

import cv2
import numpy as np

from lineart.image import Frame, Line, darkest_channel, to_gray
from lineart.imaging.lines.paper import whiten_paper
from lineart.imaging.regions import shrink_ink

CELL_PX = 4
"""Side of the cells whose darkest pixels are the levels of a drawing's strokes."""
WIDEST_CELLS = 5
"""What is as wide as so many cells is an area in grey, and no stroke."""
MIN_DEPTH = 24
"""Levels by which a stroke is darker than the paper beside it; less is the grain of paper."""
DARKEST, MOST = 0.05, 0.75
"""Shares of the cells with strokes, the darkest first, whose levels tell pencil from ink."""
BLACK, GRAY = 32, 96
"""Where the darkest strokes are up to `BLACK`, a drawing is ink; from `GRAY` on, pencil."""
DARK = 64
"""Level that most strokes of a drawing in pencil get."""
MIN_CONTRAST = 79
"""Levels between black and white, at least, before the drawing is darkened."""


def darken_lines(drawing: Line | Frame, line: Line | None = None) -> Line:
    """Return the lines of a drawing on white paper, with pencil as dark as ink.

    Regions, hints and networks take light strokes for paper. In a drawing without a black stroke
    the levels are scaled so that three quarters of its strokes have at most the level `DARK`; one
    with black strokes keeps its levels, as its light strokes are shading. The picture that is shown
    keeps those of the drawing.

    Args:
        drawing: Drawing, whose paper may be that of a scan.
        line: The same in grey. Default: its darkest channel.
    """
    darkest = darkest_channel(whiten_paper(drawing))
    line = darkest if line is None else to_gray(whiten_paper(line))
    black = _find_black(darkest)
    if not black:
        return line
    table = ((np.arange(256) - black) * 255 / (255 - black)).clip(0, 255).round().astype(np.uint8)
    darkened: Line = cv2.LUT(line, table)
    return darkened


def _find_black(line: Line) -> float:
    """Return the level that becomes black."""
    cells = shrink_ink(line, CELL_PX)
    paper = cv2.morphologyEx(cells, cv2.MORPH_CLOSE, np.ones((WIDEST_CELLS,) * 2, np.uint8))
    # No OpenCV here, which takes a picture of one pixel for a number.
    is_stroke = paper - cells >= MIN_DEPTH
    strokes = cv2.calcHist([cells], [0], is_stroke.view(np.uint8), [256], [0, 256]).ravel().cumsum()
    darkest, most = (int(np.searchsorted(strokes, part * strokes[-1])) for part in (DARKEST, MOST))
    pencil = min(1.0, max(0.0, (darkest - BLACK) / (GRAY - BLACK)))
    black = max(0.0, pencil * (most - DARK) * 255 / (255 - DARK))
    return min(black, 255.0 - MIN_CONTRAST)
