"""What a person should look at in a film: failures, accepted frames, warnings and retakes."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lineart.film.records import FILES
from lineart.film.tasks import PageWords
from lineart.film.tasks.roles import HINT_KEY, KEY, KEY_LINE, LINED_SHEET, SHEET, SHEET_LINE
from lineart.report.frames import columns, file_name
from lineart.report.html import CONTROL_BUT_NEWLINE, as_text
from lineart.report.notes import name_ranges
from lineart.report.shots import ShotSummary, named_shot

FAILURES_OPEN = 12
FAILURES_LISTED = 300
"""Maximum number of listed failures; those after the first `FAILURES_OPEN` are folded away."""
ALL_FAILURES = "manifest/*.parquet, rows with status = 'failed'"
RETAKES_OPEN = 12
RETAKES_LISTED = 300
"""The same for retakes."""
WARNINGS_OPEN = 12
WARNINGS_LISTED = 300
"""The same for different warnings, and for those of the run."""
PLACES_NAMED = 4
"""Maximum number of shots that are named with a warning."""
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
"""Numbers in warnings: sentences that differ in nothing else are of one kind."""
CAUSES_LISTED = 8
FILE_STAGES = {
    "hint": "hint",
    HINT_KEY: "hint",
    KEY: "key",
    **dict.fromkeys((SHEET, LINED_SHEET, SHEET_LINE), "sheet"),
    "paint": "paint file",
}
"""Stage in which a frame fails because of a file beside its drawing -> what that is."""
SAYS_AGAIN = re.compile(r"\bagain\b|the same command")
"""Found in messages on files that need no repair."""
SAYS_NAME = re.compile(r"\brename\b|^--names|^its name ")
"""Found in messages on names."""


def list_failures(
    rows: pa.Table, inputs: Mapping[str, str], source: str, status: str = "failed"
) -> dict[str, Any]:
    """Return the frames of a status to list, the number of the others, and the frequent causes.

    Args:
        rows: The manifest.
        inputs: Frame -> address of its source picture.
        source: Word for a source picture.
        status: `failed`, or `accepted`.
    """
    failed = rows.filter(pc.equal(rows["status"], status))
    failures = [*columns(failed, "stage", "error", "message")]
    causes = Counter((_stage(stage), as_text(error)) for stage, error, _ in failures)
    # One cause, such as a hint of a whole shot, is named once; the other rows point to it.
    first: dict[tuple[str | None, ...], str] = {}
    listed = [_failure(row, inputs, first) for row in failed.slice(0, FAILURES_LISTED).to_pylist()]
    return {
        "listed": len(listed),
        "advice": advise(((stage, message) for stage, _, message in failures), source),
        "open": listed[:FAILURES_OPEN],
        "folded": listed[FAILURES_OPEN:],
        "unlisted": failed.num_rows - len(listed),
        "causes": causes.most_common(CAUSES_LISTED) if len(causes) > 1 else [],
        "other_causes": max(0, len(causes) - CAUSES_LISTED),
    }


def advise(failures: Iterable[tuple[str | None, str | None]], source: str) -> str:
    """Return what to do before the same command, as the start of a sentence, by what failed.

    Args:
        failures: Stage and message of each failed frame.
        source: Word for a source picture, such as `line drawing`.
    """
    found = {_cause(stage or "", message or "", source) for stage, message in failures}
    files = [f"{one}s" for one in (source, *dict.fromkeys(FILE_STAGES.values())) if one in found]
    advice = []
    if files:
        names = " and ".join(filter(None, (", ".join(files[:-1]), files[-1])))
        advice.append(f"repair or replace the {names} in this list")
    if NAMES in found:
        advice.append("rename files as their messages say")
    if OTHERS in found:
        advice.append("see what the other messages say" if advice else "see what the messages say")
    return ", ".join(advice).capitalize()


NAMES, OTHERS = "names", "others"
"""Causes of failures that are no kind of file."""


def _cause(stage: str, message: str, source: str) -> str:
    """Return the kind of file that a frame failed because of, `NAMES` or `OTHERS`."""
    if SAYS_AGAIN.search(message):
        return OTHERS
    if stage == "name":
        return NAMES if SAYS_NAME.search(message) else source
    if stage in ("read", "decode", KEY_LINE):
        return source
    kind = FILE_STAGES.get(stage, OTHERS)
    # The stage in which hints are looked at is also that of frames without any.
    return kind if stage != "hint" or "hint" in message else OTHERS


def _stage(stage: str | None) -> str:
    """Return the stage of a failure in words."""
    return as_text(FILES.get(stage or "", stage))


def _failure(
    row: Mapping[str, Any], inputs: Mapping[str, str], first: dict[tuple[str | None, ...], str]
) -> dict[str, str]:
    """Return the error of a failed frame; only a relative address becomes a link.

    Args:
        row: Row of the frame.
        inputs: Frame -> address of its source picture.
        first: Stage, error and message -> the first frame with them.
    """
    same = first.setdefault((row["stage"], row["error"], row["message"]), row["frame"])
    message = row["message"] if same == row["frame"] else f"the same as for {same}"
    address = inputs.get(row["frame"], "")
    is_link = address.startswith(("./", "../"))
    return {
        **{key: as_text(row[key]) for key in ("frame", "error")},
        "stage": _stage(row["stage"]),
        "message": as_text(message, CONTROL_BUT_NEWLINE),
        "link": address if is_link else "",
        "address": "" if is_link else as_text(address),
    }


def list_warnings(shots: Sequence[ShotSummary], run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the warnings of the run, and those of the frames with one entry for equal sentences.

    Args:
        shots: All shots of the film.
        run: Content of `run.json`.
    """
    numbers = {shot.name: number for number, shot in enumerate(shots, 1)}
    of_run = [
        {"sentence": as_text(one), "number": numbers.get(named_shot(one, numbers) or "")}
        for one in run_warnings(run)
    ]
    found: dict[str, list[tuple[int, list[range]]]] = {}
    for number, shot in enumerate(shots, 1):
        for sentence, ranges in shot.warned.items():
            found.setdefault(sentence, []).append((number, ranges))
    frames = {sentence: _num_frames(places) for sentence, places in found.items()}
    kinds: Counter[str] = Counter()
    for sentence, num_frames in frames.items():
        kinds[NUMBER.sub("…", sentence)] += num_frames
    # The sort is stable: sentences of equally many frames stay in film order.
    order = sorted(found, key=lambda sentence: -frames[sentence])[:WARNINGS_LISTED]
    listed = [_warning(sentence, frames[sentence], found[sentence], shots) for sentence in order]
    return {
        "run": of_run[:WARNINGS_LISTED],
        "unlisted_run": len(of_run[WARNINGS_LISTED:]),
        "frames": sum(shot.num_warned for shot in shots),
        "shots": sum(1 for shot in shots if shot.notes),
        "open": listed[:WARNINGS_OPEN],
        "folded": listed[WARNINGS_OPEN:],
        "unlisted": len(found) - len(listed),
        "kinds": kinds.most_common(CAUSES_LISTED) if 1 < len(kinds) < len(found) else [],
        "other_kinds": max(0, len(kinds) - CAUSES_LISTED),
    }


