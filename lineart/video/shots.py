"""The shots of a film as its manifest has them."""

import posixpath
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from lineart.film.filenames import natural_key
from lineart.manifest import read_manifest
from lineart.storage import Storage
from lineart.video.pictures import VideoFrame

FOLDER = "shots"
MOST_LETTERS = 60
"""Of a shot's name in the name of its file: 255 bytes hold them in any script."""

MADE_OF = ("pixels_sha256", "hint_sha256", "weights", "settings")
"""What frames that show the same have in common."""
COLUMNS = ("frame", "shot", "number", "status", "output", "stage", "message", *MADE_OF)


class VideoShot(NamedTuple):
    """The frames of a shot in order."""

    name: str
    place: int
    """In the film, from 1."""
    frames: list[VideoFrame]

    @property
    def file(self) -> str:
        """Give a path of its own that every file system takes, whatever the shot is called."""
        letters = unicodedata.normalize("NFC", self.name)[:MOST_LETTERS]
        plain = "".join(one if one.isalnum() or one in "-_" else "_" for one in letters)
        return f"{FOLDER}/{self.place:04}_{plain}.mp4"


def read_shots(film: Storage) -> list[VideoShot]:
    """Read the shots of a film in order.

    Raises:
        ValueError: there is no manifest.
    """
    table = read_manifest(film)
    if not table.num_rows:
        raise ValueError(f"{film.uri} holds no film: there is no manifest in it")
    columns = (table[name].to_pylist() for name in COLUMNS)
    # Parts of a run that was killed come in the order in which frames ended.
    rows = sorted(zip(*columns, strict=True), key=_in_film_order)
    return [
        VideoShot(name, place, [_shown(*row) for row in group])
        for place, (name, group) in enumerate(groupby(rows, key=itemgetter(1)), 1)
    ]


def choose_shots(shots: Sequence[VideoShot], names: Sequence[str] | None) -> list[VideoShot]:
    """Give the shots of these names, or all.

    Raises:
        ValueError: there is no such shot.
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
        # No frame that stands is called so.
        return VideoFrame(frame, f"\\{frame}", None, f"{stage}: {message}")
    return VideoFrame(frame, " ".join(map(str, made_of)), output, "")
