"""What pairs that colour minimise, papers 001 and 002: the draft first, then the colour."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.inference import enlarge
from lineart.losses import adversarial
from lineart.losses.perceptual import content_loss
from lineart.losses.reconstruction import l1, l1_at, l2
from lineart.models import Pair
from lineart.models.discriminators import ColorDiscriminator
from lineart.models.layers import ColorBatch
from lineart.training.colorization import ColorizationBatch
from lineart.training.device import Device
from lineart.training.objective import Features, Terms
from lineart.training.recipe import Recipe, TrainingStage


def reconstruction_terms(fake: ColorBatch, batch: ColorizationBatch, stage: TrainingStage) -> Terms:
    """Give how far colours are from the true ones; terms without weight are left out."""
    weights, terms = stage.losses, {}
    if "l1" in weights:
        terms["l1"] = weights["l1"] * l1(fake, batch.color)
    if "l2" in weights:
        terms["l2"] = weights["l2"] * l2(fake, batch.color)
    if "hint" in weights:
        mask = F.interpolate(batch.hint_mask.float(), size=fake.shape[2:])
        terms["hint"] = weights["hint"] * l1_at(fake, batch.color, mask)
    return terms


class DraftObjective:
    """The draft generator gives the small colours: eq. (1) of paper 001.

    Args:
        pair: The networks; the draft generator is copied.
        recipe: What the run does.
        stage: Weights of the terms.
        device: Where they learn.
        features: For the content loss, if it has a weight.
    """

    def __init__(
        self, pair: Pair, recipe: Recipe, stage: TrainingStage, device: Device, features: Features
    ) -> None:
        del recipe
        self.stage, self.features = stage, features.get("content")
        generator = device.place(deepcopy(pair.generators["draft"])).train().requires_grad_(True)
        self.generators = {"draft": generator}
        self.draft = device.share(generator)
        self.heads: dict[str, nn.Module] = {}
        self.discriminators: dict[str, nn.Module] = {}
        if "adversarial" in stage.losses:
            judge = device.place(ColorDiscriminator(stage.crop // pair.colorization.draft_scale))
            self.discriminators = {"judge": judge}
            self.judge, self.fixed_judge = device.share(judge), device.compile(judge)
        self.learning = [self.draft, *([self.judge] if self.discriminators else [])]
        self.fake: ColorBatch | None = None

    def generator_loss(self, batch: ColorizationBatch) -> Terms:
        """Give reconstruction, adversarial and content terms."""
        fake = self.draft(batch.line, batch.hint)
        self.fake = fake.detach()
        terms = reconstruction_terms(fake, batch, self.stage)
        weights = self.stage.losses
        if "adversarial" in weights:
            # Gradients pass through the discriminator but are not collected in it.
            self.discriminators["judge"].requires_grad_(False)
            logits = self.fixed_judge(fake)
            self.discriminators["judge"].requires_grad_(True)
            terms["adversarial"] = weights["adversarial"] * adversarial.generator_loss(logits)
        if "content" in weights:
            assert self.features is not None
            loss = content_loss(self.features, fake, batch.color)
            terms["content"] = weights["content"] * loss
        return terms

    def discriminator_loss(self, batch: ColorizationBatch) -> Terms:
        """Tell the true colours from the last fakes: eq. (2). Without an adversary: nothing."""
        if not self.discriminators:
            return {}
        assert self.fake is not None
        logits = self.judge(torch.cat((batch.color, self.fake.to(batch.color))))
        real, fake = logits.chunk(2)
        return {"judge": adversarial.discriminator_loss(real, fake)}

    def predict(
        self, generators: Mapping[str, nn.Module], batch: ColorizationBatch
    ) -> dict[str, Tensor]:
        """Give the draft."""
        return {"draft": generators["draft"](batch.line, batch.hint)}


class ColorObjective:
    """The color generator gives the colours from a damaged draft: L1, no adversary (paper 001).

    The draft comes from the finished draft generator or is the truth, shrunk; either is damaged.
    """

    def __init__(
        self, pair: Pair, recipe: Recipe, stage: TrainingStage, device: Device, features: Features
    ) -> None:
        del recipe, features
        self.stage, self.scale = stage, pair.colorization.draft_scale
        drafter = device.place(deepcopy(pair.generators["draft"])).eval().requires_grad_(False)
        self.drafter, self.fast_drafter = drafter, device.compile(drafter)
        generator = device.place(deepcopy(pair.generators["color"])).train().requires_grad_(True)
        self.generators = {"color": generator}
        self.heads: dict[str, nn.Module] = {}
        self.discriminators: dict[str, nn.Module] = {}
        self.color = device.share(generator)
        self.learning = [self.color]

    def generator_loss(self, batch: ColorizationBatch) -> Terms:
        """Give the reconstruction terms."""
        with torch.no_grad():
            draft = self.fast_drafter(batch.small_line, batch.hint).float()
            truth = F.avg_pool2d(batch.color, self.scale)
            draft = torch.where(batch.has_true_draft[:, None, None, None], truth, draft)
            draft = damage_draft(draft, batch)
        fake = self.color(batch.line, enlarge(draft, self.scale))
        return reconstruction_terms(fake, batch, self.stage)

    def discriminator_loss(self, batch: ColorizationBatch) -> Terms:
        """Give nothing: there is no adversary."""
        del batch
        return {}

    def predict(
        self, generators: Mapping[str, nn.Module], batch: ColorizationBatch
    ) -> dict[str, Tensor]:
        """Give the draft and the colours, without damage."""
        draft = self.drafter(batch.small_line, batch.hint).float()
        return {
            "draft": draft,
            "color": generators["color"](batch.line, enlarge(draft, self.scale)),
        }


def damage_draft(draft: ColorBatch, batch: ColorizationBatch) -> ColorBatch:
    """Apply each sample's artifacts; `imaging.artifacts.apply_artifacts` does the same in NumPy."""
    moved = F.grid_sample(draft, batch.source.float(), padding_mode="border", align_corners=False)
    color, opacity = batch.spray[:, :3], batch.spray[:, 3:]
    return moved + opacity * (color - moved)
