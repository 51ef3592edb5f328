"""Frames of a film: pictures listed and sorted into shots; reading of pictures."""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from lineart.codec import extract_page
from lineart.codec.formats.table import (
    DOCUMENT_SUFFIXES,
    FORMAT_NAMES,
    IMAGE_SUFFIXES,
    UNREAD_SUFFIXES,
    WAY_OUT,
)
from lineart.codec.video.container import VIDEO_SUFFIXES
from lineart.codec.video.frames import FrameTime
from lineart.codec.video.reader import VideoReader
from lineart.film.pictures.listing import (
    Listed,
    caseless,
    find_files,
    leads_out,
    open_video,
    printable,
    refusal_of,
)
from lineart.film.pictures.names import file_key, folder_key, read_name, stem
from lineart.storage import Storage

PARQUET_SUFFIX = ".parquet"

MAX_ROWS = 10_000_000
"""Maximum number of rows of one Parquet file: more than 100 hours of film."""
MAX_GROUP_BYTES = 2**31
"""Maximum size of the pictures in one row group, which is read as a whole, in bytes."""


@dataclass(frozen=True, slots=True)
class Source:
    """Location of one encoded picture: a file, or a row of a Parquet file."""

    name: str
    """Relative path of the picture: `shot/frame.png`."""
    path: str
    """Relative path of the file that contains it."""
    row: int | None = None
    """Row number in the Parquet file, from 0; None for an image file."""
    page: int | None = None
    """Number of the page in a file of several, from 0; None for a file of one page."""
    time: FrameTime | None = None
    """Place of the frame in a video; None if the file is no video."""
    refusal: str | None = None
    """Reason why it must not be read; `name` may then be any text."""
    stamp: str | None = field(default=None, compare=False)
    """ETag and size of the file when it was listed, on S3; None in a folder."""


class KeySource(NamedTuple):
    """Locations of a key: a coloured drawing, whose colours are carried to others of its shot."""

    drawing: Source
    """The drawing, a picture of the film."""
    colors: Source
    """The key's picture."""


class SheetSource(NamedTuple):
    """Locations of a colour sheet: a finished drawing of no shot, which serves them all."""

    colors: Source
    """The sheet's picture."""
    drawing: Source | None = None
    """Its line drawing; None: its lines are found in the picture."""


@dataclass(frozen=True, slots=True)
class FilmFrame:
    """Picture of a film, with its shot, its position, and the hints and keys that hold on it."""

    source: Source
    shot: str
    number: int
    """Position in its shot, from 1."""
    hints: tuple[Source, ...] = ()
    """Hints that hold on it, bottom to top; where several say something, the last one counts."""
    frame_hint: Source | None = None
    """The one of `hints` that is named after a frame, this one or one before."""
    origins: tuple[Source, ...] = ()
    """Drawing that each of `hints` was set in; empty: hints stay at their pixels."""
    keys: tuple[KeySource, ...] = ()
    """Keys of its shot, the nearest first."""
    sheets: tuple[SheetSource, ...] = ()
    """Colour sheets of the film."""
    refusal: str | None = None
    """Reason why the frame fails without being read or written."""
    verdict: Literal["accepted", "redo"] | None = None
    """What a person said of the frame as it stands; see `marks`."""
    role: str = "line"
    """Role of the picture in its task: `line` or `photo`."""
    source_sha256: str | None = None
    """Hash that the picture's file must have; None: any."""
    file: str | None = None
    """Path of the finished frame below the output root; None: that of the picture, as PNG."""

    @property
    def carries(self) -> bool:
        """Whether colours may be carried to it: by keys, sheets or hints of its shot."""
        return bool(self.keys or self.sheets or self.origins)

    @property
    def name(self) -> str:
        """Relative path of the picture; the frame's key in the plan and the manifest."""
        return self.source.name

    @property
    def output(self) -> str:
        """Relative path of the finished frame below the output root."""
        return self.file or f"frames/{stem(self.name)}.png"


OPENRASTER, PSD = "openraster", "psd"
"""Folders of the files of layers of frames; extra files in all other folders are PNG."""
_SUFFIXES = {OPENRASTER: ".ora", PSD: ".psd"}


def beside(output: str, folder: str) -> str:
    """Return the path of a frame's extra file in `folder`, relative to the output root."""
    name = stem(output.removeprefix("frames/"))
    return f"{folder}/{name}{_SUFFIXES.get(folder, '.png')}"


def holds_others(path: str) -> bool:
    """Return whether what cannot be read is no picture: a folder or file that holds other names."""
    return posixpath.splitext(path)[1].lower() not in IMAGE_SUFFIXES | UNREAD_SUFFIXES


