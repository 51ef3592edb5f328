"""`run.json`: flags, versions, machine and the summary of a run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lineart.film.inputs import PreparedRun
from lineart.film.outcome.completeness import MADE
from lineart.film.records import RUN, FilmJob
from lineart.runtime.environment import describe_environment
from lineart.storage import Storage


@dataclass
class FilmSummary:
    """Numbers of frames by result, and the speed of a run."""

    frames: int
    done: int = 0
    held: int = 0
    failed: int = 0
    skipped: int = 0
    """Frames finished before this run."""
    accepted: int = 0
    """Failed frames that are taken as they are, of this or an earlier run."""
    redone: int = 0
    """Frames made again because a person had marked them so, and frames equal to them."""
    lapsed: int = 0
    """Frames made again that a person had accepted."""
    warned: int = 0
    """Frames of this run with warnings."""
    warnings: list[dict[str, Any]] = field(default_factory=list)
    """The first different ones of these warnings; see `frame_warnings.FrameWarnings`."""
    unlisted_warnings: int = 0
    """Number of further different ones."""
    removed: int = 0
    """Frames without a drawing that this run moved to `removed/`; not in `frames`."""
    kept: int = 0
    """Frames without a drawing that stay, by `--keep-removed`; not in `frames`."""
    objections: list[str] = field(default_factory=list)
    """What `--strict` objects to."""
    ask: list[dict[str, Any]] = field(default_factory=list)
    """Drawings to colour next, if they were asked for; see `next_keys.choose_next`."""
    seconds: float = 0.0
    frames_per_second: float = 0.0
    """Frames that were made, without held ones, in a second of the run."""


def of_whole_film(summary: FilmSummary, rows: pa.Table) -> FilmSummary:
    """Return the summary of a run over a part of a film with the numbers of the whole film.

    Args:
        summary: Summary of the run.
        rows: The manifest after it, without failures.
    """
    accepted = pc.sum(pc.equal(rows["status"], "accepted")).as_py() or 0
    skipped = rows.num_rows - accepted - summary.done - summary.held
    return replace(summary, frames=rows.num_rows, skipped=skipped, accepted=accepted)


def write_run(
    flags: Mapping[str, Any],
    prepared: PreparedRun,
    started_at: datetime,
    ended: tuple[FilmSummary, pa.Table] | str | None,
) -> None:
    """Write `run.json`: flags, versions, machine and, at the end of the run, its summary.

    The `state` is `running`, `ended` or why the run broke off; a run that was killed stays
    `running`.

    Args:
        flags: Flags of the command.
        prepared: Inputs of the run.
        started_at: Start of the run.
        ended: Result of `run_film`, or why it broke off; None at the start of the run.
    """
    result = None if isinstance(ended, str) else ended
    state = ended if isinstance(ended, str) else "ended" if ended else "running"
    run: dict[str, Any] = {
        "configuration": flags,
        "pictures": Storage.at(prepared.film.pictures).uri,
        # Absolute, for commands that are started in another folder.
        "keys": Storage.at(prepared.film.keys).uri if prepared.film.keys else None,
        "words": asdict(prepared.job.task.words),
        "weights": _weights(prepared.job),
        **describe_environment(),
        "started_at": started_at.isoformat(timespec="seconds"),
        "state": state,
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds") if ended else None,
        "frames": len(prepared.film_frames),
        "summary": asdict(result[0]) if result else None,
        "warnings": prepared.warnings,
        "precisions": count_values(result[1], "precision") if result else None,
        "devices": count_values(result[1], "device") if result else None,
    }
    if len(run["devices"] or ()) > 1:
        run["mixed"] = "the frames' last bits may differ between these devices; see the manifest"
    prepared.job.output.write(RUN, json.dumps(run, indent=2).encode())


def _weights(job: FilmJob) -> dict[str, str] | None:
    if job.weights is None:
        return None
    return {"address": job.weights.uri, "sha256": job.weights_sha256}


def count_values(rows: pa.Table, column: str) -> dict[str, int]:
    """Count the finished frames by the value of a column, without those that have none."""
    made = rows.filter(pc.is_in(rows["status"], value_set=MADE))[column].drop_null()
    return {count["values"]: count["counts"] for count in made.value_counts().to_pylist()}
