"""A run over a film: plan, execute, record; after a kill, the next run continues from there."""

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from lineart import manifest
from lineart.film.colors.adjacent import find_adjacent, find_voters
from lineart.film.colors.frame_colors import HashedColors, files_to_hash
from lineart.film.colors.hints import describe_empty_hints
from lineart.film.colors.keys import (
    describe_empty,
    describe_twins,
    describe_warned,
    give_holds_one_order,
)
from lineart.film.execution.refusals import Refusals
from lineart.film.execution.stages import choose_batch
from lineart.film.execution.worker import (
    copy_finished,
    hash_hints,
    hash_keys,
    hash_pictures,
    hash_sheets,
)
from lineart.film.inputs import PreparedRun
from lineart.film.outcome.completeness import MADE, stored_frames
from lineart.film.outcome.frame_logs import FrameLogs
from lineart.film.outcome.frame_warnings import list_warnings
from lineart.film.outcome.odd_sizes import warn_of_odd_sizes
from lineart.film.outcome.outputs import export_parquet
from lineart.film.outcome.run_json import FilmSummary
from lineart.film.pictures.pages import chunks
from lineart.film.planning.marks import find_verdicts, mark_frames, read_marks
from lineart.film.planning.plan import (
    FilmPlan,
    find_unchanged,
    known_pictures,
    make_plan,
    result_row,
    unread_row,
)
from lineart.film.planning.removed import settle_removed
from lineart.film.planning.retries import mark_accepted
from lineart.film.planning.unread import drop_earlier, keep_earlier, read_earlier, with_earlier
from lineart.film.records import FILES, Failure, FilmJob, FrameResult, StageSeconds, WorkItem
from lineart.film.tasks.roles import KEY, KEY_LINE, SHEET
from lineart.manifest import ManifestRow
from lineart.runtime.executor import Executor
from lineart.storage import Storage

logger = logging.getLogger(__name__)


RECORD_S = 2.0
"""Interval at which finished frames are recorded in the manifest, in seconds; later in a run, it is
a fiftieth of the run's duration."""
RECORD_ROWS = 4096
"""Maximum number of unrecorded rows."""

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

    def make_frames(self, job: FilmJob, work: Sequence[WorkItem]) -> Iterator[FrameResult]:
        """Make frames and write them; yield results in any order."""

    def count(self, status: str, result: FrameResult) -> None:
        """Count a finished or failed frame in the metrics, if there are any."""


@dataclass
class Record:
    """Writes the rows of a run to the manifest, in parts."""

    output: Storage
    check: Callable[[], None]
    """Raises if another run has taken over the output."""
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
        waited = now - self._recorded_at >= max(RECORD_S, (now - self._started) / 50)
        if waited or len(self._fresh) >= RECORD_ROWS:
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
    prepared: PreparedRun,
    runner: FilmRunner,
    on_progress: OnProgress,
    check: Callable[[], None] = lambda: None,
) -> tuple[FilmSummary, pa.Table]:
    """Make missing and outdated frames, and write a manifest with one row per frame.

    Sentences on hints and keys that are known once they were read are added to `prepared.warnings`.

    Args:
        prepared: Result of `inputs.prepare_run`, and of `retries.apply_retry_flags`.
        runner: Executes the work: `LocalRunner`, `RayRunner` or `HybridRunner`.
        on_progress: Called with the summary so far when a frame is finished or has failed.
        check: Called before rows are recorded; raises if another run has taken over the output.

    Returns:
        The summary, and the manifest in film order.

    Raises:
        ValueError: the manifest in the output is invalid.
        OSError: storage or Ray failed; finished frames are recorded if storage allows.
        KeyboardInterrupt: the run was interrupted; finished frames are recorded.
    """
    started, output = time.monotonic(), prepared.job.output
    output.sweep()
    previous, stale = settle_removed(prepared, manifest.read_manifest(output), check)
    earlier = read_earlier(output)
    previous = with_earlier(mark_accepted(previous, prepared), earlier, prepared.frames)
    plan = _plan(prepared, previous, runner)
    check()
    earlier = keep_earlier(output, earlier, previous, plan.failures)
    record = Record(output, check)
    summary = FilmSummary(
        len(prepared.frames), skipped=plan.skipped, accepted=plan.accepted, **stale._asdict()
    )
    logs, log = FrameLogs(prepared.film.log_folder, prepared.job), _Log()
    try:
        # Closed on any exception, because running work must end before the lease is released.
        with logs, closing(_ended(prepared.job, plan, runner)) as ended:
            for row, result in ended:
                record.add(row)
                logs.add(row)
                log.add(row, result.stages)
                runner.count(row["status"], result)
                _count(summary, row, time.monotonic() - started)
                on_progress(summary)
        if plan.remaining:
            raise ConnectionError(
                f"{len(plan.remaining)} frames never ended: {next(iter(plan.remaining))}"
            )
    finally:
        log.flush()
        record.flush()
        names = [frame.name for frame in prepared.film_frames]
        rows = warn_of_odd_sizes(manifest.first_rows([*record.parts, plan.rows], names))
        manifest.replace_manifest(output, rows)
        drop_earlier(output, earlier, rows)
    made = pa.array(
        [name for part in record.parts for name in part["frame"].to_pylist()], pa.string()
    )
    summary.warned, summary.warnings, summary.unlisted_warnings = list_warnings(rows, made)
    if prepared.film.parquet_frames:
        export_parquet(output, rows)
    summary.seconds = round(time.monotonic() - started, 3)
    return summary, rows


