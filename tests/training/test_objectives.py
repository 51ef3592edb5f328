from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lineart.datasets.samples import Samples, SampleSettings
from lineart.imaging.artifacts import apply_artifacts
from lineart.inference import color_to_tensor, tensor_to_colors
from lineart.models import MODELS, Pair
from lineart.training.colorization import ColorizationCollator, to_batch
from lineart.training.objective import Objective
from lineart.training.objectives import OBJECTIVES
from lineart.training.objectives.colorization import damage_draft
from lineart.training.recipe import Recipe
from lineart.training.recipes import RECIPES, tiny
from lineart.training.stage_trainer import StageTrainer
from lineart.training.tasks import TASKS
from tests.painted import STAND_INS
from tests.training.conftest import as_data

BOTH, DRAWN = {"target", "source"}, {"target"}
REACHED = {
    ("two_stage", 0): {name: {"draft"} for name in ("l1", "adversarial", "content")},
    ("two_stage", 1): {"l1": {"color"}},
    ("additive_unet", 0): {name: {"draft"} for name in ("l1", "adversarial", "content")},
    ("additive_unet", 1): {"l1": {"color"}},
    ("small", 0): {name: {"draft"} for name in ("l1", "l2", "hint")},
    ("small", 1): {name: {"color"} for name in ("l1", "l2", "hint")},
    ("line_drawing", 0): {
        **dict.fromkeys(("adversarial", "cycle"), BOTH),
        **dict.fromkeys(("semantics", "geometry", "segmentation"), DRAWN),
    },
    ("ugatit", 0): dict.fromkeys(("adversarial", "cycle", "identity", "cam"), BOTH),
    ("ugatit_light", 0): dict.fromkeys(("adversarial", "cycle", "identity", "cam"), BOTH),
}
"""Recipe and stage -> each of its loss terms -> the generators that it teaches."""


def make_batch(recipe: Recipe, number: int, pair: Pair, pictures: Any) -> Any:
    """Make the first batch of a stage."""
    task = TASKS[type(pair.task)]
    maker = task.maker(as_data(recipe, pictures), recipe, number, pair, is_training=True)
    return task.to_batch(maker(range(4)), torch.device("cpu"))


Case = tuple[Objective, Any, dict[str, set[str]]]


@pytest.fixture(params=list(REACHED), ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest, pictures: Any, cpu: Any) -> Case:
    """Give every objective with a batch, and the terms that it should have."""
    name, number = request.param
    torch.manual_seed(0)
    recipe = tiny(RECIPES[name]())
    pair = MODELS[recipe.model](**recipe.arguments)
    stage = recipe.stages[number]
    objective = OBJECTIVES[stage.objective](pair, recipe, stage, cpu, STAND_INS)
    return objective, make_batch(recipe, number, pair, pictures), REACHED[request.param]


def gradients(modules: dict[str, nn.Module]) -> dict[str, float]:
    """Give the size of every parameter's gradient; 0 where there is none.

    Biases are left out: before an instance norm, paper 000's have none but by rounding.
    """
    return {
        f"{name}.{key}": 0.0 if p.grad is None else float(p.grad.abs().sum())
        for name, module in modules.items()
        for key, p in module.named_parameters()
        if not key.endswith("bias")
    }


def test_every_parameter_learns_from_the_sum(case: Case) -> None:
    """The sum of the losses gives a gradient to every parameter of every network."""
    objective, batch, reached = case
    losses = objective.generator_loss(batch)
    assert losses.keys() == reached.keys()
    torch.stack(list(losses.values())).sum().backward()
    learned = gradients(objective.generators | objective.heads)
    assert all(learned.values()), [name for name, size in learned.items() if not size]
    assert not any(gradients(objective.discriminators).values())
    if objective.discriminators:
        torch.stack(list(objective.discriminator_loss(batch).values())).sum().backward()
        assert all(gradients(objective.discriminators).values())


