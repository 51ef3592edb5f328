"""Shots of a film for its videos, read from its manifest."""

import posixpath
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from lineart.film.listing import natural_key
from lineart.manifest import read_manifest
from lineart.storage import Storage
from lineart.video.pictures import VideoFrame

FOLDER = "shots"
MOST_LETTERS = 60
"""Maximum number of characters of a shot's name in its file name, which then stays below 255 bytes
in any script."""

MADE_OF = ("pixels_sha256", "hint_sha256", "weights", "settings")
"""Columns that are equal for frames with equal pixels."""
COLUMNS = ("frame", "shot", "number", "status", "output", "stage", "message", *MADE_OF)


class VideoShot(NamedTuple):
    """A shot of a film."""

    name: str
    place: int
    """Position in the film, from 1."""
    frames: list[VideoFrame]
    """Frames in order."""

    @property
    def file(self) -> str:
        """Path of its video: unique, and valid on every file system for any name of the shot."""
        letters = unicodedata.normalize("NFC", self.name)[:MOST_LETTERS]
        plain = "".join(one if one.isalnum() or one in "-_" else "_" for one in letters)
        return f"{FOLDER}/{self.place:04}_{plain}.mp4"


def read_shots(film: Storage) -> list[VideoShot]:
    """Read the shots of a film in order.

    Raises:
        ValueError: the manifest is missing, empty or invalid.
    """
    table = read_manifest(film)
    if not table.num_rows:
        raise ValueError(f"{film.uri} holds no film: there is no manifest in it")
    columns = (table[name].to_pylist() for name in COLUMNS)
    # Rows of a killed run are not in film order.
    rows = sorted(zip(*columns, strict=True), key=_in_film_order)
    return [
        VideoShot(name, place, [_shown(*row) for row in group])
        for place, (name, group) in enumerate(groupby(rows, key=itemgetter(1)), 1)
    ]


def choose_shots(shots: Sequence[VideoShot], names: Sequence[str] | None) -> list[VideoShot]:
    """Return the shots with these names, in film order; all for None.

    Raises:
        ValueError: a shot does not exist.
    """
    if missing := set(names or ()) - {shot.name for shot in shots}:
        some = ", ".join(shot.name for shot in shots[:10])
        raise ValueError(f"no shot is called {', '.join(sorted(missing))}; the first are: {some}")
    return [shot for shot in shots if names is None or shot.name in names]


def _in_film_order(row: tuple[Any, ...]) -> Any:
    frame, shot, number = row[:3]
    folder = posixpath.dirname(frame)
    return natural_key(folder.split("/")), folder, shot, number, frame


def _shown(
    frame: str, _shot: str, _number: int, status: str, output: str | None, *rest: Any
) -> VideoFrame:
    stage, message, *made_of = rest
    if status == "failed":
        # A unique key: it equals that of no finished frame.
        return VideoFrame(frame, f"\\{frame}", None, f"{stage}: {message}")
    return VideoFrame(frame, " ".join(map(str, made_of)), output, "")
