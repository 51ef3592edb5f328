"""Frames taken apart: what painting programs make of the layers is the frame."""

import numpy as np
from numpy.testing import assert_array_equal

from lineart.imaging.frequency import compose, line_layer
from tests.conftest import DrawLine


def multiply(color: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Multiply as Krita does 8-bit pictures: to the nearest, in integers."""
    product = color.astype(np.uint32) * lines + 128
    return ((product + (product >> 8)) >> 8).astype(np.uint8)


def test_the_layers_are_the_frame() -> None:
    """For every colour and every ink the multiplied layers are the frame, to the bit."""
    levels = np.arange(256, dtype=np.uint8)
    color = np.dstack([np.repeat(levels[:, np.newaxis], 256, axis=1)] * 3)
    line = np.repeat(levels[np.newaxis], 256, axis=0)
    frame = compose(color, line, sigma=0.0)
    assert_array_equal(multiply(color, line_layer(frame, color, line)), frame)


def test_lines_are_the_drawing(draw_line: DrawLine) -> None:
    """Paper is white and full ink black whatever the colour; on black the drawing is seen, too."""
    line = draw_line(3)
    color = np.random.default_rng(0).integers(0, 256, (*line.shape, 3), dtype=np.uint8)
    color[:, :40] = 0
    lines = line_layer(compose(color, line, sigma=0.0), color, line)
    assert lines[line >= 128].min() == 255
    assert lines[line == 0].max() == 0
    assert (line == 0).any()
    doubled = np.minimum(2 * line[:, :40].astype(int), 255)
    assert_array_equal(lines[:, :40], np.dstack([doubled] * 3))
