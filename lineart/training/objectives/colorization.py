"""Objectives of colorizing pairs: draft generator, then color generator (papers 001 and 002).

`HintedObjective` is that of a color generator without a draft.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.inference import enlarge
from lineart.losses import (
    content_loss,
    dissimilarity,
    edge_loss,
    entropy_discriminator_loss,
    entropy_generator_loss,
    l1,
    l1_at,
    l1_on_paper,
    l2,
    l2_where_hinted,
)
from lineart.models import Pair
from lineart.models.discriminators import ColorDiscriminator
from lineart.models.layers import ColorBatch
from lineart.training.device import Device
from lineart.training.objective import Discriminators, Features, Terms, copy_to_train
from lineart.training.recipes import Recipe, TrainingStage
from lineart.training.tasks import ColorizationBatch


def reconstruction_terms(fake: ColorBatch, batch: ColorizationBatch, stage: TrainingStage) -> Terms:
    """Compute the weighted terms that have a weight in the stage.

    They are "l1", "l2", "hint", "paper", "edges" and "ssim", and "hinted" for a network whose map
    of hints says where the paper has one (`HintedObjective`).
    """
    weights, terms = stage.losses, {}
    if "l1" in weights:
        terms["l1"] = weights["l1"] * l1(fake, batch.color)
    if "l2" in weights:
        terms["l2"] = weights["l2"] * l2(fake, batch.color)
    if "hint" in weights:
        mask = F.interpolate(batch.hint_mask.float(), size=fake.shape[2:])
        terms["hint"] = weights["hint"] * l1_at(fake, batch.color, mask)
    if "hinted" in weights:
        error = l2_where_hinted(fake, batch.color, batch.line, batch.hint)
        terms["hinted"] = weights["hinted"] * error
    by_line = {"paper": l1_on_paper, "edges": edge_loss, "ssim": dissimilarity}
    for name, loss in by_line.items():
        if name in weights:
            terms[name] = weights[name] * loss(fake, batch.color, batch.line)
    return terms


class DraftObjective:
    """Objective of the draft generator, which predicts colours at the draft's size.

    Args:
        pair: Pair whose draft generator is copied.
        recipe: Unused.
        stage: Weights of the loss terms.
        device: Device on which the networks are trained.
        features: Feature network "content", required if that term has a weight.

    Source:
        Paper 001, eqs. (1) and (2).
    """

    trained_parameters: ClassVar[Mapping[str, str]] = {}
    generator: ClassVar[str] = "draft"
    """Name of the generator that is trained."""

    def __init__(
        self, pair: Pair, recipe: Recipe, stage: TrainingStage, device: Device, features: Features
    ) -> None:
        del recipe
        self.stage, self.features = stage, features.get("content")
        trained = copy_to_train(pair.generators[self.generator], device)
        self.generators = {self.generator: trained}
        self.draft = device.share(trained)
        self.heads: dict[str, nn.Module] = {}
        networks = {}
        if "adversarial" in stage.losses:
            networks["judge"] = ColorDiscriminator(stage.crop // pair.colorization.draft_scale)
        losses = (entropy_generator_loss, entropy_discriminator_loss)
        self.adversary = Discriminators(networks, device, losses=losses, term="judge")
        self.discriminators = self.adversary.networks
        self.learning = [self.draft, *self.adversary.shared.values()]

    def generator_loss(self, batch: ColorizationBatch) -> Terms:
        """Compute the weighted reconstruction, adversarial and content terms."""
        fake = self.draft(batch.line, batch.hint)
        terms = reconstruction_terms(fake, batch, self.stage)
        weights = self.stage.losses
        if "adversarial" in weights:
            loss = self.adversary.generator_loss({"judge": fake})
            terms["adversarial"] = weights["adversarial"] * loss
        if "content" in weights:
            assert self.features is not None
            loss = content_loss(self.features, fake, batch.color)
            terms["content"] = weights["content"] * loss
        return terms

    def discriminator_loss(self, batch: ColorizationBatch) -> Terms:
        """Compute the term "judge" on the last fakes, eq. (2); {} without a discriminator."""
        return self.adversary.loss({"judge": batch.color})

    def predict(
        self, generators: Mapping[str, nn.Module], batch: ColorizationBatch
    ) -> dict[str, Tensor]:
        """Return the draft, or the colours."""
        return {self.generator: generators[self.generator](batch.line, batch.hint)}


class ColorObjective:
    """Objective of the color generator, which predicts colours from line drawing and damaged draft.

    Drafts are outputs of the trained draft generator or true colours at the draft's size; artifacts
    are applied to both. There is no adversarial loss.

    Source:
        Paper 001, which uses L1 only.
    """

    trained_parameters: ClassVar[Mapping[str, str]] = {}
    second_stage: ClassVar[bool] = True
    """Batches have pictures at network size, and damage for the drafts."""

    def __init__(
        self, pair: Pair, recipe: Recipe, stage: TrainingStage, device: Device, features: Features
    ) -> None:
        del recipe, features
        self.stage, self.scale = stage, pair.colorization.draft_scale
        drafter = device.place(deepcopy(pair.generators["draft"])).eval().requires_grad_(False)
        self.drafter, self.fast_drafter = drafter, device.compile(drafter)
        self.generators = {"color": copy_to_train(pair.generators["color"], device)}
        self.heads: dict[str, nn.Module] = {}
        self.discriminators: dict[str, nn.Module] = {}
        self.color = device.share(self.generators["color"])
        self.learning = [self.color]

    def generator_loss(self, batch: ColorizationBatch) -> Terms:
        """Compute the weighted reconstruction terms."""
        with torch.no_grad():
            draft = self.fast_drafter(batch.small_line, batch.hint).float()
            truth = F.avg_pool2d(batch.color, self.scale)
            draft = torch.where(batch.has_true_draft[:, None, None, None], truth, draft)
            draft = damage_draft(draft, batch)
        fake = self.color(batch.line, enlarge(draft, self.scale))
        return reconstruction_terms(fake, batch, self.stage)

    def discriminator_loss(self, batch: ColorizationBatch) -> Terms:
        """Return no terms: there is no discriminator."""
        del batch
        return {}

    def predict(
        self, generators: Mapping[str, nn.Module], batch: ColorizationBatch
    ) -> dict[str, Tensor]:
        """Return the draft, without artifacts, and the colours predicted from it."""
        draft = self.drafter(batch.small_line, batch.hint).float()
        return {
            "draft": draft,
            "color": generators["color"](batch.line, enlarge(draft, self.scale)),
        }


class HintedObjective(DraftObjective):
    """Objective of a color generator that takes hints, without a draft; ours."""

    generator: ClassVar[str] = "color"


def damage_draft(draft: ColorBatch, batch: ColorizationBatch) -> ColorBatch:
    """Sample each draft bilinearly at its `source`, and blend the spray over it."""
    moved = F.grid_sample(draft, batch.source.float(), padding_mode="border", align_corners=False)
    color, opacity = batch.spray[:, :3], batch.spray[:, 3:]
    return moved + opacity * (color - moved)
