"""Keys that were never coloured: nothing but a line drawing in black on paper."""

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.image import Hint, brightest_channel, darkest_channel, to_gray
from lineart.imaging.lines.paper import whiten_paper

CHROMA = 24
"""Difference of the highest and the lowest channel above which there is a colour."""
BLACK, WHITE = 40, 236
"""Levels below and from which grey is ink and paper."""
WIDTH_SHARE = 1 / 120
"""Largest width of lines in grey or in colour, as a share of the short side."""
MIN_DAB_PX = 9
"""Smallest area of a dab."""


def is_uncolored(key: Hint) -> bool:
    """Return whether a key has nothing but lines and black areas on white or toned paper.

    White beside transparency is paint, and so are dabs in colour there, which are no longer than a
    line may be wide. A key that is fully transparent is not called uncoloured.
    """
    is_clear = key[:, :, 3] < 128
    if is_clear.all():
        return False
    picture = key[:, :, :3].copy()
    picture[is_clear] = 255
    picture = whiten_paper(picture)
    most, least = brightest_channel(picture), darkest_channel(picture)
    is_gray = cv2.inRange(to_gray(picture), BLACK, WHITE - 1)
    in_color = cv2.compare(cv2.subtract(most, least), CHROMA, cv2.CMP_GT)
    painted = is_gray | in_color
    width = max(5, round(WIDTH_SHARE * min(is_clear.shape)))
    if is_clear.any():
        if _has_dabs(in_color, width):
            return False
        painted |= cv2.compare(least, WHITE, cv2.CMP_GE) & cv2.inRange(key[:, :, 3], 128, 255)
    kernel = np.ones((2 * (width // 2) + 1,) * 2, np.uint8)
    return not cv2.erode(painted, kernel).any()


def _has_dabs(in_color: UInt8[np.ndarray, "H W"], longest: int) -> bool:
    """Return whether a mask has spots of at most this length, other than specks."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(in_color)
    sides = stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1, initial=0)
    return bool(((sides <= longest) & (stats[1:, cv2.CC_STAT_AREA] >= MIN_DAB_PX)).any())
