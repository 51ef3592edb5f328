"""Flat colours of regions."""

import cv2
import numpy as np

from lineart.imaging.paint import GUESS, HINT, SPLIT, paint_regions, region_medians
from lineart.imaging.regions import find_regions

RED, BLUE = (200, 30, 40), (10, 60, 220)


def draw_boxes() -> np.ndarray:
    """Draw two boxes beside each other, on paper: regions 1 (paper), 2 and 3."""
    line = np.full((60, 100), 255, np.uint8)
    cv2.rectangle(line, (10, 10), (45, 50), 0, 1)
    cv2.rectangle(line, (55, 10), (90, 50), 0, 1)
    return line


def no_hint() -> np.ndarray:
    """Return an empty hint picture."""
    return np.zeros((60, 100, 4), np.uint8)


WHITE = np.full((15, 25, 3), 255, np.uint8)


def test_a_hint_is_the_colour_of_its_whole_region() -> None:
    """One pixel of a hint colours its region exactly, and no other."""
    hint = no_hint()
    hint[30, 20] = (*RED, 255)
    labels = find_regions(draw_boxes(), gap_px=0.0)
    paint = paint_regions(labels, hint, WHITE)
    assert tuple(paint.colors[labels[12, 12]]) == RED
    assert paint.sources[labels[12, 12]] == HINT
    assert tuple(paint.colors[labels[12, 80]]) == (255, 255, 255)
    assert paint.sources[labels[12, 80]] == GUESS


def test_two_colours_divide_a_region() -> None:
    """Each pixel of a region with two hints has the colour of the nearer one."""
    hint = no_hint()
    hint[30, 15], hint[30, 40] = (*RED, 255), (*BLUE, 255)
    labels = find_regions(draw_boxes(), gap_px=0.0)
    paint = paint_regions(labels, hint, WHITE)
    filled = paint.colors[paint.labels]
    assert (filled[12:49, 12:27] == RED).all()
    assert (filled[12:49, 29:44] == BLUE).all()
    assert set(paint.sources[np.unique(paint.labels[12:49, 12:44])]) == {SPLIT}
    assert (paint.labels == labels)[labels != labels[30, 15]].all()


def test_faint_hints_and_hints_on_ink_count_for_nothing() -> None:
    """Alpha below 128 is no hint, and a hint on a line colours no region."""
    hint = no_hint()
    hint[30, 20], hint[10, 30] = (*RED, 90), (*BLUE, 255)
    paint = paint_regions(find_regions(draw_boxes(), gap_px=0.0), hint, WHITE)
    assert set(paint.sources[1:]) == {GUESS}


def test_medians_of_small_and_large_regions() -> None:
    """A region takes the median of the guess; one that is lost when shrunk takes its pixel."""
    labels = np.ones((60, 100), np.int32)
    labels[:, 50:] = 2
    labels[31, 71] = 3
    guess = np.zeros((15, 25, 3), np.uint8)
    guess[:, :13], guess[:, 13:] = RED, BLUE
    guess[3, 3] = 255
    medians = region_medians(labels, guess)
    assert tuple(medians[1]) == RED
    assert tuple(medians[2]) == tuple(medians[3]) == BLUE
