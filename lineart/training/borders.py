"""Training of the network that finds borders on bare paper: batches, validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lineart.datasets.border_samples import BorderSample, BorderSamples
from lineart.datasets.samples import Pictures
from lineart.datasets.shards import Shards
from lineart.image import Frame
from lineart.imaging.hints.pixels import find_hints, lay_on_gray
from lineart.imaging.paint.borders import mark_paint
from lineart.inference import color_to_tensor, line_to_tensor
from lineart.losses import l1
from lineart.models import Pair
from lineart.models.layers import LineBatch
from lineart.storage import Storage
from lineart.training.dataloader import Arrays, Collator, to_device
from lineart.training.recipes import Recipe


class BorderBatch(NamedTuple):
    """Batch of samples as network inputs, and the truth."""

    line: LineBatch
    paint: Float[Tensor, "B 4 H W"]
    """-1..1, see `imaging.paint.borders.mark_paint`."""
    borders: Float[Tensor, "B 1 H W"]
    """1 = a border, 0 = none."""


def stack_borders(samples: Sequence[BorderSample]) -> Arrays:
    """Stack samples to a batch."""
    return {
        "line": np.stack([sample.line for sample in samples]),
        "paint": np.stack([mark_paint(one.line, find_hints(one.hint)) for one in samples]),
        "borders": np.stack([sample.borders for sample in samples]),
    }


@dataclass(frozen=True)
class BorderTraining:
    """`TrainingTask` of the network that finds borders."""

    def open(self, data: Storage, side: str, recipe: Recipe) -> Shards:
        """See `TrainingTask`."""
        del recipe
        return Shards(data.child(side), decoded_bytes=None)

    def collator(
        self, pictures: Pictures, recipe: Recipe, number: int, pair: Pair, *, is_training: bool
    ) -> Collator:
        """See `TrainingTask`."""
        del pair
        seed, side = recipe.seed_of(number, is_training), recipe.stages[number].crop
        return Collator(BorderSamples(pictures, side, recipe.balance, seed), stack_borders)

    def to_batch(self, arrays: Arrays, device: torch.device) -> BorderBatch:
        """See `TrainingTask`."""
        given = to_device(arrays, device)
        return BorderBatch(
            line_to_tensor(given["line"]).contiguous(memory_format=torch.channels_last),
            color_to_tensor(given["paint"]).contiguous(memory_format=torch.channels_last),
            given["borders"][:, None].float(),
        )

    def show(self, sample: BorderSample, made: Mapping[str, Frame]) -> dict[str, Frame]:
        """Return line drawing, hints, found borders and true ones, and true colours."""
        line = cv2.cvtColor(sample.line, cv2.COLOR_GRAY2RGB)
        hints = lay_on_gray(sample.hint)
        truth = cv2.cvtColor(sample.borders * np.uint8(255), cv2.COLOR_GRAY2RGB)
        return {"line": line, "hints": hints, **made, "truth": truth, "colours": sample.color}

    def distance(self, made: Mapping[str, Tensor], batch: BorderBatch) -> Float[Tensor, ""]:
        """Compute the mean absolute difference of the probability of borders, times 2."""
        return l1(made["borders"], batch.borders * 2 - 1)
