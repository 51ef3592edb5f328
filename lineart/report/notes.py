"""Notes on the frames of a shot: sentences or hints, each with the frames that it stands for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TypeVar

T = TypeVar("T")

RANGES_NAMED = 6
"""Maximum number of ranges of frames that a note names; the others are counted."""
RANGES_MARKED = 100
"""Maximum number of ranges of a note that the player knows."""
NOTES_OPEN = 4
"""Maximum number of notes of a shot and kind that are not folded away."""
NOTES_BYTES = 500_000
"""Maximum size of all notes at the shots of a page, in bytes."""
MARKUP_BYTES, LIST_BYTES = 50, 180
"""Size of the HTML around a note, and around the notes of one kind at a shot, in bytes."""


@dataclass(frozen=True)
class Note:
    """A text, with the frames of a shot that it stands for."""

    text: str
    ranges: Sequence[range]
    """Positions in the shot, from 0; empty for a text on the shot as a whole."""
    label: str
    """Names of these frames: `0001-0012, 0020`."""

    @property
    def marks(self) -> str:
        """Ranges for the player, first and last position: `0-11 19-19`."""
        return " ".join(f"{r.start}-{r.stop - 1}" for r in self.ranges[:RANGES_MARKED])

    @property
    def size(self) -> int:
        """Size on the page in bytes, roughly."""
        return len(self.text.encode()) + len(self.label) + len(self.marks) + MARKUP_BYTES


@dataclass
class NoteList:
    """Notes of one kind at a shot."""

    notes: list[Note] = field(default_factory=list)
    """Notes that the page lists."""
    unlisted: int = 0
    """Number of the others."""

    @property
    def open(self) -> list[Note]:
        """Notes that are not folded away."""
        return self.notes[:NOTES_OPEN]

    @property
    def folded(self) -> list[Note]:
        """Notes that are folded away."""
        return self.notes[NOTES_OPEN:]


def gather(values: Iterable[Iterable[T]]) -> dict[T, list[range]]:
    """Return each value with the positions at which it stands, in order of first appearance.

    Args:
        values: Hashable values at each position, from 0.
    """
    found: dict[T, list[range]] = {}
    for position, here in enumerate(values):
        for value in here:
            ranges = found.setdefault(value, [])
            start = ranges.pop().start if ranges and ranges[-1].stop >= position else position
            ranges.append(range(start, position + 1))
    return found


def name_ranges(ranges: Sequence[range], name: Callable[[int], str]) -> str:
    """Name frames by the first and the last of each range: `0001-0012, 0020 and 3 more ranges`.

    Args:
        ranges: Positions of the frames.
        name: Returns the name of the frame at a position.
    """
    named = ", ".join(
        name(r.start) if len(r) == 1 else f"{name(r.start)}-{name(r.stop - 1)}"
        for r in ranges[:RANGES_NAMED]
    )
    more = len(ranges[RANGES_NAMED:])
    return f"{named} and {more:,} more range{'s'[: more > 1]}" if more else named


def limit_notes(lists: Sequence[NoteList]) -> None:
    """Keep the notes that fit into `NOTES_BYTES`: the first of every list, then the second, ..."""
    kept: list[list[Note]] = [[] for _ in lists]
    left = NOTES_BYTES
    for place, note in _in_turn([one.notes for one in lists]):
        size = note.size if kept[place] else note.size + LIST_BYTES
        if size <= left:
            left -= size
            kept[place].append(note)
    for one, notes in zip(lists, kept, strict=True):
        one.unlisted += len(one.notes) - len(notes)
        one.notes = notes


def _in_turn(lists: Sequence[Sequence[Note]]) -> Iterator[tuple[int, Note]]:
    for turn in zip_longest(*lists):
        yield from ((place, note) for place, note in enumerate(turn) if note is not None)
