"""Pictures that the tests of prepared data are made of."""

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lineart.datasets.items import Crop, Query, list_items, read_item
from lineart.datasets.samples import NamedPicture
from lineart.storage import Storage


@dataclass(frozen=True)
class Listed:
    """Training pictures in memory; each is its own source."""

    pictures: tuple[NamedPicture, ...]

    @property
    def sources(self) -> list[str]:
        """Names of the pictures."""
        return [picture.name for picture in self.pictures]

    def read(self, index: int) -> NamedPicture:
        """Return a picture."""
        return self.pictures[index]


def paint(seed: int, height: int = 60, width: int = 50) -> np.ndarray:
    """Paint coloured discs on white paper."""
    rng, picture = np.random.default_rng(seed), np.full((height, width, 3), 255, np.uint8)
    for _ in range(9):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(picture, center, int(rng.integers(4, 20)), rng.integers(0, 256, 3).tolist(), -1)
    return picture


def save(path: Path, image: np.ndarray, *options: int) -> Path:
    """Write a picture (RGB) in the format of its extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if image.ndim == 3:
        image = image[..., [2, 1, 0, 3][: image.shape[2]]]
    assert cv2.imwrite(str(path), np.ascontiguousarray(image), options)
    return path


def read_all(folder: Path, query: Query | None = None) -> list[Crop]:
    """Read all pictures of a folder, in natural order."""
    storage = Storage.at(str(folder))
    items = list_items(storage, query or Query())
    return [crop for item in items for crop in read_item(storage, item)]


class DeadlyFolder(Storage):
    """A folder in which one picture ends the process that reads it, as a faulty decoder does."""

    def read(self, path: str) -> bytes:
        """Read a file."""
        if path == "deadly.png":
            os._exit(1)
        return super().read(path)
