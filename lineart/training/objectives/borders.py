"""Objective of the network that finds borders on bare paper: the probability of a border."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from lineart.models import Pair
from lineart.training.borders import BorderBatch
from lineart.training.device import Device
from lineart.training.objective import Features, Terms, copy_to_train
from lineart.training.recipes import Recipe, TrainingStage

BORDER_WEIGHT = 4.0
"""Weight of a pixel on a border; of others it is 1. Few pixels are on one, and the odds of a border
that are learned are so many times as high."""


class BorderObjective:
    """Cross entropy of borders at each pixel.

    Args:
        pair: Pair whose network is copied.
        recipe: Unused.
        stage: Weight of the term "borders".
        device: Device on which the network is trained.
        features: Unused.
    """

    trained_parameters: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self, pair: Pair, recipe: Recipe, stage: TrainingStage, device: Device, features: Features
    ) -> None:
        del recipe, features
        self.weight = stage.losses["borders"]
        self.generators = {"borders": copy_to_train(pair.generators["borders"], device)}
        self.network = device.share(self.generators["borders"])
        self.heads: dict[str, nn.Module] = {}
        self.discriminators: dict[str, nn.Module] = {}
        self.learning = [self.network]

    def generator_loss(self, batch: BorderBatch) -> Terms:
        """Compute the weighted term."""
        logits = self.network(batch.line, batch.paint).float()
        heavy = torch.tensor(BORDER_WEIGHT, device=logits.device)
        loss = binary_cross_entropy_with_logits(logits, batch.borders, pos_weight=heavy)
        return {"borders": self.weight * loss}

    def discriminator_loss(self, batch: BorderBatch) -> Terms:
        """Return no terms."""
        del batch
        return {}

    def predict(self, generators: Mapping[str, nn.Module], batch: BorderBatch) -> dict[str, Tensor]:
        """Return the probability of borders as pictures: -1 = none, 1 = sure."""
        logits: Tensor = generators["borders"](batch.line, batch.paint).float()
        return {"borders": logits.sigmoid() * 2 - 1}


def borders() -> Recipe:
    """Return the recipe of the weights `borders`, which find borders on bare paper.

    It takes 22 minutes on two cores of an AMD EPYC (Zen 4, bfloat16). The weights had a training of
    20,000 samples before it (lineart/weights/borders/MODEL_CARD.md).
    """
    stage = TrainingStage(
        name="borders",
        objective="borders",
        losses={"borders": 1.0},
        images=16_000,
        batch_size=8,
        crop=224,
        learning_rate=2e-3,
        save_every=2_000,
    )
    return Recipe(
        model="border_unet",
        arguments={"width": 12},
        stages=(stage,),
        warmup_images=400,
        balance=1.0,
    )
