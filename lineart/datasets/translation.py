"""A photograph and a picture of the style, which have nothing to do with each other -> a sample."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lineart.datasets.maps import resize_depth, resize_labels
from lineart.datasets.samples import Picture, Pictures, cumulate
from lineart.image import Depth, Frame, Labels, fit_short_side, resize

ROOM = 286 / 256
"""Short side of a picture over side of the square that is cut from it."""

UNKNOWN = 255
"""Label of pixels whose class is not known."""


@dataclass(frozen=True)
class Unpaired:
    """Photographs, and pictures of the style."""

    source: Pictures
    target: Pictures


@dataclass(frozen=True)
class UnpairedSample:
    """What a pair learns from."""

    source: Frame
    target: Frame
    segmentation: Labels
    """Of `source`; 255 where nothing is known."""
    depth: Depth
    """Of `source`; not a number where nothing is known."""


@dataclass(frozen=True, kw_only=True)
class UnpairedSettings:
    """How pictures become samples."""

    crop: int
    classes: int = 0
    """Of the known regions; 0: they are not looked at."""
    is_random: bool = True
    """Random pictures, places and mirroring; otherwise each picture once, its middle, as it is."""
    balance: float = 0.0
    """0: every picture is drawn equally often; 1: every source is; between: between."""


class UnpairedSamples:
    """An endless, repeatable list of samples: the n-th depends on (seed, n) alone.

    Raises:
        ValueError: One of the sides has no pictures.
    """

    def __init__(self, pictures: Unpaired, settings: UnpairedSettings, seed: int) -> None:
        for side in ("source", "target"):
            if not getattr(pictures, side).sources:
                raise ValueError(f"there are no {side} pictures to make samples of")
        self.pictures, self.settings, self.seed = pictures, settings, seed
        self.cumulative = [
            cumulate(side.sources, settings.balance) for side in (pictures.source, pictures.target)
        ]

    def __getitem__(self, index: int) -> UnpairedSample:
        """Make the sample with this number."""
        rng = np.random.default_rng((self.seed, index))
        sides = self.pictures.source, self.pictures.target
        photo, other = (
            side.read(self.choose(side.sources, cumulative, index, rng))
            for side, cumulative in zip(sides, self.cumulative, strict=True)
        )
        self.check(photo)
        crop, is_random = self.settings.crop, self.settings.is_random
        photo, other = (
            cut(picture, crop, rng if is_random else None) for picture in (photo, other)
        )
        unknown = np.full((crop, crop), UNKNOWN, np.uint8)
        return UnpairedSample(
            source=photo.color,
            target=other.color,
            segmentation=unknown if photo.segmentation is None else photo.segmentation,
            depth=np.full((crop, crop), np.nan, np.float32) if photo.depth is None else photo.depth,
        )

    def check(self, photo: Picture) -> None:
        """Make sure that a photograph's regions are known classes.

        Raises:
            ValueError: One is not.
        """
        if not self.settings.classes or photo.segmentation is None:
            return
        known = photo.segmentation[photo.segmentation != UNKNOWN]
        if known.size and known.max() >= self.settings.classes:
            raise ValueError(
                f"the regions of {photo.name} go up to class {known.max()}, but the recipe has "
                f"{self.settings.classes} classes, which count from 0; 255 is for unknown ones"
            )

    def choose(
        self, sources: Sequence[str], cumulative: np.ndarray, index: int, rng: np.random.Generator
    ) -> int:
        """Choose the picture of a sample."""
        if not self.settings.is_random:
            order = np.random.default_rng(self.seed).permutation(len(sources))
            return int(order[index % len(order)])
        chosen = int(np.searchsorted(cumulative, rng.random(), side="right"))
        return min(chosen, len(cumulative) - 1)


def cut(picture: Picture, side: int, rng: np.random.Generator | None) -> Picture:
    """Shrink or enlarge a picture until a square of this side fits with some room, and cut one.

    Its maps go with it. Without `rng` there is no room, and the square is the middle.

    Source:
        Chan et al., "Learning to generate line drawings", 2022, and the authors' code of U-GAT-IT:
        286 pixels to 256. There, mirroring is drawn once a picture, here as well.
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
        return np.ascontiguousarray(part[:, ::-1] if is_mirrored else part)

    segmentation, depth = picture.segmentation, picture.depth
    return replace(
        picture,
        color=take(resize(picture.color, size)),
        segmentation=None if segmentation is None else take(resize_labels(segmentation, size)),
        depth=None if depth is None else take(resize_depth(depth, size)),
    )
