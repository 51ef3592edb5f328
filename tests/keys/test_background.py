"""Drawings with hardly a line have the background of their keys."""

import cv2
import numpy as np
import pytest

from lineart.keys import CarriedColors, Key, carry
from lineart.keys.key_colors import UNKNOWN
from tests.keys.figures import PAINT, Figure, draw_figure

SHEET = np.full((360, 480), 255, np.uint8)


def find_around(carried: CarriedColors) -> tuple[int, ...]:
    """Return the colour at the corner of a drawing; nothing if no key has it."""
    index = carried.index[carried.labels[2, 2]]
    return () if index == UNKNOWN else tuple(carried.palette[index].tolist())


@pytest.mark.parametrize("background", [(250, 250, 250), (90, 120, 160)])
@pytest.mark.parametrize("things", [0, 1])
def test_background_of_a_drawing_with_hardly_a_line(
    background: tuple[int, int, int], things: int
) -> None:
    """It is no coat, though that, too, is a region without holes."""
    key = draw_figure()
    key.paint[(key.paint == PAINT["background"]).all(axis=2)] = background
    line = SHEET.copy()
    for _ in range(things):
        cv2.ellipse(line, (300, 200), (20, 14), 0, 0, 360, 0, 2)
    carried = carry(line, [Key(*key)])
    assert find_around(carried) == background
    assert carried.confidence[carried.labels[2, 2]] >= 0.98


def test_a_drawing_without_lines_in_a_painted_scene() -> None:
    """No key has what it shows."""
    line, paint = SHEET.copy(), np.full((360, 480, 3), PAINT["head"], np.uint8)
    cv2.line(line, (0, 180), (479, 180), 0, 3)
    paint[180:] = PAINT["coat"]
    assert find_around(carry(SHEET, [Key(line, paint)])) == ()


def test_a_large_thing_is_no_background() -> None:
    """Where a key is sure of another colour, that remains."""
    key, near = draw_figure(), draw_figure(scale=3.2)
    figure = Figure(near.line, near.paint)
    carried = carry(figure.line, [Key(*figure), Key(*key)])
    assert (carried.confidence[1:] == 1).all()
