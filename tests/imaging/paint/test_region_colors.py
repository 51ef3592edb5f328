"""Flat colours of regions."""

import cv2
import numpy as np
import pytest

from lineart.imaging.hints.cleaning import drop_ink_hints
from lineart.imaging.hints.pixels import find_hints
from lineart.imaging.paint.region_colors import (
    CONFIDENCE,
    ColorSource,
    Guess,
    paint_regions,
    region_medians,
)
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


def paint(
    line: np.ndarray, hint: np.ndarray, guess: np.ndarray = WHITE
) -> tuple[np.ndarray, np.ndarray]:
    """Paint a drawing; return the colour and the source of each pixel's region."""
    found = paint_regions(find_regions(line, gap_px=0.0), find_hints(hint), Guess(guess))
    is_paper = found.labels > 0
    assert (found.fill()[is_paper] == found.colors[found.labels][is_paper]).all()
    return found.fill(), found.sources[found.labels]


def test_a_hint_is_the_colour_of_its_whole_region() -> None:
    """One pixel of a hint colours its region exactly; its neighbour takes the nearest colour."""
    hint = no_hint()
    hint[30, 20], hint[5, 5] = (*RED, 255), (255, 255, 255, 255)
    colors, sources = paint(draw_boxes(), hint)
    assert (colors[12:49, 12:44] == RED).all()
    assert (sources[12:49, 12:44] == ColorSource.HINT).all()
    assert (colors[12:49, 57:88] == 255).all()
    assert (sources[12:49, 57:88] == ColorSource.NEIGHBOUR).all()


def test_the_deepest_hint_of_a_region_fills_it_and_others_their_surroundings() -> None:
    """Shadows beside the lines of a face stay there, and colour beside a gap does not run out."""
    line = np.full((200, 300), 255, np.uint8)
    cv2.circle(line, (150, 100), 80, 0, 3)
    cv2.line(line, (150, 80), (150, 130), 0, 2)
    cv2.line(line, (225, 100), (235, 100), 255, 4)
    hint = np.zeros((200, 300, 4), np.uint8)
    hint[1, 298], hint[60, 120] = (255, 255, 255, 255), (*RED, 255)
    hint[105, 154] = hint[105, 146] = hint[174, 150] = (*BLUE, 255)
    found = paint_regions(find_regions(line), find_hints(hint), Guess(WHITE)).fill()
    inside = cv2.circle(np.zeros((200, 300), np.uint8), (150, 100), 76, 1, -1) > 0
    outside = cv2.circle(np.ones((200, 300), np.uint8), (150, 100), 110, 0, -1) > 0
    assert (found[105, 154] == BLUE).all()
    assert (found[inside] == RED).all(axis=1).mean() > 0.8
    assert (found[outside] == 255).all()


def test_regions_without_hints_are_white_or_take_a_colour_beside_them() -> None:
    """Beside a white region, the nearest colour to the guess counts; all others are white."""
    line = np.full((100, 100), 255, np.uint8)
    for side in (40, 25, 10):
        cv2.rectangle(line, (50 - side, 50 - side), (50 + side, 50 + side), 0, 2)
    hint = np.zeros((100, 100, 4), np.uint8)
    hint[15, 50], hint[50, 50] = (*RED, 255), (*BLUE, 255)
    guess = np.full((50, 50, 3), 255, np.uint8)
    guess[10:40, 10:40] = (150, 60, 60)
    colors, sources = paint(line, hint, guess)
    assert (colors[28, 30:70] == 255).all()
    assert (colors[50, 45:55] == BLUE).all()
    assert (colors[3] == 255).all()
    assert sources[28, 50] == sources[3, 3] == ColorSource.NEIGHBOUR
    found = paint_regions(find_regions(line, gap_px=0.0), find_hints(hint), Guess(guess))
    trust = [float(found.confidence[found.labels[place]]) for place in ((15, 50), (28, 50), (3, 3))]
    assert trust[0] == pytest.approx(CONFIDENCE[ColorSource.HINT])
    assert trust[1] < 0.6
    assert trust[2] == pytest.approx(0.92)
    for level in (255, 248):
        hint[50, 50] = (level, level, level, 255)
        assert (paint(line, hint, guess)[0][28, 30:70] == RED).all()
    assert (paint(line, hint, np.full_like(guess, 255))[0][28, 30:70] == 255).all()
    hint[50, 50], hint[3, 3] = (*BLUE, 255), (*BLUE, 255)
    assert (paint(line, hint, guess)[0][28, 30:70] == RED).all(), "a scene has no paper"
    hint[15, 50], hint[50, 50] = 0, 0
    assert (paint(line, hint, np.full_like(guess, 255))[0][15, 15:80] == 255).all()


