"""Pages to read after a run, each one HTML file that needs nothing else.

They are made from plain rows and encoded pictures, without storage and without a cluster. Whatever
comes from outside is shown as text: the templates escape, and pictures travel as data.
"""

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

import cv2
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from lineart.image import Frame, Line, resize

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
MESSAGE_LENGTH = 1_000

ROOT_NAMES = {"", ".", "frames", "in", "input", "line", "lineart", "lines"}
"""Folder names that say nothing about a film; its name is then one folder up."""

BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD)
CONTROL = {code: 0x2400 + code for code in range(32)} | {127: 0x2421} | BIDI
CONTROL_BUT_NEWLINE = {code: mark for code, mark in CONTROL.items() if code != ord("\n")}


@dataclass(frozen=True)
class Thumbnail:
    """One frame as two encoded pictures of equal size: JPEG, PNG or WebP."""

    frame: str
    """Relative path of the drawing, as in the manifest."""
    line: bytes
    color: bytes


@dataclass
class _Shot:
    """What the page says about one shot."""

    name: str
    statuses: list[str] = field(default_factory=list)
    pictured: list[tuple[int, Thumbnail, Mapping[str, Any]]] = field(default_factory=list)
    """Position in the shot, pictures and row of the frames that are shown."""

    @cached_property
    def counts(self) -> dict[str, int]:
        return _count(self.statuses)

    @cached_property
    def map(self) -> dict[str, Any]:
        return _draw_map(self.statuses, [position for position, _, _ in self.pictured])

    @cached_property
    def pictures(self) -> list[dict[str, Any]]:
        return [_picture(thumbnail, row) for _, thumbnail, row in self.pictured]


def encode_thumbnail(image: Frame | Line, height_px: int = 135) -> bytes:
    """Encode a small WebP of a picture; one that is lower than `height_px` keeps its size.

    Raises:
        ValueError: `height_px` is not positive.
    """
    if height_px < 1:
        raise ValueError(f"a thumbnail needs height_px >= 1, got {height_px}")
    height, width = image.shape[:2]
    if height > height_px:
        image = resize(image, (height_px, max(1, round(width * height_px / height))))
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    _, encoded = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, 82])
    return bytes(encoded)


def film_page(
    rows: Sequence[Mapping[str, Any]],
    thumbnails: Sequence[Thumbnail],
    run: Mapping[str, Any],
    summary: Mapping[str, Any],
    *,
    large: Sequence[Thumbnail] = (),
    title: str = "",
) -> str:
    """Give the page of a film: verdict, failures, pictures by shot, what made it.

    The page stays below 20 MB however long the film: beyond the limits of this module pictures are
    thinned evenly, and failures and shots that are not listed are counted.

    Args:
        rows: The manifest, in film order.
        thumbnails: Small pictures for the strips, in film order; those without a row are left out.
        run: What the run was told and ran on, as in `run.json`.
        summary: The last run's figures; any of them may be missing.
        large: Bigger pictures of a few frames for the comparer; without them it shows thumbnails.
        title: Name of the film; without one it is read from the run's `lines`.
    """
    shots = _group(rows, thumbnails)
    strips = [picture for shot in shots for picture in shot.pictures]
    fitting = _thin([large], LARGE_BYTES)
    comparable = [_picture(pair, {}) for pair in large if pair.frame in fitting]
    return _template("film.html").render(
        title=_text(title or _film_name(run)),
        counts=_count(row["status"] for row in rows),
        sizes=Counter((row["width"], row["height"]) for row in rows if row["width"]).most_common(),
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
        written=_text(datetime.now(UTC)),
    )


