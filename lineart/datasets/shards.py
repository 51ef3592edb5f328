"""Shards: prepared pictures in Parquet files, written once and read by index.

A folder of shards holds `*.parquet` and the index `shards.json`, which lists the valid files. The
index is written last and atomically, so a reader never sees a part of a set or a mixture of two.
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
"""Pictures in a row group, which is read as a whole."""

CACHE_BYTES = 64_000_000
"""Default maximum bytes of row groups that a reading process caches."""
OPEN_FILES = 64
"""Default maximum number of files that a reading process keeps open."""

SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),  # path below the images; `#k` is box k
        pa.field("image", pa.binary(), nullable=False),  # encoded picture
        pa.field("line", pa.binary()),  # encoded line drawing of the same size
        pa.field("width", pa.int32(), nullable=False),  # of `image`
        pa.field("height", pa.int32(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),  # of pixels and size before shrinking
        pa.field("perceptual_hash", pa.string(), nullable=False),  # 16 hexadecimal digits
        pa.field("group", pa.string(), nullable=False),  # each is on one side of the split
        pa.field("source", pa.string(), nullable=False),  # folder, without a final `color`
        pa.field("licence", pa.string()),
        pa.field("author", pa.string()),
    ]
)
"""Columns of every shard."""

MAPS = (
    pa.field("segmentation", pa.binary()),  # PNG, 8-bit class numbers, 255 = unknown
    pa.field("depth", pa.binary()),  # result of `maps.encode_depth`
)
"""Optional columns, of shards with such maps; the maps have the size of `image`."""

MAP_NAMES = tuple(field.name for field in MAPS)


class ShardRow(NamedTuple):
    """Prepared picture; `SCHEMA` and `MAPS` describe the columns."""

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
    """Write one shard and return its file name; readers see it once `finish` lists it.

    The name contains a hash of the bytes, and equal rows give equal bytes, so no shard with other
    content is overwritten.
    """
    data = to_bytes(rows)
    path = f"{number:05d}-{hashlib.sha256(data).hexdigest()[:8]}.parquet"
    storage.write(path, data)
    return path


def to_bytes(rows: Iterable[ShardRow]) -> bytes:
    """Encode rows as a Parquet file; encoded pictures and maps are not compressed again."""
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
    """Write the index of these shards, in this order, and delete all other shards.

    A process that is reading an older set fails with `FileNotFoundError` and must reopen it.
    """
    storage.write(INDEX, json.dumps({"shards": list(paths)}, indent=1).encode())
    for entry in list(storage.entries()):
        if entry.path.endswith(".parquet") and entry.path not in paths:
            storage.delete(entry.path)
    storage.sweep()


class Shards:
    """Prepared pictures, read by index. Picklable: each process opens the files itself.

    Args:
        storage: Folder `train` or `validation` of a prepared set.
        cache_bytes: Maximum bytes of row groups cached per process; the last is always kept.
        open_files: Maximum number of files kept open per process, above 0.

    Raises:
        FileNotFoundError: there is no prepared set.
        ValueError: the set is empty, or one of its files is not a shard.
    """

    sources: list[str]
    """Source of each picture: its folder, without a final `color`."""
    names: list[str]
    maps: set[str]
    """Kinds of maps that some of the pictures have: "segmentation", "depth"."""

    def __init__(
        self, storage: Storage, *, cache_bytes: int = CACHE_BYTES, open_files: int = OPEN_FILES
    ) -> None:
        self.storage = storage
        self.sources, self.names, self.maps = [], [], set()
        self._paths = _read_index(storage)
        row_groups = [self._read_light(path) for path in self._paths]
        # Cumulative sums: index of the first picture of each file, and row of each row group.
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
        """Decode a picture, with its line drawing and maps if there are any.

        Raises:
            IndexError: the index is out of range.
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
        """Append names and sources of a file; return the number of rows of each row group."""
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
    """Decode a picture of a shard; `steps.store` keeps only files that OpenCV decodes correctly.

    Raises:
        ValueError: OpenCV cannot decode it.
    """
    return _decode(data, cv2.IMREAD_COLOR_RGB)


def decode_gray(data: bytes) -> Line:
    """Decode a line drawing or region labels of a shard.

    Raises:
        ValueError: OpenCV cannot decode it.
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
    """Open a shard; raise `KeyError` if columns are missing."""
    file = parquet.ParquetFile(stream, pre_buffer=True)
    missing = set(SCHEMA.names) - set(file.schema_arrow.names)
    if missing:
        raise KeyError(f"no columns {', '.join(sorted(missing))}")
    return file


class _Reader:
    """Reads row groups; caches open files and recently used row groups in each process."""

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
        """Return the columns of pictures, line drawings and maps of a row group."""
        if self._process != os.getpid():
            # A forked process shares file offsets with its parent, so it opens the files again.
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
