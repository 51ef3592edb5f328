"""Difference of two line drawings of a photograph: common ink and ink of only one drawing."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from lineart.image import Frame, Line
from lineart.imaging import RADIUS_PX, REFERENCE_PX


class Difference(NamedTuple):
    """Ink of two drawings, separated into three line drawings."""

    only_first: Line
    only_second: Line
    common: Line
    """Mean of the common ink: black where both drawings are, grey where a line moved a little."""


class InkAmounts(NamedTuple):
    """Ink of each part: mean darkness over the picture, 0 = white, 1 = black."""

    only_first: float
    only_second: float
    common: float

    @property
    def lone(self) -> float:
        """Fraction of all ink that only one drawing has, 0..1."""
        return (self.only_first + self.only_second) / max(sum(self), 1e-12)


def separate_ink(
    first: Line,
    second: UInt8[np.ndarray, "SecondH SecondW"],
    *,
    radius_px: float = RADIUS_PX,
) -> Difference:
    """Separate the common ink of two drawings from the ink of only one.

    Ink of one drawing is common where the other has ink at least half as dark within the radius.

    Args:
        first: Drawing.
        second: Another drawing of the same size.
        radius_px: Radius in pixels at a short side of 512; it scales with the short side.

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


def measure(difference: Difference) -> InkAmounts:
    """Return the mean darkness of each part, 0..1."""
    return InkAmounts(*(1 - float(part.mean()) / 255 for part in difference))


def show_difference(difference: Difference) -> Frame:
    """Draw ink of only the second drawing red, of only the first blue, and common ink black.

    Source:
        Paper 000, figure 4.
    """
    first, second, common = difference
    # Blue ink lowers red and green, red ink lowers blue and green, black ink lowers all.
    red, blue = cv2.min(common, first), cv2.min(common, second)
    shown: Frame = cv2.merge((red, cv2.min(red, blue), blue))
    return shown


def _lacks(drawing: Line, nearby: Line) -> Bool[np.ndarray, "H W"]:
    """Return where `nearby` is less than half as dark as the drawing."""
    return 2 * (255 - nearby.astype(np.int16)) < 255 - drawing.astype(np.int16)
