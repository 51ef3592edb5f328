"""Shots on the page of a film: counts, status map, notes, thumbnails, data for the player."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, pairwise
from operator import itemgetter
from typing import Any

import pyarrow as pa

from lineart.film.outcome.outputs import count_doubts, spread
from lineart.film.pictures.names import stem
from lineart.report.frames import NOTHING, Cell, FrameEntry, columns, count, file_name, stack_hints
from lineart.report.html import as_text, data_uri
from lineart.report.notes import Note, NoteList, gather, limit_notes, name_ranges
from lineart.report.status_map import draw_map

PICTURES_A_STRIP = 10
"""Maximum number of thumbnails of a shot that are laid out; the player shows all."""
FAILURES_A_SHOT = 4
"""Maximum number of failed frames that are named with a shot."""
NO_WORD = re.compile(r"[/_\d]")
NAMED = re.compile(r"(?:^|\b)shot (.+?) has |['\"]([^'\"]+)['\"]")
"""Names in a sentence, which may have spaces: `shot s 1 has no 0003`, `'s 1/0002.png'`."""
THUMBNAIL_BYTES = 7_800_000
"""Maximum size of all thumbnails in bytes, before Base64."""
MARKUP_BYTES = 700
"""Size of the HTML around one thumbnail in bytes."""


@dataclass(frozen=True)
class Thumbnail:
    """A frame and its source picture, encoded as JPEG, PNG or WebP."""

    frame: str
    """Relative path of the source picture, as in the manifest."""
    source: bytes | None
    """None if it can no longer be read."""
    result: bytes


@dataclass
class ShotSummary:
    """Template data of one shot."""

    name: str
    rows: list[FrameEntry] = field(default_factory=list)
    pictures: list[dict[str, Any]] = field(default_factory=list)
    """Template variables of its thumbnails; `position` is the frame's index in the shot."""
    shown: list[int] = field(default_factory=list)
    """Number of the thumbnail that the player shows for each frame; see `play`."""
    notes: list[str] = field(default_factory=list)
    """Warnings of the run on this shot as a whole."""
    timeline: list[int] | None = None
    """Index of the frame that its exposure sheet shows at each time, `NOTHING` or `MISSING`; None
    without a sheet."""

    @cached_property
    def counts(self) -> dict[str, int]:
        """Frames by status."""
        return count(row.status for row in self.rows)

    def frame_name(self, position: int) -> str:
        """Return the name of a frame without folder and suffix; `position` counts from 0."""
        return file_name(stem(self.rows[position].frame))

    @cached_property
    def warned(self) -> dict[str, list[range]]:
        """Warning -> frames that it stands for."""
        if not self.num_warned:
            return {}
        found = gather(row.warnings or () for row in self.rows)
        return {as_text(warning): ranges for warning, ranges in found.items()}

    @cached_property
    def warnings(self) -> NoteList:
        """Warnings at the shot: those on the whole shot, then those on frames."""
        return NoteList([*(Note(note, (), "") for note in self.notes), *self._named(self.warned)])

    @cached_property
    def hints(self) -> NoteList:
        """Hints with the frames on which they held; finished frames without are named last."""
        if not any(row.hints for row in self.rows):
            return NoteList()
        held = gather([tuple(row.hints or ())] if row.is_hinted else [] for row in self.rows)
        bare = held.pop((), None)
        texts = {stack_hints(hints): ranges for hints, ranges in held.items()}
        return NoteList([*self._named(texts), *self._named({"no hint": bare} if bare else {})])

    @cached_property
    def keys(self) -> NoteList:
        """Keys with the frames that they served."""
        served = gather([tuple(row.keys)] if row.keys else [] for row in self.rows)
        texts = {stack_hints(keys): ranges for keys, ranges in served.items()}
        return NoteList([*self._named(texts)])

    def _named(self, found: Mapping[str, Sequence[range]]) -> Iterator[Note]:
        for text, ranges in found.items():
            yield Note(text, ranges, name_ranges(ranges, self.frame_name))

    @cached_property
    def retaken(self) -> int:
        """Number of frames that were made again because an input had changed."""
        return sum(1 for row in self.rows if row.retake)

    @cached_property
    def num_warned(self) -> int:
        """Number of frames with warnings."""
        return sum(1 for row in self.rows if row.warnings)

    @cached_property
    def num_doubts(self) -> int:
        """Number of doubtful regions."""
        return sum(row.num_doubts for row in self.rows)

    @cached_property
    def kinds(self) -> list[str]:
        """Values by which the page's filter finds this shot."""
        found = [status for status, frames in self.counts.items() if frames and status != "frames"]
        warned = self.warned or self.notes
        marks = {"retake": self.retaken, "warning": warned, "doubt": self.num_doubts}
        return [*found, *(mark for mark, is_there in marks.items() if is_there)]

    @cached_property
    def failed(self) -> list[str]:
        """File names of the first `FAILURES_A_SHOT` failed frames."""
        failed = (row.frame for row in self.rows if row.status == "failed")
        return [file_name(frame) for frame, _ in zip(failed, range(FAILURES_A_SHOT), strict=False)]

    @cached_property
    def map(self) -> dict[str, Any]:
        """The status map as SVG paths; see `draw_map`."""
        marks = [picture["position"] for picture in self.strip]
        if self.timeline is not None:
            first = {place: at for at, place in reversed([*enumerate(self.timeline)])}
            marks = sorted(first[place] for place in marks if place in first)
        return draw_map(self.cells, marks)

    @cached_property
    def cells(self) -> list[Cell]:
        """Its frames on the map; with an exposure sheet, what that shows at each time."""
        if self.timeline is None:
            return [row.cell for row in self.rows]
        return [self._expose(*places) for places in pairwise([NOTHING, *self.timeline])]

    def _expose(self, before: int, place: int) -> Cell:
        """Return the cell of a time from its place and the one before; a drawing is held."""
        if place < 0:
            return Cell("empty" if place == NOTHING else "missing")
        cell = self.rows[place].cell
        is_held = place == before and cell.kind == "done"
        return cell._replace(kind="held") if is_held else cell

    @cached_property
    def strip(self) -> list[dict[str, Any]]:
        """Thumbnails that are laid out, in order.

        Chosen are retakes, then those with warnings, with doubts, then even ones.
        """
        marks = ("retake", "said", "doubts")
        firsts = ([picture for picture in self.pictures if picture[mark]] for mark in marks)
        ordered = chain.from_iterable(map(spread, [*firsts, self.pictures]))
        order = [picture["number"] for picture in ordered]
        chosen = [*dict.fromkeys(order)][:PICTURES_A_STRIP]
        return [picture for picture in self.pictures if picture["number"] in chosen]

    @cached_property
    def others(self) -> list[dict[str, Any]]:
        """Thumbnails that only the player shows."""
        stripped = {picture["number"] for picture in self.strip}
        return [picture for picture in self.pictures if picture["number"] not in stripped]

    @cached_property
    def reel(self) -> dict[str, Any] | None:
        """Data for the player; None without thumbnails.

        `frames` has the first letter of each cell's kind, upper case for a retake; `shown` is the
        attribute `shown`. With an exposure sheet, both are by time, `shown` is null without a
        frame, and `places` is the attribute `timeline`.
        """
        if not self.shown:
            return None
        letters = (
            cell.kind[:1].upper() if cell.is_retake else cell.kind[:1] for cell in self.cells
        )
        reel: dict[str, Any] = {"frames": "".join(letters), "shown": self.shown}
        if self.timeline is None:
            return reel
        shown = [self.shown[place] if place >= 0 else None for place in self.timeline]
        return reel | {"shown": shown, "places": self.timeline}


