"""A training of `jobs.train`, here or on Ray, and the record and pictures that it leaves."""

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
from lineart.report.training_folder import PAGE, RUN, show_training
from lineart.storage import Storage
from lineart.training.cluster import train_on_ray, worker_resources
from lineart.training.dataloader import LocalLoader
from lineart.training.device import Device
from lineart.training.job import TrainingJob
from lineart.training.loop import train
from lineart.training.progress_sheet import write_sheets
from lineart.training.recipe import Recipe
from lineart.training.run_log import read_columns


def work(flags: Train, recipe: Recipe) -> int:
    """Train, and leave a record and a page; give the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        job = open_job(flags, recipe)
        share = worker_resources(flags.workers, start_ray()) if flags.workers else {}
    except (ValueError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        return WRONG_INPUT
    # Ray has a handler of its own; `ray job stop` must end a training as Ctrl-C does.
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
    """Give the training that the flags describe.

    Raises:
        ValueError: It cannot be done so.
        FileNotFoundError: There is no data, or no weights for a frozen network.
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
    """Train here or on Ray."""
    if not flags.workers:
        train(job.open(Device.here(compiled=job.compiled), LocalLoader(flags.sample_workers)))
        return
    try:
        train_on_ray(job, flags.workers, share)
    finally:
        stop_ray()


def write_run(job: TrainingJob, flags: Train, seconds: float) -> dict[str, object]:
    """Leave run.json: what was run, where, on what, and for how long in all."""
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
    """Leave sheets and page; what cannot be drawn is said, and the training ends as it did."""
    for what, leave in (
        ("sheets", partial(write_sheets, output)),
        ("the page", partial(_write_page, output, record)),
    ):
        try:
            leave()
        except Exception as error:  # noqa: BLE001 - no picture is worth the end of a training
            print(f"train: {what} could not be made: {error}", file=sys.stderr)


def _write_page(output: Storage, record: Mapping[str, object]) -> None:
    output.write(PAGE, show_training(output, record).encode())


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
