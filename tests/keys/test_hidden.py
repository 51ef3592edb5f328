"""What something hides in one key, and another key shows."""

import cv2
import numpy as np
import pytest

from lineart.imaging.regions import find_regions
from lineart.keys import Key, prepare_key
from lineart.keys.cut import cut_regions
from lineart.keys.drawing import find_depth
from lineart.keys.region_motion import CarriedKey
from tests.keys.figures import PAINT, Figure

SIZE = 200, 320
SKY, DUSK, LIGHT = "eye", "pocket", "mouth"
HILL = slice(90, 120), slice(135, 165)


def draw(left: int) -> Figure:
    """Draw a sky of two colours, of which one has a hill of light, behind a balloon."""
    line, paint = np.full(SIZE, 255, np.uint8), np.full((*SIZE, 3), PAINT[SKY], np.uint8)
    paint[120:] = PAINT[DUSK]
    paint[HILL] = PAINT[LIGHT]
    paint[20:50, 20:50] = PAINT[LIGHT]
    balloon = slice(70, 150), slice(left, left + 80)
    paint[balloon], line[balloon] = PAINT["coat"], 255
    cv2.rectangle(line, (left, 70), (left + 79, 149), 0, 2)
    return Figure(line, paint)


def carry(key: Figure, others: list[Figure], target: Figure) -> np.ndarray:
    """Return which part of the key each pixel of a drawing is of, by its colour."""
    still = np.zeros((*SIZE, 2), np.float32)
    prepared, *more = (CarriedKey(prepare_key(Key(*one)), still) for one in (key, *others))
    labels = find_regions(target.line)
    depth = find_depth((target.line == 255).view(np.uint8))
    is_asked = np.ones(labels.max() + 1, bool)
    labels = cut_regions(labels, depth, prepared, is_asked, more).labels
    colors = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    for one in range(1, len(colors)):
        colors[one] = np.median(target.paint[labels == one], axis=0)
    return colors[labels]


@pytest.mark.parametrize(("others", "least", "most"), [([], 0.0, 0.2), ([10], 0.9, 1.0)])
def test_what_a_balloon_hides_another_key_shows(
    others: list[int], least: float, most: float
) -> None:
    """The hill behind it has the hill's colour where the second key shows it."""
    target = draw(170)
    found = carry(draw(130), [draw(left) for left in others], target)
    is_hill = (found[HILL] == PAINT[LIGHT]).all(axis=2)
    assert least <= is_hill.mean() <= most