def group(
    rows: pa.Table, thumbnails: Iterable[Thumbnail], most: int, warnings: Iterable[str] = ()
) -> list[ShotSummary]:
    """Group rows and their thumbnails into shots, in order of first appearance.

    Args:
        rows: The manifest, in film order.
        thumbnails: Thumbnails of frames; those without a row are left out, too many are thinned.
        most: Number of shots that get thumbnails and notes, from the first.
        warnings: Warnings of the run; each becomes a note of the first shot that it names.
    """
    rows = rows.append_column("num_doubts", count_doubts(rows))
    shots: dict[str, ShotSummary] = {}
    for row in map(FrameEntry._make, columns(rows, *FrameEntry._fields)):
        shot = shots.get(row.shot or "")
        if shot is None:
            shot = shots[row.shot or ""] = ShotSummary(as_text(row.shot or "") or "(no shot)")
        shot.rows.append(row)
    for warning in warnings:
        named = named_shot(warning, shots)
        if named is not None:
            shots[named].notes.append(as_text(warning))
    listed = list(shots.values())
    limit_notes(
        [notes for shot in listed[:most] for notes in (shot.warnings, shot.hints, shot.keys)]
    )
    _add_pictures(listed[:most], {thumbnail.frame: thumbnail for thumbnail in thumbnails})
    return listed


