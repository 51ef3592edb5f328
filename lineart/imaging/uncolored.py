"""Keys that were never coloured: nothing but a line drawing in black on paper."""

import cv2
import numpy as np

from lineart.image import Hint, to_gray
from lineart.imaging.paper import whiten_paper

CHROMA = 24
"""Difference of the highest and the lowest channel above which there is a colour."""
BLACK, WHITE = 40, 236
"""Levels below and from which grey is ink and paper."""
WIDTH_SHARE = 1 / 120
"""Largest width of lines in grey or in colour, as a share of the short side."""


def is_uncolored(key: Hint) -> bool:
    """Return whether a key has nothing but lines and black areas on white or toned paper.

    White beside transparency is paint. A key that is fully transparent is not called uncoloured.
    """
    is_clear = key[:, :, 3] < 128
    if is_clear.all():
        return False
    picture = key[:, :, :3].copy()
    picture[is_clear] = 255
    picture = whiten_paper(picture)
    red, green, blue = cv2.split(picture)
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    is_gray = cv2.inRange(to_gray(picture), BLACK, WHITE - 1)
    painted = is_gray | cv2.compare(cv2.subtract(most, least), CHROMA, cv2.CMP_GT)
    if is_clear.any():
        painted |= cv2.compare(least, WHITE, cv2.CMP_GE) & cv2.inRange(key[:, :, 3], 128, 255)
    width = max(5, round(WIDTH_SHARE * min(is_clear.shape)))
    kernel = np.ones((2 * (width // 2) + 1,) * 2, np.uint8)
    return not cv2.erode(painted, kernel).any()
