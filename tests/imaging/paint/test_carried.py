"""Colours that keys have, with hints, and what becomes of the regions without any."""

import cv2
import numpy as np
import pytest

from lineart.imaging.hints.pixels import HintPixels, find_hints
from lineart.imaging.paint.carried import (
    PLACEHOLDER,
    KnownColors,
    Unknown,
    apply_hints,
    fill_unknown,
    sample_colors,
    soften_unknown,
    whiten_background,
    without_colors,
)
from lineart.imaging.paint.region_colors import (
    BACKGROUND_CONFIDENCE,
    CONFIDENCE,
    THROUGH_GAP,
    ColorSource,
)

SIZE = (120, 200)
RED, BLUE, GREEN = (200, 30, 40), (10, 60, 220), (20, 160, 60)
PAPER, LEFT, RIGHT = 1, 2, 3
"""Regions: two boxes on paper."""


def carry_colors(*known: int) -> KnownColors:
    """Give two boxes on paper; `known` regions have a key's colour, and a second one."""
    labels = np.full(SIZE, PAPER, np.int32)
    for left, number in ((20, LEFT), (110, RIGHT)):
        cv2.rectangle(labels, (left, 20), (left + 70, 100), 0, 3)
        labels[22:99, left + 2 : left + 69] = number
    colors, sources, confidence, second = (one.copy() for one in without_colors(labels)[1:])
    colors[:] = 9
    for number in known:
        colors[number], sources[number] = (number, 100, 50), ColorSource.KEY
        confidence[number], second[number] = 0.8, (1, 2, 3, 255)
    return KnownColors(labels, colors, sources, confidence, second)


def dab(*dabs: tuple[int, int, tuple[int, int, int]]) -> HintPixels:
    """Give dabs of 9 x 9 pixels at row and column."""
    hint = np.zeros((*SIZE, 4), np.uint8)
    for y, x, color in dabs:
        hint[y - 4 : y + 5, x - 4 : x + 5] = (*color, 255)
    return find_hints(hint)


def look(known: KnownColors, number: int) -> tuple[list[int], int, float, int]:
    """Return the colour of a region, its source and confidence, and the alpha of the second."""
    _, colors, sources, confidence, second = known
    alpha = int(second[number, 3])
    return colors[number].tolist(), int(sources[number]), float(confidence[number]), alpha


def test_a_hint_wins_in_its_region() -> None:
    """Its colour is sure, and there is no second one; other regions keep those of keys."""
    carried = carry_colors(PAPER, LEFT, RIGHT)
    before = carry_colors(PAPER, LEFT, RIGHT)
    hinted = apply_hints(carried, dab((60, 55, RED)))
    sure = CONFIDENCE[ColorSource.HINT]
    assert look(hinted, LEFT) == ([*RED], ColorSource.HINT, pytest.approx(sure), 0)
    for number in (PAPER, RIGHT):
        assert look(hinted, number) == look(before, number)
    for mine, was in zip(carried, before, strict=True):
        np.testing.assert_array_equal(mine, was)
    assert apply_hints(carried, dab()) is carried


def test_hints_divide_a_region_that_has_a_key() -> None:
    """Each part has the colour of its hint, and none is as sure as with one hint."""
    hinted = apply_hints(carry_colors(LEFT), dab((60, 35, RED), (60, 75, BLUE)))
    assert {len(one) for one in hinted[1:]} == {6}
    for x, color in ((35, RED), (75, BLUE)):
        number = int(hinted.labels[60, x])
        less = pytest.approx(CONFIDENCE[ColorSource.SPLIT])
        assert number > RIGHT
        assert look(hinted, number) == ([*color], ColorSource.SPLIT, less, 0)


def test_a_fill_of_an_open_region_is_a_region() -> None:
    """What is around it stays open."""
    line = np.ones(SIZE, np.int32)
    cv2.circle(line, (100, 60), 40, 0, 3)
    line[50:70, 130:150] = 1
    hint = np.zeros((*SIZE, 4), np.uint8)
    cv2.circle(hint, (100, 60), 37, (*RED, 255), cv2.FILLED)
    hinted = apply_hints(without_colors(line), find_hints(hint))
    assert hinted.colors[hinted.labels[60, 100]].tolist() == [*RED]
    assert look(hinted, int(hinted.labels[5, 5])) == ([255] * 3, ColorSource.BLANK, 0, 0)
    assert hinted.is_open.sum() == 1


