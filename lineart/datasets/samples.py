"""One colour picture -> one training sample, repeatable from (seed, index)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from lineart.image import Depth, Frame, Hint, Labels, Line, pad_to_multiple, resize
from lineart.imaging.artifacts import Artifacts, draw_artifacts
from lineart.imaging.cels import (
    flatten,
    is_paper_colored,
    recolor_regions,
    remove_lines,
    repaint_paper,
    turn_hue,
)
from lineart.imaging.extraction import XDOG_SIGMAS, dilate_abs_sub, xdog
from lineart.imaging.hints import Stroke, sample_strokes

SOURCE_DEPTH = 2
"""Folders of a picture's path that say where it comes from; deeper ones are parts of it."""

SCALES = (0.6, 1.3)
"""Side of the crop in the picture over side of the sample."""


@dataclass(frozen=True)
class Picture:
    """A colour picture, with its own drawn lines where they exist."""

    name: str
    color: Frame
    line: Line | None
    segmentation: Labels | None = None
    """Known regions of a photograph."""
    depth: Depth | None = None
    """Known depth of a photograph."""


@runtime_checkable
class Pictures(Protocol):
    """Pictures to learn from, read one by one; `datasets.shards.Shards` is one such."""

    @property
    def sources(self) -> Sequence[str]:
        """Where each picture comes from."""
        ...

    def read(self, index: int) -> Picture:
        """Give a picture."""
        ...


@dataclass(frozen=True)
class Sample:
    """What a pair learns from: lines and hints in, colours out."""

    line: Line
    hint: UInt8[np.ndarray, "HintH HintW 4"]
    """At the draft's size."""
    color: Frame
    """Without the lines, which frequency separation adds at full size."""
    artifacts: Artifacts | None
    """For the second stage: faults for a draft of these colours, at the draft's size."""
    has_true_draft: bool
    """Whether the second stage gets a damaged truth in place of a draft."""


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """How pictures become samples."""

    crop: int
    draft_scale: int
    second_stage: bool
    """28 to 140 hints, and faults for the draft; otherwise often no hints, or few, or many."""
    true_drafts: float = 0.0
    """Share of samples that get a damaged truth in place of a draft."""
    balance: float = 0.5
    """0: every picture is drawn equally often; 1: every source is; between: between."""


class Samples:
    """An endless, repeatable list of samples: the n-th depends on (seed, n) alone.

    Raises:
        ValueError: There are no pictures.
    """

    def __init__(self, pictures: Pictures, settings: SampleSettings, seed: int) -> None:
        if not pictures.sources:
            raise ValueError("there are no pictures to make samples of")
        self.pictures = pictures
        self.settings = settings
        self.seed = seed
        self.cumulative = cumulate(pictures.sources, settings.balance)

    def __getitem__(self, index: int) -> Sample:
        """Make the sample with this number."""
        rng = np.random.default_rng((self.seed, index))
        chosen = int(np.searchsorted(self.cumulative, rng.random(), side="right"))
        picture = self.pictures.read(min(chosen, len(self.cumulative) - 1))
        return make_sample(picture, self.settings, rng)


def cumulate(paths: Sequence[str], balance: float) -> Float64[np.ndarray, " pictures"]:
    """Give the running sums, up to 1, of how often each picture is drawn.

    Args:
        paths: Where each picture comes from.
        balance: 0: every picture is drawn equally often; 1: every source is; between: between.
    """
    sources = ["/".join(path.split("/")[:SOURCE_DEPTH]) for path in paths]
    counts = Counter(sources)
    weights = [counts[source] ** -balance for source in sources]
    cumulative: Float64[np.ndarray, " pictures"] = np.cumsum(weights) / np.sum(weights)
    return cumulative


def make_sample(picture: Picture, settings: SampleSettings, rng: np.random.Generator) -> Sample:
    """Crop, flip, recolour, draw the lines, take hints."""
    color, drawn = crop(picture, settings.crop, rng)
    count = draw_hint_count(settings, rng)
    if drawn is None and rng.random() < 0.5:
        color = flatten(color, int(rng.integers(5, 16)), rng)
    line = drawn if drawn is not None else extract(color, rng)
    line, color = (fit(image, settings.crop) for image in (line, color))
    if count > 8:
        # Colours that no line can tell: the network learns to obey the hints.
        color = disguise(color, line, rng)
    color = jitter(color, rng)
    line = fade(line, rng)
    side = settings.crop // settings.draft_scale
    # Nearest neighbour: artists' hints are pure colours, never mixtures across a line.
    small = cv2.resize(color, (side, side), interpolation=cv2.INTER_NEAREST)
    hint = take_hints(small, fit(line, side), count, rng)
    painted = remove_lines(color, line)
    artifacts = draw_artifacts(fit(painted, side), rng) if settings.second_stage else None
    return Sample(line, hint, painted, artifacts, bool(rng.random() < settings.true_drafts))


