"""Random changes of a coloured drawing and a second one of its shot, for the training of keys.

Truth stays exact: the number of a colour moves with its pixels.
"""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from lineart.datasets.flat_parts import Truth, fill_from_nearest
from lineart.datasets.flat_truth import draw_borders
from lineart.image import Line

Places = Float32[np.ndarray, "H W"]


class FlatDrawing(NamedTuple):
    """Drawing, and the number of the true colour of each of its pixels."""

    line: Line
    truth: Truth


class Pair(NamedTuple):
    """Key and target drawing."""

    key: FlatDrawing
    target: FlatDrawing

    def lined_anew(self) -> "Pair":
        """Return the pair with lines where colours meet."""
        return Pair(*(FlatDrawing(draw_borders(one.truth), one.truth) for one in self))


WARPS = (0.0, 0.0, 0.0, 0.6, 1.2)
"""Strengths of the movement of the target, each as likely as the others."""


def augment(pair: Pair, rng: np.random.Generator, *, is_cutout: bool) -> Pair:
    """Change a pair at random: size, mirroring, movement, colours, line weight, broken outlines.

    Args:
        pair: Key and target of one size.
        rng: Source of all randomness.
        is_cutout: The lines are the borders of the colours, so they can be drawn anew, and colours
            can be taken away.
    """
    if is_cutout and rng.random() < 0.5:
        scale = rng.uniform(0.6, 1.2)
        pair = Pair(*(_scaled(one, scale) for one in pair)).lined_anew()
    if rng.random() < 0.5:
        pair = Pair(*(FlatDrawing(*(_mirrored(part) for part in one)) for one in pair))
    strength = rng.choice(WARPS)
    if strength:
        pair = pair._replace(target=move(pair.target, rng, strength, is_cutout=is_cutout))
    if is_cutout and rng.random() < 0.4:
        color = int(rng.integers(1, max(2, int(pair.target.truth.max()) + 1)))
        key = melt(pair.key, color)
        # In half of these pairs the target keeps the colour: no key region has it.
        pair = Pair(key, pair.target if rng.random() < 0.5 else melt(pair.target, color))
        pair = pair.lined_anew()
    if rng.random() < 0.3:
        pair = Pair(*(one._replace(line=_thickened(one.line)) for one in pair))
    if rng.random() < 0.2:
        pair = Pair(*(one._replace(line=break_lines(one.line, rng)) for one in pair))
    return pair


def _scaled(drawing: FlatDrawing, scale: float) -> FlatDrawing:
    way = cv2.INTER_NEAREST
    return FlatDrawing(*(cv2.resize(one, None, fx=scale, fy=scale, interpolation=way)
                         for one in drawing))  # fmt: skip


def _mirrored(picture: UInt8[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W"]:
    return np.ascontiguousarray(picture[:, ::-1])


def _thickened(line: Line) -> Line:
    thicker: Line = cv2.erode(line, np.ones((2, 2), np.uint8))
    return thicker


def move(
    drawing: FlatDrawing, rng: np.random.Generator, strength: float, *, is_cutout: bool
) -> FlatDrawing:
    """Move, turn, scale and bend a drawing.

    Args:
        drawing: Drawing.
        rng: Source of all randomness.
        strength: 1 turns by 8 degrees and scales by 8 %, as standard deviations.
        is_cutout: Draw the lines anew, where colours meet.
    """
    x, y = _random_places(drawing.truth.shape, rng, strength)
    background = int(np.bincount(drawing.truth[0]).argmax())
    border = cv2.BORDER_CONSTANT if is_cutout else cv2.BORDER_REPLICATE
    truth: Truth = cv2.remap(
        drawing.truth, x, y, cv2.INTER_NEAREST, borderMode=border, borderValue=background
    )
    if is_cutout:
        return FlatDrawing(draw_borders(truth), truth)
    line = cv2.remap(drawing.line, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return FlatDrawing(line, truth)


def _random_places(
    size: tuple[int, ...], rng: np.random.Generator, strength: float
) -> tuple[Places, Places]:
    """Return where each pixel of a moved picture comes from, x and y."""
    height, width = size
    turn, grow = rng.normal(0, 8 * strength), np.exp(rng.normal(0, 0.08 * strength))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, grow)
    matrix[0, :2] *= np.exp(rng.normal(0, 0.04 * strength))
    matrix[:, 2] += rng.normal(0, 0.03 * strength, 2) * (width, height)
    grid = np.mgrid[:height, :width].astype(np.float32)
    bend = np.zeros((height, width, 2), np.float32)
    for cells, share in ((3, 0.012), (6, 0.006)):
        sizes = rng.normal(0, share * strength * max(size), (cells, cells, 2)).astype(np.float32)
        bend += cv2.resize(sizes, (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = (
        (row[0] * grid[1] + row[1] * grid[0] + row[2] + bend[:, :, axis]).astype(np.float32)
        for axis, row in enumerate(matrix)
    )
    return x, y


def melt(drawing: FlatDrawing, color: int) -> FlatDrawing:
    """Give the areas of a colour those of their surroundings; its lines are left as they are."""
    return drawing._replace(truth=fill_from_nearest(drawing.truth, drawing.truth != color))


INK_PER_GAP = (250, 1200)
"""Range of the pixels of ink for each gap."""
GAP_SHARE = (0.006, 0.016)
"""Range of the radius of a gap, as a share of the longer side."""


def break_lines(line: Line, rng: np.random.Generator) -> Line:
    """Erase gaps from lines at random places."""
    count = int(np.count_nonzero(line < 128) / rng.uniform(*INK_PER_GAP))
    return erase_discs(line, count, GAP_SHARE, rng)


def erase_discs(
    line: Line, count: int, share: tuple[float, float], rng: np.random.Generator
) -> Line:
    """Erase discs from a drawing, around random pixels of lines.

    Args:
        line: Drawing.
        count: Number of discs.
        share: Range of their radius, as a share of the longer side.
        rng: Source of all randomness.
    """
    rows, columns = np.nonzero(line < 128)
    erased = line.copy()
    if not len(rows):
        return erased
    for place in rng.integers(0, len(rows), count):
        radius = max(2, round(rng.uniform(*share) * max(line.shape)))
        cv2.circle(erased, (int(columns[place]), int(rows[place])), radius, 255, cv2.FILLED)
    return erased
