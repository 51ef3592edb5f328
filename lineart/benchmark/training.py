"""Benchmark of training steps: time per image, and fraction of it spent waiting for samples."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from lineart.benchmark.timing import Figure, summarize
from lineart.datasets.samples import NamedPicture
from lineart.models import MODELS
from lineart.sample_film import sample_film
from lineart.storage import Storage
from lineart.training.dataloader import Arrays, LocalLoader, SampleRange
from lineart.training.device import Device
from lineart.training.loop import StageRun, TrainingRun
from lineart.training.recipes import RECIPES, Recipe

CPU_BATCH = 2
"""Maximum batch on a CPU, where the papers' 64 need too much memory and gain no speed."""


@dataclass(frozen=True)
class DrawnPictures:
    """Frames of the sample film as training pictures."""

    @cached_property
    def pictures(self) -> list[NamedPicture]:
        """Frames, drawn on first access."""
        frames = sample_film(size=(640, 1138), frames_per_shot=2)
        return [NamedPicture(frame.shot, frame.color, frame.line) for frame in frames]

    @property
    def sources(self) -> list[str]:
        """Shot of each frame."""
        return [picture.name for picture in self.pictures]

    def read(self, index: int) -> NamedPicture:
        """Return the frame with this index."""
        return self.pictures[index]


def measure_training(repeats: int, recipes: dict[str, Recipe] | None = None) -> list[Figure]:
    """Time `repeats` steps of every stage of the colorizing recipes.

    Losses that need frozen feature networks are left out.

    Args:
        repeats: Number of steps after one warm-up, above 0.
        recipes: Name -> recipe; None measures the four built-in colorizing recipes.
    """
    if recipes is None:
        names = ("two_stage", "additive_unet", "small", "plain_unet")
        recipes = {name: RECIPES[name]() for name in names}
    device = Device.here()
    return [
        _measure(f"{name} {stage.name}", recipe, number, device, repeats)
        for name, recipe in recipes.items()
        for number, stage in enumerate(recipe.stages)
    ]


def _measure(case: str, recipe: Recipe, number: int, device: Device, repeats: int) -> Figure:
    on_cpu = device.device.type == "cpu"
    batch = min(recipe.stages[number].batch_size, CPU_BATCH if on_cpu else 1024)
    stages = tuple(replace(s, batch_size=batch) for s in recipe.stages)
    recipe = replace(recipe, stages=stages).without(recipe.features)
    pictures = DrawnPictures()
    loader = LocalLoader(1)
    run = TrainingRun(
        recipe=recipe,
        training=pictures,
        validation=pictures,
        output=Storage.at("unused"),
        device=device,
        loader=loader,
    )
    stage = StageRun(run, number, MODELS[recipe.model](**recipe.arguments), None, None)
    order = SampleRange(0, batch * (repeats + 1), batch)
    waits: list[float] = []
    steps = []
    for arrays in _timed(loader(stage.collator(is_training=True), order, 0), waits):
        started = time.monotonic()
        stage.trainer.step([stage.task.to_batch(arrays, device.device)], 0)
        steps.append(time.monotonic() - started)
    # Without the first step, which is the warm-up.
    times = [1000 * (w + s) / batch for w, s in zip(waits[1:], steps[1:], strict=True)]
    share = sum(waits[1:]) / sum(waits[1:] + steps[1:])
    median, spread = summarize(times)
    note = f"{1000 / median:.1f} images/s, waits {100 * share:.0f} %"
    return Figure(case, f"{device.device.type}, batch {batch}", median, spread, note=note)


def _timed(feed: Iterator[Arrays], waits: list[float]) -> Iterator[Arrays]:
    """Yield the batches and append the seconds waited for each to `waits`."""
    asked = time.monotonic()
    for arrays in feed:
        waits.append(time.monotonic() - asked)
        yield arrays
        asked = time.monotonic()
