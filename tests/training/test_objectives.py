from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lineart.datasets.samples import Samples, SampleSettings
from lineart.imaging.artifacts import apply_artifacts
from lineart.inference import color_to_tensor, tensor_to_colors
from lineart.models import MODELS, Pair
from lineart.training.batches import Batch, Maker, to_batch
from lineart.training.learner import Learner
from lineart.training.objectives import OBJECTIVES, Objective, damage
from lineart.training.recipes import RECIPES, Recipe, tiny

TERMS = {
    ("two_stage", 0): {"l1", "adversarial", "content"},
    ("two_stage", 1): {"l1"},
    ("additive_unet", 0): {"l1", "adversarial", "content"},
    ("additive_unet", 1): {"l1"},
    ("small", 0): {"l1", "l2", "hint"},
    ("small", 1): {"l1", "l2", "hint"},
}


class Shrunk(nn.Module):
    """Stands for a feature network: an eighth of the picture."""

    def forward(self, color: torch.Tensor) -> torch.Tensor:
        """Average 8x8 pixels."""
        return F.avg_pool2d(color, 8)


def make_batch(recipe: Recipe, number: int, pair: Pair, pictures: Any) -> Batch:
    """Make the first batch of a stage."""
    stage = recipe.stages[number]
    second = stage.generator == "color"
    settings = SampleSettings(
        crop=stage.crop,
        draft_scale=pair.colorization.draft_scale,
        second_stage=second,
        true_drafts=0.5,
    )
    maker = Maker(
        Samples(pictures, settings, seed=0), pair.colorization.encode_hint, small=not second
    )
    return to_batch(maker(range(4)), torch.device("cpu"))


@pytest.fixture(params=list(TERMS), ids=lambda case: f"{case[0]}-{case[1]}")
def case(
    request: pytest.FixtureRequest, pictures: Any, cpu: Any
) -> tuple[Objective, Batch, set[str]]:
    """Give every objective with a batch, and the terms that it should have."""
    name, number = request.param
    torch.manual_seed(0)
    recipe = tiny(RECIPES[name]())
    pair = MODELS[recipe.model](**recipe.arguments)
    stage = recipe.stages[number]
    objective = OBJECTIVES[stage.generator](pair, stage, cpu, Shrunk() if stage.content else None)
    return objective, make_batch(recipe, number, pair, pictures), TERMS[request.param]


def gradients(modules: dict[str, nn.Module]) -> dict[str, float]:
    """Give the size of every parameter's gradient; 0 where there is none."""
    return {
        f"{name}.{key}": 0.0 if p.grad is None else float(p.grad.abs().sum())
        for name, module in modules.items()
        for key, p in module.named_parameters()
    }


def test_every_parameter_learns_from_the_sum(case: tuple[Objective, Batch, set[str]]) -> None:
    """The sum of the losses gives a gradient to every parameter of every network."""
    objective, batch, terms = case
    losses = objective.generator_loss(batch)
    assert losses.keys() == terms
    torch.stack(list(losses.values())).sum().backward()
    assert all(gradients(objective.generators).values())
    assert not any(gradients(objective.discriminators).values())
    if objective.discriminators:
        objective.discriminator_loss(batch)["judge"].backward()
        assert all(gradients(objective.discriminators).values())


def test_each_term_alone_teaches_the_generator(case: tuple[Objective, Batch, set[str]]) -> None:
    """Each term reaches every parameter of the generator, and none of the discriminator.

    A term computed without gradients, as two of four were in public code, fails here.
    """
    objective, batch, terms = case
    for term in terms:
        for module in objective.generators.values():
            module.zero_grad(set_to_none=True)
        objective.generator_loss(batch)[term].backward()
        reached = gradients(objective.generators)
        assert all(reached.values()), f"{term}: {[k for k, v in reached.items() if not v]}"
        assert not any(gradients(objective.discriminators).values())


def test_the_judge_does_not_teach_the_generator(case: tuple[Objective, Batch, set[str]]) -> None:
    """The discriminator's loss sends nothing back into the generator."""
    objective, batch, _ = case
    if not objective.discriminators:
        assert objective.discriminator_loss(batch) == {}
        return
    objective.generator_loss(batch)
    objective.discriminator_loss(batch)["judge"].backward()
    assert not any(gradients(objective.generators).values())


def test_hint_term_looks_at_hints_alone(pictures: Any, cpu: Any) -> None:
    """Where the colours at the hints are right, the term is 0, whatever the rest is."""
    recipe = tiny(RECIPES["small"]())
    pair = MODELS[recipe.model](**recipe.arguments)
    objective = OBJECTIVES["draft"](pair, recipe.stages[0], cpu, None)
    batch = make_batch(recipe, 0, pair, pictures)
    assert batch.hint_mask.any()
    fake = torch.where(batch.hint_mask, batch.color, -batch.color)
    objective.draft = lambda *_: fake  # type: ignore[attr-defined]
    terms = objective.generator_loss(batch)
    assert terms["hint"] == 0
    assert terms["l1"] > 0


@pytest.mark.parametrize(("name", "number"), list(TERMS))
def test_one_batch_is_learned_by_heart(name: str, number: int, pictures: Any, cpu: Any) -> None:
    """The L1 of one batch, seen again and again, falls to less than half."""
    recipe = tiny(RECIPES[name]())
    stages = tuple(
        replace(s, images=10**6, learning_rate=3e-3, adversarial=0.0, content=0.0)
        for s in recipe.stages
    )
    recipe = replace(recipe, stages=stages)
    torch.manual_seed(0)
    pair = MODELS[recipe.model](**recipe.arguments)
    batch = make_batch(recipe, number, pair, pictures)
    learner = Learner(recipe, number, pair, cpu, None)
    first, *_, last = (learner.step([batch], 100)["l1"] for _ in range(150))
    assert last < first / 2


def test_damage_is_that_of_the_artifacts(pictures: Any) -> None:
    """On tensors and on arrays a draft is damaged alike, within three grey levels."""
    settings = SampleSettings(crop=128, draft_scale=2, second_stage=True)
    samples = Samples(pictures, settings, seed=0)
    pair = MODELS["two_stage"](width=4, blocks=1)
    maker = Maker(samples, pair.colorization.encode_hint, small=False)
    batch = to_batch(maker(range(8)), torch.device("cpu"))
    y, x = np.mgrid[:64, :64]
    smooth = np.stack((2 * x + 60, 2 * y + 60, x + y), -1).astype(np.uint8)
    draft = color_to_tensor(torch.from_numpy(np.stack([smooth] * 8)))
    damaged = tensor_to_colors(damage(draft, batch))
    for number in range(8):
        artifacts = samples[number].artifacts
        assert artifacts is not None
        expected = apply_artifacts(smooth, artifacts)
        assert np.abs(damaged[number].astype(int) - expected).max() <= 3
    assert any(not np.array_equal(picture, smooth) for picture in damaged)
