"""Progress sheets: one picture per stage with results over the training (paper 000, figure 3)."""

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
"""Maximum number of grids from which a sheet is made."""
RESULTS = ("target", "color", "draft")
"""Grid columns with results of the stage's generator; a sheet shows the first that exists."""
CAPTION_PX = 32

Strip = UInt8[np.ndarray, "_ _ 3"]
"""RGB picture composed of several pictures."""


def write_sheets(output: Storage) -> None:
    """Write a sheet for each stage of a run that has grids: the inputs, then the results."""
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


def _spread(items: Sequence[int], most: int) -> list[int]:
    """Return up to `most` evenly spaced items, including the first and the last."""
    if len(items) <= most:
        return list(items)
    return [items[index] for index in np.linspace(0, len(items) - 1, most).round().astype(int)]
