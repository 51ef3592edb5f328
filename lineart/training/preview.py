"""Validation preview: mean distance and picture grid of fixed validation samples."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from lineart.image import Frame, resize
from lineart.inference import tensor_to_colors
from lineart.training.dataloader import Collator
from lineart.training.device import Device
from lineart.training.objective import Objective
from lineart.training.tasks import Cell, TrainingTask

LOOKED_AT = 32
"""Number of samples in the distance."""
SHOWN = 6
"""Number of samples in the grid."""
TOGETHER = 8
"""Batch size."""
SIDE_PX = 256
"""Side of a picture in the grid."""
GAP_PX = 8


class PreviewResult(NamedTuple):
    """Distance and picture grid of a preview."""

    distance: float
    """Mean of `TrainingTask.distance`: absolute difference of colours in -1..1."""
    grid: Frame
    """Grid with one row per sample."""
    columns: tuple[str, ...]
    """Names of the grid's columns."""


class ValidationPreview:
    """Evaluates generators on the same first `LOOKED_AT` validation samples each time.

    Args:
        task: Training task of the pair.
        maker: Collator of the validation samples.
        objective: Objective of the stage.
        device: Device on which networks run.
    """

    def __init__(
        self, task: TrainingTask, maker: Collator, objective: Objective, device: Device
    ) -> None:
        self.task, self.maker, self.objective, self.device = task, maker, objective, device
        self.samples = [maker.samples[number] for number in range(LOOKED_AT)]

    @torch.no_grad()
    def look(self, generators: Mapping[str, nn.Module]) -> PreviewResult:
        """Run generators, such as the averages, on the samples."""
        distances: list[float] = []
        rows: list[dict[str, Cell]] = []
        for start in range(0, len(self.samples), TOGETHER):
            samples = self.samples[start : start + TOGETHER]
            batch = self.task.to_batch(self.maker.stack(samples), self.device.device)
            with self.device.autocast():
                made = self.objective.predict(generators, batch)
            distances.append(float(self.task.distance(made, batch)))
            pixels = {name: tensor_to_colors(picture) for name, picture in made.items()}
            for index, sample in enumerate(samples):
                cells = {name: as_color(pictures[index]) for name, pictures in pixels.items()}
                rows.append(self.task.show(sample, cells))
        grid = np.concatenate([grid_row(list(row.values())) for row in rows[:SHOWN]])
        return PreviewResult(float(np.mean(distances)), grid, tuple(rows[0]))


def as_color(picture: UInt8[np.ndarray, "H W C"]) -> Frame:
    """Repeat a single channel three times; return other pictures unchanged."""
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture


def grid_row(cells: Sequence[Cell]) -> UInt8[np.ndarray, "RowH RowW 3"]:
    """Put pictures side by side, with a white gap above and to the left of each."""
    gap = ((GAP_PX, 0), (GAP_PX, 0), (0, 0))
    squares = [np.pad(fit(cell), gap, constant_values=255) for cell in cells]
    return np.concatenate(squares, axis=1)


def fit(picture: Frame) -> UInt8[np.ndarray, "Side Side 3"]:
    """Resize a square picture to `SIDE_PX`; enlarge by nearest neighbour, so that pixels show."""
    if picture.shape[0] >= SIDE_PX:
        return resize(picture, (SIDE_PX, SIDE_PX))
    nearest: Frame = cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_NEAREST)
    return nearest
