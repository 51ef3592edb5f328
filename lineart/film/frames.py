"""What a film is: its frames in order, their shots, and the hint that holds for each."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
from natsort import natsort_keygen, ns
from pyarrow import parquet

from lineart.storage import Storage

IMAGE_SUFFIXES = {".png", ".tif", ".tiff", ".tga", ".bmp", ".webp", ".jpg", ".jpeg"}
PARQUET_SUFFIX = ".parquet"
UNREAD_SUFFIXES = {
    ".heic",
    ".heif",
    ".avif",
    ".jxl",
    ".gif",
    ".psd",
    ".exr",
    ".dng",
    ".cr2",
    ".nef",
}
"""Pictures that cannot be read, which must not be passed over in silence."""

natural_key = natsort_keygen(key=lambda path: path.split("/"), alg=ns.IGNORECASE)
"""Sort key that puts `f2` before `f10`, folder by folder."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes of one picture lie: a file, or a row of a Parquet file."""

    name: str
    """Relative path of the picture: `shot/frame.png`."""
    path: str
    """Relative path of the file that holds it."""
    row: int | None = None
    """Row in a Parquet file."""


@dataclass(frozen=True, slots=True)
class FilmFrame:
    """One picture of a film, and the frame that is made of it."""

    source: Source
    shot: str
    number: int
    """Position in its shot, from 1."""
    hint: Source | None

    @property
    def name(self) -> str:
        """Relative path of the picture; the key of everything about this frame."""
        return self.source.name

    @property
    def output(self) -> str:
        """Relative path of the finished frame below the output root."""
        return f"frames/{stem(self.name)}.png"


def beside(output: str, folder: str) -> str:
    """Give the relative path of what stands beside a finished frame, in a folder of its own."""
    return f"{folder}/{output.removeprefix('frames/')}"


def stem(name: str) -> str:
    """Give a relative path without its suffix."""
    return posixpath.splitext(name)[0]


def list_pictures(storage: Storage, unread: list[str] | None = None) -> list[Source]:
    """List every image file, and every row of every Parquet file, below `storage`.

    Args:
        storage: A folder or bucket.
        unread: Takes the pictures of kinds that cannot be read.

    Raises:
        ValueError: a Parquet file lacks the columns `frame` and `image`, or a frame's name in it is
            not a plain relative path.
    """
    return list(_pictures(storage, [] if unread is None else unread))


def _pictures(storage: Storage, unread: list[str]) -> Iterator[Source]:
    for entry in storage.entries():
        hidden = any(part.startswith(".") for part in entry.path.split("/"))
        suffix = posixpath.splitext(entry.path)[1].lower()
        if hidden:
            continue
        if suffix in IMAGE_SUFFIXES:
            yield Source(entry.path, entry.path)
        elif suffix == PARQUET_SUFFIX:
            yield from _parquet_pictures(storage, entry.path)
        elif suffix in UNREAD_SUFFIXES:
            unread.append(entry.path)


def _parquet_pictures(storage: Storage, path: str) -> Iterator[Source]:
    file = _open_parquet(storage, path)
    missing = {"frame", "image"} - set(file.schema_arrow.names)
    if missing:
        raise ValueError(f"{storage.uri}/{path} has no column {' and '.join(sorted(missing))}")
    for row, name in enumerate(file.read(columns=["frame"]).column("frame").to_pylist()):
        if not is_plain_path(name):
            raise ValueError(f"{storage.uri}/{path} row {row}: frame {name!r} is no relative path")
        yield Source(name, path, row)


def is_plain_path(name: Any) -> bool:
    """Whether `name` is a relative path that stays below its root."""
    return (
        isinstance(name, str)
        and name not in ("", ".")
        and name == posixpath.normpath(name)
        and not name.startswith(("/", ".."))
        and "\0" not in name
        and "\\" not in name
    )


def read_picture(storage: Storage, source: Source) -> bytes:
    """Read the encoded bytes of one picture.

    Raises:
        FileNotFoundError: the file has gone.
        ValueError: the row of a Parquet file holds no bytes.
    """
    if source.row is None:
        return storage.read(source.path)
    file = _open_parquet(storage, source.path)
    group, start = 0, 0
    while source.row >= start + file.metadata.row_group(group).num_rows:
        start += file.metadata.row_group(group).num_rows
        group += 1
    data = _read_images(storage, source.path, group)[source.row - start].as_py()
    if not isinstance(data, bytes):
        raise ValueError("the column image holds no bytes here")
    return data


@lru_cache(maxsize=1)
def _open_parquet(storage: Storage, path: str) -> parquet.ParquetFile:
    try:
        return parquet.ParquetFile(storage.open_file(path))
    except pa.ArrowException as error:
        raise ValueError(f"{storage.uri}/{path} is not a Parquet file: {error}") from error


@lru_cache(maxsize=1)
def _read_images(storage: Storage, path: str, group: int) -> pa.ChunkedArray:
    """Read one row group's images; frames are visited in order, so the last group is kept."""
    return _open_parquet(storage, path).read_row_group(group, columns=["image"]).column("image")


def assemble(
    pictures: Iterable[Source], hints: Iterable[Source], root_name: str
) -> list[FilmFrame]:
    """Put pictures in film order and give each frame its shot, number and hint.

    A shot is a folder; pictures at the root belong to a shot called `root_name`. A hint named after
    a frame holds from that frame until the next such hint in its shot; before the first of them, a
    hint named after the shot holds.

    Raises:
        ValueError: two pictures would be written to one output, or two hints have one name.
    """
    hints = list(hints)
    ordered = sorted(pictures, key=lambda picture: _film_key(picture.name))
    _refuse_twins(ordered, "would both be written to one output")
    _refuse_twins(hints, "are both hints for the same frames")
    hint_of = {stem(hint.name): hint for hint in hints}
    frames: list[FilmFrame] = []
    shot, number, hint = None, 0, None
    for picture in ordered:
        folder = posixpath.dirname(picture.name)
        if folder != shot:
            shot, number, hint = folder, 0, hint_of.get(folder or root_name)
        number += 1
        hint = hint_of.get(stem(picture.name), hint)
        frames.append(FilmFrame(picture, folder or root_name, number, hint))
    return frames


def _film_key(name: str) -> Any:
    """Order by shot, then by frame: a folder's pictures stay together beside its subfolders."""
    return natural_key(posixpath.dirname(name)), natural_key(name)


def unused_hints(frames: Iterable[FilmFrame], hints: Iterable[Source]) -> list[str]:
    """Give the hints that are named after no shot and no frame."""
    named = {name for frame in frames for name in (frame.shot, stem(frame.name))}
    return sorted(hint.name for hint in hints if stem(hint.name) not in named)


def _refuse_twins(pictures: Sequence[Source], why: str) -> None:
    """Refuse `a.png` beside `a.tif`, and on every system `A.png` beside `a.png`."""
    seen: dict[str, str] = {}
    for picture in pictures:
        twin = seen.setdefault(stem(picture.name).casefold(), picture.name)
        if twin is not picture.name:
            raise ValueError(f"{twin!r} and {picture.name!r} {why}; rename one")
