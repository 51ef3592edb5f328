"""Colour sheets: finished drawings of characters, as keys of no shot."""

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.image import Frame, darkest_channel
from lineart.imaging.lines.extraction import find_drawn_lines
from lineart.imaging.lines.ink import darken_lines
from lineart.imaging.regions import INK_LEVEL
from lineart.keys.key import Key

WHITE_LEVEL = 240
"""Paint whose darkest channel is at least as bright is paper."""
EMPTY_SHARE = 5e-4
"""A picture with a smaller share of ink has no line, and one with a smaller share of paint none."""


def make_sheet(picture: Frame, drawing: UInt8[np.ndarray, "h w *C"] | None = None) -> Key:
    """Build the key that a colour sheet is.

    Args:
        picture: The finished drawing with its lines, on white.
        drawing: Its line drawing on white paper; default: the lines found in the picture.

    Raises:
        ValueError: The line drawing has another size than the picture, or there is no line, or no
            paint beside white between the lines.
    """
    if drawing is not None and drawing.shape[:2] != picture.shape[:2]:
        raise ValueError(
            f"the sheet is {picture.shape[1]}x{picture.shape[0]} and its line drawing "
            f"{drawing.shape[1]}x{drawing.shape[0]}; save both with one size"
        )
    line = find_drawn_lines(picture) if drawing is None else drawing
    is_ink = darken_lines(line) < INK_LEVEL
    if is_ink.mean() < EMPTY_SHARE:
        raise ValueError(
            "the sheet has no line: nothing in it is thin and dark; draw the lines of the "
            "character, or put its line drawing beside it as NAME.line.png"
        )
    beside = cv2.dilate(is_ink.view(np.uint8), np.ones((5, 5), np.uint8)) == 0
    if (beside & (darkest_channel(picture) < WHITE_LEVEL)).mean() < EMPTY_SHARE:
        raise ValueError(
            "the sheet has no colour: all paint between its lines is white; colour it, or leave "
            "it out"
        )
    return Key(line, picture, same_shot=False)
