"""Plan of a run: compares a film with its manifest and lists the remaining work."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lineart.film.colors.frame_colors import FrameColors, HashedColors
from lineart.film.pictures.frames import FilmFrame, Source
from lineart.film.planning.changes import (
    FINDING_COLUMNS,
    FrameState,
    PixelsKey,
    find_finished,
    find_originals,
    find_redo,
    mark_retakes,
    text_array,
)
from lineart.film.planning.retries import accepted_rows, is_unchanged
from lineart.film.records import (
    Failure,
    Fingerprint,
    FrameResult,
    HashedFile,
    Input,
    WorkItem,
)
from lineart.manifest import SCHEMA, ManifestRow, make_row

Copying = tuple[str, list[str]]
"""Finished output, and the outputs to copy it to."""


@dataclass
class FilmPlan:
    """Difference between a film and its manifest."""

    rows: pa.Table
    """The manifest, with current shot, number, hints, status and `held_by` of frames that stand,
    and with doubts on the first of equal ones."""
    skipped: int
    """Number of frames that are finished already."""
    accepted: int = 0
    """Number of failed frames that are taken as they are."""
    failures: list[tuple[FilmFrame, Failure]] = field(default_factory=list)
    """Frames that cannot be read."""
    copies: list[Copying] = field(default_factory=list)
    work: list[WorkItem] = field(default_factory=list)
    """One item for each distinct picture, hints and keys, with all outputs that show it."""
    remaining: dict[str, FrameState] = field(default_factory=dict)
    """Output -> frame to copy or make."""


def make_plan(
    frames: Iterable[FilmFrame],
    colors: HashedColors,
    previous: pa.Table,
    stored: Mapping[str, int],
    fingerprint: Fingerprint,
    not_in_run: Container[str] = frozenset(),
) -> FilmPlan:
    """Decide for every frame whether it is finished, copied, made or failed.

    Args:
        frames: Frames in film order.
        colors: Pictures, hints and keys of the film.
        previous: The manifest, with the newest row of each frame.
        stored: Output -> size in bytes, for stored frames whose extra files are stored, too.
        fingerprint: Weights and settings of this run.
        not_in_run: Names of the frames of the film that are not in this run; finished frames that
            hold one of them still do.
    """
    shown: list[FrameState] = []
    failures: list[tuple[FilmFrame, Failure]] = []
    accepted: list[FilmFrame] = []
    tried = accepted_rows(previous)
    leaders: dict[PixelsKey, str] = {}
    for frame in frames:
        found = _found(frame, colors)
        if frame.name in tried and is_unchanged(tried[frame.name], found, fingerprint):
            accepted.append(frame)
        elif isinstance(found, Failure):
            failures.append((frame, found))
        else:
            one = FrameState(frame, *found, None)
            leader = leaders.setdefault(one.pixels, frame.name)
            shown.append(one if leader == frame.name else one._replace(held_by=leader))
    is_finished, redo = find_finished(shown, previous, stored, fingerprint), find_redo(shown)
    is_finished = [
        is_it and one.pixels not in redo for one, is_it in zip(shown, is_finished, strict=True)
    ]
    originals = find_originals([*compress(shown, is_finished)], previous, not_in_run)
    shown = [_set_original(one, originals.get(one.pixels), not_in_run) for one in shown]
    finished = [*compress(shown, is_finished)]
    labels = [_label_finished(one) for one in finished]
    labels += [_label_accepted(frame, tried[frame.name]) for frame in accepted]
    plan = FilmPlan(_relabel(previous, labels), len(finished), len(accepted), failures)
    remaining = [one for one, is_it in zip(shown, is_finished, strict=True) if not is_it]
    _plan_work(plan, mark_retakes(remaining, previous, fingerprint), finished, previous)
    return plan


def _set_original(one: FrameState, original: str | None, not_in_run: Container[str]) -> FrameState:
    """Return a frame that refers to the frame that was computed for its pixels, if it is known.

    If that one is not in this run, the frame is held by it. Else the first frame of equal pixels,
    which no other holds, takes over the findings of the original.
    """
    if original is None:
        return one
    if original in not_in_run:
        return one._replace(held_by=original)
    return one if one.held_by else one._replace(findings_from=original)


def _found(frame: FilmFrame, colors: HashedColors) -> tuple[HashedFile, FrameColors] | Failure:
    """Return the hashed picture, its hints and its keys, or why the frame cannot be read."""
    if frame.refusal is not None:
        return Failure("name", "ValueError", frame.refusal)
    picture = colors.pictures[frame.name]
    if isinstance(picture, Failure):
        return picture
    if frame.source_sha256 not in (None, picture.source_sha256):
        changed = "its drawing has changed since it was coloured; colour it again first"
        return Failure("read", "ValueError", changed, picture.source_sha256)
    held = colors.colors_of(frame, picture)
    if isinstance(held, Failure):
        return held._replace(source_sha256=picture.source_sha256)
    return picture, held


class Label(NamedTuple):
    """Columns of a finished frame, which depend on the film's other files."""

    findings_from: str | None
    """Frame whose row has its findings; no column of its own."""
    frame: str
    shot: str
    number: int
    status: str
    held_by: str | None
    hint_sha256: str | None
    hints: list[str] | None
    key_sha256: str | None
    keys: list[str] | None
    source_stamp: str | None


