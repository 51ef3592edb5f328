"""Protocol `film`: flicker, held frames and leakage of a coloured film; needs no weights.

A film is what `jobs.colorize` left, and the drawings that it was given. Pairs of consecutive
frames with different drawings say how steady the colours are where nothing moves; a held frame is
the frame before, to the bit, and would only dilute that.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from lineart.codec import decode_color, decode_line
from lineart.evaluation.request import Request
from lineart.evaluation.scores import pick
from lineart.evaluation.types import EvaluationPlan, Finding, ScoreRow
from lineart.film.frames import Source, list_pictures, read_picture
from lineart.image import Frame, Line, fit_short_side, resize
from lineart.manifest import read_manifest
from lineart.metrics import flicker, leakage
from lineart.storage import Storage

TOGETHER = 16
"""Frames of a shot that are judged together."""

SHOT = "shot "
"""How the names of sets begin that are shots."""

LEAKAGE_PX = 512
"""Short side at which leakage looks at a frame."""

COLUMNS = ["frame", "shot", "number", "status", "output", "pixels_sha256", "hint_sha256"]

ABOUT = (
    "Flicker: between consecutive frames of a shot whose drawings differ, mean change of the "
    "colours, shrunk to a short side of 128, where the drawing stays. Held: share of frames that "
    "took the colours of an equal drawing. Intervals count the frames of a shot together."
)


class FilmFrames(NamedTuple):
    """A frame of the film."""

    source: Source
    """Its drawing."""
    output: str
    is_held: bool
    drawing: tuple[str | None, str | None]
    """Hashes of drawing and hints: frames that share them are equal."""


class Segment(NamedTuple):
    """Consecutive frames of a shot."""

    name: str
    shot: str
    before: FilmFrames | None
    """The frame before, where there is one: it is looked at and not judged."""
    frames: tuple[FilmFrames, ...]


def plan_film(request: Request) -> EvaluationPlan:
    """Plan the protocol.

    Raises:
        ValueError: there are no lines, or nothing of them was coloured.
        OSError: the film or its drawings are not there.
    """
    if request.lines is None:
        raise ValueError("film needs --lines, the drawings that were coloured")
    (uri,) = request.places
    lines, film = Storage.at(request.lines), Storage.at(uri)
    lines.check()
    film.check()
    sources = {source.name: source for source in list_pictures(lines)}
    rows = read_manifest(film).select(COLUMNS)
    rows = rows.sort_by([("shot", "ascending"), ("number", "ascending")])
    units = list(find_parts(rows.to_pylist(), sources))
    if not units:
        raise ValueError(f"{film.uri} holds no coloured frame of the drawings in {lines.uri}")
    return EvaluationPlan(
        units=units,
        judge=partial(judge, request),
        scores=pick(("flicker", "held", "leakage")),
        ours=film.name,
        about=ABOUT,
        facts={"frames": sum(len(unit.frames) for unit in units)},
        uses_network=False,
    )


def find_parts(rows: list[dict[str, Any]], sources: Mapping[str, Source]) -> Iterator[Segment]:
    """Cut the shots into parts; a frame that failed, or whose drawing is gone, ends one.

    Args:
        rows: Of the manifest, in the order of the film.
        sources: Drawings by their names.
    """
    for shot, shot_rows in groupby(rows, key=lambda row: row["shot"]):
        for is_whole, run in groupby(
            shot_rows, key=lambda row: row["output"] is not None and row["frame"] in sources
        ):
            if is_whole:
                yield from cut(shot or "", [show(row, sources) for row in run])


def cut(shot: str, frames: list[FilmFrames]) -> Iterator[Segment]:
    """Cut consecutive frames of a shot into parts."""
    for start in range(0, len(frames), TOGETHER):
        chosen = frames[start : start + TOGETHER]
        before = frames[start - 1] if start else None
        yield Segment(chosen[0].source.name, shot, before, tuple(chosen))


def show(row: Mapping[str, Any], sources: Mapping[str, Source]) -> FilmFrames:
    """Give the frame of a row of the manifest."""
    drawing = row["pixels_sha256"], row["hint_sha256"]
    return FilmFrames(sources[row["frame"]], row["output"], row["status"] == "held", drawing)


def judge(request: Request, part: Segment) -> Finding:
    """Judge consecutive frames; each counts in the whole film and in its shot."""
    name = Storage.at(request.places[0]).name
    rows, failures = [], []
    last = None
    if part.before is not None:
        # Where it cannot be read, its own part says so.
        with suppress(ValueError, OSError):
            last = part.before, read(request, part.before)
    for frame in part.frames:
        values = {"held": float(frame.is_held)}
        try:
            if last is None or frame.drawing != last[0].drawing:
                pixels = read(request, frame)
                values |= compare(last and last[1], pixels)
                last = frame, pixels
        except (ValueError, OSError) as error:
            failures.append((frame.source.name, str(error)))
            last = None
        else:
            sets = (name, f"{SHOT}{part.shot}")
            rows.append(ScoreRow(sets, frame.source.name, part.shot, name, values))
    return Finding(rows, failures=failures)


def read(request: Request, frame: FilmFrames) -> tuple[Line, Frame]:
    """Read a drawing and its coloured frame.

    Raises:
        ValueError: one cannot be read, or their sizes differ.
        OSError: one is gone.
    """
    assert request.lines is not None
    line = decode_line(read_picture(Storage.at(request.lines), frame.source))
    color = decode_color(Storage.at(request.places[0]).read(frame.output))
    if line.shape != color.shape[:2]:
        raise ValueError(
            f"{frame.source.name} is {line.shape[1]}x{line.shape[0]}, but {frame.output} is "
            f"{color.shape[1]}x{color.shape[0]}: it was made of another drawing"
        )
    return line, color


def compare(known: tuple[Line, Frame] | None, shown: tuple[Line, Frame]) -> dict[str, float]:
    """Score a frame, and the step to it from the frame before where that has its size."""
    line, color = shown
    size = fit_short_side(line.shape, min(LEAKAGE_PX, *line.shape))
    found = {"leakage": leakage(resize(color, size), resize(line, size))}
    if known is not None and known[0].shape == line.shape:
        found["flicker"] = flicker(known, shown)
    return {name: value for name, value in found.items() if value is not None}
