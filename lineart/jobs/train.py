"""Command that trains a pair of generators; run again, it continues from the last checkpoint.

lineart train --recipe small --data shards --output runs/small
lineart train --recipe two_stage --data s3://bucket/data --output s3://bucket/run \
    --ray-workers 4
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from lineart.jobs.command import BrokenOffError, DryRun, parse, run_command, say
from lineart.training.recipes import FINE_TUNE, RECIPES, Recipe, tiny

if TYPE_CHECKING:
    from lineart.storage import Storage
    from lineart.training.job import TrainingJob

TRACEBACK = "traceback.txt"
"""File of the run folder with the lines of code at which the training last failed."""


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a pair of generators."""

    recipe: str
    """Name of a recipe, such as small or two_stage; an unknown name lists all of them."""
    data: str
    """Shards written by lineart prepare_data: a folder or s3://bucket/prefix."""
    output: str
    """Run folder or s3:// address for checkpoints, weights, scalars, grids and report.html."""
    start: str | None = None
    """Weights that the training starts from, such as default: a name or an address, as --weights of
    the other commands; default: random ones. A run folder belongs to one start."""
    ray_workers: int = 0
    """Number of training processes on Ray, one GPU each if there are GPUs; 0: train in this process
    without Ray."""
    batch_size: int | None = None
    """Images per optimizer step, over all training processes. Default: the recipe's, raised to the
    next multiple of --ray-workers; the learning rate stays the recipe's."""
    num_workers: int | None = None
    """Without Ray: number of processes that prepare samples; 0: this process. Default: one for each
    core beside a GPU, else one."""
    compile: bool = False
    """Compile the networks with torch.compile: takes minutes at the start, then is much faster."""
    accumulate: int = 1
    """Number of parts of a batch whose gradients are summed before a step, if a whole batch does
    not fit on the GPU."""
    feature_weights: dict[str, str] = field(default_factory=dict)
    """Loss term, and file, s3:// address or open_clip tag of the weights of its frozen feature
    network; default: files in torchvision's cache."""
    features: dict[str, str] = field(default_factory=dict)
    """Loss term, and name of its frozen feature network, in place of the recipe's."""
    disable_loss: tuple[str, ...] = ()
    """Loss terms to leave out."""
    tiny: bool = False
    """Use the recipe's small version for testing: tiny networks, eight images per stage."""
    dry_run: DryRun = False


def main(flags: Train) -> int:
    """Run the command and return its exit status."""
    return run_command(
        "train",
        flags,
        train_pair,
        if_stopped="stopped; the same command goes on from the last checkpoint",
        configuration=lambda flags: {"flags": asdict(flags), "recipe": asdict(read_recipe(flags))},
    )


def train_pair(flags: Train) -> dict[str, Any]:
    """Train, write run.json, sheets and the page; return where the weights are, and the seconds."""
    from lineart.runtime.cluster import start_ray
    from lineart.storage import describe_error, is_full
    from lineart.training.checkpoint import check_data, check_features
    from lineart.training.job import worker_resources

    job = open_job(flags)
    before = read_seconds(job.output)
    check_data(job.output, job.data)
    check_features(job.output, job.describe_features())
    share = worker_resources(flags.ray_workers, start_ray()) if flags.ray_workers else {}
    started = time.monotonic()
    try:
        run(job, flags, share)
    except FloatingPointError as error:
        raise BrokenOffError(f"{error}; {_advise(job.output)}") from error
    except OSError as error:
        advice = "; free some space, and the same command goes on" if is_full(error) else ""
        raise BrokenOffError(f"{describe_error(error)}{advice}") from error
    except (RuntimeError, ValueError) as error:
        job.output.write(TRACEBACK, "".join(traceback.format_exception(error)).encode())
        raise BrokenOffError(f"{error}; {job.output.uri}/{TRACEBACK} says where") from error
    finally:
        record = write_run(job, flags, before + time.monotonic() - started)
        write_progress(job.output, record)
        job.output.sweep()
    return {"weights": job.output.child("weights").uri, "seconds": round(record["seconds"], 1)}


def _advise(output: Storage) -> str:
    """Return what to do after a number that is not finite."""
    from lineart.training.checkpoint import places

    if not places(output):
        return "there is no checkpoint yet; train with a lower learning rate in the recipe"
    return (
        "the same command goes on from the last good checkpoint; if it stops again, train with a "
        f"lower learning rate in the recipe, another --output and --start {output.uri}/weights"
    )


