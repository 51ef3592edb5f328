"""Training samples of colorizing pairs, made from colour pictures; repeatable by seed and index."""

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
"""Number of leading folders that identify a picture's source; deeper ones are parts of it."""

SCALES = (0.6, 1.3)
"""Range of the ratio of the crop's side in the picture to the sample's side."""


@dataclass(frozen=True)
class Picture:
    """Colour picture, with its line drawing and maps if there are any."""

    name: str
    color: Frame
    line: Line | None
    segmentation: Labels | None = None
    """Region labels of a photograph."""
    depth: Depth | None = None
    """Relative depth of a photograph."""


@runtime_checkable
class Pictures(Protocol):
    """Training pictures, read by index; implemented by `datasets.shards.Shards`."""

    @property
    def sources(self) -> Sequence[str]:
        """Source of each picture: its folder, for example."""
        ...

    def read(self, index: int) -> Picture:
        """Return the picture with this index."""
        ...


@dataclass(frozen=True)
class Sample:
    """Training sample: line drawing and hints as inputs, colours as truth."""

    line: Line
    hint: UInt8[np.ndarray, "HintH HintW 4"]
    """Hints at the draft's size: `crop // draft_scale` pixels a side."""
    color: Frame
    """True colours without lines; frequency separation adds the lines at full size."""
    artifacts: Artifacts | None
    """Artifacts to damage the draft with, at the draft's size; only for the second stage."""
    has_true_draft: bool
    """Whether the second stage damages the shrunk truth, not the draft generator's output."""


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """Settings for making samples of pictures."""

    crop: int
    """Side of a sample in pixels."""
    draft_scale: int
    """Side of a sample divided by the side of its draft."""
    second_stage: bool
    """Whether samples have draft artifacts, and 28 to 140 hints instead of 0 to 140."""
    true_drafts: float = 0.0
    """Fraction of samples with `has_true_draft`."""
    balance: float = 0.5
    """0 samples all pictures equally often, 1 all sources; values between interpolate."""


