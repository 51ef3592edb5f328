"""A shot of shapes that move, with its exact colours."""

from typing import NamedTuple

import cv2
import numpy as np

from lineart.image import Frame, Line

SIZE = (96, 160)
SKY, BALL, BOX, DOOR = (180, 210, 240), (200, 60, 40), (230, 190, 60), (90, 60, 140)
"""Colours of the paper around, a ball, a box, and its door."""


class Drawn(NamedTuple):
    """A drawing and its colours."""

    line: Line
    paint: Frame
    """Colours without lines."""

    @property
    def picture(self) -> Frame:
        """Colours with lines."""
        return np.where(self.line[:, :, np.newaxis] < 255, np.uint8(0), self.paint)


def draw_shot(step: int, *, moves_px: int = 4) -> Drawn:
    """Draw a ball that rolls to a box with a door, after so many steps."""
    line = np.full(SIZE, 255, np.uint8)
    paint = np.full((*SIZE, 3), SKY, np.uint8)
    x = 24 + moves_px * step
    cv2.rectangle(paint, (100, 30), (144, 80), BOX, -1)
    cv2.rectangle(paint, (112, 50), (126, 80), DOOR, -1)
    cv2.circle(paint, (x, 50), 16, BALL, -1)
    cv2.rectangle(line, (100, 30), (144, 80), 0, 2)
    cv2.rectangle(line, (112, 50), (126, 80), 0, 2)
    cv2.circle(line, (x, 50), 16, 0, 2)
    return Drawn(line, paint)
