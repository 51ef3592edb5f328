"""Objective of U-GAT-IT pairs: the four losses of paper 004."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.inference import scale_heat
from lineart.losses import cam_loss, l1
from lineart.models import Pair
from lineart.models.families.ugatit import Discriminator, DiscriminatorOutput
from lineart.models.layers import ColorBatch
from lineart.training.device import Device
from lineart.training.objective import Discriminators, Features, Terms, copy_to_train
from lineart.training.recipes import Recipe, TrainingStage
from lineart.training.tasks import UnpairedBatch

OTHER = {"target": "source", "source": "target"}


class UgatitObjective:
    """Objective of both generators, with a local and a global discriminator of each domain.

    Args:
        pair: Pair whose generators are copied.
        recipe: Unused.
        stage: Weights of the terms "adversarial", "cycle", "identity" and "cam".
        device: Device on which the networks are trained.
        features: Unused.

    Source:
        Paper 004, the pages on its training code.
    """

    trained_parameters: ClassVar[Mapping[str, str]] = {
        "cam": r"\w+\.(encoder\.|attention\.classifier)"
    }

    def __init__(
        self, pair: Pair, recipe: Recipe, stage: TrainingStage, device: Device, features: Features
    ) -> None:
        del recipe, features
        self.weights = stage.losses
        self.generators = {
            name: copy_to_train(generator, device) for name, generator in pair.generators.items()
        }
        self.heads: dict[str, nn.Module] = {}
        networks = {name: Discriminator(pair.arguments["width"]) for name in OTHER}
        self.adversary = Discriminators(
            networks if "adversarial" in self.weights else {}, device, logits_of=all_logits
        )
        self.discriminators = self.adversary.networks
        self.shared = {name: device.share(module) for name, module in self.generators.items()}
        self.learning = [*self.shared.values(), *self.adversary.shared.values()]

    def generator_loss(self, batch: UnpairedBatch) -> Terms:
        """Compute the terms that have a weight, weighted and summed over both directions."""
        reals = {"target": batch.target, "source": batch.source}
        fakes = {domain: self.shared[domain](reals[OTHER[domain]]) for domain in OTHER}
        pictures = {domain: fake.picture for domain, fake in fakes.items()}
        terms: Terms = {}
        if "adversarial" in self.weights:
            terms["adversarial"] = self.adversary.generator_loss(pictures)
        if "cycle" in self.weights:
            backs = {name: self.shared[name](pictures[OTHER[name]]).picture for name in OTHER}
            terms["cycle"] = distance(backs, reals)
        if {"identity", "cam"} & self.weights.keys():
            same = {domain: self.shared[domain](reals[domain]) for domain in OTHER}
        if "identity" in self.weights:
            terms["identity"] = distance({name: s.picture for name, s in same.items()}, reals)
        if "cam" in self.weights:
            losses = [cam_loss(fakes[domain].logits, same[domain].logits) for domain in OTHER]
            terms["cam"] = torch.stack(losses).sum()
        return {name: self.weights[name] * term for name, term in terms.items()}

    def discriminator_loss(self, batch: UnpairedBatch) -> Terms:
        """Compute the discriminators' terms on the last fakes, by patch and by attention logits."""
        weight = self.weights.get("adversarial", 0.0)
        return self.adversary.loss({"target": batch.target, "source": batch.source}, weight)

    def predict(
        self, generators: Mapping[str, nn.Module], batch: UnpairedBatch
    ) -> dict[str, Tensor]:
        """Return translated and reconstructed picture, and attention maps scaled to -1..1."""
        made = generators["target"](batch.source)
        pictures = {
            "target": made.picture,
            "back": generators["source"](made.picture).picture,
            "attention": show_heat(made.heat, made.picture),
        }
        discriminator = self.discriminators.get("target")
        if discriminator is not None:
            # In training mode, a forward pass would update the spectral norm.
            near, far = discriminator.eval()(made.picture).heats
            discriminator.train()
            pictures["judge near"] = show_heat(near, made.picture)
            pictures["judge far"] = show_heat(far, made.picture)
        return pictures


def distance(made: Mapping[str, ColorBatch], real: Mapping[str, ColorBatch]) -> Float[Tensor, ""]:
    """Compute the sum of the mean absolute differences of both domains."""
    return torch.stack([l1(made[domain], real[domain]) for domain in made]).sum()


def all_logits(judged: DiscriminatorOutput) -> list[Tensor]:
    """Return the local and global logits of the patches, and those of the attention classifiers."""
    return [*judged.logits, *judged.cam_logits]


def show_heat(
    heat: Float[Tensor, "B 1 HeatH HeatW"], picture: ColorBatch
) -> Float[Tensor, "B 1 H W"]:
    """Scale each heat map from its range to -1..1 and resize it to the picture's size."""
    return F.interpolate(2 * scale_heat(heat) - 1, size=picture.shape[2:], mode="bilinear")