def crop(picture: Picture, side: int, rng: np.random.Generator) -> tuple[Frame, Line | None]:
    """Cut a square of random place and size, perhaps mirrored; white is added where it ends."""
    height, width = picture.color.shape[:2]
    wanted = int(side * rng.uniform(*SCALES))
    # Drawings on paper go on as paper; others are never padded.
    is_drawing = min(picture.color[0, 0].min(), picture.color[-1, -1].min()) > 245
    cut = min(wanted, max(height, width) if is_drawing else min(height, width))
    y = int(rng.integers(0, max(0, height - cut) + 1))
    x = int(rng.integers(0, max(0, width - cut) + 1))
    mirrored = rng.random() < 0.5

    def take(image: UInt8[np.ndarray, "H W *C"]) -> UInt8[np.ndarray, "Cut Cut *C"]:
        part = image[y : y + cut, x : x + cut]
        part = pad_to_multiple(part, cut, 255)[:cut, :cut]
        return np.ascontiguousarray(part[:, ::-1] if mirrored else part)

    return take(picture.color), None if picture.line is None else take(picture.line)


def fit(image: UInt8[np.ndarray, "H W *C"], side: int) -> UInt8[np.ndarray, "Side Side *C"]:
    """Bring a square to its final side."""
    return resize(image, (side, side))


def extract(color: Frame, rng: np.random.Generator) -> Line:
    """Draw the lines with one of the two extractors of paper 001, chosen at random."""
    if rng.random() < 0.5:
        return xdog(color, sigma=float(rng.choice(XDOG_SIGMAS)))
    soft = dilate_abs_sub(color, int(rng.choice((4, 5)))).astype(np.float32)
    # Algorithm 1 leaves pale lines; film lines are dark.
    gain = rng.uniform(1.0, 5.0)
    line: Line = (255 - np.minimum((255 - soft) * gain, 255)).astype(np.uint8)
    return line


def fade(line: Line, rng: np.random.Generator) -> Line:
    """Weaken the lines to 0.7 to 1 of their strength."""
    strength = rng.uniform(0.7, 1.0)
    return (255 - (255 - line.astype(np.float32)) * strength).astype(np.uint8)


def jitter(color: Frame, rng: np.random.Generator) -> Frame:
    """Change brightness, contrast and hue a little."""
    contrast, brightness = rng.uniform(0.9, 1.1), rng.uniform(0.9, 1.1)
    mean = cv2.mean(cv2.mean(color)[:3])[0]
    levels = ((np.arange(256) - mean) * contrast + mean) * brightness
    changed = cv2.LUT(color, np.clip(levels, 0, 255).astype(np.uint8))
    # White stays white: paper has no brightness to jitter.
    changed = np.where(is_paper_colored(color)[..., None], color, changed)
    return turn_hue(changed, rng.uniform(-0.03, 0.03))


def disguise(color: Frame, line: Line, rng: np.random.Generator) -> Frame:
    """Give things colours that they do not have: other hue, other regions, other background."""
    if rng.random() < 0.5:
        color = turn_hue(color, rng.uniform(0, 1))
    if rng.random() < 0.4:
        color = recolor_regions(color, line, rng)
    if rng.random() < 0.6:
        color = repaint_paper(color, rng)
    return color


def draw_hint_count(settings: SampleSettings, rng: np.random.Generator) -> int:
    """Draw how many hints a sample has.

    Source:
        Paper 001's follow-up: none or 1 to 5 with probability 0.4, else 5 to 65; second stage 28 to
        128. Paper 002 tests with 140, so that our ranges end there.
    """
    if settings.second_stage:
        return int(rng.integers(28, 141))
    low, high = ((0, 1), (1, 6), (6, 66), (65, 141))[rng.choice(4, p=(0.2, 0.2, 0.4, 0.2))]
    return int(rng.integers(low, high))


def take_hints(color: Frame, line: Line, count: int, rng: np.random.Generator) -> Hint:
    """Take hints, mostly off the lines, as points, thin strokes or thick dabs."""
    allowed = (line > 160) | (rng.random(line.shape) < 0.1)
    length_px, width_px = ((1, 1), (int(rng.integers(2, 13)), 1), (3, int(rng.integers(2, 7))))[
        rng.choice(3, p=(0.4, 0.25, 0.35))
    ]
    stroke = Stroke(length_px, width_px)
    return sample_strokes(color, allowed, -(-count // width_px), stroke=stroke, rng=rng)
