"""The colours of a key for its own drawing."""

import cv2
import numpy as np
from numpy.testing import assert_array_equal

from lineart.keys import Key
from lineart.keys.key_colors import UNKNOWN, RegionColors
from lineart.keys.key_drawing import is_key_drawing, key_drawing_colors
from tests.keys.figures import PAINT, draw_figure


def fill(colors: RegionColors) -> np.ndarray:
    """Return the colour of each pixel; ink and unknown regions are black."""
    index = np.append(np.int32(UNKNOWN), colors.index)
    return np.concatenate((colors.palette, np.zeros((1, 3), np.uint8)))[index[colors.labels]]


def test_a_drawing_is_that_of_a_key_pixel_by_pixel() -> None:
    """Grey or in three channels; not at another size, nor with another pixel."""
    line, paint = draw_figure()
    assert is_key_drawing(line.copy(), Key(line, paint))
    assert is_key_drawing(np.dstack([line] * 3), Key(line, paint))
    assert not is_key_drawing(line[:-1], Key(line, paint))
    other = line.copy()
    other[5, 5] = 254
    assert not is_key_drawing(other, Key(line, paint))


def test_every_pixel_has_its_color() -> None:
    """A region of several colours is several, each of which knows the region that it is of."""
    line, paint = draw_figure()
    paint[250:260, 200:230] = (1, 2, 3)
    paint[270, 210] = (4, 5, 6)
    colors = key_drawing_colors(Key(line, paint))
    is_region = colors.labels > 0
    assert_array_equal(is_region, line == 255)
    assert_array_equal(fill(colors)[is_region], paint[is_region])
    assert len(colors.parent) == len(colors.index) == colors.labels.max()
    coat = [colors.labels[place] - 1 for place in ((240, 210), (255, 210), (270, 210))]
    assert len({*coat}) == 3
    assert len({*colors.parent[coat]}) == 1
    assert not colors.is_paper.any()


def test_soft_edges_have_the_color_beside_them() -> None:
    """Of a picture with its lines; without lines, the picture's pixels are all paint."""
    line, paint = draw_figure()
    soft = cv2.GaussianBlur(line, (0, 0), 1.0)
    inked = np.rint(paint * (soft[..., np.newaxis] / 255)).astype(np.uint8)
    colors = key_drawing_colors(Key(soft, inked))
    assert {tuple(one) for one in colors.palette.tolist()} == {*PAINT.values()} - {PAINT["hat"]}
    blurred = cv2.GaussianBlur(paint, (0, 0), 1.0)
    colors = key_drawing_colors(Key(soft, blurred))
    assert_array_equal(fill(colors)[colors.labels > 0], blurred[colors.labels > 0])


def test_what_is_all_edge_has_a_color_of_the_palette() -> None:
    """A part no wider than the soft edges of its lines has no pixel without them."""
    line = np.full((120, 160), 255, np.uint8)
    cv2.rectangle(line, (40, 40), (120, 46), 0, 2)
    soft = cv2.GaussianBlur(line, (0, 0), 1.2)
    paint = np.full((*line.shape, 3), PAINT["coat"], np.uint8)
    paint[41:46, 41:120] = PAINT["pocket"]
    inked = np.rint(paint * (soft[..., np.newaxis] / 255)).astype(np.uint8)
    palette = np.array([PAINT["coat"], PAINT["pocket"]], np.uint8)
    colors = key_drawing_colors(Key(soft, inked), palette=palette)
    is_inside = np.zeros(line.shape, bool)
    is_inside[43, 60:100] = True
    assert (colors.labels[is_inside] > 0).all()
    assert (fill(colors)[is_inside] == PAINT["pocket"]).all()


def test_hints_color_the_regions_that_they_are_in() -> None:
    """Others are unknown, and what is around is white paper; given regions are taken instead."""
    line, paint = draw_figure()
    dab = np.zeros((*line.shape, 4), np.uint8)
    dab[260:265, 270:275] = (*PAINT["pocket"], 255)
    colors = key_drawing_colors(Key(line, dab))
    is_pocket = (paint == PAINT["pocket"]).all(axis=2) & (colors.labels > 0)
    assert (fill(colors)[is_pocket] == PAINT["pocket"]).all()
    region = colors.labels[[2, 240], [2, 210]] - 1
    assert colors.is_paper[region].tolist() == [True, False]
    assert colors.index[region[1]] == UNKNOWN
    halves = np.where(line == 255, 1 + (np.arange(line.shape[1]) >= 280), 0).astype(np.int32)
    given = key_drawing_colors(Key(line, dab), halves)
    assert (fill(given)[:, :280][halves[:, :280] > 0] == PAINT["pocket"]).all()
