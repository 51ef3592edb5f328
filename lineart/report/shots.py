"""What the page of a film says of each shot: counts, a map of frames, pictures, a reel to play."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa

from lineart.film.thumbnails import spread
from lineart.report.text import as_text, data_uri

STATUSES = ("done", "held", "failed")
PICTURES_A_STRIP = 10
"""Of a shot; a reel plays the others, too."""
FAILURES_A_SHOT = 4
GAPS_FRAMES = 100  # Longer shots have too little room for a gap between frames.
THUMBNAIL_BYTES = 8_400_000
MARKUP_BYTES = 700  # Text around one picture.


@dataclass(frozen=True)
class Thumbnail:
    """One frame as two encoded pictures of equal size: JPEG, PNG or WebP."""

    frame: str
    """Relative path of the source picture, as in the manifest."""
    source: bytes | None
    """None where it cannot be read any more."""
    result: bytes


class FrameEntry(NamedTuple):
    """What the manifest says of a frame."""

    frame: str
    shot: str | None
    status: str
    width: int | None
    height: int | None
    held_by: str | None
    retake: str | None

    @property
    def leader(self) -> str:
        """The frame whose picture this one shows."""
        return self.held_by or self.frame


@dataclass
class ShotSummary:
    """What the page says about one shot."""

    name: str
    rows: list[FrameEntry] = field(default_factory=list)
    pictures: list[dict[str, Any]] = field(default_factory=list)
    """Those of its frames that are shown, in order, each with its `position`."""
    shown: list[int] = field(default_factory=list)
    """By frame: the number of the picture that plays; -1 - number where it is an earlier one's."""

    @cached_property
    def counts(self) -> dict[str, int]:
        """Frames by status."""
        return count(row.status for row in self.rows)

    @cached_property
    def retaken(self) -> int:
        """Frames that were made anew because something had changed."""
        return sum(1 for row in self.rows if row.retake)

    @cached_property
    def kinds(self) -> list[str]:
        """What a filter finds this shot by."""
        found = [status for status in STATUSES if self.counts[status]]
        return [*found, "retake"] if self.retaken else found

    @cached_property
    def failed(self) -> list[str]:
        """Names of the first failed frames."""
        failed = (row.frame for row in self.rows if row.status == "failed")
        return [last_part(frame) for frame, _ in zip(failed, range(FAILURES_A_SHOT), strict=False)]

    @cached_property
    def map(self) -> dict[str, Any]:
        """The map as SVG paths."""
        statuses = [row.status for row in self.rows]
        retakes = [bool(row.retake) for row in self.rows]
        return draw_map(statuses, retakes, [picture["position"] for picture in self.strip])

    @cached_property
    def strip(self) -> list[dict[str, Any]]:
        """The pictures that stand there without being asked for: retakes, and an even choice."""
        retakes = [picture for picture in self.pictures if picture["retake"]]
        order = [picture["number"] for picture in [*spread(retakes), *spread(self.pictures)]]
        chosen = [*dict.fromkeys(order)][:PICTURES_A_STRIP]
        return [picture for picture in self.pictures if picture["number"] in chosen]

    @cached_property
    def others(self) -> list[dict[str, Any]]:
        """The pictures that stand there only to be played."""
        stripped = {picture["number"] for picture in self.strip}
        return [picture for picture in self.pictures if picture["number"] not in stripped]

    @cached_property
    def reel(self) -> dict[str, Any] | None:
        """What a player needs: a letter for each frame, a capital for a retake; which picture."""
        if not self.shown:
            return None
        letters = (row.status[:1].upper() if row.retake else row.status[:1] for row in self.rows)
        return {"frames": "".join(letters), "shown": self.shown}


def group(rows: pa.Table, thumbnails: Iterable[Thumbnail], most: int) -> list[ShotSummary]:
    """Put rows and their pictures into shots, in order of first appearance.

    Args:
        rows: The manifest, in film order.
        thumbnails: Those without a row are left out; too many are thinned.
        most: Shots that get pictures, from the first.
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
    """Give some columns row by row."""
    return zip(*(rows[name].to_pylist() for name in names), strict=True)


def count(statuses: Iterable[str]) -> dict[str, int]:
    """Count frames by status."""
    counted = Counter(statuses)
    return {status: counted[status] for status in STATUSES} | {"frames": counted.total()}


def last_part(frame: str) -> str:
    """Give the name of a frame's file, to show."""
    return as_text(frame.rsplit("/", 1)[-1])


def _add_pictures(shots: Sequence[ShotSummary], thumbnails: Mapping[str, Thumbnail]) -> None:
    """Give shots as many of their pictures as there is room for; say which frame shows which."""
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
                picture = show(thumbnails[row.frame], row) | {"position": position}
                kinds = [row.status, *(["held"] if row.frame in leaders else [])]
                picture |= {"number": numbers[row.frame]}
                picture |= {"kinds": [*kinds, "retake"] if row.retake else kinds}
                shot.pictures.append(picture)
    for shot in shots:
        shot.shown = play([numbers.get(row.leader) for row in shot.rows])


def play(numbers: Sequence[int | None]) -> list[int]:
    """Give each frame a picture: its own, else, as -1 - number, that of a frame close before.

    Before the first picture that is the first; without any picture, there is nothing.
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
    """Choose frames whose pictures fit a limit: every shot one, then every shot a second, ..."""
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


def show(thumbnail: Thumbnail, row: FrameEntry | None = None) -> dict[str, Any]:
    """Say what the template needs to show one frame."""
    is_sized = row is not None and row.width and row.height
    return {
        "frame": as_text(thumbnail.frame),
        "label": last_part(thumbnail.frame),
        "status": row and row.status,
        "retake": (row and row.retake) or "",
        "size": (row.width, row.height) if row and is_sized else None,
        "source": data_uri(thumbnail.source) if thumbnail.source else "",
        "result": data_uri(thumbnail.result),
    }


def draw_map(
    statuses: Sequence[str], retakes: Sequence[bool], marks: Sequence[int]
) -> dict[str, Any]:
    """Draw a shot as on an exposure sheet, in SVG path data: one unit a frame.

    A drawing is a block, a hold is the line that runs on from it, a failure is taller than both.
    Retakes are underlined.
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
    """Give each run of equal values with its start and length."""
    start = 0
    for value, run in groupby(values):
        length = sum(1 for _ in run)
        yield value, start, length
        start += length
