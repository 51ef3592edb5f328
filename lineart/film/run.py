"""A run over a film: plan, execute, record; after a kill, the next run continues from there."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from lineart import manifest
from lineart.executor import Executor
from lineart.film.frames import FilmFrame, beside
from lineart.film.hashing import Failure, HashedFile, hash_hints, hash_pictures
from lineart.film.inputs import FilmConfig, PreparedRun
from lineart.film.monitoring import log_frame
from lineart.film.parquet_export import export_parquet
from lineart.film.plan import (
    FilmPlan,
    Fingerprint,
    FrameState,
    failed_row,
    known_pictures,
    make_plan,
    unread_row,
    written_row,
)
from lineart.film.records import FrameResult, WorkItem
from lineart.film.stages import FilmJob, copy_finished
from lineart.manifest import ManifestRow
from lineart.storage import Storage


@dataclass(frozen=True)
class RecordInterval:
    """How often finished frames are recorded in the manifest."""

    every_s: float = 2.0
    """Interval in seconds, from 0; later in a run, it is a fiftieth of the run's duration."""
    rows: int = 4096
    """Maximum number of unrecorded rows, above 0."""


RECORD_INTERVAL = RecordInterval()


@dataclass
class FilmSummary:
    """Numbers of frames by result, and the speed of a run."""

    frames: int
    done: int = 0
    held: int = 0
    failed: int = 0
    skipped: int = 0
    """Frames finished before this run."""
    seconds: float = 0.0
    frames_per_second: float = 0.0


OnProgress = Callable[[FilmSummary], None]

T = TypeVar("T")
U = TypeVar("U")

CHUNK = 32
"""Number of items that one task hashes or copies."""


@runtime_checkable
class FilmRunner(Protocol):
    """Executes the work of a film, locally or on Ray."""

    @property
    def executor(self) -> Executor:
        """Executor of the functions that hash and copy pictures."""

    def make_frames(
        self, job: FilmJob, weights: Storage, work: Sequence[WorkItem]
    ) -> Iterator[FrameResult]:
        """Make frames and write them; yield results in any order."""

    def count(self, status: str, written: FrameResult) -> None:
        """Count a finished or failed frame in the metrics, if there are any."""


@dataclass
class Record:
    """Writes the rows of a run to the manifest, in parts."""

    output: Storage
    check: Callable[[], None]
    """Raises if another run has taken over the output."""
    pace: RecordInterval = RECORD_INTERVAL
    parts: list[pa.Table] = field(default_factory=list)
    """Rows that were written."""
    _fresh: list[ManifestRow] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)
    _recorded_at: float = field(default_factory=time.monotonic)

    def add(self, row: ManifestRow) -> None:
        """Add the row of a frame that is stored or has failed, and flush if it is time."""
        self._fresh.append(row)
        now = time.monotonic()
        # A longer run records less often: a kill costs at most a fiftieth of its time, and a day
        # leaves 400 parts.
        waited = now - self._recorded_at >= max(self.pace.every_s, (now - self._started) / 50)
        if waited or len(self._fresh) >= self.pace.rows:
            self.flush()

    def flush(self) -> None:
        """Write the rows that were added since the last flush."""
        self.check()
        if self._fresh:
            self.parts.append(manifest.make_table(self._fresh))
            manifest.append_part(self.output, self.parts[-1])
        self._fresh = []
        self._recorded_at = time.monotonic()


def run_film(
    film: FilmConfig,
    opened: PreparedRun,
    runner: FilmRunner,
    on_progress: OnProgress,
    check: Callable[[], None] = lambda: None,
    pace: RecordInterval = RECORD_INTERVAL,
) -> tuple[FilmSummary, pa.Table]:
    """Make missing and outdated frames, and write a manifest with one row per frame.

    Args:
        film: Flags of the run.
        opened: Result of `inputs.prepare_run`.
        runner: Executes the work: `LocalRunner`, `RayRunner` or `HybridRunner`.
        on_progress: Called with the summary so far when a frame is finished or has failed.
        check: Called before rows are recorded; raises if another run has taken over the output.
        pace: How often rows are recorded.

    Returns:
        The summary, and the manifest in film order.

    Raises:
        ValueError: the manifest in the output is invalid.
        OSError: storage or Ray failed; finished frames are recorded if storage allows.
        KeyboardInterrupt: the run was interrupted; finished frames are recorded.
    """
    started, output = time.monotonic(), opened.job.output
    output.sweep()
    plan = _plan(opened, manifest.read_manifest(output), runner, force=film.force)
    record = Record(output, check, pace)
    summary = FilmSummary(len(opened.frames), skipped=plan.skipped)
    try:
        # Closed on any exception, because running work must end before the lease is released.
        with closing(_ended(opened, plan, runner)) as ended:
            for row, written in ended:
                record.add(row)
                log_frame(row, written.stages)
                runner.count(row["status"], written)
                setattr(summary, row["status"], getattr(summary, row["status"]) + 1)
                summary.seconds = round(time.monotonic() - started, 3)
                summary.frames_per_second = round(
                    (summary.done + summary.held) / max(summary.seconds, 1e-3), 3
                )
                on_progress(summary)
        if plan.remaining:
            raise ConnectionError(
                f"{len(plan.remaining)} frames never ended: {next(iter(plan.remaining))}"
            )
    finally:
        record.flush()
        names = [frame.name for frame in opened.film_frames]
        rows = manifest.first_rows([*record.parts, plan.rows], names)
        manifest.replace_manifest(output, rows)
    if film.parquet_frames:
        export_parquet(output, rows, record.parts)
    summary.seconds = round(time.monotonic() - started, 3)
    return summary, rows


