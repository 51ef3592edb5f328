"""What people say of frames on the page of `lineart review`: accepted, or to be made again.

A small JSON file for each such frame, `review/<shot>/<frame>.json` in the output, which no run
touches. A mark is for the frame as it stood: it holds until the frame is made again.
"""

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from lineart.film.pictures.frames import FilmFrame
from lineart.imaging.paint.doubts import Doubt
from lineart.storage import Storage

FOLDER = "review"
LEASE = ".lease"
"""Folder below it that is there while a mark is written."""
THREADS = 16
Verdict = Literal["accepted", "redo"]
VERDICTS = ("accepted", "redo")

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""


@dataclass(frozen=True)
class Mark:
    """What was said of a frame; its fields are those of the file."""

    frame: str = ""
    mark: Verdict | None = None
    note: str = ""
    by: str = ""
    """Name of the person."""
    at: str = ""
    """Time of the last change, UTC."""
    made: str = ""
    """When the frame that was marked was made: `made_at` of its row."""
    answered: tuple[Box, ...] = ()
    """Boxes of doubts that were answered on the frame made at `answered_of`."""
    answered_of: str = ""

    def has_answered(self, doubt: Doubt, made: str) -> bool:
        """Return whether a doubt of a frame made at a time was answered."""
        box = doubt.left, doubt.top, doubt.right, doubt.bottom
        return self.answered_of == made and box in self.answered


def made_at(row: Mapping[str, Any]) -> str:
    """Return when the frame of a manifest row was made, as text."""
    return row["written_at"].isoformat() if row["written_at"] else ""


def read_mark(data: bytes | None) -> Mark:
    """Read a file of a mark; one that is none says nothing."""
    try:
        given = json.loads(data or b"{}")
        fields = {name: given[name] for name in asdict(Mark()) if isinstance(given.get(name), str)}
        boxes = given.get("answered", [])
        answered = tuple((int(a), int(b), int(c), int(d)) for a, b, c, d in boxes)
        verdict = given.get("mark") if given.get("mark") in VERDICTS else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Mark()
    return Mark(**fields | {"mark": verdict, "answered": answered})


def read_marks(output: Storage) -> dict[str, Mark]:
    """Read all marks in the output of a film, by frame; raises OSError."""
    paths = [entry.path for entry in output.entries(FOLDER)]
    paths = [one for one in paths if one.endswith(".json") and f"/{LEASE}/" not in one]

    def read(path: str) -> bytes | None:
        try:
            return output.read(path)
        except FileNotFoundError:
            return None

    with ThreadPoolExecutor(THREADS) as pool:
        marks = [read_mark(data) for data in pool.map(read, paths)]
    return {mark.frame: mark for mark in marks if mark.frame}


def find_verdicts(marks: Mapping[str, Mark], rows: pa.Table) -> dict[str, Verdict]:
    """Return what was said of frames as they stand, by frame.

    Args:
        marks: Result of `read_marks`.
        rows: The manifest.
    """
    said = {name: mark for name, mark in marks.items() if mark.mark is not None}
    named = pc.is_in(rows["frame"], value_set=pa.array(said, pa.string()))
    found = rows.select(("frame", "written_at")).filter(named).to_pylist()
    verdicts: dict[str, Verdict] = {}
    for row in found:
        mark = said[row["frame"]]
        if mark.mark is not None and mark.made == made_at(row):
            verdicts[mark.frame] = mark.mark
    return verdicts


def mark_frames(frames: Iterable[FilmFrame], verdicts: Mapping[str, Verdict]) -> list[FilmFrame]:
    """Return frames with the verdicts on them."""
    return [
        replace(frame, verdict=verdicts[frame.name]) if frame.name in verdicts else frame
        for frame in frames
    ]
