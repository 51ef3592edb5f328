"""Shots of a film for its videos, and the index `video.json` of the videos of its shots."""

import json
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate, groupby
from operator import itemgetter
from typing import Any, NamedTuple

from lineart.film.pictures.names import folder_key, natural_key
from lineart.manifest import read_manifest
from lineart.storage import Storage
from lineart.video.pictures import VideoFrame

INDEX = "video.json"
FOLDER = "shots"
MAX_LETTERS = 60
"""Maximum number of characters of a shot's name in its file name, which then stays below 255 bytes
in any script."""

_WRITTEN = re.compile(rf"{FOLDER}/\d{{4,}}_[^/]*\.mp4")
"""Path of the video of a shot."""

KEY_COLUMNS = ("pixels_sha256", "hint_sha256", "key_sha256", "weights", "settings")
"""Columns that are equal for frames with equal pixels."""
COLUMNS = ("frame", "shot", "number", "status", "output", "stage", "message", *KEY_COLUMNS)


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
        letters = unicodedata.normalize("NFC", self.name)[:MAX_LETTERS]
        plain = "".join(one if one.isalnum() or one in "-_" else "_" for one in letters)
        return f"{FOLDER}/{self.place:04}_{plain}.mp4"


def read_shots(film: Storage) -> list[VideoShot]:
    """Read the shots of a film in order.

    Raises:
        ValueError: the manifest is missing, empty or invalid.
    """
    table = read_manifest(film)
    if not table.num_rows:
        raise ValueError(
            f"{film.uri} has no manifest; give the output of lineart colorize or lineart translate"
        )
    columns = (table[name].to_pylist() for name in COLUMNS)
    # Rows of a killed run are not in film order.
    rows = sorted(zip(*columns, strict=True), key=_film_order)
    return [
        VideoShot(name, place, [_to_frame(*row) for row in group])
        for place, (name, group) in enumerate(groupby(rows, key=itemgetter(1)), 1)
    ]


def _film_order(row: tuple[Any, ...]) -> Any:
    frame, shot, number = row[:3]
    return folder_key(posixpath.dirname(frame)), natural_key(shot), number, frame


def _to_frame(
    frame: str, _shot: str, _number: int, status: str, output: str | None, *rest: Any
) -> VideoFrame:
    stage, message, *key = rest
    if status in ("failed", "accepted"):
        # A unique key: it equals that of no finished frame.
        return VideoFrame(frame, f"\\{frame}", (), f"{stage}: {message}", (frame,))
    return VideoFrame(frame, " ".join(map(str, key)), (output or "",), "", (frame,))


def delete_others(target: Storage, shots: Sequence[VideoShot]) -> None:
    """Delete the videos of shots that the film no longer has, or has at another place."""
    kept = {shot.file for shot in shots}
    for path in [entry.path for entry in target.entries(FOLDER)]:
        if path not in kept and _WRITTEN.fullmatch(path):
            target.delete(path)


def write_index(
    target: Storage,
    rate: Fraction,
    shots: Sequence[VideoShot],
    film: Sequence[VideoShot],
    failed: Mapping[str, int],
) -> None:
    """Write the index: file, first frame (in the film, from 0) and frame counts of each shot.

    Args:
        target: Folder of the videos.
        rate: Frames per second.
        shots: All shots.
        film: Those that the film consists of, in order; the first frame of others is null.
        failed: Name of each shot written now -> its number of cards. For other shots, entries of
            an earlier index are kept, if it has the same rate and their files exist.

    Raises:
        OSError: storage fails.
    """
    earlier = dict(_read_index(target, rate))
    starts = accumulate((len(shot.frames) for shot in film), initial=0)
    firsts = {shot.name: start for shot, start in zip(film, starts, strict=False)}
    entries = []
    for shot in shots:
        if shot.name in failed:
            counts = {"frames": len(shot.frames), "failed": failed[shot.name]}
        elif (shot.name, shot.file) in earlier and target.exists(shot.file):
            counts = earlier[shot.name, shot.file]
        else:
            continue
        place = {"shot": shot.name, "file": shot.file, "first": firsts.get(shot.name)}
        entries.append({**place, **counts})
    index = {"frames_per_second": str(rate), "shots": entries}
    target.write(INDEX, json.dumps(index, indent=1).encode())


def _read_index(
    target: Storage, rate: Fraction
) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Yield shot, file and counts from an earlier index of equal rate; none if it is invalid."""
    try:
        index = json.loads(target.read(INDEX)) if target.exists(INDEX) else {}
        if index["frames_per_second"] == str(rate):
            for one in index["shots"]:
                yield (one["shot"], one["file"]), {name: one[name] for name in ("frames", "failed")}
    except (ValueError, LookupError, TypeError):
        return
