"""Ends a run whose storage refuses one file after another."""

from lineart.film.pictures.listing import printable
from lineart.film.records import WRITE, Failure

MAX_REFUSED = 32
"""Number of files in a row that the storage refuses to read or write after which a run breaks
off."""
OWN_STAGES = ("read", WRITE)
"""Stages of files that belong to one frame; in others, several frames may fail by one file."""


class Refusals:
    """Counts the files that the storage has refused in a row, each once."""

    def __init__(self) -> None:
        self._files: set[str] = set()

    def add(self, name: str, failure: Failure | None) -> None:
        """Count a file or frame.

        Args:
            name: Its name.
            failure: Why it failed; None if it did not.

        Raises:
            OSError: it is the last of `MAX_REFUSED` in a row.
        """
        if failure is None or not (failure.is_refused or failure.stage == WRITE):
            self._files.clear()
            return
        self._files.add(name if failure.stage in OWN_STAGES else failure.message)
        if len(self._files) < MAX_REFUSED:
            return
        if failure.stage == WRITE:
            raise OSError(f"{MAX_REFUSED} frames in a row were refused: {failure.message}")
        name = printable(name)
        reason = failure.message if name in failure.message else f"{name}: {failure.message}"
        raise OSError(
            f"{MAX_REFUSED} files in a row cannot be read: {reason}; once the storage lets them be "
            "read, the same command goes on"
        )
