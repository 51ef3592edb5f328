"""Trace lines: what counts as one, and what remains of a drawing without them."""

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lineart.imaging.lines.trace_lines import (
    darken_trace_lines,
    erase_trace_lines,
    fill_trace_lines,
    find_trace_lines,
)

PURE = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (230, 20, 30)]
OTHER = [(0, 0, 0), (128, 128, 128), (255, 160, 0), (255, 0, 255), (0, 160, 255), (110, 20, 20)]


def draw(color: tuple[int, int, int], width: int = 2, side: int = 200) -> np.ndarray:
    """Draw a black ring with a slanted, anti-aliased line through it."""
    drawing = np.full((side, side, 3), 255, np.uint8)
    cv2.line(drawing, (side // 3, 0), (side // 2, side), color, width, cv2.LINE_AA)
    cv2.circle(drawing, (side // 2, side // 2), side // 3, (0, 0, 0), 3, cv2.LINE_AA)
    return drawing


@pytest.mark.parametrize("color", PURE)
@pytest.mark.parametrize("width", [1, 2, 3])
def test_pure_thin_lines_vanish_and_part(color: tuple[int, int, int], width: int) -> None:
    """Erased, nearly the ring alone is left; darkened, the line is as dark as ink."""
    drawing, ring = draw(color, width), draw((255, 255, 255), width)
    erased = erase_trace_lines(drawing)
    is_inked = ring.min(axis=2) < 255
    difference = np.abs(erased.astype(int) - ring)
    assert difference[~is_inked].max() <= 255 - max(color) + 24
    assert difference[is_inked].mean() < 1.5
    dark = darken_trace_lines(drawing)
    assert dark[np.all(drawing == color, axis=2)].max(initial=0) <= min(color)
    assert_array_equal(
        dark[is_inked & (drawing == ring).all(axis=2)],
        ring[..., 0][is_inked & (drawing == ring).all(axis=2)],
    )


BLACK, BROWN = (0, 0, 0), (96, 56, 24)


def meet(
    outline: int,
    across: int,
    ink: tuple[int, int, int] = BLACK,
    *,
    width: int,
    kind: int,
    start: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw an outline through the middle and a blue line over it; return both and the outline.

    Args:
        outline: Direction of the outline, in degrees.
        across: Angle of the blue line to it.
        ink: Colour of the outline.
        width: Width of the outline; the blue line has two pixels.
        kind: `cv2.LINE_8` or `cv2.LINE_AA`.
        start: Where the blue line starts, from the middle.
    """

    def at(degrees: int, distance: int) -> tuple[int, int]:
        angle = np.deg2rad(degrees)
        return round(40 + np.cos(angle) * distance), round(40 - np.sin(angle) * distance)

    alone = np.full((80, 80, 3), 255, np.uint8)
    cv2.line(alone, at(outline, -36), at(outline, 36), ink, width, kind)
    drawing, turned = alone.copy(), outline + across
    cv2.line(drawing, at(turned, start), at(turned, 32), (0, 0, 255), 2, kind)
    return drawing, alone


@pytest.mark.parametrize("kind", [cv2.LINE_8, cv2.LINE_AA])
@pytest.mark.parametrize("width", [1, 2, 4, 7])
@pytest.mark.parametrize("outline", [0, 20, 45, 90])
@pytest.mark.parametrize("across", [90, 45])
def test_ink_goes_on_below_a_line(outline: int, across: int, width: int, kind: int) -> None:
    """Lines that cross an outline, or end in the middle of it, leave it whole, and no stub."""
    for start in (-32, 0):
        drawing, alone = meet(outline, across, width=width, kind=kind, start=start)
        more = erase_trace_lines(drawing)[..., 0].astype(int) - alone[..., 0]
        assert more.clip(0).sum() / 255 < 2.5
        assert (-more).clip(0).sum() / 255 < 2.5


def test_ink_keeps_its_colour_below_a_line() -> None:
    """Brown ink goes on in brown."""
    drawing, alone = meet(0, 90, BROWN, width=4, kind=cv2.LINE_8, start=-32)
    assert_array_equal(erase_trace_lines(drawing), alone)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_lines_beside_ink_leave_none(width: int) -> None:
    """Lines along an outline, between two outlines, into a corner, up to ink: all become paper."""
    drawing = np.full((120, 120, 3), 255, np.uint8)
    cv2.line(drawing, (10, 20), (110, 20), BLACK, width)
    cv2.line(drawing, (10, 27 + width), (110, 27 + width), BLACK, width)
    cv2.rectangle(drawing, (20, 50), (100, 110), BLACK, width)
    alone, edge = drawing.copy(), 50 + width // 2 + 1
    drawing[23 + width // 2, 10:110] = (255, 0, 0)
    drawing[edge:90, 60:62] = (0, 0, 255)
    cv2.line(drawing, (20 + width // 2 + 3, edge + 2), (60, 90), (0, 255, 0), 1)
    cv2.line(drawing, (5, 14 - width), (110, 14 - width), (255, 0, 0), 2)
    assert_array_equal(erase_trace_lines(drawing), alone)


def test_ink_at_the_border_of_a_drawing_goes_on() -> None:
    """An outline along the border is mended as others are."""
    drawing = np.full((80, 80, 3), 255, np.uint8)
    drawing[:3] = 0
    alone = drawing.copy()
    drawing[:40, 30:32] = (255, 0, 0)
    assert_array_equal(erase_trace_lines(drawing), alone)


@pytest.mark.parametrize("color", OTHER)
def test_lines_of_other_colours_stay(color: tuple[int, int, int]) -> None:
    """Grey, orange, magenta, sky blue and dark outlines are drawn lines."""
    drawing = draw(color)
    assert not find_trace_lines(drawing).any()
    assert_array_equal(erase_trace_lines(drawing), drawing)
    gray = drawing[..., 0].copy()
    assert not find_trace_lines(gray).any()
    assert erase_trace_lines(gray) is gray
    assert darken_trace_lines(gray) is gray


def test_red_areas_are_no_lines() -> None:
    """A filled red shape, and the crossing of two trace lines, are told apart by their width."""
    drawing = np.full((200, 200, 3), 255, np.uint8)
    drawing[20:60, 20:60] = (255, 0, 0)
    cv2.line(drawing, (100, 150), (180, 150), (255, 0, 0), 2)
    cv2.line(drawing, (140, 100), (140, 190), (0, 0, 255), 2)
    found = find_trace_lines(drawing)
    assert not found[:70, :70].any()
    assert found[90:].sum() == (drawing[90:] != 255).any(axis=2).sum()


def test_colours_below_trace_lines_are_those_beside() -> None:
    """Each side's colour reaches to the middle of a line that the network has coloured dark."""
    drawing = np.full((400, 400, 3), 255, np.uint8)
    cv2.line(drawing, (200, 0), (200, 399), (0, 0, 255), 2)
    color = np.full((100, 100, 3), 200, np.uint8)
    color[:, 50:] = (90, 40, 10)
    color[:, 49:52] = 30
    filled = fill_trace_lines(color, drawing)
    assert {tuple(one) for one in filled.reshape(-1, 3)} == {(200, 200, 200), (90, 40, 10)}
    assert_array_equal(filled[:, :48], color[:, :48])
    assert_array_equal(filled[:, 53:], color[:, 53:])
    assert fill_trace_lines(color, np.full_like(drawing, 255)) is color
