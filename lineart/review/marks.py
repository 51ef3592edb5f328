"""Marks of frames, as several people at the page set them; see `film.planning.marks`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from lineart.film.pictures.names import stem
from lineart.film.planning.marks import FOLDER, LEASE, Mark, read_mark, read_marks
from lineart.review.shared_files import ChangedError, SharedFiles, tag_of
from lineart.storage import Storage

REPLACED = "replaced"
"""Folder beside the marks of keys as they were before the page wrote over them."""
MAX_NOTE = 500
"""Maximum length of a note in characters."""


class Marks:
    """The marks of a film; keeps those that were read, for lists.

    Args:
        output: Output of the film.
    """

    def __init__(self, output: Storage) -> None:
        self._files = SharedFiles(output.child(FOLDER), LEASE)
        self.known: dict[str, Mark] = read_marks(output)
        """Name of a frame -> its mark, as it was last read."""

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
