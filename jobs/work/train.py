"""Implementation of `jobs.train`: trains locally or on Ray, writes run.json, sheets and page."""

import json
import logging
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from jobs.train import DONE, FAILED, INTERRUPTED, WRONG_INPUT, Train
from jobs.work.machine import describe
from lineart.cluster import start_ray, stop_ray
from lineart.report.training import PAGE, RUN, show_training
from lineart.storage import Storage
from lineart.training.dataloader import LocalLoader
from lineart.training.device import Device
from lineart.training.job import TrainingJob, train_on_ray, worker_resources
from lineart.training.loop import train
from lineart.training.preview import write_sheets
from lineart.training.recipes import Recipe
from lineart.training.run_log import read_columns


def work(flags: Train, recipe: Recipe) -> int:
    """Train, write run.json, sheets and the page, and return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        job = open_job(flags, recipe)
        share = worker_resources(flags.workers, start_ray()) if flags.workers else {}
    except (ValueError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        return WRONG_INPUT
    # Replaces Ray's handler, so that `ray job stop` ends a training as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        run(job, flags, share)
    except FloatingPointError as error:
        print(f"train: {error}; the state before it is saved", file=sys.stderr)
        return FAILED
    except (RuntimeError, ValueError) as error:
        print(f"train: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("train: stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return INTERRUPTED
    finally:
        record = write_run(job, flags, time.monotonic() - started)
        write_progress(job.output, record)
        job.output.sweep()
    print(json.dumps({"weights": job.output.child("weights").uri, "seconds": record["seconds"]}))
    return DONE


def open_job(flags: Train, recipe: Recipe) -> TrainingJob:
    """Build the training job from the flags and validate it.

    Raises:
        ValueError: a flag is invalid, a batch cannot be divided, or the output holds another run.
        FileNotFoundError: the data, or the weights of a feature network, do not exist.
    """
    job = TrainingJob(
        recipe=recipe,
        data=Storage.at(flags.data),
        output=Storage.at(flags.output),
        compiled=flags.compile,
        accumulate=flags.accumulate,
        features=flags.feature_weights,
    )
    if flags.workers < 0 or flags.sample_workers < 0:
        raise ValueError("--workers and --sample-workers are 0 or more")
    job.check(flags.workers or 1)
    return job


def run(job: TrainingJob, flags: Train, share: Mapping[str, float]) -> None:
    """Train in this process or on Ray, which is stopped at the end."""
    if not flags.workers:
        train(job.open(Device.here(compiled=job.compiled), LocalLoader(flags.sample_workers)))
        return
    try:
        train_on_ray(job, flags.workers, share)
    finally:
        stop_ray()


def write_run(job: TrainingJob, flags: Train, seconds: float) -> dict[str, object]:
    """Write run.json and return its content: recipe, flags, data, machine and total seconds."""
    data = job.data.read("summary.json") if job.data.exists("summary.json") else b"{}"
    before = json.loads(job.output.read(RUN))["seconds"] if job.output.exists(RUN) else 0.0
    record = {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": asdict(job.recipe),
        "flags": asdict(flags),
        "seconds": before + seconds,
        "images": sum(stage.images for stage in job.recipe.stages),
        "data": json.loads(data),
        "features": job.describe_features(),
        "columns": read_columns(job.output),
        **describe(),
    }
    text = json.dumps(record, indent=2, default=str)
    job.output.write(RUN, text.encode())
    loaded: dict[str, object] = json.loads(text)
    return loaded


def write_progress(output: Storage, record: Mapping[str, object]) -> None:
    """Write sheets and page; errors are printed and do not change the result of the training."""
    for what, leave in (
        ("sheets", partial(write_sheets, output)),
        ("the page", partial(_write_page, output, record)),
    ):
        try:
            leave()
        except Exception as error:  # noqa: BLE001 - must not fail the training
            print(f"train: {what} could not be made: {error}", file=sys.stderr)


def _write_page(output: Storage, record: Mapping[str, object]) -> None:
    output.write(PAGE, show_training(output, record).encode())


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
