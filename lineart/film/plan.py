"""What is finished, what failed and what remains: the film against its manifest."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lineart.film.frames import FilmFrame
from lineart.film.index import Failure, Indexed
from lineart.manifest import Row, make_row


@dataclass(frozen=True)
class Look:
    """All that decides a frame's pixels beside its picture and its hint."""

    weights: str
    """sha256 over the weights' files."""
    settings: str
    """The other settings, as JSON."""


@dataclass(frozen=True)
class Making:
    """Distinct pixels, and every frame that shows them; the first is the one that is made."""

    frames: list[FilmFrame]


@dataclass(frozen=True)
class Copying:
    """Frames whose picture another frame of this film already has, in place and finished."""

    finished: FilmFrame
    frames: list[FilmFrame]


@dataclass
class Plan:
    """The difference between a film and its manifest."""

    rows: dict[str, Row] = field(default_factory=dict)
    """Rows that stand already: finished frames, and frames that cannot be read."""
    makings: list[Making] = field(default_factory=list)
    copies: list[Copying] = field(default_factory=list)
    skipped: int = 0
    """Frames that were finished before."""
    templates: dict[str, Row] = field(default_factory=dict)
    """By output: the row of a frame that remains, but for how it ends."""


def make_plan(
    frames: Iterable[FilmFrame],
    pictures: Mapping[str, Indexed | Failure],
    hints: Mapping[str, str | Failure],
    ledger: Mapping[str, Row],
    stored: Mapping[str, int],
    look: Look,
) -> Plan:
    """Decide for every frame whether it stands, is copied, is made or has failed.

    Args:
        frames: The film in order.
        pictures: By frame: what its picture is, or why it cannot be read.
        hints: By hint: sha256 of its file, or why it cannot be read.
        ledger: By frame: its newest row.
        stored: By output: bytes in place, of frames whose other files stand, too.
        look: What decides the pixels.
    """
    plan = Plan()
    groups: dict[tuple[str, str | None], list[FilmFrame]] = {}
    for frame in frames:
        picture, hint = pictures[frame.name], _hint(frame, hints)
        failure = next((part for part in (picture, hint) if isinstance(part, Failure)), None)
        if failure is not None:
            plan.rows[frame.name] = failed_row(_identity(frame), failure)
            continue
        assert isinstance(picture, Indexed)
        assert not isinstance(hint, Failure)
        plan.templates[frame.output] = _identity(frame) | {
            "width": picture.width,
            "height": picture.height,
            "source_sha256": picture.source_sha256,
            "pixels_sha256": picture.pixels_sha256,
            "hint_sha256": hint,
            "weights": look.weights,
            "settings": look.settings,
        }
        groups.setdefault((picture.pixels_sha256, hint), []).append(frame)
    for group in groups.values():
        _plan_group(plan, group, ledger, stored)
    return plan


def _plan_group(
    plan: Plan, group: list[FilmFrame], ledger: Mapping[str, Row], stored: Mapping[str, int]
) -> None:
    """Plan the frames that show the same picture."""
    for frame in group[1:]:
        plan.templates[frame.output]["held_by"] = group[0].name
    finished, open_frames = [], []
    for frame in group:
        row, template = ledger.get(frame.name), plan.templates[frame.output]
        if row is not None and _is_finished(row, template, stored):
            finished.append(frame)
            plan.rows[frame.name] = row | {
                "status": "held" if template.get("held_by") else "done",
                "held_by": template.get("held_by"),
                "shot": frame.shot,
                "number": frame.number,
            }
        else:
            open_frames.append(frame)
    if open_frames and finished:
        plan.copies.append(Copying(finished[0], open_frames))
    elif open_frames:
        plan.makings.append(Making(open_frames))
    plan.skipped += len(finished)


_SAME = ("source_sha256", "hint_sha256", "weights", "settings", "output")


def _is_finished(row: Row, template: Mapping[str, Any], stored: Mapping[str, int]) -> bool:
    """Whether a row says that this very picture was made, and its file stands as it was written."""
    return (
        row["status"] in ("done", "held")
        and all(row[name] == template[name] for name in _SAME)
        and stored.get(row["output"]) == row["output_bytes"]
    )


def _identity(frame: FilmFrame) -> Row:
    return {
        "frame": frame.name,
        "shot": frame.shot,
        "number": frame.number,
        "output": frame.output,
    }


def _hint(frame: FilmFrame, hints: Mapping[str, str | Failure]) -> str | Failure | None:
    return None if frame.hint is None else hints[frame.hint.name]


def failed_row(template: Mapping[str, Any], failure: Failure, seconds: float = 0.0) -> Row:
    """Give the row of a frame that failed."""
    return make_row(
        {
            **template,
            "status": "failed",
            "held_by": None,
            "output": None,
            "stage": failure.stage,
            "error": failure.error,
            "message": failure.message,
            "seconds": seconds,
        }
    )


def written_row(template: Mapping[str, Any], output_bytes: int, seconds: float) -> Row:
    """Give the row of a frame whose picture is in place."""
    status = "held" if template.get("held_by") else "done"
    return make_row(
        {**template, "status": status, "output_bytes": output_bytes, "seconds": seconds}
    )


def known_pictures(
    ledger: Mapping[str, Row], names: Collection[str], settings: str
) -> dict[str, Indexed]:
    """Give what the manifest knows of these pictures, so that unchanged files need no decoding.

    Rows of other settings do not count: they may be another task's, which decodes otherwise.
    """
    return {
        name: Indexed(row["source_sha256"], row["pixels_sha256"], row["width"], row["height"])
        for name in names
        if (row := ledger.get(name)) is not None
        and row["pixels_sha256"] is not None
        and row["settings"] == settings
    }
