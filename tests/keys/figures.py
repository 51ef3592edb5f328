"""Drawings with exact colours for the tests of colour keys, drawn by code."""

from typing import NamedTuple

import cv2
import numpy as np

from lineart.keys.border_matrix import BorderMatrix

PAINT = {
    "background": (250, 250, 250), "head": (240, 200, 170), "hair": (90, 50, 30),
    "eye": (30, 90, 200), "mouth": (200, 40, 60), "coat": (40, 120, 60), "pocket": (220, 190, 40),
    "hat": (150, 30, 150),
}  # fmt: skip


class Figure(NamedTuple):
    """A drawing and its paint without lines."""

    line: np.ndarray
    paint: np.ndarray


def draw_figure(
    *,
    move: tuple[float, float] = (0, 0),
    scale: float = 1.0,
    bend: float = 0.0,
    hat: bool = False,
    gap: bool = False,
    size: tuple[int, int] = (360, 480),
) -> Figure:
    """Draw a figure of closed regions.

    Args:
        move: Move to the right and down, in pixels.
        scale: Size of the figure.
        bend: Amplitude of a wave that bends it, in pixels.
        hat: Whether it wears a hat.
        gap: Whether the outline between head and coat is open.
        size: Height and width of the picture.
    """
    paint = np.full((*size, 3), PAINT["background"], np.uint8)
    line = np.full(size, 255, np.uint8)

    def outline(points: list[tuple[float, float]]) -> np.ndarray:
        at = (np.array(points, np.float32) - (240, 180)) * scale
        at[:, 0] += bend * np.sin(at[:, 1] / 40)
        at += np.array((240 + move[0], 180 + move[1]))
        return np.rint(at).astype(np.int32)[np.newaxis]

    def ellipse(x: float, y: float, wide: float, high: float) -> list[tuple[float, float]]:
        angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        return [(x + wide * np.cos(a), y + high * np.sin(a)) for a in angles]

    shapes = [
        ("coat", [(180, 200), (300, 200), (330, 330), (150, 330)]),
        ("hair", ellipse(240, 130, 75, 80)),
        ("head", ellipse(240, 140, 55, 65)),
        ("eye", ellipse(218, 125, 12, 8)),
        ("eye", ellipse(262, 125, 12, 8)),
        ("mouth", ellipse(240, 172, 20, 8)),
        ("pocket", [(260, 250), (300, 250), (300, 290), (260, 290)]),
    ]
    if hat:
        shapes.append(("hat", [(190, 75), (290, 75), (240, 10)]))
    for name, points in shapes:
        shape = outline(points)
        cv2.fillPoly(line, shape, 255)
        cv2.fillPoly(paint, shape, PAINT[name])
        cv2.polylines(line, shape, isClosed=True, color=0, thickness=2)
    if gap:
        opening = outline([(210, 325), (270, 325), (270, 340), (210, 340)])
        cv2.fillPoly(line, opening, 255)
    return Figure(line, paint)


def make_dense(borders: BorderMatrix) -> np.ndarray:
    """Give a sparse matrix of borders in full."""
    matrix = np.zeros((borders.size, borders.size), np.float32)
    matrix[borders.rows, borders.columns] = borders.lengths
    return matrix