def test_paper_is_white_if_all_else_has_a_colour() -> None:
    """Then it surely is background; beside another open region it may be part of the figure."""
    carried = carry_colors(LEFT, RIGHT)
    white = whiten_background(carried)
    sure = pytest.approx(BACKGROUND_CONFIDENCE)
    assert look(white, PAPER) == ([255] * 3, ColorSource.NEIGHBOUR, sure, 0)
    assert look(white, LEFT) == look(carried, LEFT)
    assert carried.sources[PAPER] == ColorSource.BLANK
    for other in (carry_colors(LEFT), carry_colors(PAPER, LEFT)):
        assert whiten_background(other) is other


GUESS = np.full((12, 20, 3), GREEN, np.uint8)


@pytest.mark.parametrize(
    ("unknown", "color", "source"),
    [
        ("placeholder", PLACEHOLDER, ColorSource.BLANK),
        ("paper", (255, 255, 255), ColorSource.BLANK),
        ("soft", GREEN, ColorSource.NETWORK),
    ],
)
def test_what_no_key_has_is_left_open_or_the_networks(
    unknown: Unknown, color: tuple[int, int, int], source: ColorSource
) -> None:
    """Only the network's colour has a confidence; known colours stay."""
    carried = carry_colors(PAPER, LEFT)
    paint = carried.paint()
    fill_unknown(paint, unknown, GUESS, uses_neighbours=False)
    assert paint.colors[1:].tolist() == [*carried.colors[1:RIGHT].tolist(), [*color]]
    assert paint.sources[1:].tolist() == [ColorSource.KEY, ColorSource.KEY, source]
    share = CONFIDENCE[ColorSource.GUESS] if unknown == "soft" else 0
    assert paint.confidence[1:].tolist() == pytest.approx([0.8, 0.8, share])
    assert (carried.sources[RIGHT], carried.confidence[RIGHT]) == (ColorSource.BLANK, 0)


def test_beside_hints_open_regions_are_white() -> None:
    """As in drawings without keys, and not the network's, unless its colour is beside them."""
    paint = carry_colors(PAPER, LEFT).paint()
    fill_unknown(paint, "soft", GUESS, uses_neighbours=True)
    assert paint.sources[RIGHT] == ColorSource.NEIGHBOUR
    assert paint.colors[RIGHT].tolist() in ([255] * 3, [PAPER, 100, 50])
    assert paint.confidence[RIGHT] < THROUGH_GAP


def test_known_colours_are_exact_in_soft_ones() -> None:
    """The network's vary in the regions that it colours, unless hints say that these are even."""
    guess = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    carried = apply_hints(
        carry_colors(PAPER, LEFT), dab((60, 55, BLUE), (10, 10, GREEN), (10, 190, RED))
    )
    paint = carried.paint()
    fill_unknown(paint, "soft", guess, uses_neighbours=False)
    free, even = (soften_unknown(paint, guess, is_hinted=hinted) for hinted in (False, True))
    # With the inner half of the line at the left.
    inside = slice(24, 96), slice(111, 175)
    for soft in (free, even):
        # Also below the inner half of the lines.
        assert (soft[60, 21:90] == BLUE).all()
        assert len(np.unique(soft[:18].reshape(-1, 3), axis=0)) > 2
    for columns in (slice(111, 112), slice(115, 175)):
        assert len(np.unique(free[24:96, columns].reshape(-1, 3), axis=0)) > 2
    assert (even[inside] == paint.colors[RIGHT]).all()
    paint = carry_colors(PAPER, LEFT).paint()
    fill_unknown(paint, "placeholder", None, uses_neighbours=False)
    exact = soften_unknown(paint, guess, is_hinted=False)
    assert (exact[:18] == paint.colors[PAPER]).all()
    assert (exact[inside] == PLACEHOLDER).all()


def test_samples_of_carried_colours_are_from_the_middle_of_cells() -> None:
    """Only keys give some, and lines none."""
    carried = apply_hints(carry_colors(PAPER, LEFT, RIGHT), dab((60, 145, RED)))
    box = [PAPER, *[LEFT] * 3, *[0] * 3, PAPER]
    for size, numbers in (
        ((5, 8), [[PAPER] * 8, box, box, box, [PAPER] * 8]),
        ((3, 5), [[0, 0, PAPER, 0, 0], [0, LEFT, PAPER, 0, 0], [0, 0, PAPER, 0, 0]]),
    ):
        grid = sample_colors(carried, size)
        # A key's colour has the number of its region as red.
        assert grid[:, :, 0].tolist() == numbers
        assert (grid[:, :, 3] == np.where(grid[:, :, 0], 255, 0)).all()
