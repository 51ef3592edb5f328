"""A training in the time that is left: as many images as fit, and weights however it ends."""

import io
import shutil
import statistics
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from lineart.storage import Storage
from lineart.training.device import Device
from lineart.training.loop import WEIGHTS, TrainingRun, train
from lineart.training.recipes import Recipe, TrainingStage
from lineart.training.run_log import GRIDS, SCALARS, read_scalars
from tests.drills.gpu.parts import Setting, Values
from tests.drills.gpu.samples import Factory, OutOfTimeError, PoolFeed, read_batches
from tests.drills.gpu.steps import open_learner, open_task

PACE = 0.65
"""Share of the time that steps fill if they take as long as when they were timed."""
WARM_UP, TIMED_STEPS, SMALL_TIMED_STEPS = 2, 30, 3
"""Steps that are timed to find out how many fit; the first ones do not count."""
TIMING_SHARE = 0.05
"""Share of the time after which no further step is timed."""
SHARES = {1: (1.0,), 2: (0.4, 0.6)}
"""Number of stages -> share of the time that each gets."""
SAVES, SMALL_SAVES = 4, 2
"""Checkpoints of a stage: what is lost when time runs out is at most the steps since the last."""
SAVE_S = 3.0
"""Seconds that a checkpoint takes, with its grid."""
LEAVING_S = 8.0
"""Seconds before the drill's end at which training is broken off."""

PART_BYTES = 14 * 2**20
"""Size of a file of weights: some ways back allow no file above 15 MiB."""
MAX_PARTS = 6
"""Of all, so that with results and a log there are no more than eight files."""
TAR = "run.tar"


def learn(setting: Setting, factory: Factory) -> Values:
    """Train the recipe's stages on the samples of the factory; leave weights, scalars and grids.

    Returns:
        Images and time of a step by stage, how it ended, and which files were left.
    """
    run_folder, ends_at = setting.work / "run", setting.ends_at - LEAVING_S
    shutil.rmtree(run_folder, ignore_errors=True)
    output = Storage.at(str(run_folder))
    values: Values = {}
    with leaving(run_folder, setting.out, values):
        recipe, step_ms = plan(setting, factory, ends_at)
        feed = PoolFeed(factory, ends_at)
        task = open_task(recipe)
        run = TrainingRun(
            recipe=recipe,
            training=task.open(setting.data, "train", recipe),
            validation=task.open(setting.data, "validation", recipe),
            output=output,
            device=Device.here(),
            loader=feed,
        )
        begun = time.monotonic()
        try:
            train(run)
            values["ended"] = "as planned"
        except OutOfTimeError:
            values["ended"] = "out of time; the weights are those of the last checkpoint"
        values |= {
            "seconds": time.monotonic() - begun,
            "step_ms": step_ms,
            "images_planned": [stage.images for stage in recipe.stages],
            "images_seen": feed.seen,
            "samples_made": [factory.count(number) for number in range(len(recipe.stages))],
            "scalars": {f"{s.stage}, {s.name}": s.value for s in read_scalars(output)},
        }
    return values


def plan(setting: Setting, factory: Factory, ends_at: float) -> tuple[Recipe, list[float]]:
    """Return the recipe with as many images as fit into the time, and each stage's step in ms.

    A step is timed with reading its samples, since that may be what takes longest.
    """
    stages, step_ms = [], []
    shares = SHARES[len(factory.recipe.stages)]
    for number, stage in enumerate(factory.recipe.stages):
        seconds = _time_step(setting, factory, number)
        step_ms.append(1000 * seconds)
        stages.append((stage, seconds))
    left_s = ends_at - time.monotonic() - len(stages) * SAVES * SAVE_S
    planned = [
        _fit(stage, seconds, PACE * left_s * share, is_tiny=setting.small)
        for (stage, seconds), share in zip(stages, shares, strict=True)
    ]
    return replace(factory.recipe, stages=tuple(planned)), step_ms


def _fit(stage: TrainingStage, step_s: float, seconds: float, *, is_tiny: bool) -> TrainingStage:
    """Return a stage of as many steps as fit into the time; at least one between checkpoints."""
    saves = SMALL_SAVES if is_tiny else SAVES
    steps = saves if is_tiny else max(saves, int(seconds / step_s))
    batch = stage.batch_size
    return replace(stage, images=steps * batch, save_every=steps // saves * batch)


def _time_step(setting: Setting, factory: Factory, number: int) -> float:
    """Return the median seconds of a step with the reading of its samples."""
    learner = open_learner(factory.recipe, number, Device.here())
    task, size = open_task(factory.recipe), learner.stage.batch_size
    most = SMALL_TIMED_STEPS if setting.small else TIMED_STEPS
    stops_at = time.monotonic() + TIMING_SHARE * (setting.ends_at - time.monotonic())
    seconds: list[float] = []
    with closing(read_batches(factory, number, size, setting.ends_at)) as batches:

        def step() -> None:
            learner.step([task.to_batch(next(batches), setting.device)], 0)

        while len(seconds) <= WARM_UP or (len(seconds) < most and time.monotonic() < stops_at):
            seconds.append(setting.time(step, repeats=1, warm_up=0))
    return statistics.median(seconds[WARM_UP:])


@contextmanager
def leaving(run_folder: Path, out: Path, values: Values) -> Iterator[None]:
    """Copy what a run has written to `out`, however the block ends."""
    try:
        yield
    finally:
        values["files"] = leave(run_folder, out)


def leave(run_folder: Path, out: Path) -> list[str]:
    """Put a run's weights, scalars and last grids into `out`: one tar, in parts.

    `cat run.tar.* | tar x` unpacks them. Weights that are too large for `MAX_PARTS` are left out.

    Returns:
        Names of the files; nothing where there is no checkpoint yet.
    """
    weights = sorted(run_folder.glob(f"{WEIGHTS}/*"))
    grids = sorted(run_folder.glob(f"{GRIDS}/*.png"), key=lambda path: path.stat().st_mtime)
    others = [*run_folder.glob(SCALARS), *grids[-2:]]
    size = sum(path.stat().st_size for path in weights + others)
    chosen = others if size > (MAX_PARTS - 1) * PART_BYTES else weights + others
    if not weights:
        return []
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for path in chosen:
            tar.add(path, path.relative_to(run_folder))
    data, names = sink.getbuffer(), []
    for start in range(0, len(data), PART_BYTES):
        names.append(f"{TAR}.{start // PART_BYTES:02}")
        (out / names[-1]).write_bytes(data[start : start + PART_BYTES])
    return names
