"""Train a pair, stage by stage, in one process; the same call again continues."""

import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import cv2
import torch
from torch.utils.data import DataLoader

from lineart.datasets.samples import Picture, Samples, SampleSettings
from lineart.models import MODELS, Pair, to_files
from lineart.training import checkpoint
from lineart.training.objectives import OBJECTIVES, Batch, ColorObjective, DraftObjective
from lineart.training.recipes import Recipe, Stage

log = logging.getLogger(__name__)

REPORT_IMAGES = 400
SAVE_SECONDS = 300.0


def train(
    recipe: Recipe,
    pictures: Sequence[Picture],
    output: Path,
    *,
    workers: int = 1,
    fast: bool = True,
) -> Pair:
    """Train a pair and leave checkpoint, weights and log in `output`.

    Args:
        recipe: What to do.
        pictures: What to learn from.
        output: The run's folder; a run found there is continued.
        workers: Processes that make samples; 0 makes them here.
        fast: Compile the networks and compute in bfloat16 where the recipe's device has it.

    Returns:
        The averaged (EMA) generators.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2), encoding="utf-8")
    torch.manual_seed(recipe.seed)
    pair = MODELS[recipe.model](**recipe.arguments)
    found = checkpoint.read(output, recipe)
    first, seen = found[0] if found else (0, 0)
    for number, stage in enumerate(recipe.stages):
        run = StageRun(recipe, number, stage, pair, output, fast=fast)
        if found and number <= first:
            run.restore(found[1], is_current=number == first)
        if number >= first:
            run.run(pictures, seen if number == first else 0, workers)
        # The next stages work with the averaged generator.
        pair.generators[stage.generator] = run.average
    return pair


class StageRun:
    """One stage while it runs: the network, its running average, its optimizer."""

    def __init__(
        self, recipe: Recipe, number: int, stage: Stage, pair: Pair, output: Path, *, fast: bool
    ) -> None:
        self.recipe, self.number, self.stage, self.pair = recipe, number, stage, pair
        self.output, self.fast = output, fast
        self.generator = deepcopy(pair.generators[stage.generator]).train().requires_grad_(True)
        self.generator.to(memory_format=torch.channels_last)
        self.average = deepcopy(self.generator).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.generator.parameters(), betas=recipe.betas, weight_decay=recipe.weight_decay
        )
        compiled = torch.compile(self.generator) if fast else self.generator
        objective = OBJECTIVES[stage.generator]
        self.objective: DraftObjective | ColorObjective = objective(pair, compiled, recipe, stage)

    def run(self, pictures: Sequence[Picture], seen: int, workers: int) -> None:
        """Run until the stage's images are seen."""
        started = saved = time.monotonic()
        begun = seen
        waited = 0.0
        for batch, waiting in self.batches(pictures, seen, workers):
            loss = self.step(batch, seen)
            seen += self.stage.batch_size
            waited += waiting
            if seen % REPORT_IMAGES < self.stage.batch_size:
                seconds = time.monotonic() - started
                self.report(seen, loss, (seen - begun) / seconds, waited / seconds)
            if time.monotonic() - saved > SAVE_SECONDS:
                self.save(seen)
                saved = time.monotonic()
        self.save(seen)

    def batches(
        self, pictures: Sequence[Picture], seen: int, workers: int
    ) -> Iterator[tuple[Batch, float]]:
        """Give the stage's batches from the `seen`-th image on, and the seconds waited for each."""
        if workers:
            # OpenCV's own threads do not survive the fork of the sample workers.
            cv2.setNumThreads(0)
        settings = SampleSettings(
            crop=self.stage.crop,
            draft_scale=self.pair.draft_scale,
            many_hints=self.stage.generator == "color",
        )
        # The loader needs only numbered samples, but its annotation asks for torch's own class.
        loader: DataLoader[Batch] = DataLoader(
            Samples(pictures, settings, self.recipe.seed + self.number),  # type: ignore[arg-type]
            batch_size=self.stage.batch_size,
            sampler=range(seen, self.stage.images),
            num_workers=workers,
            collate_fn=self.objective.stack,
            drop_last=True,
            prefetch_factor=4 if workers else None,
        )
        asked = time.monotonic()
        for batch in loader:
            yield batch, time.monotonic() - asked
            asked = time.monotonic()

    def step(self, batch: Batch, seen: int) -> float:
        """Learn from one batch."""
        self.set_learning_rate(seen)
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.fast):
            terms = self.objective(batch, seen)
        loss = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"stage {self.stage.name}, image {seen}: loss terms {terms}")
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without annotations
        self.optimizer.step()
        self.update_average(seen // self.stage.batch_size)
        return float(loss.detach())

    def set_learning_rate(self, seen: int) -> None:
        """Set the rate from the images seen alone, so that it is right after a resume."""
        warm = min(1.0, (seen + self.stage.batch_size) / self.recipe.warmup_images)
        cosine = 0.51 + 0.49 * math.cos(math.pi * seen / self.stage.images)
        for settings in self.optimizer.param_groups:
            settings["lr"] = self.stage.learning_rate * warm * cosine

    @torch.no_grad()
    def update_average(self, step: int) -> None:
        """Move the average towards the network; early steps count more."""
        decay = min(self.recipe.ema_decay, (1 + step) / (10 + step))
        current = self.generator.state_dict()
        for name, tensor in self.average.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(current[name], 1 - decay)
            else:
                tensor.copy_(current[name])

    def report(self, seen: int, loss: float, speed: float, waiting: float) -> None:
        """Tell and keep how the stage goes."""
        line = (self.stage.name, seen, round(loss, 5), round(speed, 2), round(waiting, 3))
        log.info(
            "%s: %d images, loss %.4f, %.1f images/s, waited %.1f %%", *line[:4], 100 * waiting
        )
        with (self.output / "log.csv").open("a", encoding="utf-8") as file:
            print(*line, sep=",", file=file)

    def save(self, seen: int) -> None:
        """Write the checkpoint and the weights as they stand."""
        averages = {**self.pair.generators, self.stage.generator: self.average}
        modules = {**averages, "live": self.generator}
        checkpoint.write(self.output, self.recipe, (self.number, seen), modules, self.optimizer)
        weights = self.output / "weights"
        weights.mkdir(exist_ok=True)
        pair = Pair(**{**vars(self.pair), "generators": averages})
        for name, data in to_files(pair, half=True).items():
            (weights / name).write_bytes(data)

    def restore(self, tensors: dict[str, torch.Tensor], *, is_current: bool) -> None:
        """Continue from a checkpoint."""
        checkpoint.restore_module(self.average, tensors, self.stage.generator)
        if is_current:
            checkpoint.restore_module(self.generator, tensors, "live")
            checkpoint.restore_optimizer(self.optimizer, tensors)
