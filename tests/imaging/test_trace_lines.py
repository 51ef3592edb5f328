"""Trace lines: what counts as one, and what remains of a drawing without them."""

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lineart.imaging.trace_lines import (
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
    """Erased, only the ring is left, to the level; darkened, the line is as dark as ink."""
    drawing, ring = draw(color, width), draw((255, 255, 255), width)
    erased = erase_trace_lines(drawing)
    is_inked = ring.min(axis=2) < 255
    difference = np.abs(erased.astype(int) - ring)
    assert difference[~is_inked].max() <= 255 - max(color) + 12
    assert difference[is_inked].mean() < 3
    dark = darken_trace_lines(drawing)
    assert dark[np.all(drawing == color, axis=2)].max(initial=0) <= min(color)
    assert_array_equal(
        dark[is_inked & (drawing == ring).all(axis=2)],
        ring[..., 0][is_inked & (drawing == ring).all(axis=2)],
    )


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
