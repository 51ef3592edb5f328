"""Photographs drawn by code, and weights that nobody trained: enough to run a film."""

from pathlib import Path

import cv2
import numpy as np
import torch

from lineart.models import MODELS, to_files


def draw_photo(seed: int, height: int = 72, width: int = 96) -> np.ndarray:
    """Draw soft colours with a few hard edges; other seeds are other photographs."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    photo = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(3):
        center = rng.integers(0, (width, height))
        color = rng.integers(0, 256, 3).tolist()
        cv2.circle(photo, center.tolist(), int(rng.integers(4, 16)), color, -1, cv2.LINE_AA)
    return photo


def save(path: Path, photo: np.ndarray) -> None:
    """Write a photograph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))


def write_weights(folder: Path, model: str, **arguments: int) -> Path:
    """Write a tiny pair, not trained."""
    torch.manual_seed(0)
    folder.mkdir()
    for name, data in to_files(MODELS[model](**arguments)).items():
        (folder / name).write_bytes(data)
    return folder
