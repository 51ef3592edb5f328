"""Frames on the page of a film: the columns of their rows, and counts by status."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from lineart.report.html import as_text

STATUSES = ("done", "held", "failed", "accepted")
OTHER = "other"
"""Kind of the statuses that this version does not know, as in manifests of later ones."""


NOTHING, MISSING = -1, -2
"""Places of no frame at a time of an exposure sheet: it shows nothing, or the film lacks it."""


class Cell(NamedTuple):
    """A frame on the status map, or a time of an exposure sheet."""

    kind: str
    """Status, `OTHER`, or `empty` or `missing` on a sheet."""
    is_retake: bool = False
    is_warned: bool = False


class FrameEntry(NamedTuple):
    """Columns of a frame's row in the manifest, and the number of its doubts."""

    frame: str
    shot: str | None
    status: str
    width: int | None
    height: int | None
    held_by: str | None
    retake: str | None
    warnings: Sequence[str] | None = None
    hints: Sequence[str] | None = None
    keys: Sequence[str] | None = None
    num_doubts: int = 0

    @property
    def kind(self) -> str:
        """Its status, or `OTHER`."""
        return self.status if self.status in STATUSES else OTHER

    @property
    def is_hinted(self) -> bool:
        """Whether its hints are known: of a failed frame they may not be."""
        return bool(self.hints) or self.status in ("done", "held")

    @property
    def cell(self) -> Cell:
        """The frame on the status map."""
        return Cell(self.kind, bool(self.retake), bool(self.warnings))

    @property
    def leader(self) -> str:
        """Name of the frame whose output this one shows: itself, unless it is held."""
        return self.held_by or self.frame


def columns(rows: pa.Table, *names: str) -> Iterator[tuple[Any, ...]]:
    """Return an iterator over the rows of some columns."""
    return zip(*(rows[name].to_pylist() for name in names), strict=True)


def count(statuses: Iterable[str]) -> dict[str, int]:
    """Count frames by status, and all as `frames`; statuses that are not known come after those."""
    counted = Counter(statuses)
    others = {as_text(status): frames for status, frames in counted.items()}
    return dict.fromkeys(STATUSES, 0) | others | {"frames": counted.total()}


def file_name(frame: str) -> str:
    """Return the file name of a frame as printable text."""
    return as_text(frame.rsplit("/", 1)[-1])


def stack_hints(hints: Iterable[str]) -> str:
    """Return the names of the hints of a frame, from bottom to top, as printable text."""
    return " + ".join(map(as_text, hints))
