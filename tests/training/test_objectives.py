import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lineart.datasets.samples import Samples, SampleSettings
from lineart.inference import color_to_tensor, tensor_to_colors
from lineart.models import MODELS, Colorization, Pair
from lineart.storage import Storage
from lineart.training.dataloader import Collator
from lineart.training.job import TrainingJob
from lineart.training.objective import Objective
from lineart.training.objectives import OBJECTIVES, find_objective
from lineart.training.objectives.colorization import damage_draft
from lineart.training.recipes import RECIPES, Recipe, tiny
from lineart.training.stage_trainer import StageTrainer
from lineart.training.tasks import TASKS, stack_drawings
from tests.artifacts import apply_artifacts
from tests.painted import STAND_INS
from tests.training.conftest import as_data


def list_stages() -> list[tuple[str, int]]:
    """Return recipe and stage of each combination of model, objective and loss terms.

    Recipes that only leave terms out are no combination of their own.
    """
    found: dict[tuple[str, str], list[tuple[set[str], tuple[str, int]]]] = {}
    for name, recipe in RECIPES.items():
        for number, stage in enumerate(recipe().stages):
            cases = found.setdefault((recipe().model, stage.objective), [])
            terms = set(stage.losses)
            if not any(terms <= others for others, _ in cases):
                cases[:] = [case for case in cases if not case[0] < terms]
                cases.append((terms, (name, number)))
    return [case for cases in found.values() for _, case in cases]


STAGES = list_stages()


def make_batch(recipe: Recipe, number: int, pair: Pair, pictures: Any, size: int = 4) -> Any:
    """Make the first batch of a stage."""
    task = TASKS[type(pair.task)]
    collator = task.collator(as_data(recipe, pictures), recipe, number, pair, is_training=True)
    return task.to_batch(collator(range(size)), torch.device("cpu"))


Case = tuple[Objective, Any, set[str]]


@pytest.fixture(params=STAGES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest, pictures: Any, cpu: Any) -> Case:
    """Return every objective with a batch, and the terms that it should have."""
    name, number = request.param
    torch.manual_seed(0)
    recipe = tiny(RECIPES[name]())
    pair = MODELS[recipe.model](**recipe.arguments)
    stage = recipe.stages[number]
    objective = find_objective(stage.objective)(pair, recipe, stage, cpu, STAND_INS)
    return objective, make_batch(recipe, number, pair, pictures), set(stage.losses)


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
    objective, batch, terms = case
    losses = objective.generator_loss(batch)
    assert losses.keys() == terms
    torch.stack(list(losses.values())).sum().backward()
    learned = gradients(objective.generators | objective.heads)
    assert all(learned.values()), [name for name, size in learned.items() if not size]
    assert not any(gradients(objective.discriminators).values())
    if objective.discriminators:
        torch.stack(list(objective.discriminator_loss(batch).values())).sum().backward()
        assert all(gradients(objective.discriminators).values())


def test_each_term_alone_trains_what_it_should(case: Case) -> None:
    """Each term reaches every parameter that its objective says, no other, no discriminator.

    A term computed without gradients, as two of four were in public code, fails here.
    """
    objective, batch, terms = case
    for term in terms:
        for module in objective.generators.values():
            module.zero_grad(set_to_none=True)
        objective.generator_loss(batch)[term].backward()
        pattern = re.compile(objective.trained_parameters.get(term, ""))
        for name, size in gradients(objective.generators).items():
            assert bool(size) == bool(pattern.match(name)), (term, name)
        assert not any(gradients(objective.discriminators).values())


def test_discriminators_do_not_train_the_generators(case: Case) -> None:
    """The discriminators' losses send nothing back into the generators."""
    objective, batch, _ = case
    if not objective.discriminators:
        assert objective.discriminator_loss(batch) == {}
        return
    objective.generator_loss(batch)
    for term in objective.discriminator_loss(batch).values():
        term.backward()
    assert not any(gradients(objective.generators).values())


@pytest.mark.parametrize(("name", "number"), STAGES)
def test_a_worker_may_have_one_picture(name: str, number: int, pictures: Any, cpu: Any) -> None:
    """Norms of a small network learn from one picture, too: `--tiny` works on four workers."""
    recipe = tiny(RECIPES[name]())
    pair = MODELS[recipe.model](**recipe.arguments)
    batch = make_batch(recipe, number, pair, pictures, size=1)
    losses = StageTrainer(recipe, number, pair, cpu, STAND_INS).step([batch], 0)
    assert losses.keys() >= recipe.stages[number].losses.keys()


