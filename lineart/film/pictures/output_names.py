"""Names of the files that frames are written to."""

import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from lineart.film.pictures.frames import FilmFrame
from lineart.film.pictures.listing import MAX_PART_BYTES, caseless, printable
from lineart.film.pictures.names import read_name, stem

Names = Literal["as-input", "A0001"]
"""Names of frames: those of their drawings, or RETAS's, level and number without separator."""


def name_outputs(frames: Sequence[FilmFrame], suffix: str, names: Names) -> list[FilmFrame]:
    """Return frames with the paths that they are written to.

    A frame is refused if its name has no number of that kind, or if another one would be written
    to the same file.

    Args:
        frames: Frames of the film.
        suffix: Suffix of their files, with its dot.
        names: How the files are called.
    """
    named = [_name(frame, suffix, names) for frame in frames]
    counts = Counter(caseless(frame.output) for frame in named if frame.refusal is None)
    return [
        replace(frame, refusal=f"another frame would be written to {frame.output}, too; rename one")
        if frame.refusal is None and counts[caseless(frame.output)] > 1
        else frame
        for frame in named
    ]


def _name(frame: FilmFrame, suffix: str, names: Names) -> FilmFrame:
    if frame.refusal is not None:
        return frame
    folder, base = posixpath.split(stem(frame.output.removeprefix("frames/")))
    try:
        file = (retas_name(frame.name) if names == "A0001" else base) + suffix
        if len(file.encode()) > MAX_PART_BYTES:
            raise ValueError(f"its name with {suffix} is longer than {MAX_PART_BYTES} bytes")
    except ValueError as error:
        return replace(frame, refusal=str(error))
    return replace(frame, file=posixpath.join("frames", folder, file))


def retas_name(name: str) -> str:
    """Return the name that RETAS gives a drawing: `A0001` for `A_1.png`, `a0012b` for `a.0012b`.

    Args:
        name: Path of the drawing.

    Raises:
        ValueError: its name does not end in a number, or in one that cannot be told from its level.
    """
    parts = read_name(name)
    if parts.version:
        why = f"names its version {parts.version} in the file; put versions into folders"
    elif not _RETAKE.fullmatch(parts.suffix) or not parts.digits:
        why = "does not end in a number; rename it"
    elif int(parts.digits) < 0:
        why = "has a negative number; rename it"
    elif parts.series[-1:].isdigit():
        why = f"has the level {parts.series!r}, which ends in a digit; rename it"
    else:
        return f"{parts.series}{int(parts.digits):04}{parts.suffix}"
    raise ValueError(f"--names A0001 writes level and number alone, and {printable(name)!r} {why}")


_RETAKE = re.compile("[A-Za-z]?")
"""Text behind the number: nothing, or the letter of a retake or insert."""
