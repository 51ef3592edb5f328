"""Shots on the page of a film: counts, status map, thumbnails, and data for the player."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa

from lineart.film.outputs import spread
from lineart.report.html import as_text, data_uri

STATUSES = ("done", "held", "failed")
PICTURES_A_STRIP = 10
"""Maximum number of thumbnails of a shot that are laid out; the player shows all."""
FAILURES_A_SHOT = 4
"""Maximum number of failed frames that are named with a shot."""
GAPS_FRAMES = 100
"""Maximum number of frames of a map with gaps between frames; longer ones lack the room."""
THUMBNAIL_BYTES = 8_400_000
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


class FrameEntry(NamedTuple):
    """Columns of a frame's row in the manifest."""

    frame: str
    shot: str | None
    status: str
    width: int | None
    height: int | None
    held_by: str | None
    retake: str | None

    @property
    def leader(self) -> str:
        """Name of the frame whose output this one shows: itself, unless it is held."""
        return self.held_by or self.frame


@dataclass
class ShotSummary:
    """Template data of one shot."""

    name: str
    rows: list[FrameEntry] = field(default_factory=list)
    pictures: list[dict[str, Any]] = field(default_factory=list)
    """Template variables of its thumbnails; `position` is the frame's index in the shot."""
    shown: list[int] = field(default_factory=list)
    """Number of the thumbnail that the player shows for each frame; see `play`."""

    @cached_property
    def counts(self) -> dict[str, int]:
        """Frames by status."""
        return count(row.status for row in self.rows)

    @cached_property
    def retaken(self) -> int:
        """Number of frames that were made again because an input had changed."""
        return sum(1 for row in self.rows if row.retake)

    @cached_property
    def kinds(self) -> list[str]:
        """Values by which the page's filter finds this shot."""
        found = [status for status in STATUSES if self.counts[status]]
        return [*found, "retake"] if self.retaken else found

    @cached_property
    def failed(self) -> list[str]:
        """File names of the first `FAILURES_A_SHOT` failed frames."""
        failed = (row.frame for row in self.rows if row.status == "failed")
        return [file_name(frame) for frame, _ in zip(failed, range(FAILURES_A_SHOT), strict=False)]

    @cached_property
    def map(self) -> dict[str, Any]:
        """The status map as SVG paths; see `draw_map`."""
        statuses = [row.status for row in self.rows]
        retakes = [bool(row.retake) for row in self.rows]
        return draw_map(statuses, retakes, [picture["position"] for picture in self.strip])

    @cached_property
    def strip(self) -> list[dict[str, Any]]:
        """Thumbnails that are laid out, in order; chosen are retakes, then evenly spaced ones."""
        retakes = [picture for picture in self.pictures if picture["retake"]]
        order = [picture["number"] for picture in [*spread(retakes), *spread(self.pictures)]]
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

        `frames` has the first letter of each frame's status, upper case for a retake; `shown` is
        the attribute `shown`.
        """
        if not self.shown:
            return None
        letters = (row.status[:1].upper() if row.retake else row.status[:1] for row in self.rows)
        return {"frames": "".join(letters), "shown": self.shown}


def group(rows: pa.Table, thumbnails: Iterable[Thumbnail], most: int) -> list[ShotSummary]:
    """Group rows and their thumbnails into shots, in order of first appearance.

    Args:
        rows: The manifest, in film order.
        thumbnails: Thumbnails of frames; those without a row are left out, too many are thinned.
        most: Number of shots that get thumbnails, from the first.
    """
    shots: dict[str, ShotSummary] = {}
    for row in map(FrameEntry._make, columns(rows, *FrameEntry._fields)):
        shot = shots.get(row.shot or "")
        if shot is None:
            shot = shots[row.shot or ""] = ShotSummary(as_text(row.shot or "") or "(no shot)")
        shot.rows.append(row)
    listed = list(shots.values())
    _add_pictures(listed[:most], {thumbnail.frame: thumbnail for thumbnail in thumbnails})
    return listed


def columns(rows: pa.Table, *names: str) -> Iterator[tuple[Any, ...]]:
    """Return an iterator over the rows of some columns."""
    return zip(*(rows[name].to_pylist() for name in names), strict=True)


def count(statuses: Iterable[str]) -> dict[str, int]:
    """Count frames by status."""
    counted = Counter(statuses)
    return {status: counted[status] for status in STATUSES} | {"frames": counted.total()}


def file_name(frame: str) -> str:
    """Return the file name of a frame as printable text."""
    return as_text(frame.rsplit("/", 1)[-1])


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
                picture |= {"kinds": [*kinds, "retake"] if row.retake else kinds}
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
        "size": (row.width, row.height) if row and is_sized else None,
        "source": data_uri(thumbnail.source) if thumbnail.source else "",
        "result": data_uri(thumbnail.result),
    }


def draw_map(
    statuses: Sequence[str], retakes: Sequence[bool], marks: Sequence[int]
) -> dict[str, Any]:
    """Draw the status of each frame as on an exposure sheet; return SVG path data.

    A frame is one unit wide. Finished frames are blocks, held frames a line that continues a block,
    failed frames are taller than both, and retakes are underlined.

    Args:
        statuses: Status of each frame.
        retakes: Whether each frame is a retake.
        marks: Positions of frames that have a thumbnail, from 0.
    """
    paths: dict[str, list[str]] = {status: [] for status in STATUSES}
    ends = dict.fromkeys(STATUSES, 0)
    ticks = []
    for status, start, length in _runs(statuses):
        paths[status].append(f"m{start - ends[status]} 0h{length}")
        ends[status] = start + length
        if status == "failed":
            ticks.append(f"M{start + length / 2} 0v20")
    drawn = {status: "M0 10" + "".join(path) if path else "" for status, path in paths.items()}
    edges = range(1, len(statuses)) if len(statuses) <= GAPS_FRAMES else ()
    return drawn | {
        "ticks": "".join(ticks),
        "retakes": "".join(f"M{at} 21h{n}" for is_new, at, n in _runs(retakes) if is_new),
        "gaps": "".join(f"M{position} 0v22" for position in edges),
        "pictured": "".join(f"M{position + 0.5} 24v4" for position in marks),
        "frames": len(statuses),
    }


def _runs(values: Sequence[Any]) -> Iterator[tuple[Any, int, int]]:
    """Yield each run of equal values with its start and length."""
    start = 0
    for value, run in groupby(values):
        length = sum(1 for _ in run)
        yield value, start, length
        start += length
