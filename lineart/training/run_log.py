"""Log of a training run: scalars as CSV and for TensorBoard, picture grids as PNG."""

import csv
import io
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from torch.utils.tensorboard import SummaryWriter

from lineart.codec import encode_png
from lineart.image import Frame
from lineart.storage import Storage
from lineart.training.checkpoint import CheckpointId
from lineart.training.recipes import Recipe

SCALARS = "scalars.csv"
GRIDS = "grids"
COLUMNS = "columns.json"
"""JSON file that maps each stage to the column names of its grids."""
TENSORBOARD = "tensorboard"
VALIDATION = "validation/l1"
"""Scalar whose lowest value marks a stage's best checkpoint."""


class LoggedScalar(NamedTuple):
    """Row of `scalars.csv`."""

    stage: str
    images: int
    """Images seen in this stage."""
    name: str
    value: float


def read_scalars(output: Storage) -> list[LoggedScalar]:
    """Read the scalars of a run; return an empty list if it has none."""
    if not output.exists(SCALARS):
        return []
    rows = csv.reader(io.StringIO(output.read(SCALARS).decode()))
    next(rows, None)
    return [
        LoggedScalar(stage, int(images), name, float(value)) for stage, images, name, value in rows
    ]


def read_columns(output: Storage) -> dict[str, list[str]]:
    """Read the column names of a run's grids by stage; return an empty dict if it has none."""
    if not output.exists(COLUMNS):
        return {}
    columns: dict[str, list[str]] = json.loads(output.read(COLUMNS))
    return columns


def grid_path(stage: str, images: int) -> str:
    """Return the path of a grid, relative to the run's folder."""
    return f"{GRIDS}/{stage}-{images:010d}.png"


class RunLog:
    """Collects scalars, and writes them to the run's folder at each checkpoint.

    Args:
        output: Folder of the run.
        recipe: Recipe of the run.
        start: Checkpoint from which the run resumes; scalars recorded after it are dropped, because
            they will be recorded again. None for a new run.
    """

    def __init__(self, output: Storage, recipe: Recipe, start: CheckpointId | None) -> None:
        self.output = output
        names = self.names = [stage.name for stage in recipe.stages]
        self.before = {
            name: sum(s.images for s in recipe.stages[:n]) for n, name in enumerate(names)
        }
        self.scalars = [
            row
            for row in (read_scalars(output) if start else [])
            if start and CheckpointId(names.index(row.stage), row.images) <= start
        ]
        self.columns = read_columns(output) if start else {}
        self.folder = tempfile.TemporaryDirectory()
        seen = self.before[names[start.stage]] + start.images if start else None
        self.board = SummaryWriter(self.folder.name, purge_step=seen and seen + 1)

    def add(self, stage: str, images: int, values: Mapping[str, float]) -> None:
        """Add scalars recorded after `images` images of a stage."""
        for name, value in values.items():
            self.scalars.append(LoggedScalar(stage, images, name, value))
            self.board.add_scalar(f"{stage}/{name}", value, self.before[stage] + images)

    def add_grid(self, stage: str, images: int, grid: Frame, columns: Sequence[str]) -> None:
        """Write a picture grid and its column names."""
        self.output.write(grid_path(stage, images), encode_png(grid))
        self.columns[stage] = list(columns)
        self.output.write(COLUMNS, json.dumps(self.columns).encode())

    def best(self) -> list[CheckpointId]:
        """Return the checkpoint with the lowest validation distance of each stage."""
        looks = [r for r in self.scalars if r.name == VALIDATION and math.isfinite(r.value)]
        stages = dict.fromkeys(row.stage for row in looks)
        best = [min((r for r in looks if r.stage == s), key=lambda r: r.value) for s in stages]
        return [CheckpointId(self.names.index(row.stage), row.images) for row in best]

    def write(self) -> None:
        """Write scalars and TensorBoard files to the run's folder."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(LoggedScalar._fields)
        rows.writerows(row._replace(value=f"{row.value:.6g}") for row in self.scalars)  # type: ignore[arg-type]  # values as strings
        self.output.write(SCALARS, text.getvalue().encode())
        self.board.flush()
        for path in Path(self.folder.name).iterdir():
            self.output.write(f"{TENSORBOARD}/{path.name}", path.read_bytes())

    def close(self) -> None:
        """Close the TensorBoard writer and delete the temporary files."""
        self.board.close()
        self.folder.cleanup()
