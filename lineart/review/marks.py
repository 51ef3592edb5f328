"""What people say of frames: accepted, or to be redone; and which doubts they have answered.

A small JSON file for each such frame, `review/<shot>/<frame>.json` in the output, which no run
touches.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from lineart.film.frames import stem
from lineart.imaging.doubts import Doubt
from lineart.review.shared_files import ChangedError, SharedFiles, tag_of
from lineart.storage import Storage

FOLDER = "review"
REPLACED = "replaced"
"""Folder below it of keys as they were before the page wrote over them."""
THREADS = 16
Verdict = Literal["accepted", "redo"]
VERDICTS = ("accepted", "redo")
MOST_NOTE = 500
"""Maximum length of a note in characters."""

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
    """When the frame that was marked was made: the manifest's `written_at`."""
    answered: tuple[Box, ...] = ()
    """Boxes of doubts that were answered on the frame made at `answered_of`."""
    answered_of: str = ""

    def has_answered(self, doubt: Doubt, made: str) -> bool:
        """Return whether a doubt of a frame made at a time was answered."""
        box = doubt.left, doubt.top, doubt.right, doubt.bottom
        return self.answered_of == made and box in self.answered


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


class Marks:
    """The marks of a film; keeps those that were read, for lists.

    Args:
        output: Output of the film.
    """

    def __init__(self, output: Storage) -> None:
        self._output = output
        self._files = SharedFiles(output.child(FOLDER), ".lease")
        self.known: dict[str, Mark] = {}
        """Name of a frame -> its mark, as it was last read."""
        self.load()

    def load(self) -> None:
        """Read all marks."""
        paths = [entry.path for entry in self._output.entries(FOLDER)]
        paths = [one for one in paths if one.endswith(".json") and "/.lease/" not in one]
        with ThreadPoolExecutor(THREADS) as pool:
            marks = [read_mark(data) for data in pool.map(self._read, paths)]
        self.known = {mark.frame: mark for mark in marks if mark.frame}

    def _read(self, path: str) -> bytes | None:
        try:
            return self._output.read(path)
        except FileNotFoundError:
            return None

    def of(self, frame: str) -> tuple[Mark, str]:
        """Return the mark of a frame as it is now, and its tag."""
        data = self._files.read(_path(frame))
        mark = read_mark(data)
        self.known[frame] = mark
        return mark, tag_of(data)

    def set(
        self, frame: str, changes: Mapping[str, Any], expected: str | None, by: str
    ) -> tuple[Mark, str]:
        """Change fields of a frame's mark, and return it and its tag.

        Args:
            frame: Name of the frame.
            changes: Fields of `Mark`.
            expected: Tag of what was read; None changes whatever is there now.
            by: Name of the person.

        Raises:
            ChangedError: another person has changed it.
            OSError: it cannot be written.
        """
        while True:
            present, tag = self.of(frame)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            mark = replace(present, **changes, frame=frame, by=by, at=now)
            data = json.dumps(asdict(mark), indent=1).encode()
            try:
                tag = self._files.replace(_path(frame), data, expected or tag)
            except ChangedError:
                if expected is not None:
                    raise
                continue
            self.known[frame] = mark
            return mark, tag

    def keep_replaced(self, key: str, data: bytes) -> None:
        """Keep a key that is about to be written over."""
        self._files.place.write(f"{REPLACED}/{stem(key)}.{tag_of(data)[:8]}.png", data)


def _path(frame: str) -> str:
    return f"{stem(frame)}.json"
