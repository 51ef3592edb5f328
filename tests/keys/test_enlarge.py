"""Cuts at full size."""

import cv2
import numpy as np

from lineart.keys.enlarge import enlarge_cut


def test_a_part_keeps_its_cusps() -> None:
    """Wrong are less than half as many pixels as its outline is long."""
    part = np.zeros((400, 600), np.uint8)
    for x, radius in ((160, 24), (200, 32), (244, 28), (276, 16)):
        cv2.circle(part, (x, 250), radius, 1, -1)
    labels, small = np.ones(part.shape, np.int32), np.ones((200, 300), np.int32)
    cut = small + (cv2.resize(part * 255, (300, 200), interpolation=cv2.INTER_AREA) > 127)
    found = enlarge_cut(labels, small, cut.astype(np.int32)) == 2
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    wrong = np.count_nonzero(found != part)
    assert wrong < 0.5 * len(outlines[0])
