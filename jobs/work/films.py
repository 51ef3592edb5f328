"""Implementation shared by the film commands: the run, its messages, run.json and the page."""

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pythonjsonlogger.json import JsonFormatter

from jobs.choice import FilmFlags
from lineart.film.inputs import FilmConfig, PreparedRun, TaskFactory, prepare_run
from lineart.film.outputs import ThumbnailGallery
from lineart.film.pipeline import WorkerBounds
from lineart.film.run import FilmRunner, FilmSummary, is_complete, run_film, write_run
from lineart.film.runners import FEW_FRAMES, HybridRunner, LocalRunner
from lineart.lease import HeldError, Lease, hold_lease
from lineart.manifest import read_manifest
from lineart.report.film_folder import PAGE as PAGE
from lineart.report.film_folder import RUN, show_film

ALL_DONE, BROKE_OFF, WRONG_INPUT, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

SUCCESS = "_SUCCESS"
"""File written last, if every frame of the film is finished; deleted at the start of a run."""


def choose_film(
    choice: FilmFlags, *, pictures: str, output: str, weights: str, hints: str | None = None
) -> FilmConfig:
    """Build the film's configuration from addresses and flags.

    Raises:
        ValueError: a flag cannot be parsed.
    """
    return FilmConfig(
        pictures=pictures,
        output=output,
        weights=weights,
        hints=hints,
        shots=tuple(filter(None, (choice.shots or "").split(","))),
        limit=choice.limit,
        force=choice.force,
        parquet_frames=choice.parquet_frames,
        gpu_workers=WorkerBounds.parse(choice.gpu_workers) if choice.gpu_workers else None,
        cpu_workers=WorkerBounds.parse(choice.cpu_workers) if choice.cpu_workers else None,
        limit_s=choice.time_limit,
        precision=choice.precision,
    )


@dataclass(frozen=True, kw_only=True)
class FilmCommand:
    """Name and flags of one of the film commands."""

    name: str
    """Name of the command, which begins each message."""
    flags: Mapping[str, Any]
    """Flags for run.json."""
    log_frames: bool = False
    """Whether to log every frame, not only failed ones."""


def run(command: FilmCommand, read_film: Callable[[], tuple[FilmConfig, TaskFactory]]) -> int:
    """Run over a film, print progress, write run.json and page, and return the exit status.

    Args:
        command: Name and flags of the command.
        read_film: Returns the film's configuration and task factory; raises ValueError or OSError
            if a flag or file is invalid.
    """
    try:
        film, open_task = read_film()
        opened = prepare_run(film, open_task)
    except (ValueError, OSError) as error:
        print(f"{command.name}: {error}", file=sys.stderr)
        return WRONG_INPUT
    for files, what in (
        (opened.unused_hints, "hints belong to no shot or frame"),
        (opened.unread, "pictures are of kinds that cannot be read, and are left out"),
    ):
        if files:
            print(f"{command.name}: {len(files)} {what}: {files[0]}, ...", file=sys.stderr)
    return run_opened(command, film, opened)


def run_opened(command: FilmCommand, film: FilmConfig, opened: PreparedRun) -> int:
    """Run over a film whose inputs are validated; see `run`."""

    def tell(sentence: str) -> None:
        print(f"{command.name}: {sentence}", file=sys.stderr, flush=True)

    _log_as_json(logging.INFO if command.log_frames else logging.WARNING)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with (
            hold_lease(opened.job.output, tell) as lease,
            start_runner(film, len(opened.frames)) as runner,
        ):
            # Set again, in place of Ray's handler, so that `ray job stop` ends a run as Ctrl-C
            # does.
            signal.signal(signal.SIGTERM, _interrupt)
            return _run_held(command, opened, runner, lease)
    except KeyboardInterrupt:
        tell("stopped; the same command goes on from here")
        return INTERRUPTED
    except BrokenOffError as error:
        tell(f"broke off: {error}; the same command goes on from here")
        return BROKE_OFF
    except (ValueError, OSError, HeldError) as error:
        tell(str(error))
        return WRONG_INPUT


