"""Lines as decisions see them: pencil is as dark as ink."""

import cv2
import numpy as np
from numpy.testing import assert_array_equal

from lineart.api import Colorizer
from lineart.image import to_gray
from lineart.imaging.lines.ink import darken_lines
from lineart.imaging.regions import INK_LEVEL, find_regions

SKY, COAT = (150, 200, 240), (150, 50, 60)


def draw_figure(level: int) -> np.ndarray:
    """Draw a figure whose outline is in strokes of a level and darker, with a gap."""
    line = np.full((200, 300), 255, np.uint8)
    cv2.ellipse(line, (150, 100), (60, 80), 0, 0, 358, level, 3, cv2.LINE_AA)
    cv2.line(line, (150, 60), (150, 140), max(0, level - 60), 2, cv2.LINE_AA)
    return line


def test_pencil_becomes_as_dark_as_ink_and_ink_keeps_its_levels() -> None:
    """Strokes get dark if none is black; shading beside ink does not, nor does white paper."""
    for level in (140, 160, 180):
        dark = darken_lines(draw_figure(level))
        assert dark[100, 90] <= 110
        assert find_regions(dark).max() == 2
        assert dark[0, 0] == 255
    ink = draw_figure(0)
    ink[:40, :40] = 180
    assert_array_equal(darken_lines(ink), ink)
    gray = (draw_figure(160) * 0.94).astype(np.uint8)
    scan = np.dstack([gray, gray, (gray * 0.95).astype(np.uint8)])
    assert find_regions(darken_lines(scan)).max() == 2
    gray_coat = draw_figure(120)
    cv2.ellipse(gray_coat, (150, 100), (50, 70), 0, 0, 360, 200, -1)
    gray_coat = np.minimum(gray_coat, draw_figure(120))
    assert darken_lines(gray_coat)[100, 120] > INK_LEVEL
    red = np.dstack([np.full_like(ink, 255), draw_figure(0), draw_figure(0)])
    assert_array_equal(darken_lines(red, to_gray(red)), to_gray(red))
    blank = np.full((50, 50), 255, np.uint8)
    blank[20, 20] = 240
    assert_array_equal(darken_lines(blank), blank)
    assert darken_lines(blank[:1, :1]).shape == (1, 1)


def test_colours_stay_inside_of_pencil_lines() -> None:
    """Two hints inside and outside of a pencil outline fill both sides, with either finish."""
    hint = np.zeros((200, 300, 4), np.uint8)
    hint[20:24, 10:14], hint[100:104, 120:124] = (*SKY, 255), (*COAT, 255)
    drawing = draw_figure(180)
    for finish, tolerance in (("soft", 30), ("paint", 0)):
        colors = Colorizer.load(network_size_px=128, finish=finish)(drawing, hint).astype(int)
        assert np.abs(colors[5:195, 5:80] - SKY).max() <= tolerance
        assert np.abs(colors[60:140, 110:140] - COAT).max() <= tolerance