def test_in_a_painted_scene_colours_pass_from_region_to_region() -> None:
    """Hatching on a coat takes its colour, beyond regions without hints; on white paper none."""
    line = np.full((60, 200), 255, np.uint8)
    cv2.rectangle(line, (20, 10), (180, 50), 0, 1)
    for x in (60, 100, 140):
        cv2.line(line, (x, 10), (x, 50), 0, 1)
    hint = np.zeros((60, 200, 4), np.uint8)
    hint[30, 40], hint[5, 5] = (*RED, 255), (150, 200, 240, 255)
    guess = np.full((60, 200, 3), (150, 200, 240), np.uint8)
    guess[11:50, 21:180] = (170, 60, 70)
    colors, _ = paint(line, hint, guess)
    assert (colors[12:49, 22:59] == RED).all()
    assert (colors[12:49, 142:179] == RED).all()
    hint[5, 5] = 255
    assert (paint(line, hint, guess)[0][12:49, 142:179] == 255).all()


def test_a_pale_guess_is_of_the_colour_of_its_hue() -> None:
    """A pale teal is nearer to skin than to dark teal, and is meant for the teal."""
    teal, skin, pale_teal = (21, 160, 133), (236, 172, 128), (130, 205, 178)
    line = np.full((70, 140), 255, np.uint8)
    for x in (10, 50, 90):
        cv2.rectangle(line, (x, 10), (x + 39, 59), 0, 1)
    hint = np.zeros((70, 140, 4), np.uint8)
    hint[30, 20], hint[30, 100], hint[3, 3] = (*teal, 255), (*skin, 255), (30, 30, 60, 255)
    guess = np.full((70, 140, 3), pale_teal, np.uint8)
    assert (paint(line, hint, guess)[0][12:58, 52:88] == teal).all()


def test_a_part_behind_a_closed_gap_has_the_colour_of_the_larger_region() -> None:
    """Hints colour what gaps cut off from their region, in a row, too; no small region a large."""
    line = np.full((200, 400), 255, np.uint8)
    cv2.rectangle(line, (20, 20), (380, 180), 0, 3)
    for x in (200, 300, 330):
        cv2.line(line, (x, 20), (x, 96), 0, 3)
        cv2.line(line, (x, 104), (x, 180), 0, 3)
    labels = find_regions(line, gap_px=8.0)
    large, middle, small, last = (int(labels[60, x]) for x in (100, 250, 315, 360))
    assert len({large, middle, small, last}) == 4
    white = np.full((50, 100, 3), 255, np.uint8)
    hint = np.zeros((200, 400, 4), np.uint8)
    hint[60, 100] = (*RED, 255)
    found = paint_regions(labels, find_hints(hint), Guess(white))
    assert (found.fill()[24:177, 24:377] == RED).all()
    assert (found.sources[[middle, small, last]] == ColorSource.NEIGHBOUR).all()
    assert found.confidence[[middle, small, last]] == pytest.approx(0.77)
    assert (found.fill()[5] == 255).all()
    hint[60, 100], hint[60, 250] = 0, (*BLUE, 255)
    found = paint_regions(labels, find_hints(hint), Guess(white))
    assert (found.colors[[middle, small, last]] == BLUE).all()
    assert (found.colors[large] == 255).all()
    hint[60, 360] = (*RED, 255)
    found = paint_regions(labels, find_hints(hint), Guess(white))
    assert (found.colors[small] == 255).all()


def test_confidence_falls_with_the_distance_to_the_guess() -> None:
    """A region beside a hint is surer the nearer its colour is to the guess; and surer if alone."""
    line = np.full((60, 100), 255, np.uint8)
    cv2.rectangle(line, (55, 10), (90, 50), 0, 1)
    cv2.line(line, (0, 30), (55, 30), 0, 1)
    line[:10, 70] = line[51:, 70] = 0
    hint, sure = no_hint(), []
    hint[5, 5] = (*RED, 255)
    hint[55, 5] = 255
    labels = find_regions(line, gap_px=0.0)
    box = labels[30, 70]
    for level in (0, 20, 60):
        guess = np.full((60, 100, 3), np.array(RED, np.uint8) + np.uint8(level), np.uint8)
        found = paint_regions(labels, find_hints(hint), Guess(guess))
        assert found.sources[box] == ColorSource.NEIGHBOUR
        assert tuple(found.colors[box]) == RED
        sure.append(float(found.confidence[box]))
    assert sure == sorted(sure, reverse=True)
    assert len({*sure}) == 3
    hint[5, 5] = 255
    alone = paint_regions(labels, find_hints(hint), Guess(WHITE))
    assert tuple(alone.colors[box]) == (255, 255, 255)
    assert max(sure) < float(alone.confidence[box]) < 1


