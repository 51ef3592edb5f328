"""Colour sheets: finished drawings as keys of no shot, alone and beside keys."""

import numpy as np
import pytest

from lineart.keys import CarriedColors, Key, carry
from lineart.keys.sheet import make_sheet
from tests.keys.figures import PAINT, Figure, draw_figure
from tests.keys.test_carry import fill, share_right


def finish(figure: Figure) -> np.ndarray:
    """Give a finished picture: paint with lines."""
    return np.where(figure.line[:, :, np.newaxis] < 255, np.uint8(0), figure.paint)


@pytest.mark.parametrize("has_line", [False, True])
def test_a_sheet_serves_other_drawings(*, has_line: bool) -> None:
    """Its colours are found elsewhere, at another size, with lines of a file or the picture."""
    drawn = draw_figure(move=(-60, 0), scale=0.9, hat=True)
    sheet = make_sheet(finish(drawn), drawn.line if has_line else None)
    assert not sheet.same_shot
    target = draw_figure(move=(90, 20), scale=1.1, hat=True, size=(380, 520))
    assert share_right(carry(target.line, [sheet]), target) > 0.97


def test_a_key_counts_before_sheets() -> None:
    """Sheets of other colours change nothing that a key knows; what it lacks they give."""
    drawn, target = draw_figure(hat=True), draw_figure(move=(15, 5), hat=True)
    open_hat = np.dstack((drawn.paint, np.full(drawn.line.shape, 255, np.uint8)))
    open_hat[(drawn.paint == PAINT["hat"]).all(axis=2)] = 0
    night = draw_figure(scale=0.8, hat=True)
    night.paint[:] = night.paint // 2
    key, sheet = Key(drawn.line, open_hat), make_sheet(finish(night), night.line)
    alone, both = carry(target.line, [key]), carry(target.line, [key, sheet, sheet])

    def away_from_hat(carried: CarriedColors) -> np.ndarray:
        return fill(carried)[(target.paint != PAINT["hat"]).any(axis=2) & (carried.labels > 0)]

    np.testing.assert_array_equal(away_from_hat(both), away_from_hat(alone))
    assert (fill(both)[50, 255] == np.array(PAINT["hat"]) // 2).all()
    assert (both.confidence <= 1).all()
    # The order is of no account.
    np.testing.assert_array_equal(fill(carry(target.line, [sheet, key, sheet])), fill(both))
    # So it is on the drawing of both.
    own = carry(drawn.line, [Key(drawn.line, drawn.paint // 2, same_shot=False), Key(*drawn)])
    assert share_right(own, drawn) == 1


def test_pictures_that_are_no_sheet() -> None:
    """Without a line, without a colour, or with a line drawing of another size."""
    drawn = draw_figure()
    with pytest.raises(ValueError, match=r"no line: .* NAME\.line\.png"):
        make_sheet(np.full((90, 90, 3), PAINT["coat"], np.uint8))
    with pytest.raises(ValueError, match=r"no colour: .* leave it out"):
        make_sheet(np.dstack([drawn.line] * 3))
    with pytest.raises(ValueError, match="480x360 and its line drawing 470x360"):
        make_sheet(finish(drawn), drawn.line[:, 10:])