def list_pictures(
    storage: Storage,
    *,
    only: str | None = None,
    has_videos: bool = False,
) -> list[Source]:
    """List all image files, and all rows of all Parquet files, below `storage`.

    Unusable entries are listed with a refusal: links out of the folder, invalid names, invalid
    Parquet files, and pictures of formats that cannot be read. Those, and documents with layers,
    are left out where there is another picture of the same name, of which they are the source.

    Args:
        storage: Folder or S3 prefix.
        only: Name of the only file that is wanted; it is a picture whatever its suffix.
        has_videos: Whether video files are listed, too, each as one picture; see `clips`.

    Returns:
        The pictures, in the order in which their files are found.

    Raises:
        OSError: the folder or bucket cannot be listed.
    """
    pictures: list[Source] = []
    documents: list[Source] = []
    unread: list[Source] = []
    listed = {*IMAGE_SUFFIXES, PARQUET_SUFFIX, *(VIDEO_SUFFIXES if has_videos else ())}
    files = find_files(storage) if only is None else [Listed(only, stamp=storage.stamp(only))]
    for found in files:
        suffix = posixpath.splitext(found.path)[1].lower()
        refusal = found.refusal or refusal_of(found.path)
        if suffix in UNREAD_SUFFIXES:
            kind = f"{FORMAT_NAMES[suffix]} files ({suffix}) cannot be read; {WAY_OUT}"
            unread.append(Source(printable(found.path), found.path, refusal=refusal or kind))
        elif not (only or found.is_folder or suffix in listed):
            continue
        elif refusal is not None:
            pictures.append(Source(printable(found.path), found.path, refusal=refusal))
        elif suffix == PARQUET_SUFFIX:
            pictures += _parquet_pictures(storage, found)
        else:
            kind_of = documents if suffix in DOCUMENT_SUFFIXES else pictures
            kind_of.append(Source(found.path, found.path, stamp=found.stamp))
    for sources in (documents, unread):
        names = {stem(picture.name) for picture in pictures}
        pictures += [source for source in sources if stem(source.name) not in names]
    return pictures


def _parquet_pictures(storage: Storage, found: Listed) -> Iterator[Source]:
    """Yield the rows of a Parquet file, and a last refusal if it cannot be read to the end."""
    path, row = found.path, 0
    try:
        file = _open_parquet(storage, path)
        _check_columns(file)
        for batch in file.iter_batches(columns=["frame"]):
            for name in batch.column(0).to_pylist():
                yield _row(name, found, row)
                row += 1
    except (pa.ArrowException, ValueError, OSError) as error:
        after = f"after {row} rows " if row else ""
        yield Source(
            path, path, refusal=f"{after}it cannot be read as a Parquet file of frames: {error}"
        )


def _row(name: str | None, found: Listed, row: int) -> Source:
    path, refusal = found.path, refusal_of(name)
    if refusal is None:
        return Source(str(name), path, row, stamp=found.stamp)
    return Source(printable(name) if name else f"{path}\\{row}", path, row, refusal=refusal)


def _check_columns(file: parquet.ParquetFile) -> None:
    kinds = {field.name: field.type for field in file.schema_arrow}
    missing = {"frame", "image"} - kinds.keys()
    if missing:
        raise ValueError(f"it has no column {' and '.join(sorted(missing))}")
    text, data = kinds["frame"], kinds["image"]
    if pa.types.is_dictionary(text):
        text = text.value_type
    if text not in (pa.string(), pa.large_string()) or data not in (pa.binary(), pa.large_binary()):
        raise ValueError(
            f"its columns frame and image are {text} and {data}, not string and binary"
        )
    if file.metadata.num_rows > MAX_ROWS:
        raise ValueError(f"it has {file.metadata.num_rows} rows and {MAX_ROWS} are the most")


class PictureReader:
    """Reads pictures that were listed; keeps the last Parquet file open and its last row group.

    Frames are read in order, so that each row group is read once.

    Args:
        storage: Folder or S3 prefix that was listed.
        max_group_bytes: Maximum size of the pictures in a Parquet row group, in bytes.
    """

    def __init__(self, storage: Storage, *, max_group_bytes: int = MAX_GROUP_BYTES) -> None:
        self.storage, self._max_group_bytes = storage, max_group_bytes
        self._open = lru_cache(maxsize=1)(partial(_open_parquet, storage))
        self._images_of = lru_cache(maxsize=1)(self._read_images)
        self._whole = lru_cache(maxsize=1)(self._read)
        self._open_video = lru_cache(maxsize=1)(lambda path: VideoReader(open_video(storage, path)))

    def read(self, source: Source) -> bytes:
        """Return the content of a file, or of the column `image` of a row.

        A page of a file and a frame of a video are returned as files of their own.

        Raises:
            FileNotFoundError: the file no longer exists.
            ValueError: it is refused, has become a link out of the folder, or its Parquet row
                or its page cannot be read.
        """
        if source.page is None:
            return self._read(source)
        return extract_page(self._whole(replace(source, name="", page=None)), source.page)

    def _read(self, source: Source) -> bytes:
        if source.refusal is not None:
            raise ValueError(source.refusal)
        if leads_out(self.storage, source.path):
            raise ValueError(
                f"{source.path!r} has become a link that leads out of the film's folder"
            )
        if source.time is not None:
            return self._open_video(source.path).read(source.time)
        if source.row is None:
            return self.storage.read(source.path)
        data = self._read_row(source.path, source.row)
        if not isinstance(data, bytes):
            raise ValueError("the column image holds no bytes here")
        return data

    def _read_row(self, path: str, row: int) -> Any:
        metadata, first = self._open(path).metadata, 0
        for group in range(metadata.num_row_groups):
            images = range(first, first + metadata.row_group(group).num_rows)
            if row in images:
                return self._images_of(path, group)[row - first].as_py()
            first = images.stop
        raise ValueError(f"{path} has no row {row} any more")

    def _read_images(self, path: str, group: int) -> pa.ChunkedArray:
        """Read the images of one row group."""
        file = self._open(path)
        column = file.schema_arrow.names.index("image")
        size = file.metadata.row_group(group).column(column).total_uncompressed_size
        if size > self._max_group_bytes:
            raise ValueError(
                f"row group {group} of {path} holds {size} bytes of pictures and "
                f"{self._max_group_bytes} are the most; write fewer rows a group"
            )
        images = file.read_row_group(group, columns=["image"]).column("image")
        if len(images) != file.metadata.row_group(group).num_rows:
            raise ValueError(
                f"row group {group} of {path} holds {len(images)} rows, not what it says"
            )
        return images


