"""Doubts of painted regions."""

import numpy as np

from lineart.imaging.doubts import find_doubts
from lineart.imaging.paint import ColorSource, Paint


def test_the_second_best_colour_is_another_one() -> None:
    """A region whose second best colour is the one that it has offers none."""
    labels = np.repeat(np.array([[1, 2, 3]], np.int32), 8, axis=1).repeat(8, axis=0)
    skin, hair = (230, 190, 160), (90, 60, 40)
    colors = np.array([(0, 0, 0), skin, skin, skin], np.uint8)
    sources = np.full(4, ColorSource.KEY, np.uint8)
    second = np.array([(0, 0, 0, 0), (*hair, 255), (*skin, 255), (*hair, 0)], np.uint8)
    paint = Paint(labels, labels, colors, sources, np.full(4, 0.5, np.float32), second)
    found = {one.region: one.second for one in find_doubts(paint)}
    assert found == {1: "#5a3c28", 2: None, 3: None}
