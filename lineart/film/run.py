"""One run over a film: look, plan, work, record. Killed at any moment, the next run goes on."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from lineart import manifest
from lineart.film.frames import beside
from lineart.film.index import index_hints, index_pictures
from lineart.film.opening import Film, Opened
from lineart.film.packing import pack_frames
from lineart.film.plan import Plan, failed_row, known_pictures, make_plan, written_row
from lineart.film.stages import Job, Work, Written, copy_finished
from lineart.manifest import Row
from lineart.storage import Storage

RECORD_EVERY_S = 2.0
"""Longest time in which finished frames are not yet in the manifest, while a run is young."""


@dataclass
class Summary:
    """How a run ended, in frames."""

    frames: int
    done: int = 0
    held: int = 0
    failed: int = 0
    skipped: int = 0
    """Finished before this run."""
    seconds: float = 0.0
    frames_per_second: float = 0.0


OnProgress = Callable[[Summary], None]

T = TypeVar("T")
U = TypeVar("U")

CHUNK = 32
"""Frames that one task hashes or copies."""


@runtime_checkable
class Runner(Protocol):
    """Where the work of a film is done."""

    def run_tasks(
        self, function: Callable[[Any], Any], arguments: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Run a function on each argument; give arguments and results, in any order."""

    def make_frames(self, job: Job, weights: Storage, work: Sequence[Work]) -> Iterator[Written]:
        """Make frames of pictures and write them, in any order."""


@dataclass
class Record:
    """The rows of a run, and their way into the manifest."""

    output: Storage
    rows: dict[str, Row]
    """By frame: its newest row."""
    _fresh: list[Row] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)
    _recorded_at: float = field(default_factory=time.monotonic)

    def add(self, row: Row) -> None:
        """Take the row of a frame that is in place or has failed."""
        self.rows[row["frame"]] = row
        self._fresh.append(row)
        now = time.monotonic()
        # A longer run records less often: what a kill costs stays at one part in a hundred.
        if now - self._recorded_at >= max(RECORD_EVERY_S, (now - self._started) / 100):
            self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        if self._fresh:
            manifest.append_part(self.output, self._fresh)
        self._fresh = []
        self._recorded_at = time.monotonic()


def run_film(
    film: Film, opened: Opened, runner: Runner, on_progress: OnProgress
) -> tuple[Summary, list[Row]]:
    """Make what is missing or changed, and leave a manifest with one row a frame.

    Args:
        film: The flags.
        opened: What `open_film` found.
        runner: `alone.Alone` or `pipeline.OnRay`.
        on_progress: Told of every frame that ends.

    Returns:
        How it ended, and the manifest's rows in film order.

    Raises:
        ValueError: the manifest in the output is not ours.
        KeyboardInterrupt: the run was asked to stop; what was done is recorded.
    """
    started, output = time.monotonic(), opened.job.output
    output.sweep()
    ledger = manifest.read_rows(output)
    plan = _plan(opened, ledger, runner, force=film.force)
    record = Record(output, ledger | plan.rows)
    summary = Summary(
        len(opened.frames), failed=len(plan.rows) - plan.skipped, skipped=plan.skipped
    )
    changed: set[str] = set()
    try:
        for written in _work(opened, plan, runner):
            row = _row(plan, written)
            record.add(row)
            changed.add(row["frame"])
            setattr(summary, row["status"], getattr(summary, row["status"]) + 1)
            summary.seconds = round(time.monotonic() - started, 3)
            summary.frames_per_second = round(
                (summary.done + summary.held) / max(summary.seconds, 1e-3), 3
            )
            on_progress(summary)
    finally:
        record.flush()
        rows = [record.rows[f.name] for f in opened.film_frames if f.name in record.rows]
        manifest.replace_manifest(output, rows)
    if film.parquet_frames:
        pack_frames(output, rows, changed)
    summary.seconds = round(time.monotonic() - started, 3)
    return summary, rows


def write_run(
    flags: Mapping[str, Any], opened: Opened, started_at: datetime, summary: Summary | None
) -> None:
    """Write `run.json`: what the run was told, what it ran on and, at its end, how it ended."""
    run = {
        "configuration": flags,
        "weights": {"address": opened.weights.uri, "sha256": opened.look.weights},
        "versions": {name: version(name) for name in ("lineart", "ray", "torch", "numpy")},
        "python": platform.python_version(),
        "commit": _commit(),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count()},
        "started_at": started_at.isoformat(timespec="seconds"),
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds") if summary else None,
        "summary": asdict(summary) if summary else None,
    }
    opened.job.output.write("run.json", json.dumps(run, indent=2).encode())


def _commit() -> str | None:
    """Give the commit of a checkout; an installed package has none."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _plan(opened: Opened, ledger: Mapping[str, Row], runner: Runner, *, force: bool) -> Plan:
    """Hash the film's files and compare them with the manifest."""
    job = opened.job
    names = [frame.name for frame in opened.frames]
    known = known_pictures(ledger, names, opened.look.settings)
    pictures = [(frame.source, known.get(frame.name)) for frame in opened.frames]
    hints = list({frame.hint.name: frame.hint for frame in opened.frames if frame.hint}.values())
    return make_plan(
        opened.frames,
        _index(runner, partial(index_pictures, job.pictures, job.task.decode), pictures),
        _index(runner, partial(index_hints, job.hints), hints) if job.hints else {},
        {} if force else ledger,
        _stored(job),
        opened.look,
    )


def _stored(job: Job) -> dict[str, int]:
    """Give by output: bytes in place, where everything beside the frame stands, too."""
    extras = {entry.path for folder in job.task.extras for entry in job.output.entries(folder)}
    return {
        entry.path: entry.size
        for entry in job.output.entries("frames")
        if extras.issuperset(beside(entry.path, folder) for folder in job.task.extras)
    }


def _index(
    runner: Runner, function: Callable[[Sequence[T]], Mapping[str, U]], items: Sequence[T]
) -> dict[str, U]:
    """Run a function over chunks of items; give all that it found, by name."""
    found: dict[str, U] = {}
    for _, part in runner.run_tasks(function, _chunks(items)):
        found |= part
    return found


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))


def _work(opened: Opened, plan: Plan, runner: Runner) -> Iterator[Written]:
    """Do everything that is planned; results come as they are in place."""
    copies = [
        (copying.finished.output, [frame.output for frame in copying.frames])
        for copying in plan.copies
    ]
    for _, results in runner.run_tasks(partial(copy_finished, opened.job), _chunks(copies)):
        yield from results
    work = [
        Work(
            frames[0].source,
            plan.templates[frames[0].output]["source_sha256"],
            frames[0].hint,
            plan.templates[frames[0].output]["hint_sha256"],
            [frame.output for frame in frames],
        )
        for frames in (making.frames for making in plan.makings)
    ]
    if work:
        yield from runner.make_frames(opened.job, opened.weights, work)


def _row(plan: Plan, written: Written) -> Row:
    template = plan.templates[written.output]
    if written.failure is not None:
        return failed_row(template, written.failure, written.seconds)
    return written_row(template, written.output_bytes, written.seconds)
