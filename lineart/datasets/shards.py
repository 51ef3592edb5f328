"""Shards: prepared pictures in Parquet files, written once and read by index.

A folder of shards holds `*.parquet` and the index `shards.json`, which lists the valid files. The
index is written last and atomically, so a reader never sees a part of a set or a mixture of two.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import cv2
import numpy as np
import pyarrow as pa
from jaxtyping import UInt8
from pyarrow import parquet

from lineart.datasets.maps import decode_depth
from lineart.datasets.samples import NamedPicture
from lineart.datasets.shard_rows import INDEX, OPEN_FILES, Cache, ShardRows
from lineart.image import Frame, Line
from lineart.storage import Storage

ROW_GROUP = 8
"""Pictures in a row group, which is read as a whole."""

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
    return write_bytes(storage, number, to_bytes(rows))


def write_bytes(storage: Storage, number: int, data: bytes) -> str:
    """Write an encoded shard; see `write_shard`."""
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
        cache_bytes: Maximum bytes of row groups cached per process; the last is always kept. None:
            by the machine's memory, see `shard_rows.choose_cache`.
        open_files: Maximum number of files kept open per process, above 0.
        decoded_bytes: Maximum bytes of decoded pictures cached per process, read-only, for readers
            that repeat; 0 caches none. None: what the row groups leave of `choose_cache`.

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
        self,
        storage: Storage,
        *,
        cache_bytes: int | None = None,
        open_files: int = OPEN_FILES,
        decoded_bytes: int | None = 0,
    ) -> None:
        self.storage = storage
        heavy = {"image", "line", *MAP_NAMES}
        self._rows = ShardRows(
            storage, SCHEMA, heavy, cache_bytes=cache_bytes, open_files=open_files
        )
        keeps = decoded_bytes != 0
        self._decoded = Cache[NamedPicture](decoded_bytes, self._rows.nbytes) if keeps else None
        self.sources, self.names = self._rows.sources, self._rows.names
        self.maps = set(MAP_NAMES) & self._rows.columns

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> NamedPicture:
        """Decode a picture, with its line drawing and maps if there are any.

        Raises:
            IndexError: the index is out of range.
            FileNotFoundError: the set has been replaced since it was opened.
        """
        if self._decoded is None:
            return self._decode(index)
        return self._decoded.get(index, lambda: self._freeze(index))

    def read_hashes(self) -> list[set[str]]:
        """Return the hashes of each picture: of its pixels, and its group, by default its file's.

        Boxes and aligned faces are other pixels than their file's.

        Raises:
            FileNotFoundError: the set has been replaced since it was opened.
        """
        columns = (self._rows.read_column(name) for name in ("sha256", "group"))
        return [set(hashes) for hashes in zip(*columns, strict=True)]

    def _decode(self, index: int) -> NamedPicture:
        row = self._rows.read(index)

        def cell(column: str, decode: Callable[[bytes], Any]) -> Any:
            data = row.get(column)
            return None if data is None else decode(data)

        return NamedPicture(
            name=self.names[index],
            color=cell("image", decode),
            line=cell("line", decode_gray),
            segmentation=cell("segmentation", decode_gray),
            depth=cell("depth", decode_depth),
        )

    def _freeze(self, index: int) -> tuple[NamedPicture, int]:
        """Decode a picture that several readers share; return it and its bytes."""
        picture = self._decode(index)
        pixels = (picture.color, picture.line, picture.segmentation, picture.depth)
        arrays = [array for array in pixels if array is not None]
        for array in arrays:
            array.flags.writeable = False
        return picture, sum(array.nbytes for array in arrays)


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
