from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lineart.datasets.samples import Picture, Samples, SampleSettings
from lineart.models import MODELS, from_files
from lineart.training import loop
from lineart.training.loop import StageRun, train
from lineart.training.objectives import damage, stack
from lineart.training.recipes import RECIPES, Recipe, small


@pytest.fixture
def pictures() -> list[Picture]:
    """Give one painted picture."""
    blocks = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return [Picture("painted", np.kron(blocks, np.ones((24, 24, 1), np.uint8)), None, 1.0)]


def tiny() -> Recipe:
    """Give the small recipe, a thousand times smaller."""
    stages = tuple(replace(s, crop=64, batch_size=2, images=8) for s in small().stages)
    return replace(
        small(), arguments={"width": 4, "color_width": 4}, stages=stages, warmup_images=2
    )


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_name_what_exists(name: str) -> None:
    """A recipe's model and generators can be built."""
    recipe = RECIPES[name]()
    with torch.device("meta"):
        pair = MODELS[recipe.model](**recipe.arguments)
    assert all(stage.generator in pair.generators for stage in recipe.stages)


def test_training_leaves_weights(pictures: list[Picture], tmp_path: Path) -> None:
    """The run's weights are the averaged generators that `train` returns, in half precision."""
    pair = train(tiny(), pictures, tmp_path, workers=0, fast=False)
    stored = from_files({f.name: f.read_bytes() for f in (tmp_path / "weights").iterdir()})
    for name, generator in pair.generators.items():
        for key, tensor in generator.state_dict().items():
            again = stored.generators[name].state_dict()[key]
            torch.testing.assert_close(again, tensor, atol=1e-3, rtol=1e-3)


def test_resumed_equals_uninterrupted(
    pictures: list[Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run killed in its third stage and started again ends with the same bits."""
    torch.set_num_threads(1)
    whole = train(tiny(), pictures, tmp_path / "whole", workers=0, fast=False)

    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    step, calls = StageRun.step, 0

    def step_or_die(self: StageRun, batch: object, seen: int) -> float:
        nonlocal calls
        calls += 1
        if calls == 11:
            raise KeyboardInterrupt
        return step(self, batch, seen)  # type: ignore[arg-type]

    monkeypatch.setattr(StageRun, "step", step_or_die)
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), pictures, tmp_path / "cut", workers=0, fast=False)
    resumed = train(tiny(), pictures, tmp_path / "cut", workers=0, fast=False)
    for name, generator in whole.generators.items():
        other = resumed.generators[name].state_dict()
        for key, tensor in generator.state_dict().items():
            assert torch.equal(tensor, other[key]), f"{name}.{key}"


def test_another_recipe_does_not_continue_a_run(pictures: list[Picture], tmp_path: Path) -> None:
    """A run folder belongs to one recipe."""
    train(tiny(), pictures, tmp_path, workers=0, fast=False)
    with pytest.raises(ValueError, match="another recipe"):
        train(replace(tiny(), seed=5), pictures, tmp_path, workers=0, fast=False)


@pytest.mark.parametrize("number", [0, 1])
def test_one_batch_is_learned_by_heart(
    pictures: list[Picture], tmp_path: Path, number: int
) -> None:
    """The loss of one batch, seen again and again, falls to less than half."""
    recipe = replace(tiny(), truth_share=1.0)
    stage = replace(recipe.stages[number], images=10**6, learning_rate=1e-2)
    pair = MODELS[recipe.model](**recipe.arguments)
    run = StageRun(recipe, number, stage, pair, tmp_path, fast=False)
    settings = SampleSettings(crop=64, draft_scale=4, many_hints=True)
    samples = Samples(pictures, settings, seed=0)
    batch = run.objective.stack([samples[0], samples[1]])
    first, *_, last = (run.step(batch, 100) for _ in range(40))
    assert last < first / 2


def test_a_loss_that_is_not_a_number_stops_the_run(pictures: list[Picture], tmp_path: Path) -> None:
    """The error names stage and image instead of training on."""
    recipe = tiny()
    run = StageRun(
        recipe, 0, recipe.stages[0], MODELS[recipe.model](**recipe.arguments), tmp_path, fast=False
    )
    settings = SampleSettings(crop=64, draft_scale=4, many_hints=True)
    batch = run.objective.stack([Samples(pictures, settings, seed=0)[0]] * 2)
    batch.color[:] = torch.nan
    with pytest.raises(FloatingPointError, match="stage draft, image 4"):
        run.step(batch, 4)


def test_damage_keeps_size_and_range(pictures: list[Picture]) -> None:
    """A damaged draft is another picture of the same size, the same for the same seed."""
    settings = SampleSettings(crop=64, draft_scale=4, many_hints=True)
    pair = MODELS["additive_unet"](width=4)
    color = stack([Samples(pictures, settings, seed=0)[0]], pair).color
    damaged = [damage(color, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert damaged[0].shape == color.shape
    assert damaged[0].abs().max() <= 1
    assert torch.equal(damaged[0], damaged[1])
    assert not torch.equal(damaged[0], damaged[2])
