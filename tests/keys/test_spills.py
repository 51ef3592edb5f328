"""Keys on transparency whose paint goes over the outline of the figure."""

import cv2
import numpy as np
import pytest

from lineart.keys import Key, carry, prepare_key
from tests.keys.figures import PAINT, Figure, draw_figure
from tests.keys.test_carry import fill, share_right


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
        assert share_right(carry(line, [key]), Figure(line, on_white(paint))) > 0.995


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


def open_below(figure: Figure) -> Figure:
    """Take away the lowest line of the coat, which is longer than the coat is deep."""
    line = figure.line.copy()
    bottom = int(np.nonzero((line < 128).any(axis=1))[0].max())
    line[bottom - 6 :] = 255
    return Figure(line, figure.paint)


def on_white(paint: np.ndarray) -> np.ndarray:
    """Return paint with a white background."""
    is_paper = (paint == PAINT["background"]).all(axis=2)
    return np.where(is_paper[:, :, np.newaxis], np.uint8(255), paint)


def test_a_cel_without_a_line_below_leaves_the_paper_white() -> None:
    """Most of its edge lies at lines, and most of the picture's border is bare."""
    key, target = (open_below(draw_figure(move=move)) for move in ((0, 0), (20, 4)))
    prepared = prepare_key(Key(key.line, make_cel(0)))
    assert not prepared.is_hints
    share = share_right(
        carry(target.line, [prepared]), target._replace(paint=on_white(target.paint))
    )
    assert share > 0.99


def test_paint_of_a_whole_scene_that_leaves_a_corner_out_has_hints() -> None:
    """What is open there is of the region's colour: no figure stands on bare paper."""
    drawn = draw_figure()
    alpha = np.full(drawn.line.shape, 255, np.uint8)
    alpha[:160, :150] = 0
    key = prepare_key(Key(drawn.line, np.dstack((drawn.paint, alpha))))
    assert key.is_hints
    assert (
        share_right(carry(draw_figure(move=(20, 4)).line, [key]), draw_figure(move=(20, 4))) > 0.995
    )


def test_brush_strokes_on_an_open_drawing_are_hints() -> None:
    """They end where the hand stopped, not at lines."""
    drawn = open_below(draw_figure())
    hint = np.zeros((*drawn.line.shape, 4), np.uint8)
    cv2.line(hint, (200, 260), (250, 310), (*PAINT["coat"], 255), 12)
    assert prepare_key(Key(drawn.line, hint)).is_hints


TRIM = (40, 20, 20)


def soften(figure: Figure) -> Figure:
    """Draw a figure at twice its size with soft lines, and with a thin dark trim on the coat."""
    line, paint = (
        cv2.resize(one, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST) for one in figure
    )
    left = int(np.nonzero((paint == PAINT["pocket"]).all(axis=2))[1].min())
    cv2.rectangle(paint, (left - 30, 600), (left + 90, 604), TRIM, -1)
    cv2.rectangle(line, (left - 30, 597), (left + 90, 607), 0, 3)
    return Figure(cv2.GaussianBlur(line, (0, 0), 1.6), paint)


def make_soft_cel(figure: Figure, kind: str) -> np.ndarray:
    """Return paint and soft lines on transparency, hard around the figure, or feathered."""
    is_figure = (figure.paint != PAINT["background"]).any(axis=2)
    alpha = np.where(is_figure, 255, 255 - figure.line).astype(np.uint8)
    shown = np.where(is_figure[:, :, np.newaxis], figure.paint, 255 if kind == "feathered" else 0)
    shown = np.where(
        is_figure[:, :, np.newaxis], shown * (figure.line[:, :, np.newaxis] / 255), shown
    )
    if kind == "hard":
        alpha = np.where(alpha > 127, 255, 0).astype(np.uint8)
    if kind == "feathered":
        alpha = cv2.GaussianBlur(np.where(alpha > 127, 255, 0).astype(np.uint8), (0, 0), 2)
    return np.dstack((shown.astype(np.uint8), alpha))


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("kind", ["own", "hard", "feathered"])
def test_a_cel_with_soft_lines_is_finished(kind: str, is_open: bool) -> None:
    """What is dark beside its lines is paint, and what the lines have of the paper is none."""
    change = open_below if is_open else Figure._make
    key, target = (soften(change(draw_figure(move=move))) for move in ((0, 0), (20, 4)))
    prepared = prepare_key(Key(key.line, make_soft_cel(key, kind)))
    assert not prepared.is_hints
    for line, paint in (key, target):
        filled, is_paper = fill(carry(line, [prepared])), line == 255
        assert (filled == on_white(paint)).all(axis=2)[is_paper].mean() > 0.99
    filled = fill(carry(key.line, [prepared]))
    is_trim = (key.paint == TRIM).all(axis=2) & (key.line > 128)
    assert (filled[is_trim].max(axis=1) <= max(TRIM)).mean() > 0.95


def test_a_dab_at_a_line_of_a_filled_drawing_is_a_hint() -> None:
    """Filled areas and copied lines around it make no finished cel of it."""
    drawn = soften(draw_figure())
    hint = make_soft_cel(drawn, "own")
    is_coat = (drawn.paint == PAINT["coat"]).all(axis=2)
    hint[is_coat] = 0
    hint[is_coat, 3] = 255 - drawn.line[is_coat]
    left = int(np.nonzero(is_coat & (drawn.line > 250))[1].min())
    cv2.circle(hint, (left + 30, 560), 14, (*PAINT["coat"], 255), -1)
    hint[drawn.line < 128] = (0, 0, 0, 255)
    assert prepare_key(Key(drawn.line, hint)).is_hints
