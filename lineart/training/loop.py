"""Training loop: trains a pair stage by stage and resumes from the last checkpoint; without Ray.

To train in several processes, each process of a torch process group makes the same call.
"""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import torch

from lineart.models import MODELS, Pair, build_empty, find_not_finite, from_files, to_files
from lineart.storage import Storage
from lineart.training import checkpoint
from lineart.training.checkpoint import Checkpoint, CheckpointId
from lineart.training.dataloader import Collator, Loader, SampleRange
from lineart.training.device import Device
from lineart.training.matching import MatchingTraining
from lineart.training.objective import Features
from lineart.training.preview import ValidationPreview
from lineart.training.recipes import Recipe, TrainingStage
from lineart.training.run_log import VALIDATION, RunLog
from lineart.training.stage_trainer import StageTrainer
from lineart.training.tasks import TASKS

logger = logging.getLogger(__name__)

REPORTS_PER_SAVE = 5
WEIGHTS = "weights"

OnSave = Callable[[CheckpointId, Mapping[str, float]], None]
"""Called by every process at each checkpoint; rank 0 has written it and passes its scalars."""


def ignore_save(place: CheckpointId, scalars: Mapping[str, float]) -> None:
    """Do nothing; the default `OnSave`."""
    del place, scalars


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """Opened inputs and settings of a training, for one process."""

    recipe: Recipe
    training: Any
    validation: Any
    """Pictures opened by the `TrainingTask` of the recipe's pair, as are those of `training`."""
    output: Storage
    device: Device
    loader: Loader
    features: Features = field(default_factory=dict)
    """Frozen feature networks of the losses."""
    start: Mapping[str, bytes] | None = None
    """Files of the weights that the training starts from; None: random ones."""
    accumulate: int = 1
    """Number of batches whose gradients are summed before a step; those of all workers together
    have the recipe's batch size."""
    on_save: OnSave = ignore_save


def train(run: TrainingRun) -> Pair:
    """Train a pair; write checkpoints, weights, scalars and grids to the run's folder.

    Returns:
        The pair with the averaged (EMA) generators, on the CPU.

    Raises:
        ValueError: the folder holds another run, or a batch cannot be divided by the workers.
        FloatingPointError: a loss or gradient, or the state to save, is not finite. Weights and the
            last checkpoint are from before.
    """
    recipe = run.recipe
    check_batches(recipe, run.device.world, run.accumulate)
    torch.manual_seed(recipe.seed)
    if run.start is None:
        pair = MODELS[recipe.model](**recipe.arguments)
    else:
        pair = open_start(run.start, recipe)
    found = checkpoint.read(run.output, recipe)
    if found:
        for name, generator in pair.generators.items():
            checkpoint.load_module(generator, found, name)
    start = found.place if found else None
    log = RunLog(run.output, recipe, start) if run.device.is_first else None
    with closing(log) if log else nullcontext():
        for number in range(start.stage if start else 0, len(recipe.stages)):
            StageRun(run, number, pair, log, found).run()
    return pair


def check_batches(recipe: Recipe, workers: int, accumulate: int) -> None:
    """Raise if a stage's batches cannot be divided among workers and accumulated batches.

    Raises:
        ValueError: a batch size is no multiple of `workers * accumulate`, or one of them is below
            1, or a stage has less images than a batch.
    """
    for stage in recipe.stages:
        if stage.batch_size > stage.images:
            raise ValueError(
                f"the stage {stage.name} has {stage.images} images, less than a batch of "
                f"{stage.batch_size}; give a --batch-size of {stage.images} or less, and no more "
                "--ray-workers than that"
            )
        if min(workers, accumulate) < 1 or stage.batch_size % (workers * accumulate):
            raise ValueError(
                f"batches of {stage.batch_size} images cannot be divided by {workers} workers "
                f"times {accumulate} accumulated batches; give a --batch-size that can"
            )


def open_start(files: Mapping[str, bytes], recipe: Recipe) -> Pair:
    """Return the pair of weights from which a training can start.

    Raises:
        ValueError: they are of another model or size, or broken.
    """
    pair = from_files(files)
    wanted = build_empty(recipe.model, recipe.arguments)
    if (pair.model, pair.arguments) != (wanted.model, wanted.arguments):
        raise ValueError(
            f"the weights to start from are of {pair.model} {pair.arguments}, the recipe's model "
            f"is {wanted.model} {wanted.arguments}; without --tiny it has its full size"
        )
    return pair


