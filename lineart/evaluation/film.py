"""Protocol `film`: flicker, held frames and leakage of a coloured film; needs no weights.

The film is the output of `lineart colorize`, with its line drawings. Flicker is measured on
consecutive frames with different drawings, where the drawing does not change. A frame with the
drawing, hints and keys of the frame before equals it bit for bit; it is skipped, as it would only
dilute the means of flicker and leakage.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from lineart.codec import decode_color, decode_line
from lineart.evaluation.request import FilmRequest
from lineart.evaluation.types import EvaluationPlan, Finding, ScoreRow, pick
from lineart.film.pictures.frames import PictureReader, Source
from lineart.film.pictures.pages import find_sources
from lineart.image import Frame, Line, fit_short_side, resize
from lineart.manifest import read_manifest
from lineart.metrics import flicker, leakage
from lineart.storage import Storage, check_given

TOGETHER = 16
"""Maximum number of frames in one unit of work."""

SHOT = "shot "
"""Prefix of the names of sets that are shots."""

LEAKAGE_PX = 512
"""Maximum short side in pixels at which leakage is measured."""

HASHES = ["pixels_sha256", "hint_sha256", "key_sha256"]
COLUMNS = ["frame", "shot", "number", "status", "output", *HASHES]

ABOUT = (
    "Flicker: between consecutive frames of a shot whose drawings differ, mean change of the "
    "colours, shrunk to a short side of 128, where the drawing stays. Held: share of frames that "
    "took the colours of an equal drawing. Intervals count the frames of a shot together."
)


class ScoredFrame(NamedTuple):
    """One frame of the film."""

    source: Source
    """Its line drawing."""
    output: str
    """Path of the coloured frame, relative to the film."""
    is_held: bool
    drawing: tuple[str | None, ...]
    """SHA-256 of drawing, hints and keys; frames with the same hashes are equal."""


class Segment(NamedTuple):
    """Consecutive frames of a shot: one unit of work."""

    name: str
    shot: str
    before: ScoredFrame | None
    """Previous frame, for flicker only; None at the start of a run of usable frames."""
    frames: tuple[ScoredFrame, ...]


def plan_film(request: FilmRequest) -> EvaluationPlan:
    """Build the plan of the protocol.

    Raises:
        ValueError: there is no manifest, or no frame of the drawings was coloured.
        OSError: the film or its drawings cannot be read.
    """
    lines, film = Storage.at(request.lines), Storage.at(request.film)
    check_given("--lines", lines)
    check_given("--film", film)
    _, sources = find_sources(lines)
    rows = read_manifest(film).select(COLUMNS)
    if not rows.num_rows:
        raise ValueError(f"--film {film.uri} has no manifest; give the output of lineart colorize")
    rows = rows.sort_by([("shot", "ascending"), ("number", "ascending")])
    units = list(find_segments(rows.to_pylist(), sources))
    if not units:
        raise ValueError(f"{film.uri} holds no coloured frame of the drawings in {lines.uri}")
    return EvaluationPlan(
        units=units,
        evaluate=partial(evaluate_segment, request),
        scores=pick(("flicker", "held", "leakage")),
        ours=film.name,
        about=ABOUT,
        facts={"frames": sum(len(unit.frames) for unit in units)},
        notes=note_failed(rows["output"].null_count, rows.num_rows),
        uses_network=False,
    )


def note_failed(failed: int, count: int) -> list[str]:
    """Return the note on the frames of a film that could not be made."""
    were = "was" if failed == 1 else "were"
    return [f"{failed} of {count} frames failed and {were} not scored"] if failed else []


def find_segments(rows: list[dict[str, Any]], sources: Mapping[str, Source]) -> Iterator[Segment]:
    """Yield segments of each shot, split at failed frames and at frames without a drawing.

    Args:
        rows: Rows of the manifest, sorted by shot and number.
        sources: Drawings by name.
    """
    for shot, shot_rows in groupby(rows, key=lambda row: row["shot"]):
        for is_whole, run in groupby(
            shot_rows, key=lambda row: row["output"] is not None and row["frame"] in sources
        ):
            if is_whole:
                yield from cut(shot or "", [to_frame(row, sources) for row in run])


def cut(shot: str, frames: list[ScoredFrame]) -> Iterator[Segment]:
    """Yield segments of at most `TOGETHER` frames from consecutive frames of a shot."""
    for start in range(0, len(frames), TOGETHER):
        chosen = frames[start : start + TOGETHER]
        before = frames[start - 1] if start else None
        yield Segment(chosen[0].source.name, shot, before, tuple(chosen))


def to_frame(row: Mapping[str, Any], sources: Mapping[str, Source]) -> ScoredFrame:
    """Build the frame of a manifest row."""
    drawing = tuple(row[name] for name in HASHES)
    return ScoredFrame(sources[row["frame"]], row["output"], row["status"] == "held", drawing)


def evaluate_segment(request: FilmRequest, segment: Segment) -> Finding:
    """Score the frames of a segment; each row counts in the whole film and in its shot."""
    name = Storage.at(request.film).name
    lines = PictureReader(Storage.at(request.lines))
    rows, failures = [], []
    last = None
    if segment.before is not None:
        # If it cannot be read, its own segment reports the failure.
        with suppress(ValueError, OSError):
            last = segment.before, read(request, lines, segment.before)
    for frame in segment.frames:
        values = {"held": float(frame.is_held)}
        try:
            if last is None or frame.drawing != last[0].drawing:
                pixels = read(request, lines, frame)
                values |= compare(last and last[1], pixels)
                last = frame, pixels
        except (ValueError, OSError) as error:
            failures.append((frame.source.name, str(error)))
            last = None
        else:
            sets = (name, f"{SHOT}{segment.shot}")
            rows.append(ScoreRow(sets, frame.source.name, segment.shot, name, values))
    return Finding(rows, failures=failures)


def read(request: FilmRequest, lines: PictureReader, frame: ScoredFrame) -> tuple[Line, Frame]:
    """Read a line drawing and its coloured frame.

    Raises:
        ValueError: one cannot be decoded, or their sizes differ.
        OSError: one cannot be read.
    """
    line = decode_line(lines.read(frame.source))
    color = decode_color(Storage.at(request.film).read(frame.output))
    if line.shape != color.shape[:2]:
        raise ValueError(
            f"{frame.source.name} is {line.shape[1]}x{line.shape[0]}, but {frame.output} is "
            f"{color.shape[1]}x{color.shape[0]}: it was made of another drawing"
        )
    return line, color


def compare(known: tuple[Line, Frame] | None, shown: tuple[Line, Frame]) -> dict[str, float]:
    """Compute leakage of a frame, and flicker from `known` if that has the same size."""
    line, color = shown
    size = fit_short_side(line.shape, min(LEAKAGE_PX, *line.shape))
    found = {"leakage": leakage(resize(color, size), resize(line, size))}
    if known is not None and known[0].shape == line.shape:
        found["flicker"] = flicker(known, shown)
    return {name: value for name, value in found.items() if value is not None}