class Samples:
    """Endless sequence of samples; the n-th depends only on the seed and n.

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
        """Make the sample with this index."""
        rng = np.random.default_rng((self.seed, index))
        chosen = int(np.searchsorted(self.cumulative, rng.random(), side="right"))
        picture = self.pictures.read(min(chosen, len(self.cumulative) - 1))
        return make_sample(picture, self.settings, rng)


def cumulate(paths: Sequence[str], balance: float) -> Float64[np.ndarray, " pictures"]:
    """Compute the cumulative sampling probabilities of pictures, for `np.searchsorted`.

    Args:
        paths: Source of each picture; its first `SOURCE_DEPTH` folders are compared.
        balance: A picture's weight is `n ** -balance`, for n pictures of its source: 0 samples all
            pictures equally often, 1 all sources.
    """
    sources = ["/".join(path.split("/")[:SOURCE_DEPTH]) for path in paths]
    counts = Counter(sources)
    weights = [counts[source] ** -balance for source in sources]
    cumulative: Float64[np.ndarray, " pictures"] = np.cumsum(weights) / np.sum(weights)
    return cumulative


def make_sample(picture: Picture, settings: SampleSettings, rng: np.random.Generator) -> Sample:
    """Make a sample of a picture: crop, recolour, extract lines if it has none, sample hints."""
    color, drawn = crop(picture, settings.crop, rng)
    count = draw_hint_count(settings, rng)
    if drawn is None and rng.random() < 0.5:
        color = flatten(color, int(rng.integers(5, 16)), rng)
    line = drawn if drawn is not None else extract(color, rng)
    line, color = (fit(image, settings.crop) for image in (line, color))
    if count > 8:
        # Colours that the lines do not predict, so that the network learns to follow hints.
        color = disguise(color, line, rng)
    color = jitter(color, rng)
    line = fade(line, rng)
    side = settings.crop // settings.draft_scale
    # Nearest neighbour, because artists' hints are pure colours, never mixtures across a line.
    small = cv2.resize(color, (side, side), interpolation=cv2.INTER_NEAREST)
    hint = take_hints(small, fit(line, side), count, rng)
    painted = remove_lines(color, line)
    artifacts = draw_artifacts(fit(painted, side), rng) if settings.second_stage else None
    return Sample(line, hint, painted, artifacts, bool(rng.random() < settings.true_drafts))


def crop(picture: Picture, side: int, rng: np.random.Generator) -> tuple[Frame, Line | None]:
    """Crop a random square, perhaps mirrored; pad drawings on paper with white."""
    height, width = picture.color.shape[:2]
    wanted = int(side * rng.uniform(*SCALES))
    # White corners mean a drawing on paper, which continues as white; others are never padded.
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
    """Resize a square picture to `side`."""
    return resize(image, (side, side))


def extract(color: Frame, rng: np.random.Generator) -> Line:
    """Extract a line drawing with one of the two methods of paper 001, chosen at random."""
    if rng.random() < 0.5:
        return xdog(color, sigma=float(rng.choice(XDOG_SIGMAS)))
    soft = dilate_abs_sub(color, int(rng.choice((4, 5)))).astype(np.float32)
    # Algorithm 1 yields pale lines, but lines in films are dark.
    gain = rng.uniform(1.0, 5.0)
    line: Line = (255 - np.minimum((255 - soft) * gain, 255)).astype(np.uint8)
    return line


def fade(line: Line, rng: np.random.Generator) -> Line:
    """Scale the darkness of the lines by a random factor of 0.7 to 1."""
    strength = rng.uniform(0.7, 1.0)
    return (255 - (255 - line.astype(np.float32)) * strength).astype(np.uint8)


def jitter(color: Frame, rng: np.random.Generator) -> Frame:
    """Change brightness and contrast by up to 10 %, and hue by up to 0.03 of a full circle."""
    contrast, brightness = rng.uniform(0.9, 1.1), rng.uniform(0.9, 1.1)
    mean = cv2.mean(cv2.mean(color)[:3])[0]
    levels = ((np.arange(256) - mean) * contrast + mean) * brightness
    changed = cv2.LUT(color, np.clip(levels, 0, 255).astype(np.uint8))
    # Paper stays white.
    changed = np.where(is_paper_colored(color)[..., None], color, changed)
    return turn_hue(changed, rng.uniform(-0.03, 0.03))


def disguise(color: Frame, line: Line, rng: np.random.Generator) -> Frame:
    """Replace colours at random: turn all hues, recolour regions, repaint the background."""
    if rng.random() < 0.5:
        color = turn_hue(color, rng.uniform(0, 1))
    if rng.random() < 0.4:
        color = recolor_regions(color, line, rng)
    if rng.random() < 0.6:
        color = repaint_paper(color, rng)
    return color


def draw_hint_count(settings: SampleSettings, rng: np.random.Generator) -> int:
    """Draw the number of hints of a sample at random.

    The second stage has 28 to 140. The first has 0 or 1 to 5, with probability 0.2 each, 6 to 65
    (0.4), or 65 to 140 (0.2).

    Source:
        Paper 001's follow-up: none or 1 to 5 with probability 0.4, else 5 to 65; second stage 28 to
        128. Paper 002 tests with 140, so our ranges end there.
    """
    if settings.second_stage:
        return int(rng.integers(28, 141))
    low, high = ((0, 1), (1, 6), (6, 66), (65, 141))[rng.choice(4, p=(0.2, 0.2, 0.4, 0.2))]
    return int(rng.integers(low, high))


def take_hints(color: Frame, line: Line, count: int, rng: np.random.Generator) -> Hint:
    """Sample hints, mostly off the lines, as points, thin strokes or thick dabs."""
    allowed = (line > 160) | (rng.random(line.shape) < 0.1)
    length_px, width_px = ((1, 1), (int(rng.integers(2, 13)), 1), (3, int(rng.integers(2, 7))))[
        rng.choice(3, p=(0.4, 0.25, 0.35))
    ]
    stroke = Stroke(length_px, width_px)
    return sample_strokes(color, allowed, -(-count // width_px), stroke=stroke, rng=rng)