class StageRun:
    """Training of one stage, from its start or a checkpoint, with its files and log."""

    def __init__(
        self,
        run: TrainingRun,
        number: int,
        pair: Pair,
        log: RunLog | None,
        found: Checkpoint | None,
    ) -> None:
        self.settings, self.number, self.pair, self.log = run, number, pair, log
        self.stage: TrainingStage = run.recipe.stages[number]
        self.task = TASKS[type(pair.task)]
        self.trainer = StageTrainer(run.recipe, number, pair, run.device, run.features)
        self.seen = 0
        if found and found.place.stage == number:
            self.trainer.restore(found)
            self.seen = found.place.images
        self.begun, self.started, self.waited = self.seen, time.monotonic(), 0.0
        self.sums: Counter[str] = Counter()
        self.steps = 0
        self.saved: CheckpointId | None = None

    def run(self) -> None:
        """Train on the remaining images, then store the averaged generators in the pair."""
        run, stage, batch_size = self.settings, self.stage, self.stage.batch_size
        device, preview = run.device, None
        # Samples.
        if device.is_first:
            self.announce()
            validation = self.collator(is_training=False)
            preview = ValidationPreview(self.task, validation, self.trainer.objective, device)
        share = batch_size // (device.world * run.accumulate)
        order = SampleRange(self.seen, stage.images, share, device.world)
        loaded = run.loader(self.collator(is_training=True), order, device.rank)
        while self.seen + batch_size <= stage.images:
            # Batches.
            asked = time.monotonic()
            arrays = [next(loaded) for _ in range(run.accumulate)]
            self.waited += time.monotonic() - asked
            batches = [self.task.to_batch(part, device.device) for part in arrays]
            # Optimizer step.
            try:
                self.sums.update(self.trainer.step(batches, self.seen))
            except FloatingPointError:
                if self.log:
                    self.log.write()
                raise
            self.steps += 1
            self.seen += batch_size
            # Log and checkpoint.
            is_last = self.seen + batch_size > stage.images
            if is_last or self.is_time(stage.save_every // REPORTS_PER_SAVE):
                self.report()
            if is_last or self.is_time(stage.save_every):
                self.save(preview)
        # Result.
        self.trainer.share_averages()
        for name, average in self.trainer.averages.items():
            self.pair.generators[name] = average.cpu()

    def announce(self) -> None:
        """Log how the stage is trained."""
        run, stage = self.settings, self.stage
        logger.info(
            "%s: %d images in batches of %d, %d on each of %d workers, at a learning rate of up to "
            "%g: %d steps, of which %d are done",
            *(stage.name, stage.images, stage.batch_size),
            *(stage.batch_size // run.device.world, run.device.world, stage.learning_rate),
            *(stage.images // stage.batch_size, self.seen // stage.batch_size),
        )

    def collator(self, *, is_training: bool) -> Collator:
        """Build the collator of the stage's training or validation samples."""
        run = self.settings
        pictures = run.training if is_training else run.validation
        return self.task.collator(
            pictures, run.recipe, self.number, self.pair, is_training=is_training
        )

    def is_time(self, every: int) -> bool:
        """Return whether the last step passed a multiple of `every` images."""
        return self.seen % max(every, 1) < self.stage.batch_size

    def report(self) -> None:
        """Record and log mean losses since the last report, learning rate, speed and waiting."""
        seconds = time.monotonic() - self.started
        speed, waited = (self.seen - self.begun) / seconds, self.waited / seconds
        losses = {name: value / self.steps for name, value in self.sums.items()}
        self.sums, self.steps = Counter(), 0
        if not self.log:
            return
        values = {f"loss/{name}": value for name, value in losses.items()}
        values["learning_rate"] = self.trainer.rate(self.seen)
        values |= {"images_per_second": speed, "wait_share": waited}
        self.log.add(self.stage.name, self.seen, values)
        logger.info(
            "%s: %d of %d images, %.1f images/s, waits for data %.1f %% of the time, %s left, %s",
            *(self.stage.name, self.seen, self.stage.images, speed, 100 * waited),
            timedelta(seconds=int((self.stage.images - self.seen) / speed)),
            ", ".join(f"{name} {value:.4f}" for name, value in losses.items()),
        )

    def save(self, preview: ValidationPreview | None) -> None:
        """Write checkpoint, weights, scalars and a grid, in rank 0; then call `on_save`.

        Raises:
            FloatingPointError: in all processes: the state, its result in validation or a weight as
                it is stored is not finite; scalars alone are written.
        """
        place = CheckpointId(self.number, self.seen)
        if place == self.saved:
            return
        self.saved = place
        scalars: dict[str, float] = {}
        wrong = ""
        if preview and self.log:
            try:
                scalars = self.write(place, preview, self.log)
            except FloatingPointError as error:
                wrong = str(error)
                self.log.write()
        if wrong := self.settings.device.tell_all(wrong):
            raise FloatingPointError(
                f"stage {self.stage.name}, after {self.seen} images: not finite: {wrong}"
            )
        self.settings.on_save(place, scalars)

    def write(
        self, place: CheckpointId, preview: ValidationPreview, log: RunLog
    ) -> dict[str, float]:
        """Write the files of a checkpoint; return its scalars.

        Raises:
            FloatingPointError: see `save`; nothing is written.
        """
        stage, output = self.stage.name, self.settings.output
        # Checks.
        for name, average in self.trainer.averages.items():
            if wrong := find_not_finite(average.state_dict()):
                raise FloatingPointError(f"{wrong} of the weights {name}")
        result = preview.run(self.trainer.averages)
        if not math.isfinite(result.distance):
            raise FloatingPointError(f"{VALIDATION} is {result.distance}")
        averages = {**self.pair.generators, **self.trainer.averages}
        pair = replace(self.pair, generators=averages)
        if isinstance(self.task, MatchingTraining):
            pair = self.task.calibrate(pair, self.settings.validation)
        weights = to_files(pair, half=True)
        state = Checkpoint(place, self.trainer.tensors(self.pair))
        if wrong := find_not_finite(state.tensors):
            raise FloatingPointError(wrong)
        # Scalars and grid.
        scalars = {VALIDATION: result.distance}
        log.add(stage, self.seen, scalars)
        log.add_grid(stage, self.seen, result.grid, result.columns)
        log.write()
        logger.info("%s: %d images, validation l1 %.4f", stage, self.seen, result.distance)
        # Weights and checkpoint.
        for name, data in weights.items():
            output.write(f"{WEIGHTS}/{name}", data)
        checkpoint.write(output, self.settings.recipe, state, log.best())
        return scalars
