import numpy as np
import pytest

from lineart.image import Line
from lineart.imaging.lines.difference import InkAmounts, measure, separate_ink, show_difference
from tests.conftest import DrawLine

RED, BLUE, BLACK, WHITE = (255, 0, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)


def lines(*rows: int, size_px: int = 64, level: int = 0) -> Line:
    """Draw straight lines across a square."""
    drawing = np.full((size_px, size_px), 255, np.uint8)
    drawing[list(rows)] = level
    return drawing


def test_colours_of_the_difference() -> None:
    """A line of the second alone is red, one of the first alone blue, a common one black."""
    shown = show_difference(separate_ink(lines(10, 30), lines(30, 50)))
    assert [tuple(shown[row, 5].tolist()) for row in (10, 30, 50)] == [BLUE, BLACK, RED]
    others = np.delete(shown, (10, 30, 50), axis=0)
    assert (others == WHITE).all()


def test_swapping_the_drawings_swaps_the_colours(draw_line: DrawLine) -> None:
    """With the drawings exchanged red is blue and blue is red, and nothing else changes."""
    first, second = draw_line(1), draw_line(2)
    there = show_difference(separate_ink(first, second))
    back = show_difference(separate_ink(second, first))
    np.testing.assert_array_equal(there, back[..., ::-1])
    assert (there[..., 0] != there[..., 2]).any()


def test_a_drawing_does_not_differ_from_itself(draw_line: DrawLine) -> None:
    """All ink of a drawing and itself is common, and the difference picture is the drawing."""
    drawing = draw_line(1)
    difference = separate_ink(drawing, drawing)
    assert measure(difference).lone == 0
    assert (show_difference(difference) == drawing[..., None]).all()


@pytest.mark.parametrize(
    ("size_px", "shift", "is_common"),
    [
        (512, 2, True),
        (512, 3, False),
        (1024, 4, True),
        (1024, 5, False),
        (64, 1, False),
    ],
)
def test_a_small_shift_is_tolerated(size_px: int, shift: int, is_common: bool) -> None:
    """Lines up to two pixels of 512 apart are common; lines further apart are two."""
    first, second = lines(40, size_px=size_px), lines(40 + shift, size_px=size_px)
    ink = measure(separate_ink(first, second))
    assert ink.lone == (0 if is_common else 1)
    assert (ink.common > 0) == is_common


def test_radius_0() -> None:
    """With radius 0 only lines at the same place are common."""
    ink = measure(separate_ink(lines(40, size_px=512), lines(41, size_px=512), radius_px=0.0))
    assert ink.common == 0


@pytest.mark.parametrize(("level", "is_common"), [(120, True), (135, False)])
def test_a_line_half_as_dark_is_the_same_line(level: int, is_common: bool) -> None:
    """A black line is common where the other's is at least half as dark."""
    ink = measure(separate_ink(lines(30), lines(30, level=level)))
    assert (ink.only_first == 0) == is_common
    assert ink.only_second == 0


def test_ink_is_a_share_of_the_area() -> None:
    """A row of 64 is 1/64 of the area, and a grey one a part of that."""
    ink = measure(separate_ink(lines(10, 30), lines(30, 50, 52)))
    assert ink == pytest.approx((1 / 64, 2 / 64, 1 / 64))
    assert ink.lone == pytest.approx(3 / 4)
    gray = measure(separate_ink(lines(10, level=153), lines()))
    assert gray.only_first == pytest.approx(0.4 / 64)


def test_without_ink_nothing_differs() -> None:
    """Two sheets of paper have no ink that only one of them has."""
    assert measure(separate_ink(lines(), lines())) == InkAmounts(0, 0, 0)
    assert InkAmounts(0.0, 0.0, 0.0).lone == 0


def test_other_sizes_and_radii_are_refused() -> None:
    """Drawings of two sizes and a negative radius are refused with their values."""
    with pytest.raises(ValueError, match="drawings of 64x64 and 65x65"):
        separate_ink(lines(), lines(size_px=65))
    with pytest.raises(ValueError, match="must not be negative"):
        separate_ink(lines(), lines(), radius_px=-1.0)