def test_each_term_alone_teaches_the_generators(case: Case) -> None:
    """Each term reaches every parameter of its generators, and none of the discriminators.

    A term computed without gradients, as two of four were in public code, fails here. The
    attention's term reaches the parts up to the attention's classifier, and no others.
    """
    objective, batch, reached = case
    for term, names in reached.items():
        for module in objective.generators.values():
            module.zero_grad(set_to_none=True)
        objective.generator_loss(batch)[term].backward()
        sizes = gradients(objective.generators)
        if term == "cam":
            parts = ("encoder.", "attention.classifier")
            sizes = {n: s for n, s in sizes.items() if n.partition(".")[2].startswith(parts)}
        found = {name.partition(".")[0] for name, size in sizes.items() if size}
        missed = [n for n, s in sizes.items() if n.partition(".")[0] in names and not s]
        assert found == names, term
        assert not missed, term
        assert not any(gradients(objective.discriminators).values())


def test_the_judges_do_not_teach_the_generators(case: Case) -> None:
    """The discriminators' losses send nothing back into the generators."""
    objective, batch, _ = case
    if not objective.discriminators:
        assert objective.discriminator_loss(batch) == {}
        return
    objective.generator_loss(batch)
    for term in objective.discriminator_loss(batch).values():
        term.backward()
    assert not any(gradients(objective.generators).values())


def test_hint_term_looks_at_hints_alone(pictures: Any, cpu: Any) -> None:
    """Where the colours at the hints are right, the term is 0, whatever the rest is."""
    recipe = tiny(RECIPES["small"]())
    pair = MODELS[recipe.model](**recipe.arguments)
    objective = OBJECTIVES["draft"](pair, recipe, recipe.stages[0], cpu, {})
    batch = make_batch(recipe, 0, pair, pictures)
    assert batch.hint_mask.any()
    fake = torch.where(batch.hint_mask, batch.color, -batch.color)
    objective.draft = lambda *_: fake  # type: ignore[attr-defined]
    terms = objective.generator_loss(batch)
    assert terms["hint"] == 0
    assert terms["l1"] > 0


def shrink(recipe: Recipe, crop: int) -> Recipe:
    """Give a recipe without adversaries for small pictures."""
    arguments = {name: crop if name == "size_px" else v for name, v in recipe.arguments.items()}
    stages = tuple(replace(stage, crop=crop) for stage in recipe.stages)
    return replace(recipe, arguments=arguments, stages=stages)


ADVERSARIES = {"adversarial", "content", "semantics", "geometry", "segmentation", "cam"}


# The full `ugatit` differs from the light one in what makes its norms' scales alone.
@pytest.mark.parametrize(("name", "number"), [case for case in REACHED if case != ("ugatit", 0)])
def test_one_batch_is_learned_by_heart(name: str, number: int, pictures: Any, cpu: Any) -> None:
    """What is wrong with the pictures of one batch, seen again and again, falls to half."""
    recipe = tiny(RECIPES[name]()).without(ADVERSARIES)
    stages = tuple(replace(s, images=10**6, learning_rate=3e-3) for s in recipe.stages)
    recipe = replace(recipe, stages=stages)
    if recipe.model.startswith("ugatit"):
        recipe = shrink(recipe, 32)
    torch.manual_seed(0)
    pair = MODELS[recipe.model](**recipe.arguments)
    batch = make_batch(recipe, number, pair, pictures)
    learner = StageTrainer(recipe, number, pair, cpu, {})
    term = "l1" if "l1" in recipe.stages[number].losses else "cycle"
    first, *_, last = (learner.step([batch], 100)[term] for _ in range(150))
    assert last < first / 2


def test_damage_is_that_of_the_artifacts(pictures: Any) -> None:
    """On tensors and on arrays a draft is damaged alike, within three grey levels."""
    settings = SampleSettings(crop=128, draft_scale=2, second_stage=True)
    samples = Samples(pictures, settings, seed=0)
    pair = MODELS["two_stage"](width=4, blocks=1)
    maker = ColorizationCollator(samples, pair.colorization.encode_hint, small=False)
    batch = to_batch(maker(range(8)), torch.device("cpu"))
    y, x = np.mgrid[:64, :64]
    smooth = np.stack((2 * x + 60, 2 * y + 60, x + y), -1).astype(np.uint8)
    draft = color_to_tensor(torch.from_numpy(np.stack([smooth] * 8)))
    damaged = tensor_to_colors(damage_draft(draft, batch))
    for number in range(8):
        artifacts = samples[number].artifacts
        assert artifacts is not None
        expected = apply_artifacts(smooth, artifacts)
        assert np.abs(damaged[number].astype(int) - expected).max() <= 3
    assert any(not np.array_equal(picture, smooth) for picture in damaged)
