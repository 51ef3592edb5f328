"""Validation: distance and picture grid of fixed samples, and sheets of results over a training.

A progress sheet shows one stage, as figure 3 of paper 000 does.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from lineart.codec import decode_color, encode_png
from lineart.image import Frame, resize
from lineart.inference import tensor_to_colors
from lineart.storage import Storage
from lineart.training.dataloader import Collator
from lineart.training.device import Device
from lineart.training.objective import Objective
from lineart.training.run_log import GRIDS, read_columns
from lineart.training.tasks import Cell, TrainingTask

Item = TypeVar("Item")

NUM_SAMPLES = 32
"""Number of samples in the distance."""
NUM_SHOWN = 6
"""Number of samples in the grid."""
BATCH_SIZE = 8
SIDE_PX = 256
"""Side of a picture in the grid."""
GAP_PX = 8

SHEETS = "sheets"
MAX_GRIDS = 8
"""Maximum number of grids from which a sheet is made."""
RESULTS = ("target", "color", "draft", "matching")
"""Grid columns with results of the stage's generator; a sheet shows the first that exists."""
CAPTION_PX = 32

Strip = UInt8[np.ndarray, "_ _ 3"]
"""RGB picture composed of several pictures."""


class PreviewResult(NamedTuple):
    """Distance and picture grid of a preview."""

    distance: float
    """Mean of `TrainingTask.distance`: absolute difference of colours in -1..1."""
    grid: Frame
    """Grid with one row per sample."""
    columns: tuple[str, ...]
    """Names of the grid's columns."""


class ValidationPreview:
    """Evaluates generators on the same first `NUM_SAMPLES` validation samples each time.

    Args:
        task: Training task of the pair.
        collator: Collator of the validation samples.
        objective: Objective of the stage.
        device: Device on which networks run.
    """

    def __init__(
        self, task: TrainingTask, collator: Collator, objective: Objective, device: Device
    ) -> None:
        self.task, self.collator, self.objective, self.device = task, collator, objective, device
        self.samples = [collator.samples[number] for number in range(NUM_SAMPLES)]

    @torch.no_grad()
    def run(self, generators: Mapping[str, nn.Module]) -> PreviewResult:
        """Run generators, such as the averages, on the samples."""
        distances: list[float] = []
        rows: list[dict[str, Cell]] = []
        for start in range(0, len(self.samples), BATCH_SIZE):
            samples = self.samples[start : start + BATCH_SIZE]
            batch = self.task.to_batch(self.collator.stack(samples), self.device.device)
            with self.device.autocast():
                made = self.objective.predict(generators, batch)
            distances.append(float(self.task.distance(made, batch)))
            colors = {
                name: tensor_to_colors(picture.expand(-1, 3, -1, -1))
                for name, picture in made.items()
            }
            for index, sample in enumerate(samples):
                cells = {name: pictures[index] for name, pictures in colors.items()}
                rows.append(self.task.show(sample, cells))
        grid = np.concatenate([grid_row(list(row.values())) for row in rows[:NUM_SHOWN]])
        return PreviewResult(float(np.mean(distances)), grid, tuple(rows[0]))


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


def write_sheets(output: Storage) -> None:
    """Write a sheet for each stage of a run that has grids: the inputs, then the results."""
    columns = read_columns(output)
    for stage, grids in read_grids(output).items():
        names = columns.get(stage, ())
        result = next((name for name in RESULTS if name in names), None)
        if result is None:
            continue
        moments = choose_evenly(sorted(grids), MAX_GRIDS)
        pictures = {images: decode_color(output.read(grids[images])) for images in moments}
        sheet = progress_sheet(pictures, names, result)
        output.write(f"{SHEETS}/{stage}.png", encode_png(sheet))


def read_grids(output: Storage) -> dict[str, dict[int, str]]:
    """Return the paths of a run's grids: stage -> images seen -> path."""
    grids: dict[str, dict[int, str]] = {}
    for entry in output.entries(GRIDS):
        stage, _, images = entry.path.rpartition("/")[2].removesuffix(".png").rpartition("-")
        grids.setdefault(stage, {})[int(images)] = entry.path
    return grids


def progress_sheet(grids: Mapping[int, Frame], columns: Sequence[str], result: str) -> Strip:
    """Put the first column of the first grid beside the column `result` of each grid.

    Args:
        grids: Images seen -> grid; all of the same size and columns.
        columns: Names of the grids' columns.
        result: Name of the result column.
    """
    first = next(iter(grids.values()))
    strips = [caption(take(first, 0, len(columns)), columns[0])]
    for images, grid in grids.items():
        strip = take(grid, columns.index(result), len(columns))
        strips.append(caption(strip, f"{images:,} images"))
    return np.concatenate(strips, axis=1)


def take(grid: Frame, column: int, columns: int) -> Strip:
    """Cut out the column with index `column` of `columns`."""
    width = grid.shape[1] // columns
    return grid[:, column * width : (column + 1) * width]


def caption(strip: Strip, text: str) -> Strip:
    """Add a line of text above a strip."""
    head = np.full((CAPTION_PX, strip.shape[1], 3), 255, np.uint8)
    cv2.putText(head, text, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (60, 60, 60), 1, cv2.LINE_AA)
    return np.concatenate((head, strip))


def choose_evenly(items: Sequence[Item], count: int) -> list[Item]:
    """Return `count` evenly spaced items, with the first and the last; of one, only the last."""
    if len(items) <= count:
        return list(items)
    if count <= 1:
        return list(items[-1:]) if count else []
    return [items[place] for place in np.linspace(0, len(items) - 1, count).round().astype(int)]
