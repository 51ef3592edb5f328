"""Frames by their last result: failed ones to try again, failures to accept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lineart.film.colors.frame_colors import FrameColors
from lineart.film.inputs import PreparedRun
from lineart.film.pictures.frames import FilmFrame
from lineart.film.pictures.listing import printable
from lineart.film.pictures.names import read_name
from lineart.film.records import Failure, Fingerprint, HashedFile
from lineart.manifest import SCHEMA, ManifestRow

NOT_MADE = ("failed", "accepted")
"""Statuses of frames that were tried and are not made."""


def apply_retry_flags(prepared: PreparedRun, previous: pa.Table) -> PreparedRun:
    """Narrow a run by `--retry-failed` and `--accept`.

    Args:
        prepared: Inputs of the run; `film.retry_failed` and `film.accept` name frames as the
            manifest does, or by shot and the number in their name: `s1/3`.
        previous: The manifest.

    Returns:
        The run, with the frames to try in `frames` and those to accept in `accepted`.

    Raises:
        ValueError: a name is unknown or that of several frames, or its frame was never tried.
    """
    film, statuses = prepared.film, _statuses(previous)
    accepted = _resolve("--accept", film.accept, prepared.film_frames, statuses)
    prepared = replace(prepared, accepted=frozenset(accepted))
    if film.retry_failed is None:
        return prepared
    named = _resolve("--retry-failed", film.retry_failed, prepared.film_frames, statuses)
    wanted = NOT_MADE if named else ("failed",)
    again = {
        frame.name: frame
        for frame in prepared.frames
        if statuses.get(frame.name) in wanted and (frame.name in named or not named)
    }
    # A drawing that can be read now votes on those around it, which are made anew if it counts.
    shots = {one.shot for one in again.values() if one.carries} if film.adjacent else set()
    chosen = [
        frame
        for frame in prepared.frames
        if frame.name in again
        or (frame.shot in shots and statuses.get(frame.name) in ("done", "held"))
    ]
    return replace(prepared, frames=chosen)


def describe_finished(prepared: PreparedRun, previous: pa.Table) -> list[str]:
    """Return a sentence for each frame that is to be accepted and did not fail."""
    statuses = _statuses(previous)
    return [
        f"--accept {printable(name)}: it did not fail, so there is nothing to accept"
        for name in sorted(prepared.accepted)
        if statuses[name] not in NOT_MADE
    ]


def count_missing(prepared: PreparedRun, previous: pa.Table) -> int:
    """Return the number of a run's frames that have no finished row in the manifest.

    Others may have to be made anew, which is known when all pictures are hashed.
    """
    film, statuses = prepared.film, _statuses(previous)
    if film.force:
        return len(prepared.frames)
    missing = (None, *NOT_MADE) if film.retry_failed is not None else (None, "failed")
    return sum(statuses.get(frame.name) in missing for frame in prepared.frames)


def _statuses(previous: pa.Table) -> dict[str, str]:
    columns = (previous[name].to_pylist() for name in ("frame", "status"))
    return dict(zip(*columns, strict=True))


def _resolve(
    flag: str, names: Sequence[str], frames: Iterable[FilmFrame], statuses: Mapping[str, str]
) -> set[str]:
    """Return the frames with these names, which must have been tried."""
    if not names:
        return set()
    known: dict[str, list[str]] = {}
    by_name: dict[str, list[str]] = {}
    for frame in frames:
        by_name[frame.name] = [frame.name]
        number = read_name(frame.name).number
        if number is not None:
            known.setdefault(f"{frame.shot}/{number}", []).append(frame.name)
    known |= by_name
    for name in names:
        found = known.get(name, ())
        if len(found) != 1:
            fault = "there is no such frame"
            if found:
                fault = f"{len(found)} frames have this number"
            raise ValueError(
                f"{flag} {name}: {fault}; write its name in the manifest, such as "
                f"{(found or next(iter(known.values())))[0]}"
            )
    untried = [name for name in names if known[name][0] not in statuses]
    if untried:
        raise ValueError(f"{flag} {untried[0]}: it was never tried; run without {flag} first")
    return {known[name][0] for name in names}


def mark_accepted(previous: pa.Table, prepared: PreparedRun) -> pa.Table:
    """Set the status of rows that this run accepts, and of those that it tries again.

    `--force` and `--retry-failed` try the frames of the run again that an earlier run accepted.
    """
    film = prepared.film
    is_tried_again = film.force or film.retry_failed is not None
    again = [frame.name for frame in prepared.frames] if is_tried_again else []
    status = previous["status"]
    for names, old, new in (
        (again, "accepted", "failed"),
        (prepared.accepted, "failed", "accepted"),
    ):
        is_named = pc.is_in(previous["frame"], value_set=pa.array(names, pa.string()))
        changes = pc.and_(is_named, pc.equal(status, old))
        status = pc.if_else(changes, pa.scalar(new), status)
    place = SCHEMA.get_field_index("status")
    return previous.set_column(place, SCHEMA.field(place), status)


def accepted_rows(previous: pa.Table) -> dict[str, ManifestRow]:
    """Return the rows of accepted frames by frame."""
    rows = previous.filter(pc.equal(previous["status"], "accepted")).to_pylist()
    return {row["frame"]: row for row in rows}


def is_unchanged(
    row: ManifestRow, found: tuple[HashedFile, FrameColors] | Failure, fingerprint: Fingerprint
) -> bool:
    """Return whether an accepted frame would be tried with the inputs with which it failed.

    Args:
        row: Its row in the manifest.
        found: Its picture, hints and keys, or why one of them cannot be read.
        fingerprint: Weights and settings of the run.
    """
    now: dict[str, Any] = {}
    if isinstance(found, Failure):
        now |= found.columns() | {"status": "accepted"}
        if row["source_sha256"] is not None:
            now["source_sha256"] = found.source_sha256
    else:
        picture, colors = found
        now = {"source_sha256": picture.source_sha256}
        now |= {"hint_sha256": colors.hint_sha256, "key_sha256": colors.key_sha256}
        now |= {"weights": fingerprint.weights, "settings": fingerprint.settings}
    return all(row[name] == value for name, value in now.items())