def _count(summary: FilmSummary, row: ManifestRow, seconds: float) -> None:
    """Count a frame that is stored or has failed, so many seconds after the start of the run."""
    setattr(summary, row["status"], getattr(summary, row["status"]) + 1)
    changes = (row["retake"] or "").split(", ")
    summary.redone += "redo" in changes
    summary.lapsed += "was accepted" in changes
    summary.warned += row["warnings"] is not None
    summary.seconds = round(seconds, 3)
    summary.frames_per_second = round(summary.done / max(summary.seconds, 1e-3), 3)


SHARED_STAGES = ("hint", KEY, KEY_LINE, SHEET)
"""Stages in which several frames fail because of one file."""


class _Log:
    """Logs the results of frames; equal failures by a file that they share are one line."""

    def __init__(self) -> None:
        self._rows: dict[str, list[ManifestRow]] = {}

    def add(self, row: ManifestRow, stages: StageSeconds) -> None:
        """Log the result of a frame: a failure at level WARNING, otherwise INFO."""
        if row["status"] == "failed" and row["stage"] in SHARED_STAGES:
            self._rows.setdefault(row["message"], []).append(row)
            return
        self.flush()
        if row["status"] == "failed":
            logger.warning("frame failed", extra=_fields(row) | _reason(row))
        else:
            spent = {f"{stage}_s": round(seconds, 4) for stage, seconds in stages.items()}
            fields = _fields(row) | spent | {"bytes": row["output_bytes"]}
            logger.info("frame done", extra=fields)

    def flush(self) -> None:
        """Log the failures by shared files with the first of their frames and their number."""
        for row, *others in self._rows.values():
            count = {"frames": 1 + len(others)}
            what = FILES.get(row["stage"], row["stage"])
            logger.warning("%s failed", what, extra=_fields(row) | _reason(row) | count)
        self._rows = {}


def _fields(row: ManifestRow) -> dict[str, Any]:
    return {name: row[name] for name in ("shot", "frame", "number", "status")}


def _reason(row: ManifestRow) -> dict[str, str]:
    # The name `message` is reserved in log records.
    return {"stage": row["stage"], "error": row["error"], "reason": row["message"]}


def _plan(prepared: PreparedRun, previous: pa.Table, runner: FilmRunner) -> FilmPlan:
    """Hash the film's files and compare them with the manifest."""
    job = prepared.job
    readable = [frame for frame in prepared.frames if frame.refusal is None]
    # A file whose hash is in the manifest is not decoded again.
    known = known_pictures(previous, job.fingerprint.settings)
    reach = prepared.film.adjacent
    voters = find_voters(prepared.film_frames, readable, reach)
    files = files_to_hash(readable, voters)
    # A file on S3 whose ETag and size are there is not even read.
    unchanged = {} if prepared.film.force else find_unchanged(files.pictures, known, previous)
    pictures = unchanged | _hash(
        runner,
        partial(hash_pictures, job),
        ((one, known.get(one.name)) for one in files.pictures if one.name not in unchanged),
    )
    colors = HashedColors(
        _hash(runner, partial(hash_hints, job), files.hints),
        job.task.hint_rules,
        _hash(runner, partial(hash_keys, job), files.keys),
        pictures,
        _hash(runner, partial(hash_sheets, job), files.sheets),
        find_adjacent(voters, pictures, reach),
        job.places,
    )
    prepared.warnings.extend(describe_empty_hints(readable, colors.hints))
    names = pa.array((frame.name for frame in prepared.frames), pa.string())
    statuses = previous["status"].filter(pc.is_in(previous["frame"], value_set=names))
    may_be_finished = not prepared.film.force and pc.any(pc.is_in(statuses, MADE)).as_py()
    for describe in (describe_empty, describe_warned, describe_twins):
        prepared.warnings.extend(describe(readable, colors))
    frames = give_holds_one_order(prepared.frames, voters or readable, pictures)
    return make_plan(
        mark_frames(frames, find_verdicts(read_marks(job.output), previous)),
        colors,
        previous,
        stored_frames(job) if may_be_finished else {},
        job.fingerprint,
        {one.name for one in prepared.film_frames} - {one.name for one in prepared.frames},
    )


def _hash(
    runner: FilmRunner, function: Callable[[Sequence[T]], Mapping[str, U]], items: Iterable[T]
) -> dict[str, U]:
    """Call a function on chunks of items; return the merged results by name.

    Raises:
        OSError: the storage refuses one file after another.
    """
    found: dict[str, U] = {}
    # Equal results share one object, to save memory.
    unique: dict[U, U] = {}
    refusals = Refusals()
    for _, part in runner.executor.map(function, chunks(items, CHUNK)):
        found.update((name, unique.setdefault(value, value)) for name, value in part.items())
        for name, value in part.items():
            refusals.add(name, value if isinstance(value, Failure) else None)
    return found


def _ended(
    job: FilmJob, plan: FilmPlan, runner: FilmRunner
) -> Generator[tuple[ManifestRow, FrameResult], None, None]:
    """Execute the plan; yield row and result of each frame as it is stored or fails.

    Raises:
        OSError: the storage refuses one frame after another.
    """
    # Those that were refused were counted when they were hashed, between others that were read.
    for frame, failure in plan.failures:
        yield unread_row(frame, failure), FrameResult(frame.output, 0, {}, failure)
    refusals = Refusals()
    for result in _work(job, plan, runner):
        # Free the frame's state: the recorded rows take memory in its place.
        one = plan.remaining.pop(result.output)
        yield result_row(one, job.fingerprint, result), result
        refusals.add(one.frame.name, result.failure)


def _work(job: FilmJob, plan: FilmPlan, runner: FilmRunner) -> Iterator[FrameResult]:
    for _, results in runner.executor.map(partial(copy_finished, job), chunks(plan.copies, CHUNK)):
        yield from results
    if plan.work:
        job = replace(job, gpu_batch=choose_batch(len(plan.work)))
        yield from runner.make_frames(job, plan.work)
