"""Training task of translating pairs: batches of unpaired samples, validation distance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from lineart.datasets.shards import Shards
from lineart.datasets.translation import (
    Unpaired,
    UnpairedSample,
    UnpairedSamples,
    UnpairedSettings,
)
from lineart.inference import color_to_tensor, line_to_tensor
from lineart.losses.reconstruction import l1
from lineart.models import Pair
from lineart.models.layers import ColorBatch
from lineart.storage import Storage
from lineart.training.dataloader import Arrays
from lineart.training.recipe import Recipe

MAPS = {
    "segmentation": ("segmentation", "prepare_data takes maps that lie beside the photographs"),
    "geometry": ("depth", "prepare_data drawing --depth-model makes some"),
}
"""Loss term -> kind of map that it needs, and how to get it, for the error message."""


@dataclass(frozen=True)
class UnpairedBatch:
    """Batch of unpaired samples as network inputs."""

    source: ColorBatch
    target: Float[Tensor, "B C H W"]
    """Drawings (1 channel, -1 = ink, 1 = paper) or sRGB pictures in -1..1."""
    segmentation: Int64[Tensor, "B H W"]
    """Class of each pixel of `source`; 255 where unknown."""
    depth: Float[Tensor, "B 1 H W"]
    """Depth of `source`, 0..1, near = 1; NaN where unknown."""


@dataclass(frozen=True)
class UnpairedCollator:
    """Makes batches of samples given by number, in any process.

    Args:
        samples: Samples, indexed by number.
        channels: Channels of the target pictures; 1 converts them to grey.
    """

    samples: UnpairedSamples
    channels: int

    def __call__(self, numbers: Sequence[int]) -> Arrays:
        """Make the samples of these numbers and stack them to a batch."""
        return self.stack([self.samples[int(number)] for number in numbers])

    def stack(self, samples: Sequence[UnpairedSample]) -> Arrays:
        """Stack samples to a batch."""
        targets = [
            cv2.cvtColor(s.target, cv2.COLOR_RGB2GRAY) if self.channels == 1 else s.target
            for s in samples
        ]
        return {
            "source": np.stack([sample.source for sample in samples]),
            "target": np.stack(targets),
            "segmentation": np.stack([sample.segmentation for sample in samples]),
            "depth": np.stack([sample.depth for sample in samples]).astype(np.float16),
        }


@dataclass(frozen=True)
class TranslationTraining:
    """`TrainingTask` of translating pairs."""

    def open(self, data: Storage, side: str, recipe: Recipe) -> Unpaired:
        """Open the photographs and the target pictures of one side.

        Raises:
            FileNotFoundError: one of the prepared sets does not exist.
            ValueError: a set is empty or broken, or no training photograph has maps that a loss
                needs.
        """
        source, target = (Shards(data.child(f"{part}/{side}")) for part in ("source", "target"))
        terms = {term for stage in recipe.stages for term in stage.losses}
        for term, (name, way_out) in MAPS.items():
            if side == "train" and term in terms and name not in source.maps:
                raise ValueError(
                    f"the {term} loss needs photographs with {name}, and {source.storage.uri} "
                    f"holds none; {way_out}, or leave the loss out with --disable-loss {term}"
                )
        return Unpaired(source, target)

    def maker(
        self, pictures: Unpaired, recipe: Recipe, number: int, pair: Pair, *, is_training: bool
    ) -> UnpairedCollator:
        """Build the collator of stage `number` of the recipe."""
        stage = recipe.stages[number]
        settings = UnpairedSettings(
            crop=stage.crop,
            classes=recipe.classes if "segmentation" in stage.losses else 0,
            is_random=is_training,
            balance=recipe.balance,
        )
        samples = UnpairedSamples(pictures, settings, recipe.seed_of(number, is_training))
        return UnpairedCollator(samples, pair.translation.channels)

    def to_batch(self, arrays: Arrays, device: torch.device) -> UnpairedBatch:
        """Convert a collator's arrays to a batch of tensors on a device."""
        given = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
        source, target = color_to_tensor(given["source"]), given["target"]
        target = line_to_tensor(target) if target.ndim == 3 else color_to_tensor(target)
        return UnpairedBatch(
            source=source.contiguous(memory_format=torch.channels_last),
            target=target.contiguous(memory_format=torch.channels_last),
            segmentation=given["segmentation"].long(),
            depth=given["depth"][:, None].float(),
        )

    def show(
        self, sample: UnpairedSample, made: Mapping[str, UInt8[np.ndarray, "_ _ 3"]]
    ) -> dict[str, UInt8[np.ndarray, "_ _ 3"]]:
        """Return the photograph and the results."""
        return {"photograph": sample.source, **made}

    def distance(self, made: Mapping[str, Tensor], batch: UnpairedBatch) -> Float[Tensor, ""]:
        """Compute the L1 distance of photographs to their reconstructions from the results.

        It replaces a distance of the results, for which there is no truth.
        """
        return l1(made["back"], batch.source)