@pytest.mark.parametrize(("name", "number"), STAGES)
def test_no_loss_term_waits_for_the_gpu(name: str, number: int, pictures: Any, cpu: Any) -> None:
    """Losses and gradients of a batch read no number; all terms are read together at the end.

    On a CPU alone, `one_hot` checks the colours of pairs to match.
    """
    recipe = tiny(RECIPES[name]())
    pair = MODELS[recipe.model](**recipe.arguments)
    batch = make_batch(recipe, number, pair, pictures)
    trainer = StageTrainer(recipe, number, pair, cpu, STAND_INS)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        trainer.add_gradients(batch, 1)
    names = {event.key for event in profile.key_averages()}
    assert "aten::mul" in names
    assert "aten::nonzero" not in names
    assert ("aten::item" in names) == (name == "keys")


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


OTHERS = {"adversarial", "content", "edges", "ssim", "semantics", "geometry", "segmentation", "cam"}
"""Terms that are no error of pixels."""


@pytest.mark.parametrize(("name", "number"), STAGES)
def test_one_batch_is_learned_by_heart(name: str, number: int, pictures: Any, cpu: Any) -> None:
    """The error of the pictures of one batch, seen again and again, falls to half."""
    recipe = tiny(RECIPES[name]()).without(OTHERS)
    arguments = {n: 32 if n == "size_px" else value for n, value in recipe.arguments.items()}
    torch.manual_seed(0)
    pair = MODELS[recipe.model](**arguments)
    stages = tuple(
        replace(s, images=10**6, learning_rate=3e-3, crop=max(32, pair.multiple))
        for s in recipe.stages
    )
    recipe = replace(recipe, arguments=arguments, stages=stages)
    batch = make_batch(recipe, number, pair, pictures)
    trainer = StageTrainer(recipe, number, pair, cpu, {})
    terms = recipe.stages[number].losses
    known = [name for name in ("l1", "paper", "cycle", "match", "borders") if name in terms]
    term = (known or [*terms])[0]
    first, *_, last = (trainer.step([batch], 100)[term] for _ in range(150))
    assert last < first / 2


def test_a_misspelt_loss_term_stops_the_training(pictures: Any, cpu: Any) -> None:
    """At the first step, with the terms that the objective computes."""
    recipe = tiny(RECIPES["small"]())
    stages = tuple(replace(stage, losses={"l1": 1.0, "edgez": 0.5}) for stage in recipe.stages)
    recipe, pair = replace(recipe, stages=stages), MODELS[recipe.model](**recipe.arguments)
    trainer = StageTrainer(recipe, 0, pair, cpu, {})
    with pytest.raises(ValueError, match="draft does not compute edgez, but l1"):
        trainer.step([make_batch(recipe, 0, pair, pictures)], 0)


@pytest.mark.parametrize("name", ["hintd", "lineart.nowhere:Loss", "lineart.losses:Nothing"])
def test_a_misspelt_objective_lists_the_names(name: str) -> None:
    """So does a class that is not there."""
    with pytest.raises(ValueError, match=f"no objective '{name}'; give one of draft, color, hinte"):
        find_objective(name)


def test_a_broken_import_of_an_objective_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its module is there, but not what it imports."""
    (tmp_path / "own_loss.py").write_text("from lineart.losses import l17\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ValueError, match=r"import ends in: cannot import name 'l17' from 'lineart.loss"
    ):
        find_objective("own_loss:Loss")


def test_arguments_that_weights_cannot_have_stop_before_the_training(tmp_path: Path) -> None:
    """Weights with them would be written, and could not be read."""
    recipe = tiny(RECIPES["two_stage"]())
    recipe = replace(recipe, arguments={**recipe.arguments, "blocks": 0})
    place = Storage.at(str(tmp_path))
    with pytest.raises(ValueError, match="must be whole, 1 to 1024"):
        TrainingJob(recipe=recipe, data=place, output=place).check(1)


def test_damage_is_that_of_the_artifacts(pictures: Any) -> None:
    """On tensors and on arrays a draft is damaged alike, within three grey levels."""
    settings = SampleSettings(crop=128, draft_scale=2, second_stage=True)
    samples = Samples(pictures, settings, seed=0)
    pair = MODELS["two_stage"](width=4, blocks=1)
    encode_hint = pair.colorization.encode_hint
    collator = Collator(samples, partial(stack_drawings, encode_hint=encode_hint, small=False))
    batch = TASKS[Colorization].to_batch(collator(range(8)), torch.device("cpu"))
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