def _group(rows: Iterable[Mapping[str, Any]], thumbnails: Iterable[Thumbnail]) -> list[_Shot]:
    """Put rows and their pictures into shots, in order of first appearance."""
    pictures = {thumbnail.frame: thumbnail for thumbnail in thumbnails}
    shots: dict[str, _Shot] = {}
    for row in rows:
        name = row["shot"] or ""
        shot = shots.get(name)
        if shot is None:
            shot = shots[name] = _Shot(_text(name) or "(no shot)")
        thumbnail = pictures.get(row["frame"])
        if thumbnail is not None:
            shot.pictured.append((len(shot.statuses), thumbnail, row))
        shot.statuses.append(row["status"])
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
        size = len(picture.line) + len(picture.color) + MARKUP_BYTES + 4 * len(picture.frame)
        if size <= limit_bytes:
            limit_bytes -= size
            kept.add(picture.frame)
    return kept


def _scattered(position: int) -> str:
    """Give a sort key (reversed bits) that spreads every beginning of a list evenly over it."""
    return f"{position:032b}"[::-1]


def _picture(thumbnail: Thumbnail, row: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the template needs to show one frame."""
    return {
        "frame": _text(thumbnail.frame),
        "label": _text(thumbnail.frame.rsplit("/", 1)[-1]),
        "status": row.get("status"),
        "size": (row["width"], row["height"]) if row.get("width") and row.get("height") else None,
        "line": _data_uri(thumbnail.line),
        "color": _data_uri(thumbnail.color),
    }


def _data_uri(picture: bytes) -> str:
    """Give encoded bytes as an image address; the type is read from the bytes."""
    kinds = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png"}
    kind = next((kind for magic, kind in kinds.items() if picture.startswith(magic)), "webp")
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


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


def _failures(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the failed frames to list, how many there are, and their causes by weight."""
    failed = [row for row in rows if row["status"] == "failed"]
    causes = Counter((_text(row["stage"]), _text(row["error"])) for row in failed)
    listed = [
        {key: _text(row[key]) for key in ("frame", "stage", "error")}
        | {"message": _text(row["message"], CONTROL_BUT_NEWLINE)}
        for row in failed[:FAILURES_LISTED]
    ]
    return {
        "named": len(listed),
        "open": listed[:FAILURES_OPEN],
        "folded": listed[FAILURES_OPEN:],
        "unlisted": len(failed) - len(listed),
        "causes": causes.most_common(CAUSES_LISTED) if len(causes) > 1 else [],
        "other_causes": max(0, len(causes) - CAUSES_LISTED),
    }


def _configuration(
    rows: Iterable[Mapping[str, Any]], run: Mapping[str, Any]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Lay out `run.json`, and what the frames in the manifest were made with, in groups."""
    made_with = Counter((row["weights"], row["settings"]) for row in rows if row["weights"])
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
        (_words(name).capitalize(), list(_flatten(values)))
        for name, values in groups.items()
        if values
    ]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Turn nested settings into lines: `network.width`, `64`."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield _words(f"{prefix}{name}"), _text(value, CONTROL_BUT_NEWLINE)


def _words(name: object) -> str:
    return _text(name).replace("_", " ")


def _film_name(run: Mapping[str, Any]) -> str:
    """Name a film after the folder of its lines."""
    nested = [value for value in run.values() if isinstance(value, Mapping)]
    lines = next((str(part["lines"]) for part in [run, *nested] if part.get("lines")), "")
    parts = [part for part in lines.split("://")[-1].split("/") if part.lower() not in ROOT_NAMES]
    return parts[-1] if parts else "Film"


def _duration(seconds: float) -> str:
    """Say a time in its two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def _text(value: object, control: Mapping[int, int] = CONTROL) -> str:
    """Give a value as text that is valid in a page; control characters become visible marks."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(value, list | tuple):
        return ", ".join(_text(item, control) for item in value)
    # A name with bytes that are not UTF-8 carries lone surrogates, which no page can hold.
    text = str(value).encode("utf-8", "replace").decode("utf-8").translate(dict(control))
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"


@lru_cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("lineart", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["duration"] = _duration
    return environment.get_template(name)
