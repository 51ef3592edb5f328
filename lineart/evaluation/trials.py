"""Trials: one picture's line drawing and hints, coloured by every method."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from lineart.datasets.samples import Picture
from lineart.image import Frame, Hint, Line, fit_short_side, resize
from lineart.imaging.baselines import Fill
from lineart.imaging.cels import remove_lines
from lineart.imaging.extraction import dilate_abs_sub, xdog
from lineart.imaging.hints import sample_hints

XDOG_SIGMA = 0.4
DILATION_PX = 4
LINE_GAIN = 3.0
"""Factor that darkens the pale lines of a dilation; training draws it from 1 to 5."""


@dataclass(frozen=True)
class Case:
    """A picture prepared for all methods."""

    name: str
    source: str
    number: int
    """Index of the picture; determines line extractor and hints."""
    original: Picture
    """The picture at its own size."""
    color: Frame
    """Colours at the network's size, like `line` and `painted`."""
    line: Line
    painted: Frame
    """Painted truth: `color` with the lines painted over."""


@dataclass(frozen=True)
class Trial:
    """A case with hints, coloured by every method."""

    case: Case
    hint: Hint
    colors: Mapping[str, Frame]
    """Method -> colours below the lines."""


def make_case(
    picture: Picture, number: int, *, source: str = "", network_size_px: int | None = None
) -> Case:
    """Build the case of a picture: resize it and take, or extract, its lines.

    Args:
        picture: Picture at its own size.
        number: Index of the picture in its place, from 0.
        source: Source of the picture.
        network_size_px: Short side of the network input in pixels; None for the picture's own.
    """
    size = picture.color.shape[0], picture.color.shape[1]
    size = size if network_size_px is None else fit_short_side(size, network_size_px)
    color = resize(picture.color, size)
    line = extract(color, number) if picture.line is None else resize(picture.line, size)
    return Case(picture.name, source, number, picture, color, line, remove_lines(color, line))


def extract(color: Frame, number: int) -> Line:
    """Extract lines: darkened dilation lines for even numbers, XDoG for odd ones."""
    if number % 2:
        return xdog(color, sigma=XDOG_SIGMA)
    line: Line = 255 - cv2.multiply(255 - dilate_abs_sub(color, DILATION_PX), LINE_GAIN)
    return line


def draw_hints(color: Frame, number: int, count: int, seed: int) -> Hint:
    """Sample `count` hints from a picture; positions depend on (seed, number, count)."""
    return sample_hints(color, count, np.random.default_rng((seed, number, count)))


def run_trial(case: Case, count: int, ways: Mapping[str, Fill], seed: int) -> Trial:
    """Sample hints and colour the line drawing by every method."""
    hint = draw_hints(case.color, case.number, count, seed)
    return Trial(case, hint, {name: fill(case.line, hint) for name, fill in ways.items()})
