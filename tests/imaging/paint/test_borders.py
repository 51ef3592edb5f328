"""Borders of colours on bare paper."""

import cv2
import numpy as np
import pytest

from lineart.imaging.hints.pixels import find_hints
from lineart.imaging.paint.borders import border_inputs
from lineart.imaging.paint.region_colors import ColorSource, Guess, paint_regions
from lineart.imaging.regions import find_regions

RED, BLUE = (200, 30, 40), (10, 60, 220)
WHITE = np.full((15, 25, 3), 255, np.uint8)


def draw_room() -> np.ndarray:
    """Draw a closed room on paper."""
    line = np.full((60, 100), 255, np.uint8)
    cv2.rectangle(line, (10, 10), (90, 50), 0, 2)
    return line


def dab(*dabs: tuple[int, int, tuple[int, int, int]]) -> np.ndarray:
    """Return a hint picture with dabs at row and column."""
    hint = np.zeros((60, 100, 4), np.uint8)
    for y, x, color in dabs:
        hint[y - 1 : y + 2, x - 1 : x + 2] = (*color, 255)
    return hint


@pytest.mark.parametrize("scale", [1, 2])
def test_hints_of_a_region_part_at_a_border(scale: int) -> None:
    """Two hints in one room meet half-way, or where a border is said to be."""
    line, hints = draw_room(), find_hints(dab((30, 20, RED), (30, 80, BLUE)))
    labels = find_regions(line, gap_px=0.0)
    borders = np.zeros((60 * scale, 100 * scale), np.uint8)
    borders[:, 70 * scale : 72 * scale] = 255
    for guess, middle in ((Guess(WHITE), 50), (Guess(WHITE, borders), 71)):
        found = paint_regions(labels, hints, guess)
        colors = found.fill()[14:47]
        assert (colors[:, 14 : middle - 3] == RED).all()
        assert (colors[:, middle + 3 : 87] == BLUE).all()
        assert (found.sources[found.labels[14:47, 14:87]] == ColorSource.SPLIT).all()


def test_a_region_with_one_colour_ignores_borders() -> None:
    """A hint fills its region, whatever the network says of it."""
    borders = np.full((60, 100), 255, np.uint8)
    labels = find_regions(draw_room(), gap_px=0.0)
    found = paint_regions(labels, find_hints(dab((30, 20, RED))), Guess(WHITE, borders))
    assert (found.fill()[14:47, 14:87] == RED).all()


def test_borders_are_searched_where_paper_has_several_colours() -> None:
    """A colour in each region needs no network; two in one do, at the size asked for."""
    line = draw_room()
    apart, together = dab((30, 20, RED), (5, 5, BLUE)), dab((30, 20, RED), (30, 80, BLUE))
    same = dab((30, 20, RED), (30, 80, RED))
    for hint in (np.zeros_like(apart), apart, same):
        assert border_inputs(line, find_hints(hint), (30, 50)) == []
    small, paint = border_inputs(line, find_hints(together), (30, 50))
    assert small.shape == (30, 50)
    # The paint of the hints alone, which meet half-way, and where they are.
    assert {tuple(color) for color in paint[paint[..., 3] > 0, :3].tolist()} == {RED, BLUE}
    assert (paint[15, 8:22, :3] == RED).all()
    assert (paint[15, 28:42, :3] == BLUE).all()
    # Hints on ink alone are in no region.
    line[29:32, 19:22] = line[29:32, 79:82] = 0
    assert border_inputs(line, find_hints(together), (30, 50)) == []