def _open_parquet(storage: Storage, path: str) -> parquet.ParquetFile:
    try:
        return parquet.ParquetFile(storage.open_file(path))
    except pa.ArrowException as error:
        raise ValueError(f"{path} is not a Parquet file: {error}") from error


def assemble(pictures: Sequence[Source], root_name: str, *, role: str = "line") -> list[FilmFrame]:
    """Sort pictures into film order and return them as frames with shot and number.

    The shot of a picture is its folder; pictures at the root belong to a shot called `root_name`. A
    folder that cannot be read is a shot with one refused frame.
    Versions of pictures in one folder are shots of their own, see `split_versions`. Pictures with
    the same output path are refused.
    """
    shots: dict[str, list[Source]] = defaultdict(list)
    for picture in refuse_twins(pictures, "would be written to one output"):
        shot = picture.name if _is_unread_folder(picture) else posixpath.dirname(picture.name)
        shots[shot].append(picture)
    frames: list[FilmFrame] = []
    for folder in sorted(shots, key=folder_key):
        above = folder or root_name
        for shot, versions in split_versions(above, shots.pop(folder)):
            for number, picture in enumerate(versions, 1):
                frames.append(FilmFrame(picture, shot, number, refusal=picture.refusal, role=role))
    return frames


def _is_unread_folder(picture: Source) -> bool:
    suffix = posixpath.splitext(picture.path)[1].lower()
    is_file = picture.row is not None or suffix == PARQUET_SUFFIX or suffix in VIDEO_SUFFIXES
    return picture.refusal is not None and not is_file and holds_others(picture.path)


def split_versions(folder: str, pictures: Iterable[Source]) -> list[tuple[str, list[Source]]]:
    """Sort the pictures of a folder and return them with the names of their shots.

    They are one shot, called `folder`, unless there are two versions of a picture, such as
    `A0001_v001` and `A0001_v002`: then each version is a shot, as `folder_v001`.
    """
    keyed = sorted(((file_key(one.name), one) for one in pictures), key=itemgetter(0))
    # The key of a picture is that of its name without the version, then the version.
    versions_of: dict[Any, set[int]] = defaultdict(set)
    if any(key[1] >= 0 for key, _ in keyed):
        for key, _ in keyed:
            versions_of[key[0]].add(key[1])
    if all(len(versions) == 1 for versions in versions_of.values()):
        return [(folder, [picture for _, picture in keyed])]
    shots: dict[int, list[Source]] = defaultdict(list)
    for key, picture in keyed:
        shots[key[1]].append(picture)
    return [
        (folder if version < 0 else f"{folder}_{read_name(of_version[0].name).version}", of_version)
        for version, of_version in sorted(shots.items())
    ]


def refuse_twins(pictures: Sequence[Source], what: str) -> Iterator[Source]:
    """Yield pictures, with a refusal if their names collide.

    `a.png` collides with `a.tif` and, on every file system, with `A.png`. Each name is yielded
    once; pictures that were refused before come last.
    """
    refused = {picture.name: picture for picture in pictures if picture.refusal is not None}
    first: dict[str, Source] = {}
    twins: dict[str, list[Source]] = {}
    for picture in pictures:
        if picture.name not in refused:
            key = caseless(stem(picture.name))
            known = first.setdefault(key, picture)
            if known is not picture:
                twins.setdefault(key, [known]).append(picture)
    for key, picture in first.items():
        yield from _refusals(twins[key], what) if key in twins else (picture,)
    yield from refused.values()


def _refusals(twins: Sequence[Source], what: str) -> Iterator[Source]:
    """Yield one refusal for each name of colliding pictures."""
    named = {twin.name: twin for twin in twins}
    counts = Counter(twin.name for twin in twins)
    one, *others = named
    for name, twin in named.items():
        if counts[name] > 1:
            why = f"{counts[name]} pictures are called {name!r}"
        else:
            why = f"{name!r} and {others[0] if name == one else one!r} {what}"
        yield replace(twin, refusal=f"{why}; rename one")
