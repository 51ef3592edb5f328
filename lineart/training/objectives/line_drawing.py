"""Objective of line drawing pairs: the five losses of paper 000."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from lineart.losses import geometry_loss, l1, segmentation_loss, semantics_loss
from lineart.models import Pair
from lineart.models.discriminators import PatchDiscriminator
from lineart.models.families.line_drawing import DepthHead, SegmentationUNet
from lineart.models.layers import LineBatch
from lineart.training.device import Device
from lineart.training.objective import Discriminators, Features, Terms, copy_to_train
from lineart.training.recipes import Recipe, TrainingStage
from lineart.training.tasks import UnpairedBatch

HALF = 0.5
"""Factor of the discriminators' loss, as in the reference code, meant to slow their training."""


class LineDrawingObjective:
    """Objective of both generators, with a discriminator of drawings and one of photographs.

    Args:
        pair: Pair whose generators are copied.
        recipe: Recipe with the number of classes of the segmentation.
        stage: Weights of the terms "adversarial", "cycle", "semantics", "geometry" and
            "segmentation".
        device: Device on which the networks are trained.
        features: Feature networks of the terms "semantics" and "geometry".

    Source:
        Paper 000, eqs. (1) to (5).
    """

    trained_parameters: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("semantics", "geometry", "segmentation"), r"target\."
    )

    def __init__(
        self, pair: Pair, recipe: Recipe, stage: TrainingStage, device: Device, features: Features
    ) -> None:
        self.weights, self.features = stage.losses, features
        width = pair.arguments["width"]
        self.generators = {
            name: copy_to_train(generator, device) for name, generator in pair.generators.items()
        }
        channels = {"target": pair.translation.channels, "source": 3}
        networks = {name: PatchDiscriminator(inputs, width) for name, inputs in channels.items()}
        self.adversary = Discriminators(networks if "adversarial" in self.weights else {}, device)
        self.discriminators = self.adversary.networks
        self.heads = {
            name: device.place(head) for name, head in make_heads(recipe, stage, width).items()
        }
        self.shared = {
            name: device.share(module) for name, module in (self.generators | self.heads).items()
        }
        self.learning = [*self.shared.values(), *self.adversary.shared.values()]

    def generator_loss(self, batch: UnpairedBatch) -> Terms:
        """Compute the weighted terms that have a weight."""
        photo, style = batch.source, batch.target
        to_drawing, to_photo = self.shared["target"], self.shared["source"]
        drawing, fake_photo = to_drawing(photo).picture, to_photo(style).picture
        terms = self.meaning(drawing, batch)
        if "adversarial" in self.weights:
            # Eq. 1.
            terms["adversarial"] = self.adversary.generator_loss(
                {"target": drawing, "source": fake_photo}
            )
        if "cycle" in self.weights:
            # Eq. 4.
            back, style_back = to_photo(drawing).picture, to_drawing(fake_photo).picture
            terms["cycle"] = l1(back, photo) + l1(style_back, style)
        return {name: self.weights[name] * term for name, term in terms.items()}

    def meaning(self, drawing: LineBatch, batch: UnpairedBatch) -> Terms:
        """Compute the unweighted terms that compare drawing and photograph."""
        terms: Terms = {}
        if "semantics" in self.weights:
            # Eq. 3.
            terms["semantics"] = semantics_loss(self.features["semantics"], drawing, batch.source)
        if "geometry" in self.weights:
            # Eq. 2.
            features, head = self.features["geometry"], self.shared["geometry"]
            terms["geometry"] = geometry_loss(features, head, drawing, batch.depth)
        if "segmentation" in self.weights:
            # Eq. 5.
            logits = self.shared["segmentation"](drawing)
            terms["segmentation"] = segmentation_loss(logits, batch.segmentation)
        return terms

    def discriminator_loss(self, batch: UnpairedBatch) -> Terms:
        """Compute the discriminators' terms on the last fakes: eq. (1)."""
        weight = HALF * self.weights.get("adversarial", 0.0)
        return self.adversary.loss({"target": batch.target, "source": batch.source}, weight)

    def predict(
        self, generators: Mapping[str, nn.Module], batch: UnpairedBatch
    ) -> dict[str, Tensor]:
        """Return the drawing, and the photograph reconstructed from it."""
        drawing = generators["target"](batch.source).picture
        return {"target": drawing, "back": generators["source"](drawing).picture}


def make_heads(recipe: Recipe, stage: TrainingStage, width: int) -> dict[str, nn.Module]:
    """Build the networks that predict depth and classes from drawings, by loss term."""
    heads: dict[str, nn.Module] = {}
    if "geometry" in stage.losses:
        heads["geometry"] = DepthHead(width=width)
    if "segmentation" in stage.losses:
        heads["segmentation"] = SegmentationUNet(recipe.classes, width // 2)
    return heads
