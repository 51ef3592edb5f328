"""One picture, one set of hints, several ways to colour it: what each is worth.

Every way sees the same drawing and the same hints, and gives the colours below the lines. They are
judged there, against the truth with its lines painted over; where the lines are drawn ones, the
composed picture is judged as well, at the picture's own size and against the picture itself.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from lineart.datasets.samples import Picture
from lineart.image import Frame, Hint, Line, fit_short_side, resize
from lineart.imaging.baselines import Fill
from lineart.imaging.cels import PAPER_FROM, remove_lines
from lineart.imaging.extraction import dilate_abs_sub, xdog
from lineart.imaging.frequency import compose
from lineart.imaging.hints import pool_hints, sample_hints
from lineart.inference import Colorizer
from lineart.metrics import ciede2000, psnr, ssim

MOST_DB = 60.0
"""Where PSNR ends: equal pictures would make means infinite; one level everywhere is 48 dB."""

WHITE_PAPER = "white paper"
PAINTED_TRUTH = "painted truth"

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
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Score:
    """What one way made of one trial; a row of the table."""

    place: str
    """Where the picture was read from."""
    picture: str
    source: str
    is_drawn: bool
    """Whether its lines are drawn ones; otherwise they were extracted from the colours."""
    is_enlarged: bool
    """Whether the composed picture is larger than what the network saw."""
    hints: int
    way: str
    psnr: float
    """Of the colours below the lines, in dB."""
    ssim: float
    de_hints: float | None
    """Mean CIEDE2000 at the hints that lie on paper, if there are any."""
    psnr_composed: float | None
    """Of the composed picture, against the picture, if the lines are drawn ones."""
    ssim_composed: float | None
    seconds: float


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


def network_fill(colorizer: Colorizer) -> Fill:
    """Give a network as a way to colour."""

    def fill(line: Line, hint: Hint) -> Frame:
        small = pool_hints(hint, colorizer.draft_scale)
        color: Frame = colorizer(line[np.newaxis], small[np.newaxis])[0]
        return color

    return fill


def white_fill(line: Line, hint: Hint) -> Frame:  # noqa: ARG001 - one of many ways
    """Leave the paper white."""
    return np.full((*line.shape, 3), 255, np.uint8)


def run_trial(case: Case, count: int, ways: Mapping[str, Fill], seed: int) -> Trial:
    """Draw hints, which depend on (seed, the case's number, count) alone, and colour."""
    rng = np.random.default_rng((seed, case.number, count))
    hint = sample_hints(case.color, count, rng)
    colors, seconds = {}, {}
    for name, fill in ways.items():
        started = time.perf_counter()
        colors[name] = fill(case.line, hint)
        seconds[name] = time.perf_counter() - started
    return Trial(case, hint, colors, seconds)


def judge(trial: Trial, place: str) -> list[Score]:
    """Score every way of a trial."""
    case, drawn = trial.case, trial.case.original.line
    row = partial(
        Score,
        place=place,
        picture=case.name,
        source=case.source,
        is_drawn=drawn is not None,
        is_enlarged=drawn is not None and drawn.size > case.line.size,
        hints=int(np.count_nonzero(trial.hint[..., 3])),
    )
    scores = []
    for way, color in trial.colors.items():
        whole = None if drawn is None else compose(color, drawn)
        scores.append(
            row(
                way=way,
                psnr=_psnr(color, case.painted),
                ssim=ssim(color, case.painted),
                de_hints=hint_difference(color, trial),
                psnr_composed=None if whole is None else _psnr(whole, case.original.color),
                ssim_composed=None if whole is None else ssim(whole, case.original.color),
                seconds=trial.seconds[way],
            )
        )
    return scores


def hint_difference(color: Frame, trial: Trial) -> float | None:
    """Give the mean CIEDE2000 at the hints that lie on paper; None if there are none."""
    is_hint = (trial.hint[..., 3] > 0) & (trial.case.line >= PAPER_FROM)
    if not is_hint.any():
        return None
    return float(ciede2000(color[is_hint], trial.case.painted[is_hint]).mean())


def _psnr(image: Frame, truth: Frame) -> float:
    return min(MOST_DB, psnr(image, truth))


def truth_fill(case: Case) -> Fill:
    """Give the painted truth as a way: composed, it is the most that any way can reach."""
    return lambda *_: case.painted


def ways_at(
    count: int, networks: Mapping[str, Fill], baselines: Mapping[str, Fill]
) -> dict[str, Fill]:
    """Give the ways to compare: without hints all baselines are white paper."""
    return {**networks, **(baselines if count else {WHITE_PAPER: white_fill})}
