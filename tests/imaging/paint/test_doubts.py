"""Doubts of painted regions."""

import numpy as np

from lineart.imaging.paint.doubts import MAX_DOUBTS, find_doubts, find_least_sure
from lineart.imaging.paint.region_colors import ColorSource, Paint


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


def test_a_large_doubt_comes_before_specks() -> None:
    """A sleeve that may be wrong is listed although more specks than are listed are less sure."""
    specks = MAX_DOUBTS + 5
    labels = np.ones((40, 4 * specks), np.int32)
    labels[:4] = np.repeat(np.arange(2, specks + 2, dtype=np.int32), 4)
    count = specks + 2
    confidence = np.full(count, 0.2, np.float32)
    confidence[1], confidence[-1] = 0.6, 0.1
    paint = Paint(
        labels,
        labels,
        np.zeros((count, 3), np.uint8),
        np.full(count, ColorSource.KEY, np.uint8),
        confidence,
    )
    found = find_doubts(paint)
    assert [one.region for one in found[:2]] == [1, count - 1]
    assert len(found) == MAX_DOUBTS
    least = find_least_sure(paint)
    assert least is not None
    assert least.region == count - 1
