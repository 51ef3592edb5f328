"""One picture as all ways see it, and what they make of it."""

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
"""How much darker the pale lines of a dilation are made; training draws it from 1 to 5."""


@dataclass(frozen=True)
class Case:
    """A picture as all ways see it."""

    name: str
    source: str
    number: int
    """Decides extractor and hints."""
    original: Picture
    """At its own size."""
    color: Frame
    """At the network's size, as all that follows."""
    line: Line
    painted: Frame
    """The truth: the colours without the lines."""


@dataclass(frozen=True)
class Trial:
    """A case with hints, coloured in every way."""

    case: Case
    hint: Hint
    colors: Mapping[str, Frame]


def make_case(
    picture: Picture, number: int, *, source: str = "", network_size_px: int | None = None
) -> Case:
    """Prepare a picture.

    Args:
        picture: At its own size.
        number: Its place in its folder, from 0.
        source: What kind of picture it is.
        network_size_px: Short side at which it is coloured; None for its own.
    """
    size = picture.color.shape[0], picture.color.shape[1]
    size = size if network_size_px is None else fit_short_side(size, network_size_px)
    color = resize(picture.color, size)
    line = extract(color, number) if picture.line is None else resize(picture.line, size)
    return Case(picture.name, source, number, picture, color, line, remove_lines(color, line))


def extract(color: Frame, number: int) -> Line:
    """Draw lines where there are none: even numbers get soft ones, odd ones XDoG's."""
    if number % 2:
        return xdog(color, sigma=XDOG_SIGMA)
    line: Line = 255 - cv2.multiply(255 - dilate_abs_sub(color, DILATION_PX), LINE_GAIN)
    return line


def draw_hints(color: Frame, number: int, count: int, seed: int) -> Hint:
    """Take hints from a picture; they depend on (seed, its number, count) alone."""
    return sample_hints(color, count, np.random.default_rng((seed, number, count)))


def run_trial(case: Case, count: int, ways: Mapping[str, Fill], seed: int) -> Trial:
    """Draw hints and colour."""
    hint = draw_hints(case.color, case.number, count, seed)
    return Trial(case, hint, {name: fill(case.line, hint) for name, fill in ways.items()})
