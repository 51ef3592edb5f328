"""Paper of drawings: its level in a scan or photo, which is made white."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Int64

from lineart.image import Frame, Line

PAPER_FROM = 190
"""Least grey level of paper in a drawing."""
MIN_PAPER = 192
"""Levels of paper below it are shading, unless all else says that they are paper."""
MIN_TONED = 96
"""Level of its lightest channel that toned paper has at least."""
SPREAD = 12
"""Levels on both sides of the paper's that its grain has."""
LIGHTER = 24
"""A colour lighter by more than this is not of the same paper."""
MAX_LIGHTER = 0.01
"""Share of a drawing on toned paper that may be lighter than it."""
MIN_WHITE = 0.1
"""Share of white from which an even tint is paint."""
EVEN_SHARE = 0.5
"""Share of exactly one colour among those near it from which it was made on a computer."""
ALONE_SHARE, MIN_EVEN = 0.85, 130
"""Share of a drawing, and mean level, that an even tone has at least if it is paper."""
TONED_SHARE, WARNED_SHARE = 0.6, 0.5
"""Share of a drawing that toned paper covers, and from which a tone is named."""


class _Tint(NamedTuple):
    """A colour that is frequent in a drawing."""

    levels: Int64[np.ndarray, " C"]
    """One for each channel."""
    share: float
    """Share of the drawing that has about this colour."""
    even_share: float
    """Share of exactly this colour among these."""


def whiten_paper(drawing: Line | Frame) -> Line | Frame:
    """Scale the levels of all channels so that the paper is white.

    The paper is the most frequent level of each channel from `MIN_PAPER` on, if these are one
    colour. Darker paper covers most of the drawing and is its lightest colour; it has grain, or
    there is nothing but lines on it. In a drawing made on a computer, paper is white, and nothing
    changes.
    """
    levels = _paper_levels(drawing)
    if levels is None:
        return drawing
    table = np.arange(256)[:, np.newaxis] * 255 / levels
    table = np.minimum(table, 255).round().astype(np.uint8)
    white: Line | Frame = cv2.LUT(drawing, table.reshape(256, 1, len(levels)))
    return white.reshape(drawing.shape)


def find_tone(drawing: Line | Frame) -> list[int] | None:
    """Return the levels of a tone that most of a drawing has and that `whiten_paper` leaves."""
    if _is_mostly_white(drawing) or _paper_levels(drawing) is not None:
        return None
    tone = _find_tone(drawing, _count_levels(drawing), WARNED_SHARE)
    return None if tone is None else [*map(int, tone.levels)]


def _is_mostly_white(drawing: Line | Frame) -> bool:
    """Return whether more than half is white, so that white is most frequent in each channel."""
    white = 255 if drawing.ndim == 2 else (255, 255, 255)
    area = drawing.shape[0] * drawing.shape[1]
    return bool(2 * cv2.countNonZero(cv2.inRange(drawing, white, white)) > area)


def _paper_levels(drawing: Line | Frame) -> Int64[np.ndarray, " C"] | None:
    """Return the levels of paper that is not white, or None."""
    if _is_mostly_white(drawing):
        return None
    counts = _count_levels(drawing)
    toned = _find_tone(drawing, counts, TONED_SHARE)
    if toned is not None:
        return toned.levels if _is_toned_paper(drawing, toned) else None
    light = counts[:, MIN_PAPER:]
    if not light.any(axis=1).all():
        return None
    levels = MIN_PAPER + light.argmax(axis=1)
    if levels.min() == 255:
        return None
    paper = _measure(drawing, levels)
    of_channels = _near_share(counts, paper.levels)
    is_one_color = paper.share >= 0.5 * of_channels.max()
    return paper.levels if is_one_color and not _is_paint(drawing, paper) else None


def _count_levels(drawing: Line | Frame) -> Float32[np.ndarray, "C 256"]:
    channels = range(1 if drawing.ndim == 2 else 3)
    counts = [cv2.calcHist([drawing], [one], None, [256], [0, 256]).ravel() for one in channels]
    return np.stack(counts)


def _near_share(
    counts: Float32[np.ndarray, "C 256"], levels: Int64[np.ndarray, " C"]
) -> Float32[np.ndarray, " C"]:
    """Return for each channel the share of a drawing that is near a level."""
    near = np.abs(np.arange(256) - levels[:, np.newaxis]) <= SPREAD
    share: Float32[np.ndarray, " C"] = (counts * near).sum(axis=1) / counts.sum(axis=1)
    return share


def _find_tone(
    drawing: Line | Frame, counts: Float32[np.ndarray, "C 256"], least: float
) -> _Tint | None:
    """Return the most frequent colour if it is a tone below `MIN_PAPER` that covers much."""
    levels = counts.argmax(axis=1)
    if _near_share(counts, levels).min() < least:
        # Ink of exactly one level may be more frequent than each of the levels of uneven paper.
        levels = _densest_levels(counts)
    if not (levels.max() >= MIN_TONED and levels.min() < MIN_PAPER):
        return None
    if _near_share(counts, levels).min() < least:
        return None
    tone = _measure(drawing, levels)
    return tone if tone.share >= least else None


def _densest_levels(counts: Float32[np.ndarray, "C 256"]) -> Int64[np.ndarray, " C"]:
    """Return for each channel the level that most of a drawing is near."""
    near = np.abs(np.arange(256) - np.arange(256)[:, np.newaxis]) <= SPREAD
    levels: Int64[np.ndarray, " C"] = (counts @ near).argmax(axis=1)
    return levels


def _measure(drawing: Line | Frame, levels: Int64[np.ndarray, " C"]) -> _Tint:
    size = drawing.shape[0] * drawing.shape[1]
    near = cv2.countNonZero(_in_range(drawing, levels - SPREAD, levels + SPREAD))
    even = cv2.countNonZero(_in_range(drawing, levels, levels))
    return _Tint(levels, near / size, even / max(1, near))


def _in_range(drawing: Line | Frame, low: np.ndarray, high: np.ndarray) -> Line:
    inside: Line = cv2.inRange(
        drawing, *(tuple(map(float, one.clip(0, 255))) for one in (low, high))
    )
    return inside


def _is_paint(drawing: Line | Frame, tint: _Tint) -> bool:
    """Return whether a light tint is an even one on white paper."""
    if tint.even_share < EVEN_SHARE or tint.levels.min() > 255 - LIGHTER:
        return False
    white = np.full_like(tint.levels, 255)
    count = cv2.countNonZero(_in_range(drawing, white, white))
    return bool(count >= MIN_WHITE * drawing.shape[0] * drawing.shape[1])


def _is_toned_paper(drawing: Line | Frame, tone: _Tint) -> bool:
    """Return whether a tone is paper: nothing is lighter, and it has grain or all is lines on it.

    An even tone may be a night scene if it is dark, and paint if other colours are beside it.
    """
    is_even = tone.even_share >= EVEN_SHARE
    if is_even and (tone.share < ALONE_SHARE or tone.levels.mean() < MIN_EVEN):
        return False
    most = tone.levels + (SPREAD if is_even else LIGHTER)
    darker = cv2.countNonZero(_in_range(drawing, np.zeros_like(most), most))
    return bool(darker >= (1 - MAX_LIGHTER) * drawing.shape[0] * drawing.shape[1])
