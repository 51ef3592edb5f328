"""Flat colours of pictures from lossy files."""

import cv2
import numpy as np
import pytest

from lineart.imaging.paint.lossy_colors import restore_flat_colors
from tests.keys.figures import draw_figure


def compress(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return a picture after it was a JPEG."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def count_colors(picture: np.ndarray) -> int:
    """Return the number of different colours."""
    return len(np.unique(picture.reshape(-1, 3), axis=0))


@pytest.mark.parametrize("quality", [60, 75, 92])
def test_flat_colors_are_restored(quality: int) -> None:
    """Within two levels, up to the edges; what is left are mixed colours at these."""
    picture = draw_figure(size=(720, 960), scale=1.6).paint
    restored = restore_flat_colors(compress(picture, quality))
    apart = np.abs(restored.astype(np.int16) - picture).max(axis=2)
    assert (apart <= 2).mean() > 0.985
    compressed = np.abs(compress(picture, quality).astype(np.int16) - picture).max(axis=2)
    assert np.count_nonzero(apart > 2) < 0.6 * np.count_nonzero(compressed > 2)
    assert count_colors(restored) < 0.5 * count_colors(compress(picture, quality))


def test_a_gradient_stays() -> None:
    """A picture that is not flat is not changed at all."""
    across = np.linspace(40, 220, 640).astype(np.uint8)
    down = np.linspace(90, 160, 360).astype(np.uint8)
    picture = np.stack(np.broadcast_arrays(across, down[:, np.newaxis], np.uint8(80)), axis=2)
    compressed = compress(np.ascontiguousarray(picture), 90)
    np.testing.assert_array_equal(restore_flat_colors(compressed), compressed)


def test_small_pictures() -> None:
    """Even a picture of a pixel is one."""
    picture = np.full((1, 1, 3), 7, np.uint8)
    np.testing.assert_array_equal(restore_flat_colors(picture), picture)
