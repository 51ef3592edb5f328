"""Contact sheets: labelled pictures side by side in one image."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.evaluation.types import AnySize
from lineart.image import Frame, Hint, Line, Size, resize

CELL_PX = 240
GAP_PX = 6
TEXT_PX = 18
BACKGROUND = 128
PALE = 0.3
"""Share of the ink's darkness that is kept in the drawing below the hints, 0..1."""


AnyLine = UInt8[np.ndarray, "_ _"]

Sheet = UInt8[np.ndarray, "SheetH SheetW 3"]
"""Part of a contact sheet: pictures on grey."""


def strip(name: str, pictures: Mapping[str, AnySize | AnyLine]) -> Sheet:
    """Build a row of pictures side by side, each below its name and all below `name`."""
    cells = [
        cell(cv2.cvtColor(one, cv2.COLOR_GRAY2RGB) if one.ndim == 2 else one, title)
        for title, one in pictures.items()
    ]
    row = np.concatenate(cells, axis=1)
    return np.concatenate((caption(name, row.shape[1]), row))


def stack_rows(rows: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> Sheet:
    """Stack rows into one sheet; narrower ones are padded with grey.

    Raises:
        ValueError: `rows` is empty.
    """
    if not rows:
        raise ValueError("a sheet needs at least one row")
    width = max(row.shape[1] for row in rows)
    return np.concatenate([_place(row, (row.shape[0], width), (0, 0)) for row in rows])


def show_hints(line: Line, hint: Hint) -> Frame:
    """Draw the hints as dots on the drawing with pale lines."""
    shown: Frame = cv2.cvtColor((255 - (255 - line) * PALE).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    radius = max(1, min(line.shape) // 60)
    for y, x in np.argwhere(hint[..., 3] > 0).tolist():
        cv2.circle(shown, (x, y), radius + 1, (0, 0, 0), -1)
        cv2.circle(shown, (x, y), radius, hint[y, x, :3].tolist(), -1)
    return shown


def cell(picture: Frame, name: str) -> Sheet:
    """Return a picture fitted into a cell of the sheet, with its name above."""
    height, width = picture.shape[:2]
    scale = CELL_PX / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    corner = (CELL_PX - size[0]) // 2, (CELL_PX - size[1]) // 2
    placed = _place(resize(picture, size), (CELL_PX, CELL_PX + GAP_PX), corner)
    return np.concatenate((caption(name, placed.shape[1]), placed))


def caption(text: str, width_px: int) -> Sheet:
    """Return a grey strip with text; characters outside ASCII become `?`."""
    strip = np.full((TEXT_PX, width_px, 3), BACKGROUND, np.uint8)
    plain = text.encode("ascii", "replace").decode()
    white = (255, 255, 255)
    cv2.putText(strip, plain, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, white, 1, cv2.LINE_AA)
    return strip


def _place(picture: Frame, size: Size, corner: tuple[int, int]) -> Sheet:
    """Return grey of `size` with the picture's upper left corner at `corner`, (y, x)."""
    sheet = np.full((*size, 3), BACKGROUND, np.uint8)
    y, x = corner
    sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return sheet