def run_warnings(run: Mapping[str, Any]) -> list[str]:
    """Return the warnings of a run; older runs have none in `run.json`."""
    given = run.get("warnings")
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


def _num_frames(places: Iterable[tuple[int, Sequence[range]]]) -> int:
    return sum(len(one) for _, ranges in places for one in ranges)


def _warning(
    sentence: str,
    num_frames: int,
    places: Sequence[tuple[int, Sequence[range]]],
    shots: Sequence[ShotSummary],
) -> dict[str, Any]:
    """Return a warning, with the frames of its first shots."""
    named = [
        {
            "shot": shots[number - 1].name,
            "number": number,
            "frames": name_ranges(ranges, shots[number - 1].frame_name),
        }
        for number, ranges in places[:PLACES_NAMED]
    ]
    return {
        "sentence": sentence,
        "count": num_frames,
        "places": named,
        "other_shots": len(places[PLACES_NAMED:]),
    }


def list_retakes(shots: Iterable[ShotSummary], words: PageWords) -> dict[str, Any]:
    """Return the retakes, with one entry for all frames of a shot that have the same change."""
    listed = []
    for number, shot in enumerate(shots, 1):
        changes: dict[str, list[str]] = {}
        for row in shot.rows:
            if row.retake:
                changes.setdefault(row.retake, []).append(row.frame)
        for change, frames in changes.items():
            listed.append(
                {
                    "shot": shot.name,
                    "number": number,
                    "first": file_name(frames[0]),
                    "last": file_name(frames[-1]),
                    "count": len(frames),
                    "change": change.replace("picture", words.source),
                }
            )
    return {
        "frames": sum(entry["count"] for entry in listed),
        "open": listed[:RETAKES_OPEN],
        "folded": listed[RETAKES_OPEN:RETAKES_LISTED],
        "unlisted": len(listed[RETAKES_LISTED:]),
    }
