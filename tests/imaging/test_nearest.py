"""The nearest known pixel, against distances to all of them."""

import numpy as np
import pytest

from lineart.imaging.nearest import find_nearest


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_the_nearest_known_pixel(share: float) -> None:
    """Numbers are those of reading order; OpenCV's distances are right to a few hundredths."""
    rng = np.random.default_rng(4)
    is_known = rng.random((30, 40)) < share
    is_known[7, 9] = True
    numbers, places = find_nearest(is_known), np.argwhere(is_known)
    assert (numbers[is_known] == np.arange(len(places))).all()
    apart = np.argwhere(np.ones_like(is_known))[:, np.newaxis] - places
    distances = np.hypot(apart[..., 0], apart[..., 1])
    found = np.take_along_axis(distances, numbers.reshape(-1, 1), axis=1)[:, 0]
    assert (found <= 1.04 * distances.min(axis=1)).all()
