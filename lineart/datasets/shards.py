"""Prepared pictures in Parquet files: written whole, read at random places.

A folder of shards holds `*.parquet` and `shards.json`, which names the files that count. It is
written last and in one piece, so that a reader never sees half of a set, nor two at once.
"""

import hashlib
import io
import json
import os
import posixpath
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import accumulate, islice
from typing import Any, NamedTuple

import cv2
import numpy as np
import pyarrow as pa
from jaxtyping import UInt8
from pyarrow import parquet

from lineart.datasets.maps import decode_depth
from lineart.datasets.samples import Picture
from lineart.image import Frame, Line
from lineart.storage import Storage

INDEX = "shards.json"

ROW_GROUP = 8
"""Pictures that are read together."""

CACHE_BYTES = 64_000_000
"""Most bytes of row groups that a process which reads keeps in memory."""
OPEN_FILES = 64
"""Most files that it keeps open."""

SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),  # path below the images, `#k` for a box
        pa.field("image", pa.binary(), nullable=False),  # encoded picture
        pa.field("line", pa.binary()),  # encoded line drawing of the same size
        pa.field("width", pa.int32(), nullable=False),  # of `image`
        pa.field("height", pa.int32(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),  # of the pixels and size before shrinking
        pa.field("perceptual_hash", pa.string(), nullable=False),  # 16 hexadecimal digits
        pa.field("group", pa.string(), nullable=False),  # never on both sides of the split
        pa.field("source", pa.string(), nullable=False),  # folder, without a last `color`
        pa.field("licence", pa.string()),
        pa.field("author", pa.string()),
    ]
)
"""Columns of every shard."""

MAPS = (
    pa.field("segmentation", pa.binary()),  # PNG, 8-bit numbers of classes, 255 = unknown
    pa.field("depth", pa.binary()),  # as `maps.encode_depth` makes it
)
"""Columns of shards that hold such maps, of the size of `image`."""

MAP_NAMES = tuple(field.name for field in MAPS)


class ShardRow(NamedTuple):
    """One prepared picture; the columns are explained at `SCHEMA` and `MAPS`."""

    name: str
    image: bytes
    line: bytes | None
    width: int
    height: int
    sha256: str
    perceptual_hash: str
    group: str
    source: str
    licence: str | None
    author: str | None
    segmentation: bytes | None = None
    depth: bytes | None = None


def write_shard(storage: Storage, number: int, rows: Iterable[ShardRow]) -> str:
    """Write one shard; it counts once `finish` names it. Give its file name.

    Equal rows make equal bytes, and the name holds a hash of them: nothing else is overwritten.
    """
    data = to_bytes(rows)
    path = f"{number:05d}-{hashlib.sha256(data).hexdigest()[:8]}.parquet"
    storage.write(path, data)
    return path


def to_bytes(rows: Iterable[ShardRow]) -> bytes:
    """Write rows as one Parquet file; what is encoded already is not compressed again."""
    rows = list(rows)
    maps = [field for field in MAPS if any(getattr(row, field.name) for row in rows)]
    schema = pa.schema([*SCHEMA, *maps])
    heavy = {"image", "line", *MAP_NAMES}
    sink, rest = io.BytesIO(), iter(rows)
    with parquet.ParquetWriter(
        sink,
        schema,
        compression={name: "none" if name in heavy else "zstd" for name in schema.names},
        use_dictionary=["source", "licence", "author"],
        write_statistics=[name for name in schema.names if name not in heavy],
    ) as writer:
        while group := [row._asdict() for row in islice(rest, ROW_GROUP)]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
    return sink.getvalue()


def finish(storage: Storage, paths: Sequence[str]) -> None:
    """Make these shards, in this order, the set that readers see; remove all others.

    Who reads an older set at that moment fails with `FileNotFoundError` and must open it anew.
    """
    storage.write(INDEX, json.dumps({"shards": list(paths)}, indent=1).encode())
    for entry in list(storage.entries()):
        if entry.path.endswith(".parquet") and entry.path not in paths:
            storage.delete(entry.path)
    storage.sweep()