def read_recipe(flags: Train) -> Recipe:
    """Build the recipe from the flags."""
    if flags.recipe not in RECIPES:
        raise ValueError(f"no recipe {flags.recipe!r}; choose one of {', '.join(RECIPES)}")
    _check_numbers(flags)
    recipe = RECIPES[flags.recipe]()
    if flags.tiny:
        recipe = tiny(recipe)
    terms = {term for stage in recipe.stages for term in stage.losses}
    for flag, named, known in (
        ("--disable-loss", set(flags.disable_loss), terms),
        ("--features", set(flags.features), set(recipe.features)),
        ("--feature-weights", set(flags.feature_weights), set(recipe.features)),
    ):
        if named - known:
            raise ValueError(
                f"{flag} names {', '.join(sorted(named - known))}; "
                f"{flags.recipe} knows {', '.join(sorted(known)) or 'none'} there"
            )
    recipe = replace(recipe, features=recipe.features | flags.features)
    recipe = recipe.without(flags.disable_loss)
    for stage in recipe.stages:
        if not stage.losses:
            raise ValueError(f"--disable-loss leaves no loss in the stage {stage.name}")
    return recipe.divide_batches(max(flags.ray_workers, 1), flags.batch_size)


def _check_numbers(flags: Train) -> None:
    if flags.ray_workers < 0 or (flags.num_workers or 0) < 0:
        raise ValueError("--ray-workers and --num-workers are 0 or more")
    if flags.batch_size is not None and flags.batch_size < 1:
        raise ValueError(f"--batch-size {flags.batch_size} is not 1 or more")


def open_job(flags: Train) -> TrainingJob:
    """Build the training job from the flags and validate it."""
    from lineart.storage import Storage, check_apart, for_flag
    from lineart.training.job import TrainingJob
    from lineart.weights import fingerprint, open_weights, read_weights

    recipe, start = read_recipe(flags), None
    if flags.start is None and flags.recipe == FINE_TUNE:
        raise ValueError(f"--recipe {FINE_TUNE} trains weights further; name them by --start")
    if flags.start is not None:
        with for_flag("--start", advice=""):
            start = read_weights(open_weights(flags.start))
        recipe = replace(recipe, start=fingerprint(start))
    job = TrainingJob(
        recipe=recipe,
        data=Storage.at(flags.data),
        output=Storage.at(flags.output),
        compiled=flags.compile,
        accumulate=flags.accumulate,
        start=start,
        features=flags.feature_weights,
    )
    # Grids and sheets would count as pictures of the data.
    check_apart(job.output, "--data", job.data)
    job.check(flags.ray_workers or 1)
    return job


def run(job: TrainingJob, flags: Train, share: Mapping[str, float]) -> None:
    """Train in this process or on Ray, which is stopped at the end."""
    from lineart.runtime.cluster import stop_ray
    from lineart.training.dataloader import LocalLoader
    from lineart.training.device import Device
    from lineart.training.job import train_on_ray
    from lineart.training.loop import train

    if not flags.ray_workers:
        train(job.open(Device.here(compiled=job.compiled), LocalLoader(flags.num_workers)))
        return
    try:
        train_on_ray(job, flags.ray_workers, share)
    finally:
        stop_ray()


def read_seconds(output: Storage) -> float:
    """Return the seconds that the training in an output has taken so far, 0 before its start.

    Raises:
        ValueError: `run.json` is damaged, or another command has written it.
        OSError: storage fails.
    """
    from lineart.report.html import read_job_json
    from lineart.report.training import RUN

    if not output.exists(RUN):
        return 0.0
    seconds = read_job_json(output, RUN).get("seconds")
    if not isinstance(seconds, float):
        raise ValueError(
            f"{output.uri} holds no training: another command has written its {RUN}; give another "
            "--output"
        )
    return seconds


def write_run(job: TrainingJob, flags: Train, seconds: float) -> dict[str, Any]:
    """Write run.json and return its content: recipe, flags, data, machine and total seconds."""
    from lineart.report.training import RUN
    from lineart.runtime.environment import describe_environment
    from lineart.training.run_log import read_columns

    data = job.data.read("summary.json") if job.data.exists("summary.json") else b"{}"
    record = {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": asdict(job.recipe),
        "flags": asdict(flags),
        "seconds": seconds,
        "images": sum(stage.images for stage in job.recipe.stages),
        "data": json.loads(data),
        "features": job.describe_features(),
        "columns": read_columns(job.output),
        **describe_environment(),
    }
    text = json.dumps(record, indent=2, default=str)
    job.output.write(RUN, text.encode())
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def write_progress(output: Storage, record: Mapping[str, object]) -> None:
    """Write sheets and page; errors are printed and do not change the result of the training."""
    from lineart.training.preview import write_sheets

    for what, write in (
        ("sheets", partial(write_sheets, output)),
        ("the page", partial(write_page, output, record)),
    ):
        try:
            write()
        except Exception as error:  # noqa: BLE001 - must not fail the training
            say("train", f"{what} could not be made: {error}")


def write_page(output: Storage, record: Mapping[str, object]) -> None:
    """Write the HTML page of the training."""
    from lineart.report.training import PAGE, show_training

    output.write(PAGE, show_training(output, record).encode())


if __name__ == "__main__":
    sys.exit(main(parse(Train, "train")))
