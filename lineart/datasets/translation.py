"""Training samples of translating pairs: a photograph and an unrelated picture of the style."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lineart.datasets.maps import resize_depth, resize_labels
from lineart.datasets.samples import Picture, Pictures, cumulate
from lineart.image import Depth, Frame, Labels, fit_short_side, resize

ROOM = 286 / 256
"""Short side of the resized picture divided by the side of a random crop."""

UNKNOWN = 255
"""Label of pixels of unknown class."""


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
        for side in ("source", "target"):
            if not getattr(pictures, side).sources:
                raise ValueError(f"there are no {side} pictures to make samples of")
        self.pictures, self.settings, self.seed = pictures, settings, seed
        self.cumulative = [
            cumulate(side.sources, settings.balance) for side in (pictures.source, pictures.target)
        ]

    def __getitem__(self, index: int) -> UnpairedSample:
        """Make the sample with this index."""
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
        """Raise if a label of a photograph is not below the number of classes.

        Raises:
            ValueError: A label other than 255 is not.
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
        """Return the index of a sample's picture: random, or else in a fixed shuffled order."""
        if not self.settings.is_random:
            order = np.random.default_rng(self.seed).permutation(len(sources))
            return int(order[index % len(order)])
        chosen = int(np.searchsorted(cumulative, rng.random(), side="right"))
        return min(chosen, len(cumulative) - 1)


def cut(picture: Picture, side: int, rng: np.random.Generator | None) -> Picture:
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
        return np.ascontiguousarray(part[:, ::-1] if is_mirrored else part)

    segmentation, depth = picture.segmentation, picture.depth
    return replace(
        picture,
        color=take(resize(picture.color, size)),
        segmentation=None if segmentation is None else take(resize_labels(segmentation, size)),
        depth=None if depth is None else take(resize_depth(depth, size)),
    )
