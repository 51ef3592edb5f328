"""What a training in bfloat16 computes in which precision, on a CPU and on a GPU."""

from collections import defaultdict
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from lineart.models import MODELS
from lineart.models.families.ugatit.blocks import AdaLIN, LayerInstanceNorm
from lineart.training.device import Device
from lineart.training.recipes import RECIPES, tiny
from lineart.training.stage_trainer import StageTrainer
from lineart.training.tasks import TASKS
from tests.painted import STAND_INS
from tests.training.conftest import as_data
from tests.training.test_objectives import STAGES

HALF = {"cpu": torch.bfloat16, "cuda": torch.bfloat16}
FULL = {"cpu": torch.float32, "cuda": torch.float32}
DIFFERENT = {"cpu": torch.bfloat16, "cuda": torch.float32}

LAYERS: dict[type[nn.Module], dict[str, torch.dtype]] = {
    nn.Conv2d: HALF,
    nn.ConvTranspose2d: HALF,
    nn.Linear: HALF,
    nn.BatchNorm2d: HALF,
    nn.InstanceNorm2d: HALF,
    AdaLIN: HALF,
    LayerInstanceNorm: HALF,
    nn.GroupNorm: DIFFERENT,
    nn.Upsample: DIFFERENT,
}
"""Results of layers that compute; the others pass values on."""

TRANSLATION = {
    f"{group}.{domain}.{field}": precision
    for domain in ("target", "source")
    for group, fields in {
        # The classifiers of attention multiply means and maxima in float32.
        "generators": {"picture": HALF, "logits": FULL, "heat": DIFFERENT},
        "discriminators": {"logits": HALF, "cam_logits": FULL, "heats": DIFFERENT},
    }.items()
    for field, precision in fields.items()
}
NETWORKS: dict[str, dict[str, dict[str, torch.dtype]]] = {
    "two_stage": {"generators.draft": HALF, "generators.color": HALF, "discriminators.judge": HALF},
    # Colours are added before the last tanh, in float32.
    "additive_unet": {
        "generators.draft": FULL, "generators.color": FULL, "discriminators.judge": HALF,
    },
    "hint_unet": {"generators.color": FULL},
    "concat_unet": {"generators.draft": HALF, "generators.color": HALF},
    "line_drawing": {
        "generators.target.picture": HALF,
        "generators.source.picture": HALF,
        "generators.geometry": HALF,
        "generators.segmentation": HALF,
        "discriminators.target": HALF,
        "discriminators.source": HALF,
    },
    "ugatit": TRANSLATION,
    "ugatit_light": TRANSLATION,
    "border_unet": {"generators.borders": HALF},
    "matching": {"generators.matching": FULL},
}  # fmt: skip
"""Results of the networks of a pair, by field if there are several; others may have any."""
SPECTRAL = {"ugatit", "ugatit_light"}
"""Pairs whose discriminators have spectral norm."""


class Watch:
    """Precisions of what a trainer's networks compute, by type of layer and name of network."""

    def __init__(self, trainer: StageTrainer) -> None:
        self.seen: dict[Any, set[torch.dtype]] = defaultdict(set)
        self.device = trainer.device.device.type
        self.networks = {
            f"{group}.{name}": network
            for group, networks in trainer.modules.items()
            for name, network in networks.items()
        }
        for name, network in self.networks.items():
            self.follow(network, name)
            for layer in network.modules():
                if kind := self.kind(layer):
                    self.follow(layer, kind)
                if parametrize.is_parametrized(layer, "weight"):
                    normed: Any = layer.parametrizations
                    normed.weight.register_forward_pre_hook(self.add_power_iteration)
            for parameter in network.parameters():
                parameter.register_post_accumulate_grad_hook(self.add_gradient)

    @staticmethod
    def kind(layer: nn.Module) -> type[nn.Module] | None:
        """Return the layer's type in the table."""
        return next((kind for kind in LAYERS if isinstance(layer, kind)), None)

    def follow(self, module: nn.Module, name: Any) -> None:
        """Add the precision of whatever a module returns, from now on."""
        module.register_forward_hook(lambda *args: self.add(name, args[-1]))

    def add(self, name: Any, result: Any) -> None:
        """Add the precision of a result."""
        if isinstance(result, Tensor):
            self.seen[name].add(result.dtype)
        elif hasattr(result, "_asdict"):
            for field, value in result._asdict().items():
                self.add(f"{name}.{field}", value)
        else:
            for value in result or ():
                self.add(name, value)

    def add_gradient(self, parameter: Tensor) -> None:
        """Add the precision of a parameter's gradient."""
        assert parameter.grad is not None
        self.seen["gradients"].add(parameter.grad.dtype)

    def add_power_iteration(self, *_: object) -> None:
        """Add in which precision spectral norm multiplies its matrices."""
        precisions = HALF if torch.is_autocast_enabled(self.device) else FULL
        self.seen["power iteration"].add(precisions[self.device])

    def rows(self, model: str) -> dict[Any, set[torch.dtype]]:
        """Return what the tables say of the networks of a pair that are trained, and their layers.

        The network that matches regions, whose logarithms and areas need digits, is all in float32.
        """
        networks = {
            name: precisions
            for name, precisions in NETWORKS.get(model, {}).items()
            if any(f"{name}.".startswith(f"{network}.") for network in self.networks)
        }
        kinds = {self.kind(layer) for one in self.networks.values() for layer in one.modules()}
        layers = {
            kind: FULL if model == "matching" else precisions
            for kind, precisions in LAYERS.items()
            if kind in kinds
        }
        rows: dict[Any, dict[str, torch.dtype]] = {"gradients": FULL, **networks}
        rows.update(layers)
        if model in SPECTRAL:
            rows["power iteration"] = FULL
        return {name: {precisions[self.device]} for name, precisions in rows.items()}


GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=GPU)])
@pytest.mark.parametrize(("name", "number"), STAGES)
def test_precisions(name: str, number: int, device: str, pictures: Any) -> None:
    """Layers and networks are as in the tables; losses and all that is kept are float32.

    Kept are parameters, statistics of norms, vectors of spectral norm, moving averages, and the
    optimizers' moments.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    recipe = tiny(RECIPES[name]())
    pair = MODELS[recipe.model](**recipe.arguments)
    there = Device(torch.device(device), precision="bfloat16", compiled=False)
    features = {term: there.place(network) for term, network in STAND_INS.items()}
    trainer = StageTrainer(recipe, number, pair, there, features)
    task = TASKS[type(pair.task)]
    collator = task.collator(as_data(recipe, pictures), recipe, number, pair, is_training=True)
    batch = task.to_batch(collator(range(4)), there.device)
    watch = Watch(trainer)
    for group in trainer.optimizers:
        assert {term.dtype for term in trainer.losses(group, batch).values()} == {torch.float32}
    trainer.step([batch], 0)
    rows = watch.rows(recipe.model)
    if recipe.model in NETWORKS:
        assert watch.seen == rows
    else:
        assert rows.items() <= watch.seen.items()
    kept = {key: tensor.dtype for key, tensor in trainer.tensors(pair).items()}
    assert {one for one in kept.values() if one.is_floating_point} == {torch.float32}, kept
    assert any(key.endswith("._u") for key in kept) == (recipe.model in SPECTRAL)
