"""What stands in the output of a film: stored frames, completeness, objections of `--strict`."""

import pyarrow as pa
import pyarrow.compute as pc

from lineart.film.inputs import PreparedRun
from lineart.film.pictures.frames import beside
from lineart.film.records import FilmJob
from lineart.film.tasks import EMPTY

MADE = pa.array(["done", "held"])
"""Statuses of finished frames."""


def stored_frames(job: FilmJob) -> dict[str, int]:
    """Return output -> size in bytes, for stored frames whose extra files are stored, too."""
    extras = {entry.path for folder in job.task.extras for entry in job.output.entries(folder)}
    return {
        entry.path: entry.size
        for entry in job.output.entries("frames")
        if extras.issuperset(beside(entry.path, folder) for folder in job.task.extras)
    }


def is_complete(prepared: PreparedRun, rows: pa.Table) -> bool:
    """Return whether every frame of the film is finished or accepted.

    A run over all frames has looked at each drawing. One with `--retry-failed` trusts the manifest
    and the stored sizes of the others; any other run over a part of the film is not complete.

    Args:
        prepared: Inputs of the run.
        rows: The manifest after the run.
    """
    if not _has_all(prepared, rows):
        return False
    is_retry = prepared.film.retry_failed is not None
    return not _is_part(prepared) or (is_retry and _are_stored(prepared.job, rows))


def is_unconfirmed(prepared: PreparedRun, rows: pa.Table) -> bool:
    """Return whether every frame has a result, but this run processed only some of them."""
    is_retry = prepared.film.retry_failed is not None
    return _has_all(prepared, rows) and _is_part(prepared) and not is_retry


def _is_part(prepared: PreparedRun) -> bool:
    """Return whether a run is over a part of the film."""
    return len(prepared.frames) < len(prepared.film_frames)


def _has_all(prepared: PreparedRun, rows: pa.Table) -> bool:
    """Return whether the manifest has a row of each frame, and no failure."""
    statuses = rows["status"].unique().to_pylist()
    return rows.num_rows == len(prepared.film_frames) and "failed" not in statuses


def _are_stored(job: FilmJob, rows: pa.Table) -> bool:
    """Return whether finished frames have the run's weights and settings and the stored sizes."""
    fingerprint, stored = job.fingerprint, stored_frames(job)
    made = rows.filter(pc.is_in(rows["status"], value_set=MADE))
    looks = made.select(["weights", "settings"]).group_by(["weights", "settings"]).aggregate([])
    if not {*map(tuple, map(dict.values, looks.to_pylist()))} <= {
        (fingerprint.weights, fingerprint.settings)
    }:
        return False
    sizes = zip(made["output"].to_pylist(), made["output_bytes"].to_pylist(), strict=True)
    return all(stored.get(output) == size for output, size in sizes)


def find_objections(prepared: PreparedRun, rows: pa.Table, stale: int) -> list[str]:
    """Return what `--strict` objects to, as sentences; nothing without it.

    Args:
        prepared: Inputs of the run.
        rows: The manifest after the run.
        stale: Number of frames without a drawing that the run found.
    """
    if not prepared.film.strict:
        return []
    # A run with `--retry-failed` speaks for the whole film.
    frames = prepared.frames if prepared.film.retry_failed is None else prepared.film_frames
    names = pa.array((frame.name for frame in frames), pa.string())
    warned = rows.filter(pc.and_(pc.is_valid(rows["warnings"]), pc.is_in(rows["frame"], names)))
    found = [f"a warning on the film's files: {warning}" for warning in prepared.warnings]
    pairs = zip(warned["frame"].to_pylist(), warned["warnings"].to_pylist(), strict=True)
    objected = [(name, [one for one in told if one != EMPTY]) for name, told in pairs]
    if objected := [(name, told) for name, told in objected if told]:
        name, told = objected[0]
        found.append(f"{_frames(len(objected))} with warnings: {name}: {told[0]}")
    if stale:
        found.append(f"{_frames(stale)} without a drawing")
    return found


def _frames(number: int) -> str:
    return "1 frame" if number == 1 else f"{number} frames"
