"""Regions of a finished frame, those of its doubts, and answers as a key."""

import cv2
import numpy as np
import pytest

from lineart.codec import encode_png
from lineart.imaging.paint.doubts import Doubt
from lineart.review.answers import build_key
from lineart.review.regions import FrameRegions, find_frame_regions
from tests.shots import BALL, BOX, DOOR, SIZE, SKY, draw_shot

BLUE = (10, 20, 250)


def doubt(box: tuple[int, int, int, int], area: int, color: tuple[int, int, int]) -> Doubt:
    """Return a doubt in a box: left, top, right, bottom."""
    return Doubt(1, *box, area, f"#{bytes(color).hex()}", 0.3, "why")


def regions_of(picture: np.ndarray, *doubts: Doubt) -> FrameRegions:
    """Return the regions of a frame of the first drawing."""
    return find_frame_regions(encode_png(draw_shot(0).line), encode_png(picture), doubts)


def at(shown: FrameRegions, row: int, column: int) -> int:
    """Return the number of the region at a pixel."""
    return int(shown.labels[row, column])


def test_regions_have_one_color_each() -> None:
    """Two colours between the same lines are two regions, a gradient is one without a colour."""
    picture = draw_shot(0).picture
    halves = picture.copy()
    halves[50:80, 112:127][(picture == DOOR).all(axis=2)[50:80, 112:127]] = DOOR
    halves[66:80, 112:127][(picture == DOOR).all(axis=2)[66:80, 112:127]] = BLUE
    shown = regions_of(halves)
    upper, lower = at(shown, 58, 119), at(shown, 74, 119)
    assert upper != lower
    assert [tuple(shown.colors[one]) for one in (upper, lower)] == [DOOR, BLUE]
    assert shown.is_flat[[upper, lower]].all()
    assert shown.boxes[lower].tolist()[1] == 66
    ramp = picture.copy()
    is_sky = (picture == SKY).all(axis=2)
    ramp[is_sky] = np.linspace(0, 255, SIZE[1]).astype(np.uint8)[np.nonzero(is_sky)[1], np.newaxis]
    shown = regions_of(ramp)
    assert at(shown, 8, 8) == at(shown, 8, 150)
    assert not shown.is_flat[at(shown, 8, 8)]
    # Soft edges of a line are no regions.
    assert len(regions_of(picture).areas) == 5
    with pytest.raises(ValueError, match="the drawing has changed since"):
        find_frame_regions(encode_png(draw_shot(0).line), encode_png(picture[1:]), [])


def test_a_doubt_is_on_its_region_or_a_part() -> None:
    """By box, area and colour; what it says of a part alone is cut out as a region of its own."""
    picture = draw_shot(0).picture
    ball = doubt((9, 35, 40, 66), 650, BALL)
    part = doubt((0, 0, 60, 20), 1200, SKY)
    elsewhere = doubt((9, 35, 40, 66), 650, BLUE)
    shown = regions_of(picture, ball, part, elsewhere)
    assert at(shown, 50, 24) == shown.doubted[0] == shown.doubted[2]
    assert at(shown, 8, 8) == shown.doubted[1] != at(shown, 8, 100)
    assert shown.areas[shown.doubted[1]] == 1200
    assert shown.boxes[shown.doubted[1]].tolist() == [0, 0, 60, 20]
    ink = draw_shot(0).line[52:56, 100] == 0
    assert ink.all()
    assert regions_of(picture, doubt((100, 52, 101, 56), 4, BOX)).doubted == {}


def test_what_a_new_key_says() -> None:
    """Sure regions and answers; doubts stay open, unless the border would then be white."""
    picture = draw_shot(0).picture
    ball, sky = doubt((9, 35, 40, 66), 650, BALL), doubt((0, 0, 160, 96), 12000, SKY)
    shown = regions_of(picture, ball)
    door = at(shown, 66, 119)
    key = build_key(shown, {door: BLUE}, None, is_whole=False)
    assert [tuple(key[pixel]) for pixel in ((66, 119), (40, 105), (8, 8))] == [
        (*BLUE, 255),
        (*BOX, 255),
        (*SKY, 255),
    ]
    assert (key[50, 24] == 0).all()
    assert (key[draw_shot(0).line == 0] == 0).all()
    open_border = build_key(regions_of(picture, sky, ball), {door: BLUE}, None, is_whole=False)
    assert tuple(open_border[8, 8]) == (*SKY, 255)
    # Of a region of two colours both are open, or both are said.
    halves = picture.copy()
    halves[66:80][(picture == DOOR).all(axis=2)[66:80]] = BLUE
    shown = regions_of(halves, doubt((113, 66, 126, 79), 160, BLUE))
    key = build_key(shown, {at(shown, 50, 24): BALL}, None, is_whole=False)
    assert (key[58, 119] == 0).all()
    assert (key[74, 119] == 0).all()
    key = build_key(shown, {at(shown, 58, 119): BALL}, None, is_whole=False)
    assert [tuple(key[row, 119]) for row in (58, 74)] == [(*BALL, 255), (*BLUE, 255)]
    # Magenta says that nobody knows.
    unknown = picture.copy()
    unknown[(picture == BOX).all(axis=2)] = (255, 0, 255)
    shown = regions_of(unknown)
    key = build_key(shown, {at(shown, 50, 24): BLUE}, None, is_whole=False)
    assert (key[40, 105] == 0).all()


def test_keys_of_cels_are_transparent_outside() -> None:
    """What a cel leaves out is no colour of its key, whether it is whole or not."""
    picture = cv2.cvtColor(draw_shot(0).picture, cv2.COLOR_RGB2RGBA)
    picture[(picture[:, :, :3] == SKY).all(axis=2)] = 0
    shown = regions_of(picture)
    assert shown.is_clear[at(shown, 8, 8)]
    for is_whole in (False, True):
        key = build_key(shown, {at(shown, 50, 24): BLUE}, None, is_whole=is_whole)
        assert (key[8, 8] == 0).all()
        assert (tuple(key[50, 24]), tuple(key[66, 119])) == ((*BLUE, 255), (*DOOR, 255))
