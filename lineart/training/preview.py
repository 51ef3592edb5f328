"""A look at pictures that a training does not learn from: one number and a grid."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from lineart.datasets.samples import Sample
from lineart.image import Frame, Hint, resize
from lineart.inference import tensor_to_colors
from lineart.losses.reconstruction import l1
from lineart.training.batches import Maker, to_batch
from lineart.training.device import Device
from lineart.training.objectives import Objective

LOOKED_AT = 32
"""Samples that make the number."""
SHOWN = 6
"""Samples that make the grid."""
Cell = UInt8[np.ndarray, "_ _ 3"]
"""Colours of any size."""
TOGETHER = 8
SIDE_PX = 256
GAP_PX = 8


class Preview:
    """Samples with fixed numbers, always the same.

    Args:
        maker: Makes samples of pictures that are not learned from.
        objective: Of the stage.
        device: Where networks run.
    """

    def __init__(self, maker: Maker, objective: Objective, device: Device) -> None:
        self.maker, self.objective, self.device = maker, objective, device
        self.samples = [maker.samples[number] for number in range(LOOKED_AT)]

    @torch.no_grad()
    def look(self, generators: Mapping[str, nn.Module]) -> tuple[float, Frame]:
        """Give the mean absolute difference (of colours -1..1), and a grid.

        A row of the grid is line, hints, what the networks make of them, and the truth.
        """
        distances, rows = [], []
        for start in range(0, len(self.samples), TOGETHER):
            samples = self.samples[start : start + TOGETHER]
            batch = to_batch(self.maker.stack(samples), self.device.device)
            with self.device.autocast():
                pictures = self.objective.predict(generators, batch)
            distances.append(float(l1(list(pictures.values())[-1], batch.color)))
            made = [tensor_to_colors(picture) for picture in pictures.values()]
            rows += [grid_row(sample, [m[i] for m in made]) for i, sample in enumerate(samples)]
        return float(np.mean(distances)), np.concatenate(rows[:SHOWN])


def grid_row(sample: Sample, made: Sequence[Cell]) -> UInt8[np.ndarray, "RowH RowW 3"]:
    """Put line, hints, results and truth side by side."""
    line = cv2.cvtColor(sample.line, cv2.COLOR_GRAY2RGB)
    cells = [line, show_hints(sample.hint), *made, sample.color]
    gap = ((GAP_PX, 0), (GAP_PX, 0), (0, 0))
    squares = [np.pad(fit(cell), gap, constant_values=255) for cell in cells]
    return np.concatenate(squares, axis=1)


def fit(picture: Frame) -> UInt8[np.ndarray, "Side Side 3"]:
    """Bring a square to the side of a cell; small ones show their pixels."""
    if picture.shape[0] >= SIDE_PX:
        return resize(picture, (SIDE_PX, SIDE_PX))
    nearest: Frame = cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_NEAREST)
    return nearest


def show_hints(hint: Hint) -> Frame:
    """Show hints on grey."""
    return np.where(hint[..., 3:] > 0, hint[..., :3], np.uint8(238))
