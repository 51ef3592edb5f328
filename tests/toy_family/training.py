"""Training file of the family that `test_family` adds: a loss of its own, and a recipe."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from lineart.models import Pair
from lineart.training.device import Device
from lineart.training.objective import Features, Terms, copy_to_train
from lineart.training.recipes import Recipe, TrainingStage
from lineart.training.tasks import ColorizationBatch


class ToyObjective:
    """Objective of the draft generator: a smooth L1."""

    trained_parameters: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self, pair: Pair, recipe: Recipe, stage: TrainingStage, device: Device, features: Features
    ) -> None:
        del recipe, features
        self.weight = stage.losses["smooth"]
        self.generators = {"draft": copy_to_train(pair.generators["draft"], device)}
        self.heads: dict[str, nn.Module] = {}
        self.discriminators: dict[str, nn.Module] = {}
        self.draft = device.share(self.generators["draft"])
        self.learning = [self.draft]

    def generator_loss(self, batch: ColorizationBatch) -> Terms:
        """Compute the smooth L1."""
        loss = F.smooth_l1_loss(self.draft(batch.line, batch.hint), batch.color)
        return {"smooth": self.weight * loss}

    def discriminator_loss(self, batch: ColorizationBatch) -> Terms:
        """Return no terms."""
        del batch
        return {}

    def predict(
        self, generators: Mapping[str, nn.Module], batch: ColorizationBatch
    ) -> dict[str, Tensor]:
        """Return the draft."""
        return {"draft": generators["draft"](batch.line, batch.hint)}


def toy_recipe() -> Recipe:
    """Return a recipe: the draft with the family's own objective, then the color generator."""
    draft = TrainingStage(
        name="draft",
        objective="lineart.training.objectives.toy:ToyObjective",
        losses={"smooth": 1.0},
        images=1000,
        batch_size=8,
        crop=256,
        learning_rate=1e-3,
        save_every=100,
    )
    color = TrainingStage(
        name="color",
        objective="color",
        losses={"l1": 1.0},
        images=1000,
        batch_size=8,
        crop=256,
        learning_rate=1e-3,
        save_every=100,
    )
    return Recipe(model="toy", arguments={"width": 32}, stages=(draft, color))