class Shards:
    """Prepared pictures, read at random places. Picklable; files are opened where they are used.

    Args:
        storage: The folder `train` or `validation` of a prepared set.
        cache_bytes: Most bytes of row groups that each process keeps; it always keeps the last.
        open_files: Most files that each process keeps open, above 0.

    Raises:
        FileNotFoundError: there is no prepared set.
        ValueError: it is empty, or one of its files is not a shard.
    """

    sources: list[str]
    """Where each picture comes from."""
    names: list[str]
    maps: set[str]
    """Which maps some of the pictures have: "segmentation", "depth"."""

    def __init__(
        self, storage: Storage, *, cache_bytes: int = CACHE_BYTES, open_files: int = OPEN_FILES
    ) -> None:
        self.storage = storage
        self.sources, self.names, self.maps = [], [], set()
        self._paths = _read_index(storage)
        row_groups = [self._read_light(path) for path in self._paths]
        # Running totals: where each file and each of its row groups begins.
        self._files = list(accumulate((sum(counts) for counts in row_groups), initial=0))
        self._groups = [list(accumulate(counts, initial=0)) for counts in row_groups]
        self._reader = _Reader(storage, cache_bytes, open_files)
        if not self.names:
            raise ValueError(
                f"{storage.uri} is a prepared set of no pictures; more pictures, or another "
                "--validation of jobs.prepare_data, give this side some"
            )

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> Picture:
        """Decode a picture, and its line drawing and maps where it has some.

        Raises:
            IndexError: there is no such picture.
            FileNotFoundError: the set has been replaced since it was opened.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"picture {index} of {len(self)}")
        file = bisect_right(self._files, index) - 1
        row = index - self._files[file]
        group = bisect_right(self._groups[file], row) - 1
        table = self._reader.read(self._paths[file], group)
        place = row - self._groups[file][group]

        def cell(column: str, decode: Callable[[bytes], Any]) -> Any:
            data = table[column][place].as_py() if column in table.column_names else None
            return None if data is None else decode(data)

        return Picture(
            name=self.names[index],
            color=cell("image", decode),
            line=cell("line", decode_gray),
            segmentation=cell("segmentation", decode_gray),
            depth=cell("depth", decode_depth),
        )

    def _read_light(self, path: str) -> list[int]:
        """Take names and sources of a file; give the number of rows of each row group."""
        try:
            with closing(self.storage.open_file(path)) as stream, closing(_open(stream)) as file:
                table = file.read(columns=["name", "source"])
                self.names += table["name"].to_pylist()
                self.sources += table["source"].to_pylist()
                self.maps |= set(MAP_NAMES) & set(file.schema_arrow.names)
                meta = file.metadata
                return [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
        except (pa.ArrowException, KeyError) as error:
            where = posixpath.join(self.storage.uri, path)
            raise ValueError(f"{where} is no shard of jobs.prepare_data: {error}") from error


def decode(data: bytes) -> Frame:
    """Decode a picture of a shard, which OpenCV is known to read right.

    Raises:
        ValueError: it is no picture.
    """
    return _decode(data, cv2.IMREAD_COLOR_RGB)


def decode_gray(data: bytes) -> Line:
    """Decode a line drawing of a shard, or its regions.

    Raises:
        ValueError: it is no picture.
    """
    return _decode(data, cv2.IMREAD_GRAYSCALE)


def _decode(data: bytes, how: int) -> UInt8[np.ndarray, "H W *C"]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if image is None:
        raise ValueError(f"OpenCV does not read this picture, it begins with {data[:8]!r}")
    decoded: UInt8[np.ndarray, "H W *C"] = image
    return decoded


def _read_index(storage: Storage) -> list[str]:
    try:
        index = json.loads(storage.read(INDEX))
        return [str(path) for path in index["shards"]]
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{storage.uri} holds no finished set of shards; make one with jobs.prepare_data and "
            "give its folder train or validation"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{storage.uri}/{INDEX} cannot be read: {error}") from error


def _open(stream: Any) -> parquet.ParquetFile:
    """Open a shard; raises `KeyError` where columns are missing."""
    file = parquet.ParquetFile(stream, pre_buffer=True)
    missing = set(SCHEMA.names) - set(file.schema_arrow.names)
    if missing:
        raise KeyError(f"no columns {', '.join(sorted(missing))}")
    return file


class _Reader:
    """Row groups by file and number; open files and the last groups are kept, in each process."""

    def __init__(self, storage: Storage, cache_bytes: int, open_files: int) -> None:
        self._storage = storage
        self._cache_bytes, self._open_files = cache_bytes, open_files
        self._forget()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._storage, self._cache_bytes, self._open_files)

    def _forget(self) -> None:
        self._process = os.getpid()
        self._open: OrderedDict[str, parquet.ParquetFile] = OrderedDict()
        self._tables: OrderedDict[tuple[str, int], pa.Table] = OrderedDict()
        self._bytes = 0

    def read(self, path: str, group: int) -> pa.Table:
        """Give a row group's pictures, lines and maps."""
        if self._process != os.getpid():
            # A forked process shares the place in its parent's files.
            self._forget()
        key = path, group
        if key not in self._tables:
            file = self._file(path)
            columns = {"image", "line", *MAP_NAMES} & set(file.schema_arrow.names)
            table = file.read_row_group(group, columns=sorted(columns))
            self._tables[key] = table
            self._bytes += table.nbytes
        self._tables.move_to_end(key)
        while self._bytes > self._cache_bytes and len(self._tables) > 1:
            self._bytes -= self._tables.popitem(last=False)[1].nbytes
        return self._tables[key]

    def _file(self, path: str) -> parquet.ParquetFile:
        if path not in self._open:
            self._open[path] = _open(self._storage.open_file(path))
        self._open.move_to_end(path)
        if len(self._open) > self._open_files:
            self._open.popitem(last=False)[1].close()
        return self._open[path]
