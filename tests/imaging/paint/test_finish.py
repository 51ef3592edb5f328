"""Colours below the lines: the network's, with exact ones where hints or regions say so."""

import cv2
import numpy as np
import pytest

from lineart.imaging.hints.pixels import HintPixels, find_hints
from lineart.imaging.paint.finish import Finish, finish_colors, paint_drawing, soften
from lineart.imaging.paint.region_colors import ColorSource, Guess

SIZE = HEIGHT, WIDTH = 200, 300
RED, BLUE = (200, 30, 40), (10, 60, 220)
LEFT, RIGHT = (slice(45, 155), slice(45, 135)), (slice(45, 155), slice(165, 255))
"""Inside of the two boxes."""


def draw_boxes(ink: int = 0, paper: int = 255, gap: int = 0) -> np.ndarray:
    """Draw two boxes; the left one may be open at its top."""
    line = np.full(SIZE, paper, np.uint8)
    for left in (40, 160):
        cv2.rectangle(line, (left, 40), (left + 100, 160), ink, 3)
    line[36:45, 90 : 90 + gap] = paper
    return line


def guess_colors() -> np.ndarray:
    """Give colours of a network that differ from pixel to pixel, at half the size."""
    rows, columns = np.mgrid[: HEIGHT // 2, : WIDTH // 2]
    return np.stack((columns, 40 + rows, 200 - columns), axis=-1).astype(np.uint8)


def dab(*dabs: tuple[int, int, tuple[int, int, int]]) -> HintPixels:
    """Give dabs of 13 x 13 pixels at row and column."""
    hint = np.zeros((*SIZE, 4), np.uint8)
    for y, x, color in dabs:
        hint[y - 6 : y + 7, x - 6 : x + 7] = (*color, 255)
    return find_hints(hint)


def is_even(colors: np.ndarray) -> bool:
    """Return whether pixels have one colour."""
    return bool((colors == colors[0, 0]).all())


def test_hints_that_agree_are_exact_and_other_regions_have_one_colour() -> None:
    """One without hints has the network's median; the background, which it would colour, white."""
    colors = soften(draw_boxes(), dab((100, 90, RED)), guess_colors())
    assert (colors[LEFT] == RED).all()
    assert is_even(colors[RIGHT])
    assert colors[100, 210].tolist() == pytest.approx([105, 90, 95], abs=2)
    assert (colors[:36] == 255).all()
    # Colours meet below lines.
    assert {*map(tuple, colors[100, 36:45].tolist())} == {(255, 255, 255), RED}


def test_the_networks_colours_stay_where_hints_differ_or_there_are_none() -> None:
    """They are no noise there: nothing better is known."""
    soft = soften(draw_boxes(), dab(), guess_colors())
    for place in (LEFT, RIGHT):
        assert not is_even(soft[place])
    both = soften(draw_boxes(), dab((100, 65, RED), (100, 115, BLUE)), guess_colors())
    assert (both[LEFT] == soft[LEFT]).all()
    assert is_even(both[RIGHT])


def test_a_region_is_background_with_most_of_the_border_and_without_hints() -> None:
    """A scene whose border is of several regions, or that was hinted, has its colours."""
    hinted = soften(draw_boxes(), dab((20, 20, BLUE)), guess_colors())
    assert (hinted[:36] == BLUE).all()
    line = draw_boxes()
    line[98:102, :40] = line[98:102, 260:] = 0
    line[:, 148:152] = 0
    quarters = soften(line, dab((100, 90, RED)), guess_colors())
    for corner in ((slice(30), slice(140)), (slice(30), slice(160, None))):
        assert is_even(quarters[corner])
        assert (quarters[corner] < 250).any()


@pytest.mark.parametrize("finish", ["soft", "paint"])
@pytest.mark.parametrize("line", [draw_boxes(gap=3), draw_boxes(215), draw_boxes(150, 235)])
def test_lines_part_colours_if_thin_light_or_open(line: np.ndarray, finish: Finish) -> None:
    """Gaps are closed, and pencil and the paper of scans are seen as ink on white."""
    hints = dab((100, 90, RED), (20, 20, BLUE))
    colors = finish_colors(line, hints, Guess(guess_colors()), finish)
    assert (colors[LEFT] == RED).all()
    assert (colors[:32] == BLUE).all()


def test_a_gap_is_closed_or_may_be_left_open() -> None:
    """Then both sides of it are one region, which the network colours or which is divided."""
    line, hints = draw_boxes(gap=3), dab((100, 90, RED), (20, 20, BLUE))
    guess = Guess(guess_colors())
    assert ColorSource.SPLIT not in paint_drawing(line, hints, guess).sources
    assert ColorSource.SPLIT in paint_drawing(line, hints, guess, 0.0).sources
    assert not is_even(soften(line, hints, guess_colors(), 0.0)[LEFT])


def test_a_fill_is_exact_up_to_an_open_line() -> None:
    """It is a region of its own, and what is outside is another."""
    line = np.full(SIZE, 255, np.uint8)
    cv2.circle(line, (150, 100), 70, 0, 3)
    line[80:120, 210:230] = 255
    hint = np.zeros((*SIZE, 4), np.uint8)
    cv2.circle(hint, (150, 100), 66, (*RED, 255), cv2.FILLED)
    colors = soften(line, find_hints(hint), guess_colors(), 0.0)
    assert (colors[60:140, 100:200] == RED).all()
    assert (colors[:20] == 255).all()