def named_shot(sentence: str, shots: Container[str]) -> str | None:
    """Return the first shot that a sentence names, alone or in a path; None without one.

    Names are found before a colon, after the word `shot`, in quotation marks, and as words that
    are no plain ones.
    """
    words = (word.strip("'\"`,.:;()") for word in sentence.split() if NO_WORD.search(word))
    named = [found[1] or found[2] for found in NAMED.finditer(sentence)]
    for folder in [sentence.partition(": ")[0], *named, *words]:
        while folder:
            if folder in shots:
                return folder
            folder = folder.rpartition("/")[0]
    return None


def _add_pictures(shots: Sequence[ShotSummary], thumbnails: Mapping[str, Thumbnail]) -> None:
    """Add the thumbnails that fit on the page to their shots, and set `shown`."""
    pictured = [
        [thumbnails[row.frame] for row in shot.rows if row.frame in thumbnails] for shot in shots
    ]
    kept = thin(pictured)
    leaders = {row.held_by for shot in shots for row in shot.rows if row.held_by}
    numbers: dict[str, int] = {}
    for shot in shots:
        for position, row in enumerate(shot.rows):
            if row.frame in kept:
                numbers[row.frame] = len(numbers)
                picture = layout_picture(thumbnails[row.frame], row) | {"position": position}
                kinds = [row.status, *(["held"] if row.frame in leaders else [])]
                picture |= {"number": numbers[row.frame]}
                marks = {"retake": row.retake, "warning": picture["said"]}
                marks |= {"doubt": row.num_doubts}
                picture |= {"kinds": [*kinds, *(mark for mark, is_on in marks.items() if is_on)]}
                shot.pictures.append(picture)
    for shot in shots:
        shot.shown = play([numbers.get(row.leader) for row in shot.rows])


def play(numbers: Sequence[int | None]) -> list[int]:
    """Return the number of the thumbnail that the player shows for each frame of a shot.

    A frame without a thumbnail shows the last one before it, or the first of the shot, encoded as
    -1 - number. The list is empty if the shot has no thumbnail.

    Args:
        numbers: Number of each frame's own thumbnail; None if it has none.
    """
    shown: list[int] = []
    last = next((number for number in numbers if number is not None), None)
    if last is None:
        return []
    for number in numbers:
        last = last if number is None else number
        shown.append(-1 - last if number is None else number)
    return shown


def thin(groups: Sequence[Sequence[Thumbnail]], limit_bytes: int = THUMBNAIL_BYTES) -> set[str]:
    """Choose frames whose thumbnails fit into a limit: one of every shot, then a second, ..."""
    turns = [
        (turn, place, picture)
        for place, group in enumerate(spread(groups))
        for turn, picture in enumerate(spread(group))
    ]
    kept = set()
    for _, _, picture in sorted(turns, key=itemgetter(0, 1)):
        size = len(picture.source or b"") + len(picture.result)
        size += MARKUP_BYTES + 4 * len(picture.frame)
        if size <= limit_bytes:
            limit_bytes -= size
            kept.add(picture.frame)
    return kept


def layout_picture(thumbnail: Thumbnail, row: FrameEntry | None = None) -> dict[str, Any]:
    """Build the template variables of a thumbnail; without `row`, it has no status and no size."""
    is_sized = row is not None and row.width and row.height
    return {
        "frame": as_text(thumbnail.frame),
        "label": file_name(thumbnail.frame),
        "status": row and row.status,
        "retake": (row and row.retake) or "",
        "said": [as_text(warning) for warning in row.warnings or ()] if row else [],
        "doubts": row.num_doubts if row else 0,
        "hints": stack_hints(row.hints or ()) if row else "",
        "size": (row.width, row.height) if row and is_sized else None,
        "source": data_uri(thumbnail.source) if thumbnail.source else "",
        "result": data_uri(thumbnail.result),
    }