def test_without_hints_the_guess_decides() -> None:
    """A drawing without hints takes the median of the guess in each region, flat."""
    guess = np.full((60, 100, 3), 255, np.uint8)
    guess[:, 50:] = (150, 60, 60)
    guess[12:48, 14:44:3] = BLUE
    colors, sources = paint(draw_boxes(), no_hint(), guess)
    assert (colors[12:49, 12:44] == 255).all()
    assert (colors[12:49, 57:88] == (150, 60, 60)).all()
    assert (sources[12:49, 12:88][colors[12:49, 12:88, 0] == 150] == ColorSource.GUESS).all()


def test_two_colours_divide_a_region() -> None:
    """Each pixel of a region with two hints has the colour of the nearer one."""
    hint = no_hint()
    hint[30, 15], hint[30, 40] = (*RED, 255), (*BLUE, 255)
    colors, sources = paint(draw_boxes(), hint)
    assert (colors[12:49, 12:26] == RED).all()
    assert (colors[12:49, 30:44] == BLUE).all()
    assert (sources[12:49, 12:44] == ColorSource.SPLIT).all()


def test_regions_are_divided_where_they_are_narrow() -> None:
    """Two rooms joined by a door of 14 px are parted at the door, not half-way between hints."""
    line = np.full((400, 600), 255, np.uint8)
    cv2.rectangle(line, (20, 20), (580, 380), 0, 3)
    cv2.line(line, (400, 20), (400, 193), 0, 3)
    cv2.line(line, (400, 207), (400, 380), 0, 3)
    hint = np.zeros((400, 600, 4), np.uint8)
    hint[200, 40], hint[200, 420] = (*RED, 255), (*BLUE, 255)
    colors, _ = paint(line, hint)
    assert (colors[24:377, 24:390] == RED).mean() > 0.999
    assert (colors[24:377, 410:577] == BLUE).mean() > 0.999


def test_a_dab_beside_a_line_does_not_fill_the_middle_of_an_area() -> None:
    """Dabs of a shadow along the lines keep what is around them; the rest is the inner dab's."""
    line = np.full((400, 400), 255, np.uint8)
    cv2.rectangle(line, (20, 20), (380, 380), 0, 3)
    hint = np.zeros((400, 400, 4), np.uint8)
    hint[130, 200] = (*RED, 255)
    shadows = [(200, 34), (300, 34), (366, 120), (366, 280), (300, 366), (200, 366)]
    for y, x in shadows:
        hint[y, x] = (*BLUE, 255)
    colors, _ = paint(line, hint)
    # Half-way between the dabs it would be 0.52.
    assert (colors[80:320, 80:320] == RED).all(axis=2).mean() > 0.7
    for y, x in shadows:
        assert (colors[y - 8 : y + 9, x - 8 : x + 9] == BLUE).all()


def test_large_drawings_are_divided_as_small_ones() -> None:
    """Above 512 px, regions are divided at a smaller size, up to their lines; no hint is lost."""
    line = cv2.resize(draw_boxes(), None, fx=20, fy=20, interpolation=cv2.INTER_NEAREST)
    hint = np.zeros((*line.shape, 4), np.uint8)
    hint[600, 300], hint[600, 800] = (*RED, 255), (*BLUE, 255)
    colors, _ = paint(line, hint)
    room = colors[230:990, 230:890]
    is_red, is_blue = (room == RED).all(axis=2), (room == BLUE).all(axis=2)
    assert (is_red | is_blue).all()
    assert is_red[:, :310].all()
    assert is_blue[:, 350:].all()
    hint[600, 301] = (0, 0, 0, 255)
    assert (paint(line, hint)[0] == 0).all(axis=2).any()


