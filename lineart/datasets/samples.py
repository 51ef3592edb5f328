"""Training samples of colorizing and translating pairs; repeatable by seed and index."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from lineart.datasets.artist_hints import draw_artist_hints, draw_way
from lineart.datasets.maps import resize_depth, resize_labels
from lineart.image import Depth, Frame, Hint, Labels, Line, fit_short_side, pad_to_multiple, resize
from lineart.imaging.hints.pixels import Stroke, sample_strokes
from lineart.imaging.lines.extraction import XDOG_SIGMAS, dilate_abs_sub, xdog
from lineart.imaging.samples.artifacts import Artifacts, draw_artifacts
from lineart.imaging.samples.cels import disguise, fade, flatten, jitter, remove_lines

SOURCE_DEPTH = 2
"""Number of leading folders that identify a picture's source; deeper ones are parts of it."""

DISGUISED = 0.4
"""Share of the samples with hints at their own size that get colours no line predicts."""

SCALES = (0.6, 1.3)
"""Range of the ratio of the crop's side in the picture to the sample's side."""


@dataclass(frozen=True)
class NamedPicture:
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

    def read(self, index: int) -> NamedPicture:
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
        return make_sample(self.pictures.read(pick(self.cumulative, rng)), self.settings, rng)


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


def pick(cumulative: Float64[np.ndarray, " pictures"], rng: np.random.Generator) -> int:
    """Return the index of a random picture."""
    chosen = int(np.searchsorted(cumulative, rng.random(), side="right"))
    return min(chosen, len(cumulative) - 1)


def make_sample(
    picture: NamedPicture, settings: SampleSettings, rng: np.random.Generator
) -> Sample:
    """Make a sample of a picture: crop, recolour, extract lines if it has none, sample hints."""
    color, drawn = crop(picture, settings.crop, rng)
    # Without a draft, hints are given at the sample's own size, as artists give them.
    way = draw_way(rng) if settings.draft_scale == 1 and not settings.second_stage else None
    count = draw_hint_count(settings, rng) if way is None else 0
    if drawn is None and rng.random() < 0.5:
        color = flatten(color, int(rng.integers(5, 16)), rng)
    line = drawn if drawn is not None else extract(color, rng)
    line, color = (fit(image, settings.crop) for image in (line, color))
    if count > 8 or (way not in (None, "none") and rng.random() < DISGUISED):
        # Colours that the lines do not predict, so that the network learns to follow hints.
        color = disguise(color, line, rng)
    color = jitter(color, rng)
    line = fade(line, rng)
    side = settings.crop // settings.draft_scale
    # Nearest neighbour, because artists' hints are pure colours, never mixtures across a line.
    small = cv2.resize(color, (side, side), interpolation=cv2.INTER_NEAREST)
    if way is None:
        hint = take_hints(small, resize(line, (side, side)), count, rng)
    else:
        hint = draw_artist_hints(color, line, way, rng)
    painted = remove_lines(color, line)
    artifacts = (
        draw_artifacts(resize(painted, (side, side)), rng) if settings.second_stage else None
    )
    return Sample(line, hint, painted, artifacts, bool(rng.random() < settings.true_drafts))


def crop(picture: NamedPicture, side: int, rng: np.random.Generator) -> tuple[Frame, Line | None]:
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
        part = pad_to_multiple(part, cut)[:cut, :cut]
        return cv2.flip(part, 1) if mirrored else np.ascontiguousarray(part)

    return take(picture.color), None if picture.line is None else take(picture.line)


def fit(image: UInt8[np.ndarray, "Cut Cut *C"], side: int) -> UInt8[np.ndarray, "Side Side *C"]:
    """Resize a crop to a sample's side.

    The upper bound of `SCALES` is so low that bilinear interpolation reads every pixel, and lines
    stay as dark as by area interpolation, in a fifth of its time.
    """
    if image.shape[0] < side:
        return resize(image, (side, side))
    fitted: UInt8[np.ndarray, "Side Side *C"]
    fitted = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
    return fitted


def extract(color: Frame, rng: np.random.Generator) -> Line:
    """Extract a line drawing with one of the two methods of paper 001, chosen at random."""
    if rng.random() < 0.5:
        return xdog(color, sigma=float(rng.choice(XDOG_SIGMAS)))
    soft = dilate_abs_sub(color, int(rng.choice((4, 5)))).astype(np.float32)
    # Algorithm 1 yields pale lines, but lines in films are dark.
    gain = rng.uniform(1.0, 5.0)
    line: Line = (255 - np.minimum((255 - soft) * gain, 255)).astype(np.uint8)
    return line


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


ROOM = 286 / 256
"""Short side of the resized picture divided by the side of a random crop."""
UNKNOWN_CLASS = 255
"""Label of pixels of unknown class."""


