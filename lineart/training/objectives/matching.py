"""Objective of the network that matches regions: the probability of the true colour."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lineart.models import Pair
from lineart.models.matching import Logits, color_probabilities
from lineart.training.device import Device
from lineart.training.matching import MatchingBatch, MatchingPair, paint
from lineart.training.objective import Features, Terms, copy_to_train
from lineart.training.recipes import Recipe, TrainingStage

NEVER = -1e4
"""Stands for the logarithm of no probability."""


class MatchingObjective:
    """Negative logarithm of the summed probability of all candidates of the true colour.

    Args:
        pair: Pair whose network is copied.
        recipe: Unused.
        stage: Weights of the terms "match", after the last round, and "rounds", before.
        device: Device on which the network is trained.
        features: Unused.
    """

    trained_parameters: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self, pair: Pair, recipe: Recipe, stage: TrainingStage, device: Device, features: Features
    ) -> None:
        del recipe, features
        self.weights, self.device_type = stage.losses, device.device.type
        self.generators = {"matching": copy_to_train(pair.generators["matching"], device)}
        self.network = device.share(self.generators["matching"])
        self.heads: dict[str, nn.Module] = {}
        self.discriminators: dict[str, nn.Module] = {}
        self.learning = [self.network]

    def generator_loss(self, batch: MatchingBatch) -> Terms:
        """Compute the terms that have a weight, as means over the pairs."""
        # Logarithms and areas need more digits than bfloat16 has.
        with torch.autocast(self.device_type, enabled=False):
            rounds = [self.losses(one) for one in batch]
        sums = torch.stack([torch.stack((one[-1], one[:-1].sum())) for one in rounds]).mean(0)
        terms = {"match": sums[0], "rounds": sums[1]}
        return {name: weight * terms[name] for name, weight in self.weights.items()}

    def losses(self, one: MatchingPair) -> Float[Tensor, " rounds"]:
        """Compute the loss of a pair before the first round and after each."""
        return torch.stack([color_loss(logits, one) for logits in self.network(one.pair)])

    def discriminator_loss(self, batch: MatchingBatch) -> Terms:
        """Return no terms."""
        del batch
        return {}

    def predict(
        self, generators: Mapping[str, nn.Module], batch: MatchingBatch
    ) -> dict[str, Tensor]:
        """Return pictures of the targets in their most probable colours; "none" is grey."""
        pictures = []
        for one in batch:
            assert one.shown is not None, "samples for validation are shown"
            with torch.autocast(self.device_type, enabled=False):
                logits = generators["matching"](one.pair)[-1]
            pictures.append(paint(one.shown, color_probabilities(one.pair, logits).argmax(1)))
        return {"matching": torch.cat(pictures)}


def color_loss(logits: Logits, one: MatchingPair) -> Float[Tensor, ""]:
    """Compute the weighted mean over the regions of a pair."""
    shares = logits.log_softmax(1).masked_fill(~one.is_right, NEVER).logsumexp(1)
    # Regions without a right option have no weight.
    return -(shares * one.weight).sum() / one.weight.sum().clamp(min=1)


def keys() -> Recipe:
    """Return the recipe of the weights `keys`, which match the regions of two drawings.

    It takes 10 minutes on one CPU core. Of the seeds 0, 1 and 2, 1 has the most right regions on
    the validation pairs (lineart/weights/keys/MODEL_CARD.md).
    """
    stage = TrainingStage(
        name="matching",
        objective="matching",
        losses={"match": 1.0, "rounds": 0.3},
        images=30_000,
        batch_size=4,
        crop=0,
        learning_rate=5e-3,
        save_every=7_500,
    )
    return Recipe(
        model="matching",
        seed=1,
        arguments={"width": 32, "rounds": 3},
        stages=(stage,),
        warmup_images=400,
    )
