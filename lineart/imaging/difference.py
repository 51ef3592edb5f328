"""What two drawings of the same photograph share, and what only one of them shows."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from lineart.image import Frame, Line
from lineart.imaging.radius import RADIUS_PX, REFERENCE_PX


class Difference(NamedTuple):
    """Two drawings, taken apart; each part is a line drawing."""

    only_first: Line
    only_second: Line
    common: Line
    """The mean of both: black where both have ink, grey where a line has moved a little."""


class Ink(NamedTuple):
    """How much of a picture each part covers: black is 1, grey accordingly."""

    only_first: float
    only_second: float
    common: float

    @property
    def lone(self) -> float:
        """Share of all ink that only one drawing has, 0..1."""
        return (self.only_first + self.only_second) / max(sum(self), 1e-12)


def separate_ink(
    first: Line,
    second: UInt8[np.ndarray, "SecondH SecondW"],
    *,
    radius_px: float = RADIUS_PX,
) -> Difference:
    """Tell which ink of two drawings belongs to both.

    Ink of one drawing is common where the other has ink within the radius, at least half as dark.

    Args:
        first: A drawing.
        second: Another one, of the same size.
        radius_px: In pixels of a drawing whose short side is 512; it grows with the drawing.

    Raises:
        ValueError: The sizes differ, or the radius is negative.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"drawings of {first.shape[1]}x{first.shape[0]} and "
            f"{second.shape[1]}x{second.shape[0]} cannot be compared; bring them to one size"
        )
    if radius_px < 0:
        raise ValueError(f"the radius must not be negative, got {radius_px}")
    radius = round(radius_px * min(first.shape) / REFERENCE_PX)
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    lone_first = _lacks(first, cv2.erode(second, near))
    lone_second = _lacks(second, cv2.erode(first, near))
    paper = np.uint8(255)
    both = cv2.addWeighted(
        np.where(lone_first, paper, first), 0.5, np.where(lone_second, paper, second), 0.5, 0
    )
    return Difference(
        np.where(lone_first, first, paper), np.where(lone_second, second, paper), both
    )


def measure(difference: Difference) -> Ink:
    """Give how much ink each part has, as a share of the picture's area."""
    return Ink(*(1 - float(part.mean()) / 255 for part in difference))


def show_difference(difference: Difference) -> Frame:
    """Paint what only the second has red, what only the first has blue, and the rest black.

    Source:
        Paper 000, figure 4.
    """
    first, second, common = difference
    # Blue ink takes red and green away, red ink blue and green, black ink all.
    red, blue = cv2.min(common, first), cv2.min(common, second)
    shown: Frame = cv2.merge((red, cv2.min(red, blue), blue))
    return shown


def _lacks(drawing: Line, nearby: Line) -> Bool[np.ndarray, "H W"]:
    """Tell where `nearby` is less than half as dark as the drawing."""
    return 2 * (255 - nearby.astype(np.int16)) < 255 - drawing.astype(np.int16)