class BrokenOffError(RuntimeError):
    """A run failed after it had begun."""


def _run_held(command: FilmCommand, opened: PreparedRun, runner: FilmRunner, lease: Lease) -> int:
    """Run over a film while this process holds the lease on its output."""
    started_at, output = datetime.now(UTC), opened.job.output
    # Raises if the manifest is invalid, before anything in the output is changed.
    read_manifest(output)
    try:
        output.delete(SUCCESS)
        write_run(command.flags, opened, started_at, None)
        summary, rows = run_film(opened, runner, _printer(), lease.check)
        lease.check()
        write_run(command.flags, opened, started_at, (summary, rows))
        if summary.skipped < summary.frames or not output.exists(PAGE):
            write_page(opened, rows)
        told = json.dumps(asdict(summary))
        lease.check()
        if is_complete(opened, rows):
            output.write(SUCCESS, told.encode())
    except (OSError, ValueError) as error:
        raise BrokenOffError(f"{error}") from error
    print(told)
    return SOME_FAILED if summary.failed else ALL_DONE


@contextmanager
def start_runner(
    film: FilmConfig, frames: int, few_frames: int = FEW_FRAMES
) -> Iterator[FilmRunner]:
    """Yield the runner of a film, and stop Ray, if it was started, after the block.

    It is local for up to `few_frames` frames, on Ray if `RAY_ADDRESS` or a number of workers is
    given, and otherwise local until Ray has started.

    Raises:
        ValueError: the minimum numbers of workers do not fit.
        ConnectionError: the cluster at `RAY_ADDRESS` does not answer.
    """
    wants_ray = film.gpu_workers or film.cpu_workers
    joins = "RAY_ADDRESS" in os.environ
    if frames <= few_frames and not wants_ray and not joins:
        yield LocalRunner()
        return
    from lineart.cluster import start_ray, stop_ray
    from lineart.executor import HybridExecutor, RayExecutor
    from lineart.film.pipeline import RayRunner

    def start() -> RayExecutor:
        return RayExecutor(start_ray())

    if joins or wants_ray:
        try:
            yield RayRunner(start(), film.gpu_workers, film.cpu_workers)
        finally:
            stop_ray()
    else:
        executor = HybridExecutor(start, stop_ray)
        with closing(HybridRunner(executor, few_frames=few_frames)) as runner:
            yield runner


def write_page(opened: PreparedRun, rows: pa.Table) -> None:
    """Write the HTML page of the film."""
    job = opened.job
    gallery = ThumbnailGallery(
        job.pictures,
        {frame.name: frame.source for frame in opened.film_frames},
        job.output,
        lambda data: job.task.show(job.task.decode(data)),
    )
    run = json.loads(job.output.read(RUN))
    page = show_film(gallery, rows, run, words=job.task.words, page_at=job.output)
    job.output.write(PAGE, page.encode())


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _log_as_json(level: int) -> None:
    """Log messages of the library to standard error, as lines of JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter("%(levelname)s %(message)s", timestamp="time"))
    logger = logging.getLogger("lineart")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)


def _printer() -> Callable[[FilmSummary], None]:
    """Return a function that prints progress: each second on a terminal, else every ten seconds."""
    every_s, end = (1.0, "\r") if sys.stderr.isatty() else (10.0, "\n")
    first: tuple[float, int] | None = None
    printed_at = 0.0

    def show(summary: FilmSummary) -> None:
        nonlocal first, printed_at
        now = time.monotonic()
        ended = summary.done + summary.held + summary.failed + summary.skipped
        # The rate leaves out the time before the first frame ended.
        first = first or (now, ended)
        if now - printed_at < every_s and ended < summary.frames:
            return
        printed_at = now
        rate = (ended - first[1]) / max(now - first[0], 1e-3)
        left = _clock((summary.frames - ended) / rate) if rate else "-:--:--"
        print(
            f"{ended} of {summary.frames} frames, {summary.failed} failed, "
            f"{rate:.1f} frames/s, {left} left  ",
            end="\n" if ended == summary.frames else end,
            file=sys.stderr,
            flush=True,
        )

    return show


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