def _label_finished(one: FrameState) -> Label:
    frame, status = one.frame, "held" if one.held_by else "done"
    files = *one.colors.columns().values(), frame.source.stamp
    return Label(
        one.findings_from, frame.name, frame.shot, frame.number, status, one.held_by, *files
    )


def _label_accepted(frame: FilmFrame, row: ManifestRow) -> Label:
    files = *(row[name] for name in FrameColors().columns()), None
    return Label(frame.name, frame.name, frame.shot, frame.number, "accepted", None, *files)


def _relabel(previous: pa.Table, labels: Sequence[Label]) -> pa.Table:
    """Update the columns of `Label` and the findings in the rows of frames that stand."""
    values = dict(zip(Label._fields, zip(*labels, strict=True), strict=True)) if labels else {}
    names = text_array(values.get("frame", ()))
    findings_from = text_array(values.get("findings_from", ()))
    rows, findings = (
        previous.take(pc.index_in(frames, value_set=previous["frame"]))
        for frames in (names, findings_from)
    )
    columns = [
        pa.array(values.get(field.name, ()), field.type)
        if field.name in Label._fields
        else (findings if field.name in FINDING_COLUMNS else rows)[field.name]
        for field in SCHEMA
    ]
    others = previous.filter(pc.invert(pc.is_in(previous["frame"], value_set=names)))
    return pa.concat_tables([pa.table(columns, schema=SCHEMA), others])


def _plan_work(
    plan: FilmPlan,
    remaining: Sequence[FrameState],
    finished: Sequence[FrameState],
    previous: pa.Table,
) -> None:
    """Add the unfinished frames to the plan; those with equal `pixels` share an item."""
    finished_of = {one.pixels: one.frame.output for one in reversed(finished)}
    needs_rows = any(one.pixels in finished_of for one in remaining)
    columns = ("output", "precision", "device", "warnings") if needs_rows else ()
    known = zip(*(plan.rows[name].to_pylist() for name in columns), strict=True)
    copied = {output: (*made, tuple(warned or ())) for output, *made, warned in known}
    sources = text_array(one.findings_from for one in remaining if one.findings_from)
    rows = previous.filter(pc.is_in(previous["frame"], value_set=sources))
    rows = rows.select(["frame", *FINDING_COLUMNS])
    findings = {row.pop("frame"): row for row in rows.to_pylist()}
    copies: dict[PixelsKey, Copying] = {}
    work: dict[PixelsKey, tuple[FrameState, list[str]]] = {}
    for one in remaining:
        pixels, output = one.pixels, one.frame.output
        plan.remaining[output] = one
        if pixels in finished_of:
            precision, device, warnings = copied[finished_of[pixels]]
            plan.remaining[output] = one._replace(
                precision=precision,
                device=device,
                warnings=warnings,
                findings=findings.get(one.findings_from or ""),
            )
            copies.setdefault(pixels, (finished_of[pixels], []))[1].append(output)
        else:
            work.setdefault(pixels, (one, []))[1].append(output)
    plan.copies = list(copies.values())
    plan.work = [_work(one, outputs) for one, outputs in work.values()]