# Translating pairs: a photograph and an unrelated picture of the style.


@dataclass(frozen=True)
class Unpaired:
    """Photographs (source) and pictures of the style (target)."""

    source: Pictures
    target: Pictures


@dataclass(frozen=True)
class UnpairedSample:
    """Training sample: a photograph with its maps, and a picture of the style."""

    source: Frame
    target: Frame
    segmentation: Labels
    """Region labels of `source`; 255 where unknown."""
    depth: Depth
    """Depth of `source`, 0..1, near = 1; NaN where unknown."""


@dataclass(frozen=True, kw_only=True)
class UnpairedSettings:
    """Settings for making samples of pictures."""

    crop: int
    """Side of a sample in pixels."""
    classes: int = 0
    """Number of classes of region labels; 0 does not check the labels."""
    is_random: bool = True
    """Random pictures, positions and mirroring; False: all pictures in turn, cropped centrally."""
    balance: float = 0.0
    """0 samples all pictures equally often, 1 all sources; values between interpolate."""


class UnpairedSamples:
    """Endless sequence of samples; the n-th depends only on the seed and n.

    Raises:
        ValueError: There are no source or no target pictures.
    """

    def __init__(self, pictures: Unpaired, settings: UnpairedSettings, seed: int) -> None:
        self.sides = {"source": pictures.source, "target": pictures.target}
        for side, of_side in self.sides.items():
            if not of_side.sources:
                raise ValueError(f"there are no {side} pictures to make samples of")
        self.settings, self.seed = settings, seed
        self.cumulative = {
            side: cumulate(of_side.sources, settings.balance)
            for side, of_side in self.sides.items()
        }

    def __getitem__(self, index: int) -> UnpairedSample:
        """Make the sample with this index."""
        rng = np.random.default_rng((self.seed, index))
        photo, other = (self.read(side, index, rng) for side in self.sides)
        self.check(photo)
        crop = self.settings.crop
        photo, other = (
            cut(picture, crop, rng if self.settings.is_random else None)
            for picture in (photo, other)
        )
        unknown = np.full((crop, crop), UNKNOWN_CLASS, np.uint8)
        return UnpairedSample(
            source=photo.color,
            target=other.color,
            segmentation=unknown if photo.segmentation is None else photo.segmentation,
            depth=np.full((crop, crop), np.nan, np.float32) if photo.depth is None else photo.depth,
        )

    def check(self, photo: NamedPicture) -> None:
        """Raise ValueError if a label, other than 255, is not below the number of classes."""
        if not self.settings.classes or photo.segmentation is None:
            return
        known = photo.segmentation[photo.segmentation != UNKNOWN_CLASS]
        if known.size and known.max() >= self.settings.classes:
            raise ValueError(
                f"the regions of {photo.name} go up to class {known.max()}, but the recipe has "
                f"{self.settings.classes} classes, which count from 0; 255 is for unknown ones"
            )

    def read(self, side: str, index: int, rng: np.random.Generator) -> NamedPicture:
        """Read a sample's picture: a random one, or else the next of a fixed shuffled order."""
        pictures, cumulative = self.sides[side], self.cumulative[side]
        if self.settings.is_random:
            return pictures.read(pick(cumulative, rng))
        order = np.random.default_rng(self.seed).permutation(len(cumulative))
        return pictures.read(int(order[index % len(order)]))


def cut(picture: NamedPicture, side: int, rng: np.random.Generator | None) -> NamedPicture:
    """Resize a picture and its maps and crop a square of `side` pixels.

    With `rng`, the short side becomes `ROOM * side`, and position and mirroring of the crop are
    random. Without it, the short side becomes `side`, and the crop is central.

    Source:
        Chan et al., "Learning to generate line drawings", 2022, and the authors' code of U-GAT-IT:
        286 pixels to 256. As there, mirroring is drawn once per picture.
    """
    short_side = round(side * ROOM) if rng else side
    height, width = size = fit_short_side(picture.color.shape[:2], short_side)
    y, x = (height - side) // 2, (width - side) // 2
    is_mirrored = False
    if rng:
        y, x = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
        is_mirrored = bool(rng.random() < 0.5)

    def take(image: np.ndarray) -> np.ndarray:
        part = image[y : y + side, x : x + side]
        return cv2.flip(part, 1) if is_mirrored else np.ascontiguousarray(part)

    segmentation, depth = picture.segmentation, picture.depth
    return replace(
        picture,
        color=take(resize(picture.color, size)),
        segmentation=None if segmentation is None else take(resize_labels(segmentation, size)),
        depth=None if depth is None else take(resize_depth(depth, size)),
    )
