import csv
import io
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from lineart.codec import decode_color
from lineart.models import MODELS, Colorization, from_files, to_files
from lineart.training import checkpoint
from lineart.training.checkpoint import Checkpoint, CheckpointId
from lineart.training.dataloader import LocalLoader
from lineart.training.loop import StageRun, check_batches, train
from lineart.training.preview import ValidationPreview
from lineart.training.recipes import RECIPES, Recipe, tiny
from lineart.training.run_log import SCALARS, RunLog, read_scalars
from lineart.training.stage_trainer import StageTrainer
from lineart.training.tasks import TASKS


def assert_equal_state(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Compare all bits."""
    assert one.keys() == other.keys()
    for key, tensor in one.items():
        assert torch.equal(tensor, other[key]), key


@pytest.mark.parametrize("name", ["two_stage", "small", "line_drawing", "ugatit_light"])
def test_training_leaves_weights(name: str, start_run: Any) -> None:
    """The run's weights are the averaged generators that `train` returns, in half precision."""
    run = start_run(tiny(RECIPES[name]()))
    pair = train(run)
    there = run.output.child("weights")
    stored = from_files({entry.path: there.read(entry.path) for entry in there.entries()})
    for generator_name, generator in pair.generators.items():
        for key, tensor in generator.state_dict().items():
            again = stored.generators[generator_name].state_dict()[key]
            torch.testing.assert_close(again, tensor, atol=1e-3, rtol=1e-3)


def test_a_training_starts_from_weights(start_run: Any) -> None:
    """Without a learning rate the weights stay; with one, they change."""
    recipe = tiny(RECIPES["fine_tune"]())
    torch.manual_seed(9)
    start = to_files(MODELS[recipe.model](**recipe.arguments))
    stages = tuple(replace(stage, learning_rate=0.0) for stage in recipe.stages)
    pair = train(start_run(replace(recipe, stages=stages), start=start))
    for name, parameter in pair.generators["color"].named_parameters():
        torch.testing.assert_close(
            parameter, from_files(start).generators["color"].get_parameter(name)
        )
    learned = train(start_run(recipe, "learns", start=start))
    assert any(
        not torch.equal(one, other)
        for one, other in zip(
            learned.generators["color"].parameters(),
            pair.generators["color"].parameters(),
            strict=True,
        )
    )


def test_weights_of_another_model_are_no_start(start_run: Any) -> None:
    """Both models are named; nothing is trained."""
    recipe = tiny(RECIPES["fine_tune"]())
    with pytest.raises(
        ValueError, match=r"are of additive_unet .* the recipe's model is hint_unet"
    ):
        train(start_run(recipe, start=to_files(MODELS["additive_unet"](width=4, color_width=4))))


class KilledError(Exception):
    """Stands for a kill."""


def train_until(run: Any, last_step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train and die in the middle of a step."""
    step, calls = StageTrainer.step, 0

    def step_or_die(self: StageTrainer, *arguments: Any) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls > last_step:
            raise KilledError
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(StageTrainer, "step", step_or_die)
        with pytest.raises(KilledError):
            train(run)


@pytest.mark.parametrize(
    ("name", "steps", "processes"),
    [
        ("two_stage", 1, 0),
        ("two_stage", 2, 0),
        ("two_stage", 3, 0),
        ("two_stage", 3, 1),
        ("line_drawing", 1, 0),
        ("ugatit_light", 1, 0),
    ],
)
def test_resumed_equals_uninterrupted(
    name: str, steps: int, processes: int, start_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with an adversary, killed in either stage and started again, ends with the same bits.

    Networks, heads, discriminators, optimizers, averages: all of each stage's last checkpoint.
    """
    recipe = tiny(RECIPES[name]())
    whole, cut = (
        replace(start_run(recipe, name), loader=LocalLoader(processes)) for name in ("whole", "cut")
    )
    train(whole)
    train_until(cut, steps, monkeypatch)
    train(cut)
    for place in (CheckpointId(number, 8) for number in range(len(recipe.stages))):
        states = [checkpoint.read_at(run.output, place).tensors for run in (whole, cut)]
        assert_equal_state(*states)
    rows = [run.output.read(SCALARS).decode() for run in (whole, cut)]
    kept = [
        [
            row
            for row in csv.reader(io.StringIO(text))
            if row[2] not in {"images_per_second", "wait_share"}
        ]
        for text in rows
    ]
    assert kept[0] == kept[1]


def test_a_finished_run_does_nothing(start_run: Any) -> None:
    """The same command after the end leaves weights, checkpoints, grids and scalars as they are."""
    run = start_run(tiny(RECIPES["small"]()))
    train(run)

    def look() -> dict[str, bytes]:
        paths = [entry.path for entry in run.output.entries()]
        return {p: run.output.read(p) for p in paths if not p.startswith("tensorboard/")}

    before = look()
    train(run)
    assert before == look()


def test_accumulated_batches_are_one_batch(start_run: Any) -> None:
    """Two halves give the loss and the gradients of the whole, where nothing is normalized."""
    recipe = tiny(RECIPES["two_stage"]())
    recipe = recipe.without({"adversarial", "content"})
    run = start_run(replace(recipe, stages=recipe.stages[:1]))
    stage_run = StageRun(run, 0, build(run.recipe), None, None)
    collator, trainer = stage_run.collator(is_training=True), stage_run.trainer
    values, gradients = [], []
    for parts in ([range(4)], [range(2), range(2, 4)]):
        batches = [
            TASKS[Colorization].to_batch(collator(part), run.device.device) for part in parts
        ]
        given = [trainer.add_gradients(batch, len(batches)) for batch in batches]
        values.append(sum(part["l1"] for part in given))
        gradients.append([p.grad.clone() for p in trainer.parameters("generators")])
        trainer.optimizers["generators"].zero_grad()
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-6)


def test_averages_follow_the_networks(start_run: Any) -> None:
    """After one step from 0 to 1 an average is 1 - decay; early steps have a smaller decay."""
    run = start_run(tiny(RECIPES["two_stage"]()))
    trainer = StageRun(run, 0, build(run.recipe), None, None).trainer
    for step, share in ((0, 0.9), (10**6, 1 - run.recipe.ema_decay)):
        for tensor in trainer.averages["draft"].parameters():
            tensor.zero_()
        with torch.no_grad():
            for parameter in trainer.parameters("generators"):
                parameter.fill_(1)
        trainer.update_averages(step)
        for tensor in trainer.averages["draft"].parameters():
            torch.testing.assert_close(tensor, torch.full_like(tensor, share))


def test_the_rate_warms_up_and_falls_along_a_cosine(start_run: Any) -> None:
    """Half of it at half of the warm-up, half and a hundredth in the middle, a fiftieth at last."""
    recipe = replace(RECIPES["small"](), arguments={"width": 4, "color_width": 4})
    trainer = StageRun(start_run(recipe), 0, build(recipe), None, None).trainer
    stage = recipe.stages[0]
    top, middle, last = stage.learning_rate, stage.images // 2, stage.images
    assert trainer.rate(recipe.warmup_images // 2 - stage.batch_size) == pytest.approx(
        top / 2, rel=0.01
    )
    assert trainer.rate(middle) == pytest.approx(0.51 * top)
    assert trainer.rate(last) == pytest.approx(0.02 * top)


def test_a_batch_that_cannot_be_divided_is_refused(start_run: Any) -> None:
    """Four images do not make three batches."""
    with pytest.raises(ValueError, match="batches of 4 images cannot be divided"):
        train(start_run(tiny(RECIPES["small"]()), accumulate=3))


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("workers", [1, 2, 3, 4, 8])
def test_workers_share_the_batches_of_every_recipe(name: str, workers: int) -> None:
    """Each worker has an image at least; a batch that can be divided stays the recipe's."""
    recipe = RECIPES[name]()
    divided = recipe.divide_batches(workers)
    check_batches(divided, workers, 1)
    for stage, own in zip(divided.stages, recipe.stages, strict=True):
        assert own.batch_size <= stage.batch_size < own.batch_size + workers
        assert replace(stage, batch_size=own.batch_size) == own
    assert {stage.batch_size for stage in recipe.divide_batches(1, 24).stages} == {24}


def test_another_recipe_does_not_continue_a_run(start_run: Any) -> None:
    """A run folder belongs to one recipe."""
    recipe = tiny(RECIPES["small"]())
    train(start_run(recipe))
    with pytest.raises(
        ValueError, match=r"another recipe: recipe.seed is 0 there, 5 here; give an"
    ):
        train(start_run(replace(recipe, seed=5)))
    stages = (recipe.stages[0], replace(recipe.stages[1], learning_rate=0.5))
    with pytest.raises(ValueError, match=r"recipe.stages.1.learning_rate is 0.002 there, 0.5 here"):
        train(start_run(replace(recipe, stages=stages)))


def test_a_run_of_other_layers_is_not_continued(
    start_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that was changed by hand has no use for the checkpoint: one sentence says so."""
    recipe = tiny(RECIPES["small"]())
    train(start_run(recipe))
    build = MODELS[recipe.model]
    wider = {name: 2 * value for name, value in recipe.arguments.items()}
    monkeypatch.setitem(MODELS, recipe.model, lambda **_: build(**wider))
    with pytest.raises(ValueError, match=r"does not fit draft, whose layers have changed since; g"):
        train(start_run(recipe))


def test_the_last_checkpoints_and_the_best_are_kept(
    start_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many checkpoints three remain, and the best of validation besides."""
    look, distances = ValidationPreview.run, iter((3.0, 1.0, *[2.0] * 8))

    def look_and_say(self: ValidationPreview, generators: Any) -> Any:
        return look(self, generators)._replace(distance=next(distances))

    monkeypatch.setattr(ValidationPreview, "run", look_and_say)
    recipe = tiny(RECIPES["small"]())
    run = start_run(replace(recipe, stages=(replace(recipe.stages[0], images=40),)))
    train(run)
    assert {place.images for place in checkpoint.places(run.output)} == {8, 32, 36, 40}


def test_scalars_and_grids_are_left(start_run: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Every term, the rate, the speed and the waiting are recorded; grids are pictures.

    Batches, workers and rate are said before each stage.
    """
    caplog.set_level("INFO", "lineart.training.loop")
    run = start_run(tiny(RECIPES["two_stage"]()))
    train(run)
    said = "8 images in batches of 4, 4 on each of 1 workers, at a learning rate of up to 0.0001"
    assert [f"{stage}: {said}" in caplog.text for stage in ("draft", "color")] == [True, True]
    names = {(row.stage, row.name) for row in read_scalars(run.output)}
    terms = {"l1", "adversarial", "content", "judge"}
    assert {("draft", f"loss/{term}") for term in terms} < names
    assert {("color", "loss/l1"), ("color", "wait_share"), ("color", "learning_rate")} < names
    grids = sorted(entry.path for entry in run.output.entries("grids"))
    assert len(grids) == 4
    draft, color = (decode_color(run.output.read(path)) for path in (grids[2], grids[0]))
    assert draft.shape == (6 * 264, 4 * 264, 3)
    assert color.shape == (6 * 264, 5 * 264, 3)
    assert any(entry.path.startswith("tensorboard/") for entry in run.output.entries())


def test_a_loss_that_is_not_a_number_stops_the_run(
    start_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names step and term; the last checkpoint is from before the bad step."""
    recipe = tiny(RECIPES["small"]())
    run = start_run(recipe)
    train_until(start_run(recipe, "good"), 1, monkeypatch)
    from lineart.training.objectives import colorization as objectives

    l2 = objectives.l2
    calls = 0

    def poisoned(fake: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return l2(fake, real) * (torch.nan if calls > 1 else 1)

    monkeypatch.setattr(objectives, "l2", poisoned)
    with pytest.raises(FloatingPointError, match=r"stage draft, step 1 \(image 4\).*l2 is nan"):
        train(run)
    found, good = (checkpoint.read(r.output, recipe) for r in (run, start_run(recipe, "good")))
    assert found
    assert good
    assert found.place == good.place == CheckpointId(0, 4)
    assert_equal_state(dict(found.tensors), dict(good.tensors))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.nan, "after 8 images: not finite: .* of the weights draft"),
        (1e5, "not finite: .* of the 16-bit weights draft"),
        (None, "not finite: validation/l1 is nan"),
    ],
)
def test_a_broken_state_replaces_no_good_one(
    value: float | None, message: str, start_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights and checkpoint stay those of before, from which the same call goes on."""
    run = start_run(tiny(RECIPES["small"]()))
    update, look = StageTrainer.update_averages, ValidationPreview.run

    def update_or_break(self: StageTrainer, step: int) -> None:
        update(self, step)
        if step == 1 and value is not None:
            next(self.averages["draft"].parameters()).fill_(value)

    def look_or_break(self: ValidationPreview, generators: Any) -> Any:
        result, is_broken = look(self, generators), bool(checkpoint.places(run.output))
        return result._replace(distance=torch.nan) if is_broken and value is None else result

    def weights() -> dict[str, bytes]:
        return {e.path: run.output.read(e.path) for e in run.output.entries("weights")}

    train_until(run, 1, monkeypatch)
    before = weights()
    with monkeypatch.context() as patch:
        patch.setattr(StageTrainer, "update_averages", update_or_break)
        patch.setattr(ValidationPreview, "run", look_or_break)
        for _ in range(2):
            with pytest.raises(FloatingPointError, match=message):
                train(run)
    assert checkpoint.places(run.output) == [CheckpointId(0, 4)]
    assert before == weights()
    train(run)
    rows = [row[:3] for row in read_scalars(run.output)]
    assert len(rows) == len(set(rows))


def test_a_stored_state_that_is_not_finite_is_passed_over(start_run: Any) -> None:
    """A run of before goes on from its last good checkpoint; later ones are deleted."""
    run = start_run(tiny(RECIPES["small"]()))
    train(run)
    *_, good, last = checkpoint.places(run.output)
    tensors = dict(checkpoint.read_at(run.output, last).tensors)
    tensors["draft.broken"] = torch.tensor([torch.inf])
    checkpoint.write(run.output, run.recipe, Checkpoint(last, tensors), [good])
    found = checkpoint.read(run.output, run.recipe)
    assert found
    assert found.place == good
    checkpoint.write(run.output, run.recipe, found)
    assert checkpoint.places(run.output)[-1] == good


def test_the_best_is_a_number(start_run: Any) -> None:
    """A validation that is not a number is not the lowest."""
    run = start_run(tiny(RECIPES["small"]()))
    with closing(RunLog(run.output, run.recipe, None)) as log:
        for images, value in ((4, torch.nan), (8, 0.5), (12, 0.4)):
            log.add("draft", images, {"validation/l1": value})
        assert log.best() == [CheckpointId(0, 12)]


def test_a_gradient_that_is_not_finite_stops_the_run(
    start_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finite loss with an infinite gradient is named, too."""
    from lineart.training.objectives import colorization as objectives

    def steep(fake: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        return (fake - fake.detach() + real * 0).sqrt().sum()

    monkeypatch.setattr(objectives, "l1", steep)
    with pytest.raises(FloatingPointError, match="the gradient of l1"):
        train(start_run(tiny(RECIPES["small"]())))


class Plain(nn.Module):
    """Stands for a generator: compilers stumble over the checks of annotations in tests."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Conv2d(1 + 4, 3, 3, padding=1)

    def forward(self, line: torch.Tensor, color: torch.Tensor) -> torch.Tensor:
        """Colour a drawing."""
        return self.out(torch.cat((line, color), dim=1)).tanh()


def test_compiled_networks_learn_and_stop_alike(
    start_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled, a network learns, and a term that is not finite is named, too."""
    # This compiler makes no machine code: seconds instead of minutes.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    recipe = tiny(RECIPES["two_stage"]())
    recipe = recipe.without({"content", "adversarial"})
    pair = replace(build(recipe), generators={"draft": Plain(), "color": Plain()})
    run = start_run(recipe)
    run = replace(run, device=replace(run.device, compiled=True))
    stage = StageRun(run, 0, pair, None, None)
    batch = TASKS[Colorization].to_batch(
        stage.collator(is_training=True)(range(4)), run.device.device
    )
    first, second = (stage.trainer.step([batch], 0)["l1"] for _ in range(2))
    assert first != second
    batch.color[:] = torch.nan
    with pytest.raises(FloatingPointError, match="l1 is nan"):
        stage.trainer.step([batch], 0)


@pytest.mark.parametrize(
    ("seen", "share"), [(0, 1.0), (112_000 * 64 - 64, 1.0), (112_000 * 64, 0.1)]
)
def test_the_rate_drops_where_paper_001_says(seen: int, share: float, cpu: Any) -> None:
    """1e-4, a tenth of it from step 112,000 on; counted in images, whoever trains."""
    recipe = replace(RECIPES["two_stage"](), arguments={"width": 4, "blocks": 1})
    recipe = recipe.without({"adversarial", "content"})
    trainer = StageTrainer(recipe, 0, build(recipe), cpu, {})
    assert trainer.rate(seen) == pytest.approx(1e-4 * share)


def build(recipe: Recipe) -> Any:
    """Build a recipe's networks."""
    from lineart.models import MODELS

    return MODELS[recipe.model](**recipe.arguments)
