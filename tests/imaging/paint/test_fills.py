"""Fills that end where a line is open."""

import cv2
import numpy as np
import pytest

from lineart.imaging.hints.pixels import HintPixels, find_hints, no_hints
from lineart.imaging.paint.fills import cut_fills
from lineart.imaging.regions import find_regions

SIZE = (400, 500)
CENTER, RADIUS = (200, 200), 80
RED = (200, 30, 30, 255)


def draw_open_circle(gap_px: int) -> np.ndarray:
    """Draw a circle whose line is open at its right."""
    line = np.full(SIZE, 255, np.uint8)
    cv2.circle(line, CENTER, RADIUS, 0, 3)
    line[200 - gap_px // 2 : 200 + gap_px // 2, 270:290] = 255
    return line


def fill_circle(radius: int) -> HintPixels:
    """Give a hint that fills the circle up to a radius."""
    hint = no_hints(SIZE)
    cv2.circle(hint, CENTER, radius, RED, -1)
    return find_hints(hint)


@pytest.mark.parametrize("left_out", [0, 2, 4])
def test_a_fill_ends_where_the_line_is_open(left_out: int) -> None:
    """What is outside is another region, and the rim that a fill left out is inside."""
    line = draw_open_circle(40)
    labels = find_regions(line)
    assert labels[200, 200] == labels[200, 400]
    divided = cut_fills(labels, fill_circle(RADIUS - 2 - left_out))
    assert divided[200, 200] == labels.max() + 1
    assert divided[200, 400] == labels[200, 400]
    inside = cv2.circle(np.zeros(SIZE, np.uint8), CENTER, RADIUS - 3, 1, -1) > 0
    assert (divided[inside & (line == 255)] == divided[200, 200]).mean() > 0.99
    assert ((divided > 0) == (labels > 0)).all()


def test_holes_belong_to_a_fill() -> None:
    """An eraser has left some; they are no opening."""
    labels = find_regions(draw_open_circle(40))
    hints = fill_circle(RADIUS - 2)
    is_hole = np.hypot(hints.rows - 180, hints.columns - 190) < 25
    divided = cut_fills(labels, hints.select(~is_hole))
    assert divided[180, 190] == divided[200, 240] == labels.max() + 1
    assert divided[200, 400] == labels[200, 400]


@pytest.mark.parametrize(
    ("gap_px", "radius"),
    [
        # A dab, the half of the circle, and a fill that ends on open paper.
        (40, 10),
        (40, 60),
        (150, RADIUS - 2),
        # The line is closed: the fill is all of its region.
        (0, RADIUS - 2),
    ],
)
def test_other_hints_speak_for_their_region(gap_px: int, radius: int) -> None:
    """The same regions come back."""
    labels = find_regions(draw_open_circle(gap_px))
    assert cut_fills(labels, fill_circle(radius)) is labels


def test_a_dab_across_a_lock_of_hair_is_no_fill() -> None:
    """It reaches the lines at both sides, and the lock goes on."""
    line = np.full(SIZE, 255, np.uint8)
    cv2.rectangle(line, (20, 150), (480, 200), 0, 3)
    hint = no_hints(SIZE)
    hint[152:199, 200:280] = RED
    labels = find_regions(line)
    assert cut_fills(labels, find_hints(hint)) is labels
