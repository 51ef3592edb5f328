"""Keys without colours."""

import cv2
import numpy as np
import pytest

from lineart.imaging.lines.uncolored import is_uncolored


@pytest.fixture
def line() -> np.ndarray:
    """Draw a face with black eyes, of 360 lines, as an opaque key."""
    drawing = np.full((360, 480, 3), 255, np.uint8)
    cv2.circle(drawing, (240, 180), 120, (0, 0, 0), 4, cv2.LINE_AA)
    cv2.circle(drawing, (200, 150), 18, (0, 0, 0), cv2.FILLED, cv2.LINE_AA)
    return np.dstack((drawing, np.full((360, 480), 255, np.uint8)))


def fill(line: np.ndarray, color: tuple[int, int, int], radius: int = 10) -> np.ndarray:
    """Paint a spot of the key."""
    key = line.copy()
    cv2.circle(key, (260, 210), radius, (*color, 255), cv2.FILLED)
    return key


@pytest.mark.parametrize("paper", [(255, 255, 255), (226, 222, 210), (235, 235, 235)])
def test_a_line_drawing_is_uncolored(line: np.ndarray, paper: tuple[int, int, int]) -> None:
    """So it is on toned paper, with lines in pencil or in red, and on transparency."""
    line[..., :3] = line[..., :3] * (np.array(paper) / 255)
    assert is_uncolored(line)
    cv2.line(line, (200, 240), (280, 250), (200, 20, 20, 255), 1, cv2.LINE_AA)
    cv2.line(line, (200, 230), (280, 240), (140, 140, 140, 255), 1, cv2.LINE_AA)
    assert is_uncolored(line)
    line[line[..., :3].min(axis=2) > 200] = 0
    assert is_uncolored(line)


@pytest.mark.parametrize("color", [(200, 40, 50), (128, 128, 128), (60, 60, 60), (225, 225, 225)])
def test_paint_is_a_colour(line: np.ndarray, color: tuple[int, int, int]) -> None:
    """A small spot, grey too, is enough."""
    assert not is_uncolored(fill(line, color))


def test_white_on_transparency_is_paint(line: np.ndarray) -> None:
    """So are hints in white; an empty key is told otherwise."""
    line[..., 3] = 0
    assert not is_uncolored(line)
    assert not is_uncolored(fill(line, (255, 255, 255)))


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_tiny_dabs_on_transparency_are_paint(line: np.ndarray, radius: int) -> None:
    """With the lines or without; specks of less than 3 x 3 px are none."""
    line[line[..., :3].min(axis=2) > 200] = 0
    assert is_uncolored(fill(line, (200, 40, 50), radius)) == (radius == 1)
    line[:] = 0
    assert is_uncolored(fill(line, (200, 40, 50), radius)) == (radius == 1)
