import numpy as np
import pytest

from lineart.codec import encode_png
from lineart.evaluation.page import show_hints, stack_rows, strip
from lineart.imaging.hints import no_hints


def test_pictures_stand_side_by_side() -> None:
    """A row has a cell for each picture, drawings too; rows of other widths stack."""
    black, line = np.zeros((30, 60, 3), np.uint8), np.zeros((50, 20), np.uint8)
    row = strip("both", {"color": black, "line": line})
    alone = strip("one", {"color": black})
    assert row.shape == (alone.shape[0], 2 * alone.shape[1], 3)
    np.testing.assert_array_equal(row[36:, : alone.shape[1]], alone[36:])
    stacked = stack_rows([row, alone])
    assert stacked.shape == (2 * row.shape[0], row.shape[1], 3)
    assert encode_png(stacked).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="at least one"):
        stack_rows([])


def test_hints_are_dots_of_their_color() -> None:
    """A hint is a dot on the pale drawing; a sheet without one is only pale."""
    line = np.full((60, 60), 255, np.uint8)
    line[10] = 0
    hint = no_hints((60, 60))
    assert set(np.unique(show_hints(line, hint))) == {178, 255}
    hint[30, 40] = 200, 10, 20, 255
    np.testing.assert_array_equal(show_hints(line, hint)[30, 40], (200, 10, 20))
