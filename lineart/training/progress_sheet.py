"""How the same pictures come out as a training goes on: one sheet a stage (paper 000, figure 3)."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.codec import decode_color, encode_png
from lineart.image import Frame
from lineart.storage import Storage
from lineart.training.run_log import GRIDS, read_columns

SHEETS = "sheets"
MOMENTS = 8
"""Most moments that stand side by side."""
RESULTS = ("target", "color", "draft")
"""Columns of a grid that hold what the stage's generator makes, the first that is there."""
CAPTION_PX = 32

Strip = UInt8[np.ndarray, "_ _ 3"]
"""Pictures below or beside one another."""


def write_sheets(output: Storage) -> None:
    """Leave a sheet for each stage of a run that has grids: what went in, then what came out."""
    columns = read_columns(output)
    for stage, grids in read_grids(output).items():
        names = columns.get(stage, ())
        result = next((name for name in RESULTS if name in names), None)
        if result is None:
            continue
        moments = _spread(sorted(grids), MOMENTS)
        pictures = {images: decode_color(output.read(grids[images])) for images in moments}
        sheet = progress_sheet(pictures, names, result)
        output.write(f"{SHEETS}/{stage}.png", encode_png(sheet))


def read_grids(output: Storage) -> dict[str, dict[int, str]]:
    """List a run's grids: stage -> images seen -> path."""
    grids: dict[str, dict[int, str]] = {}
    for entry in output.entries(GRIDS):
        stage, _, images = entry.path.rpartition("/")[2].removesuffix(".png").rpartition("-")
        grids.setdefault(stage, {})[int(images)] = entry.path
    return grids


def progress_sheet(grids: Mapping[int, Frame], columns: Sequence[str], result: str) -> Strip:
    """Put the first column of a grid beside one column of all of them.

    Args:
        grids: Images seen -> the grid of that moment; all alike.
        columns: What the columns of a grid show.
        result: The column to follow.
    """
    first = next(iter(grids.values()))
    strips = [caption(take(first, 0, len(columns)), columns[0])]
    for images, grid in grids.items():
        strip = take(grid, columns.index(result), len(columns))
        strips.append(caption(strip, f"{images:,} images"))
    return np.concatenate(strips, axis=1)


def take(grid: Frame, column: int, columns: int) -> Strip:
    """Cut one column out of a grid."""
    width = grid.shape[1] // columns
    return grid[:, column * width : (column + 1) * width]


def caption(strip: Strip, text: str) -> Strip:
    """Write a line above a column."""
    head = np.full((CAPTION_PX, strip.shape[1], 3), 255, np.uint8)
    cv2.putText(head, text, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (60, 60, 60), 1, cv2.LINE_AA)
    return np.concatenate((head, strip))


def _spread(items: Sequence[int], most: int) -> list[int]:
    """Give up to `most` items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[index] for index in np.linspace(0, len(items) - 1, most).round().astype(int)]
