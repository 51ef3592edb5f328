"""The page of a film: verdict, failures, pictures by shot, what made it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lineart.film.task import Words
from lineart.report.text import CONTROL_BUT_NEWLINE, as_text, data_uri, flatten, template
from lineart.report.text import words as say

STATUSES = ("done", "held", "failed")

FAILURES_OPEN = 12
FAILURES_LISTED = 300
ALL_FAILURES = "manifest/*.parquet, rows with status = 'failed'"
SHOTS_LISTED = 2_000
LONG_FILM_SHOTS = 40  # From here on the browser draws a shot when it is scrolled to.
CAUSES_LISTED = 8
MIXTURES_LISTED = 4
GAPS_FRAMES = 100  # Longer shots have too little room for a gap between frames.
THUMBNAIL_BYTES = 9_000_000
LARGE_BYTES = 3_000_000
MARKUP_BYTES = 700  # Text around one picture.

ROOT_NAMES = {"", ".", "frames", "images", "in", "input", "line", "lineart", "lines", "photos"}
"""Folder names that say nothing about a film; its name is then one folder up."""


@dataclass(frozen=True)
class Thumbnail:
    """One frame as two encoded pictures of equal size: JPEG, PNG or WebP."""

    frame: str
    """Relative path of the source picture, as in the manifest."""
    source: bytes
    result: bytes


class _Facts(NamedTuple):
    """What the manifest says of a frame that is shown."""

    status: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass
class _Shot:
    """What the page says about one shot."""

    name: str
    statuses: list[str] = field(default_factory=list)
    pictured: list[tuple[int, Thumbnail, "_Facts"]] = field(default_factory=list)
    """Position in the shot, pictures and facts of the frames that are shown."""

    @cached_property
    def counts(self) -> dict[str, int]:
        return _count(self.statuses)

    @cached_property
    def map(self) -> dict[str, Any]:
        return _draw_map(self.statuses, [position for position, _, _ in self.pictured])

    @cached_property
    def pictures(self) -> list[dict[str, Any]]:
        return [_picture(thumbnail, facts) for _, thumbnail, facts in self.pictured]


def film_page(
    rows: pa.Table,
    thumbnails: Sequence[Thumbnail],
    run: Mapping[str, Any],
    summary: Mapping[str, Any],
    *,
    words: Words,
    large: Sequence[Thumbnail] = (),
) -> str:
    """Give the page of a film: verdict, failures, pictures by shot, what made it.

    The page stays below 20 MB however long the film: beyond the limits of this module pictures are
    thinned evenly, and failures and shots that are not listed are counted.

    Args:
        rows: The manifest, in film order.
        thumbnails: Small pictures for the strips, in film order; those without a row are left out.
        run: What the run was told and ran on, as in `run.json`; its `lines` or `images` name the
            film.
        summary: The last run's figures; any of them may be missing.
        words: What things are called.
        large: Bigger pictures of a few frames for the comparer; without them it shows thumbnails.
    """
    shots = _group(rows, thumbnails)
    strips = [picture for shot in shots for picture in shot.pictures]
    fitting = _thin([large], LARGE_BYTES)
    comparable = [_picture(pair, _Facts()) for pair in large if pair.frame in fitting]
    return template("film.html").render(
        title=as_text(_film_name(run)),
        words=words,
        counts=_count(rows["status"].to_pylist()),
        sizes=Counter(size for size in _columns(rows, "width", "height") if size[0]).most_common(),
        summary={"seconds": None, "frames_per_second": None, "skipped": None, **summary},
        failures=_failures(rows),
        all_failures=ALL_FAILURES,
        shots=shots[:SHOTS_LISTED],
        unlisted_shots=len(shots[SHOTS_LISTED:]),
        unlisted_frames=sum(len(shot.statuses) for shot in shots[SHOTS_LISTED:]),
        pictures_shown=len(strips),
        pictures_given=len(thumbnails),
        comparable=comparable or strips[len(strips) // 2 :][:1],
        is_large=bool(comparable),
        is_long=len(shots) > LONG_FILM_SHOTS,
        configuration=_configuration(rows, run),
        written=as_text(datetime.now(UTC)),
    )


def _columns(rows: pa.Table, *names: str) -> Iterator[tuple[Any, ...]]:
    """Give some columns row by row."""
    return zip(*(rows[name].to_pylist() for name in names), strict=True)


def _group(rows: pa.Table, thumbnails: Iterable[Thumbnail]) -> list[_Shot]:
    """Put rows and their pictures into shots, in order of first appearance."""
    pictures = {thumbnail.frame: thumbnail for thumbnail in thumbnails}
    shots: dict[str, _Shot] = {}
    names = ("frame", "shot", "status", "width", "height")
    for frame, name, status, width, height in _columns(rows, *names):
        shot = shots.get(name or "")
        if shot is None:
            shot = shots[name or ""] = _Shot(as_text(name or "") or "(no shot)")
        thumbnail = pictures.get(frame)
        if thumbnail is not None:
            facts = _Facts(status, width, height)
            shot.pictured.append((len(shot.statuses), thumbnail, facts))
        shot.statuses.append(status)
    listed = list(shots.values())
    kept = _thin(
        [[thumbnail for _, thumbnail, _ in shot.pictured] for shot in listed[:SHOTS_LISTED]]
    )
    for shot in listed:
        shot.pictured = [entry for entry in shot.pictured if entry[1].frame in kept]
    return listed


def _thin(groups: Sequence[Sequence[Thumbnail]], limit_bytes: int = THUMBNAIL_BYTES) -> set[str]:
    """Choose frames whose pictures fit a limit: every shot one, then every shot a second, ..."""
    turns = [
        (turn, _scattered(place), group[position])
        for place, group in enumerate(groups)
        for turn, position in enumerate(sorted(range(len(group)), key=_scattered))
    ]
    kept = set()
    for _, _, picture in sorted(turns, key=itemgetter(0, 1)):
        size = len(picture.source) + len(picture.result) + MARKUP_BYTES + 4 * len(picture.frame)
        if size <= limit_bytes:
            limit_bytes -= size
            kept.add(picture.frame)
    return kept


def _scattered(position: int) -> str:
    """Give a sort key (reversed bits) that spreads every beginning of a list evenly over it."""
    return f"{position:032b}"[::-1]


def _picture(thumbnail: Thumbnail, facts: _Facts) -> dict[str, Any]:
    """Say what the template needs to show one frame."""
    return {
        "frame": as_text(thumbnail.frame),
        "label": as_text(thumbnail.frame.rsplit("/", 1)[-1]),
        "status": facts.status,
        "size": (facts.width, facts.height) if facts.width and facts.height else None,
        "source": data_uri(thumbnail.source),
        "result": data_uri(thumbnail.result),
    }


def _draw_map(statuses: Sequence[str], marks: Sequence[int]) -> dict[str, Any]:
    """Draw a shot as on an exposure sheet, in SVG path data: one unit a frame.

    A drawing is a block, a hold is the line that runs on from it, a failure is taller than both.
    """
    paths: dict[str, list[str]] = {status: [] for status in STATUSES}
    ends = dict.fromkeys(STATUSES, 0)
    ticks, start = [], 0
    for status, run in groupby(statuses):
        length = sum(1 for _ in run)
        paths[status].append(f"m{start - ends[status]} 0h{length}")
        ends[status] = start + length
        if status == "failed":
            ticks.append(f"M{start + length / 2} 0v20")
        start += length
    drawn = {status: "M0 10" + "".join(path) if path else "" for status, path in paths.items()}
    edges = range(1, start) if start <= GAPS_FRAMES else ()
    gaps = "".join(f"M{position} 0v20" for position in edges)
    pictured = "".join(f"M{position + 0.5} 24v4" for position in marks)
    return drawn | {"ticks": "".join(ticks), "gaps": gaps, "pictured": pictured, "frames": start}


def _count(statuses: Iterable[str]) -> dict[str, int]:
    """Count frames by status."""
    counted = Counter(statuses)
    return {status: counted[status] for status in STATUSES} | {"frames": counted.total()}


def _failures(rows: pa.Table) -> dict[str, Any]:
    """Give the failed frames to list, how many there are, and their causes by weight."""
    failed = rows.filter(pc.equal(rows["status"], "failed"))
    causes = Counter(
        (as_text(stage), as_text(error)) for stage, error in _columns(failed, "stage", "error")
    )
    listed = [
        {key: as_text(row[key]) for key in ("frame", "stage", "error")}
        | {"message": as_text(row["message"], CONTROL_BUT_NEWLINE)}
        for row in failed.slice(0, FAILURES_LISTED).to_pylist()
    ]
    return {
        "named": len(listed),
        "open": listed[:FAILURES_OPEN],
        "folded": listed[FAILURES_OPEN:],
        "unlisted": failed.num_rows - len(listed),
        "causes": causes.most_common(CAUSES_LISTED) if len(causes) > 1 else [],
        "other_causes": max(0, len(causes) - CAUSES_LISTED),
    }


def _configuration(
    rows: pa.Table, run: Mapping[str, Any]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Lay out `run.json`, and what the frames in the manifest were made with, in groups."""
    made_with = Counter(look for look in _columns(rows, "weights", "settings") if look[0])
    made = "\n".join(
        f"{count:,} frames: weights {weights[:12]}, settings {settings}"
        for (weights, settings), count in made_with.most_common(MIXTURES_LISTED)
    )
    groups = {
        "run": {name: value for name, value in run.items() if not isinstance(value, Mapping)},
        **{name: value for name, value in run.items() if isinstance(value, Mapping)},
        "summary": {},  # The key figures have said it.
        "manifest": {"made with": made} if made else {},
    }
    return [
        (say(name).capitalize(), list(flatten(values))) for name, values in groups.items() if values
    ]


def _film_name(run: Mapping[str, Any]) -> str:
    """Name a film after the folder of its pictures."""
    nested = [value for value in run.values() if isinstance(value, Mapping)]
    given = (part.get(name) for part in [run, *nested] for name in ("lines", "images"))
    address = next((str(value) for value in given if value), "")
    parts = [part for part in address.split("://")[-1].split("/") if part.lower() not in ROOT_NAMES]
    return parts[-1] if parts else "Film"
