"""A coloured film whose paint lies beside its frames, as input of recolouring."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from lineart.codec.reading.indexed import decode_indexed
from lineart.film.pictures.frames import FilmFrame, Source, beside
from lineart.film.pictures.listing import name_some
from lineart.film.records import RUN
from lineart.film.tasks.composing import PICTURE_VERSIONS
from lineart.film.tasks.layers import PAINT, LinesAs
from lineart.image import Color, to_hex
from lineart.manifest import ManifestRow, read_manifest
from lineart.storage import Storage, check_given

MAX_SEARCHED = 64
"""Most frames that are searched for colours."""
COLOUR_AGAIN = "run lineart colorize with --finish paint --indexed-paint again"


class PaintedLook(NamedTuple):
    """How the lines of a frame were laid over its paint."""

    lines_as: LinesAs
    trace_lines: bool


class PaintedFrame(NamedTuple):
    """A frame of the film."""

    paint: str
    """Path of its paint."""
    source_sha256: str
    """Hash of the file of its drawing."""
    look: PaintedLook


@dataclass(frozen=True)
class PaintedFilm:
    """Output of `lineart colorize`, or of an earlier recolouring."""

    place: Storage
    pictures: str
    """Address of its drawings."""
    frames: Mapping[str, PaintedFrame]
    """Name of a finished frame with paint -> where that is."""
    shots: frozenset[str]
    """Shots that it has frames of."""
    swapped: tuple[Color, ...] = ()
    """Colours of the paint that a person named, to become others."""
    replaced: tuple[Color, ...] = ()
    """The same of the palette `--from`, without those that stay."""

    @property
    def look(self) -> PaintedLook:
        """How the lines of most of its frames were laid over the paint."""
        (look, _), *_ = Counter(frame.look for frame in self.frames.values()).most_common(1)
        return look


def open_painted(address: str) -> PaintedFilm:
    """Read the manifest of a coloured film.

    Raises:
        ValueError: it is no output of `lineart colorize`, or no frame has paint.
        OSError: it cannot be read.
    """
    place = Storage.at(address)
    check_given("--film", place)
    rows = read_manifest(place)
    if not rows.num_rows or not place.exists(RUN):
        raise ValueError(f"--film {place.uri} is no output of lineart colorize: it has no manifest")
    frames = dict(_painted_frames(rows.to_pylist()))
    if not frames:
        raise ValueError(f"no finished frame in {place.uri} has paint beside it; {COLOUR_AGAIN}")
    pictures = json.loads(place.read(RUN))["pictures"]
    return PaintedFilm(place, pictures, frames, frozenset(rows["shot"].to_pylist()))


def _painted_frames(rows: Sequence[ManifestRow]) -> Iterator[tuple[str, PaintedFrame]]:
    lines_as = {version: name for name, version in PICTURE_VERSIONS.items()}
    for row in rows:
        is_finished = row["status"] in ("done", "held")
        settings = json.loads(row["settings"] or "{}")
        if not is_finished or PAINT not in row["extras"].split():
            continue
        if settings.get("version") in lines_as:
            look = PaintedLook(lines_as[settings["version"]], "trace_lines" in settings)
            paint = beside(row["output"], PAINT)
            yield row["frame"], PaintedFrame(paint, row["source_sha256"], look)


def describe_unused(film: PaintedFilm) -> list[str]:
    """Return a sentence on each colour that a person named and that no frame has.

    Of a palette it is one sentence, if no frame has any of its colours.

    In a film of more frames than `MAX_SEARCHED`, so many are searched, evenly spaced. Nothing is
    said if none of them can be read.
    """
    if not film.swapped and not film.replaced:
        return []
    frames = list(film.frames.values())
    step = -(-len(frames) // MAX_SEARCHED)
    found: set[Color] = set()
    count = 0
    for frame in frames[::step]:
        # A frame whose paint cannot be read fails by name.
        with suppress(OSError, ValueError):
            _, palette = decode_indexed(film.place.read(frame.paint))
            found |= {(int(red), int(green), int(blue)) for red, green, blue in palette[:, :3]}
            count += 1
    if not count:
        return []
    where = "no frame" if count == len(frames) else f"none of {count} frames that were searched"
    unused = [f"{where} has the colour {to_hex(one)}" for one in film.swapped if one not in found]
    if film.replaced and found.isdisjoint(film.replaced):
        unused.append(f"{where} has a colour of --from; give the palette that the film has now")
    return unused


def attach_paint(
    frames: Sequence[FilmFrame], film: PaintedFilm
) -> tuple[list[FilmFrame], list[str]]:
    """Return the frames of a film with their paint, and warnings; those without are refused.

    Shots that the film does not have, as when only some were coloured, are left out.

    Args:
        frames: Drawings of the film, and those of other shots beside them.
        film: The film when it was coloured.

    Raises:
        ValueError: the film has none of the shots.
    """
    look = film.look
    known = [_attach_paint(frame, film, look) for frame in frames if frame.shot in film.shots]
    others = sorted({frame.shot for frame in frames} - film.shots)
    if not others:
        return known, []
    where = f"{film.place.uri} has no frames of {name_some(others)}"
    if not known:
        raise ValueError(f"{where}, and there are no other drawings; check --lines")
    return known, [f"{where}; left out"]


def _attach_paint(frame: FilmFrame, film: PaintedFilm, look: PaintedLook) -> FilmFrame:
    if frame.refusal is not None:
        return frame
    painted = film.frames.get(frame.name)
    if painted is None:
        why = f"there is no finished frame with paint of it in {film.place.uri}; {COLOUR_AGAIN}"
        return replace(frame, refusal=why)
    if painted.look != look:
        why = (
            f"its lines were laid over the paint otherwise than most of the film's; {COLOUR_AGAIN}"
        )
        return replace(frame, refusal=why)
    paint = Source(painted.paint, painted.paint)
    return replace(frame, hints=(paint,), source_sha256=painted.source_sha256)