def _work(one: FrameState, outputs: Iterable[str]) -> WorkItem:
    frame = one.frame
    picture = Input(frame.role, frame.source, one.picture.source_sha256)
    return WorkItem((picture, *one.colors.inputs), tuple(outputs), frame.shot)


def result_row(one: FrameState, fingerprint: Fingerprint, result: FrameResult) -> ManifestRow:
    """Build the row of a frame that is stored, or failed after its picture was read."""
    warnings = dict.fromkeys((*one.colors.warnings, *(result.warnings or one.warnings)))
    ended = {
        "status": "held" if one.held_by else "done",
        "held_by": one.held_by,
        "output": one.frame.output,
        "output_bytes": result.output_bytes,
        "precision": result.precision or one.precision,
        "device": result.device or one.device,
    }
    return make_row(
        {
            **_identity(one.frame),
            "width": one.picture.width,
            "height": one.picture.height,
            "source_sha256": one.picture.source_sha256,
            "source_stamp": one.frame.source.stamp if result.failure is None else None,
            "pixels_sha256": one.picture.pixels_sha256,
            **one.colors.columns(),
            "warnings": list(warnings) or None,
            "doubts": [one._asdict() for one in result.doubts] or None,
            **(result.certainty._asdict() if result.certainty else {}),
            **(one.findings or {}),
            "weights": fingerprint.weights,
            "settings": fingerprint.settings,
            "extras": " ".join(fingerprint.extras),
            "retake": one.retake,
            "seconds": sum(result.stages.values(), 0.0),
            "stage_seconds": list(result.stages.items()) or None,
            **(ended if result.failure is None else result.failure.columns()),
        }
    )


def unread_row(frame: FilmFrame, failure: Failure) -> ManifestRow:
    """Build the row of a frame that cannot be read."""
    known = {"source_sha256": failure.source_sha256, "seconds": 0.0}
    return make_row({**_identity(frame), **failure.columns(), **known})


def _identity(frame: FilmFrame) -> dict[str, Any]:
    return {"frame": frame.name, "shot": frame.shot, "number": frame.number}


def find_unchanged(
    sources: Iterable[Source], known: Mapping[str, HashedFile], previous: pa.Table
) -> dict[str, HashedFile]:
    """Return the hashed pictures whose files have the ETag and size that they were read with.

    They are not read again. In folders there is no ETag, and all files are read.

    Args:
        sources: Pictures, as listed now.
        known: Result of `known_pictures`.
        previous: The manifest; older ones lack the stamps.
    """
    stamps = {one.name: one.stamp for one in sources if one.stamp and one.name in known}
    named = previous.filter(pc.is_in(previous["frame"], value_set=text_array(stamps)))
    recorded = zip(named["frame"].to_pylist(), named["source_stamp"].to_pylist(), strict=True)
    return {name: known[name] for name, stamp in recorded if stamp == stamps[name]}


def known_pictures(previous: pa.Table, settings: str) -> dict[str, HashedFile]:
    """Return the hashed pictures in the manifest by frame; unchanged files need no decoding.

    Rows with other settings are left out: they may be of another task, which decodes differently.
    """
    counts = pc.and_(
        pc.is_valid(previous["pixels_sha256"]), pc.equal(previous["settings"], settings)
    )
    rows = previous.filter(counts)
    names = ("source_sha256", "pixels_sha256", "width", "height")
    pictures = map(HashedFile, *(rows[name].to_pylist() for name in names))
    # Equal pictures share one object, to save memory.
    unique: dict[HashedFile, HashedFile] = {}
    return {
        frame: unique.setdefault(picture, picture)
        for frame, picture in zip(rows["frame"].to_pylist(), pictures, strict=True)
    }