def test_what_belongs_to_lines_colours_no_region() -> None:
    """Hints on ink, at its soft edge, and a dab's spill over a line count for nothing."""
    line = draw_boxes()
    hint = no_hint()
    hint[10, 30] = (*BLUE, 255)
    assert (paint(line, hint)[1][line == 255] == ColorSource.GUESS).all()
    hint[20:40, 35:48] = (*RED, 255)
    colors, sources = paint(line, hint)
    assert (colors[12:49, 12:44] == RED).all()
    assert sources[5, 5] == ColorSource.NEIGHBOUR
    hint[30, 20], hint[49, 20] = (*RED, 255), (90, 20, 20, 255)
    colors, sources = paint(line, hint)
    assert (colors[12:49, 12:44] == RED).all()
    assert (sources[12:49, 12:44] == ColorSource.HINT).all()


def test_a_dab_on_a_line_colours_nothing() -> None:
    """One most of which lies on an outline is for neither side; one in a thin strand is for it."""
    line = np.full((480, 480), 255, np.uint8)
    cv2.rectangle(line, (40, 40), (440, 440), 0, 5)
    cv2.line(line, (100, 100), (380, 100), 0, 5)
    cv2.line(line, (100, 108), (380, 108), 0, 5)
    hint = np.zeros((480, 480, 4), np.uint8)
    cv2.circle(hint, (240, 300), 9, (*BLUE, 255), -1)
    cv2.circle(hint, (40, 240), 4, (*RED, 255), -1)
    found = find_regions(line, gap_px=0.0)

    def color_at(place: tuple[int, int]) -> list[int]:
        hints = drop_ink_hints(find_hints(hint), line)
        return paint_regions(found, hints, Guess(WHITE)).fill()[place].tolist()

    assert color_at((5, 5)) == [255, 255, 255]
    assert color_at((200, 60)) == list(BLUE)
    cv2.line(line, (100, 104), (100, 106), 0, 5)
    cv2.line(line, (380, 104), (380, 106), 0, 5)
    cv2.circle(hint, (240, 104), 5, (*RED, 255), -1)
    found = find_regions(line, gap_px=0.0)
    assert color_at((104, 300)) == list(RED)
    assert color_at((200, 60)) == list(BLUE)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_dab_larger_than_a_small_region_is_for_it(scale: int) -> None:
    """What spills from a button over its line does not colour the coat, at any size."""
    line = np.full((480, 480), 255, np.uint8)
    cv2.rectangle(line, (40, 40), (440, 440), 0, 2)
    cv2.circle(line, (240, 240), 6, 0, 2)
    hint = np.zeros((480, 480, 4), np.uint8)
    cv2.circle(hint, (240, 240), 8, (*RED, 255), -1)
    line, hint = (
        cv2.resize(one, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
        for one in (line, hint)
    )
    colors, sources = paint(line, hint)
    middle, coat = (240 * scale, 240 * scale), (100 * scale, 100 * scale)
    assert colors[middle].tolist() == list(RED)
    assert sources[middle] == ColorSource.HINT
    assert sources[coat] == ColorSource.NEIGHBOUR
    # The coat's own colour fills all of it.
    hint[coat] = (*BLUE, 255)
    colors, sources = paint(line, hint)
    assert set(sources[line == 255].tolist()) <= {ColorSource.HINT, ColorSource.NEIGHBOUR}
    assert colors[coat].tolist() == list(BLUE)
    assert colors[middle].tolist() == list(RED)


def test_nearly_equal_hints_are_one_colour() -> None:
    """Of colours a few levels apart the most frequent is the region's, exactly; or the darkest."""
    hint = no_hint()
    hint[30, 15:20], hint[30, 30:40] = (200, 30, 40, 255), (203, 33, 38, 255)
    colors, sources = paint(draw_boxes(), hint)
    assert (colors[12:49, 12:44] == (203, 33, 38)).all()
    assert (sources[12:49, 12:44] == ColorSource.HINT).all()
    hint[30, 20:25] = (200, 30, 40, 255)
    assert (paint(draw_boxes(), hint)[0][12:49, 12:44] == RED).all()


def test_medians_of_small_and_large_regions() -> None:
    """A region takes the median of the guess; one that is lost when shrunk takes its pixel."""
    labels = np.ones((60, 100), np.int32)
    labels[:, 50:] = 2
    labels[31, 71] = 3
    guess = np.zeros((15, 25, 3), np.uint8)
    guess[:, :13], guess[:, 13:] = RED, BLUE
    guess[3, 3] = 255
    medians = region_medians(labels, guess, np.array([False, True, True, True]))
    assert tuple(medians[1]) == RED
    assert tuple(medians[2]) == tuple(medians[3]) == BLUE
    some = region_medians(labels, guess, np.array([False, False, True, True]))
    assert (some[:2] == 255).all()
    assert (some[2:] == BLUE).all()
