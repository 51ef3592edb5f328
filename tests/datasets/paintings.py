"""Pictures that the tests of prepared data are made of."""

from pathlib import Path

import cv2
import numpy as np


def paint(seed: int, height: int = 60, width: int = 50) -> np.ndarray:
    """Paint coloured discs on white paper."""
    rng, picture = np.random.default_rng(seed), np.full((height, width, 3), 255, np.uint8)
    for _ in range(9):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(picture, center, int(rng.integers(4, 20)), rng.integers(0, 256, 3).tolist(), -1)
    return picture


def save(path: Path, image: np.ndarray, *options: int) -> Path:
    """Write a picture (RGB) in the format that its name tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if image.ndim == 3:
        image = cv2.cvtColor(
            image, cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
        )
    assert cv2.imwrite(str(path), image, options)
    return path
