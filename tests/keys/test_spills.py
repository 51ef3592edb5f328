"""Keys on transparency whose paint goes over the outline of the figure."""

import cv2
import numpy as np
import pytest

from lineart.keys import Key, carry, prepare_key
from tests.keys.figures import PAINT, Figure, draw_figure
from tests.keys.test_carry import share_right


def make_cel(over_px: int) -> np.ndarray:
    """Cut the paint of the figure out, with a rim of this width around it."""
    drawn = draw_figure()
    figure = (drawn.paint != PAINT["background"]).any(axis=2) | (drawn.line < 128)
    kernel = np.ones((2 * over_px + 1,) * 2, np.uint8)
    paint = np.where(figure[:, :, np.newaxis], drawn.paint, np.uint8(0))
    wide = np.where(figure[:, :, np.newaxis], paint, cv2.dilate(paint, kernel))
    return np.dstack((wide, 255 * cv2.dilate(figure.view(np.uint8), kernel)))


@pytest.mark.parametrize("over_px", [0, 2, 4])
def test_a_cel_that_goes_over_its_outline_leaves_the_paper_white(over_px: int) -> None:
    """The rim is no hint for the paper, in the drawing of the key and in others."""
    key = prepare_key(Key(draw_figure().line, make_cel(over_px)))
    assert not key.is_hints
    for move in ((0, 0), (20, 4)):
        line, paint = draw_figure(move=move)
        is_paper = (paint == PAINT["background"]).all(axis=2)
        white = np.where(is_paper[:, :, np.newaxis], np.uint8(255), paint)
        assert share_right(carry(line, [key]), Figure(line, white)) > 0.995


def test_a_dab_beside_a_cel_is_a_hint() -> None:
    """It is connected with nothing that it could spill from, and so the key has hints."""
    hint = make_cel(4)
    hint[20:30, 20:30] = (*PAINT["eye"], 255)
    line, paint = draw_figure(move=(20, 4))
    is_paper = (paint == PAINT["background"]).all(axis=2)
    blue = np.where(is_paper[:, :, np.newaxis], np.array(PAINT["eye"], np.uint8), paint)
    key = prepare_key(Key(draw_figure().line, hint))
    assert key.is_hints
    assert share_right(carry(line, [key]), Figure(line, blue)) > 0.995