def is_complete(opened: PreparedRun, rows: pa.Table) -> bool:
    """Return whether the run processed every frame of the film and none failed."""
    return (
        rows.num_rows == len(opened.frames) == len(opened.film_frames)
        and "failed" not in rows["status"].unique().to_pylist()
    )


def write_run(
    flags: Mapping[str, Any],
    opened: PreparedRun,
    started_at: datetime,
    ended: tuple[FilmSummary, pa.Table] | None,
) -> None:
    """Write `run.json`: flags, versions, machine and, at the end of the run, its summary.

    Args:
        flags: Flags of the command.
        opened: Inputs of the run.
        started_at: Start of the run.
        ended: Result of `run_film`; None at the start of the run.
    """
    run = {
        "configuration": flags,
        "pictures": opened.job.pictures.uri,
        "words": asdict(opened.job.task.words),
        "weights": {"address": opened.weights.uri, "sha256": opened.look.weights},
        "versions": {name: _version(name) for name in ("lineart", "ray", "torch", "numpy")},
        "python": platform.python_version(),
        "commit": _commit(),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count()},
        "started_at": started_at.isoformat(timespec="seconds"),
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds") if ended else None,
        "summary": asdict(ended[0]) if ended else None,
        "precisions": count_precisions(ended[1]) if ended else None,
    }
    opened.job.output.write("run.json", json.dumps(run, indent=2).encode())


def count_precisions(rows: pa.Table) -> dict[str, int]:
    """Count the finished frames by the number format of their network."""
    standing = rows.filter(pc.not_equal(rows["status"], "failed"))["precision"].drop_null()
    return {count["values"]: count["counts"] for count in standing.value_counts().to_pylist()}


def _version(name: str) -> str | None:
    """Return the version of a package; None for a checkout that is run without installation."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of a checkout; None for an installed package."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _plan(opened: PreparedRun, ledger: pa.Table, runner: FilmRunner, *, force: bool) -> FilmPlan:
    """Hash the film's files and compare them with the manifest."""
    job = opened.job
    readable = [frame for frame in opened.frames if frame.refusal is None]
    hints = list({frame.hint.name: frame.hint for frame in readable if frame.hint}.values())
    return make_plan(
        opened.frames,
        _pictures(opened, readable, ledger, runner),
        _index(runner, partial(hash_hints, job.hints, job.limit_s), _chunks(hints))
        if job.hints
        else {},
        ledger,
        {} if force else _stored(job),
        opened.look,
    )


def _pictures(
    opened: PreparedRun, frames: Sequence[FilmFrame], ledger: pa.Table, runner: FilmRunner
) -> dict[str, HashedFile | Failure]:
    """Hash pictures; decode those whose file is not in the manifest."""
    job, known = opened.job, known_pictures(ledger, opened.look.settings)
    chunks = (
        [(frame.source, known.get(frame.name)) for frame in chunk] for chunk in _chunks(frames)
    )
    return _index(
        runner, partial(hash_pictures, job.pictures, job.task.decode, job.limit_s), chunks
    )


def _stored(job: FilmJob) -> dict[str, int]:
    """Return output -> size in bytes, for stored frames whose extra files are stored, too."""
    extras = {entry.path for folder in job.task.extras for entry in job.output.entries(folder)}
    return {
        entry.path: entry.size
        for entry in job.output.entries("frames")
        if extras.issuperset(beside(entry.path, folder) for folder in job.task.extras)
    }


def _index(
    runner: FilmRunner,
    function: Callable[[Sequence[T]], Mapping[str, U]],
    chunks: Iterable[Sequence[T]],
) -> dict[str, U]:
    """Run a function on chunks of items; return the merged results by name."""
    found: dict[str, U] = {}
    # Equal results share one object, to save memory.
    unique: dict[U, U] = {}
    for _, part in runner.executor.map(function, chunks):
        found.update((name, unique.setdefault(value, value)) for name, value in part.items())
    return found


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))


def _ended(
    opened: PreparedRun, plan: FilmPlan, runner: FilmRunner
) -> Generator[tuple[ManifestRow, FrameResult], None, None]:
    """Execute the plan; yield row and result of each frame as it is stored or fails."""
    for frame, failure in plan.failures:
        yield unread_row(frame, failure), FrameResult(frame.output, 0, {}, failure)
    for written in _work(opened, plan, runner):
        # Free the frame's state: the recorded rows take memory in its place.
        yield _row(plan.remaining.pop(written.output), opened.look, written), written


def _row(one: FrameState, look: Fingerprint, written: FrameResult) -> ManifestRow:
    if written.failure is not None:
        return failed_row(one, look, written.failure, written.stages)
    return written_row(one, look, written)


def _work(opened: PreparedRun, plan: FilmPlan, runner: FilmRunner) -> Iterator[FrameResult]:
    copy = partial(copy_finished, opened.job)
    for _, results in runner.executor.map(copy, _chunks(plan.copies)):
        yield from results
    if plan.work:
        yield from runner.make_frames(opened.job, opened.weights, plan.work)
