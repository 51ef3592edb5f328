"""Reading of shards: rows of Parquet files by index, with bounded memory."""

import json
import os
import posixpath
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from contextlib import closing
from itertools import accumulate
from typing import Any, Generic, TypeVar

import pyarrow as pa
from pyarrow import parquet

from lineart.runtime.device import count_cpus, count_memory
from lineart.storage import Storage

INDEX = "shards.json"
"""File that lists the valid shards of a folder."""
CACHE_BYTES = 64_000_000
"""Least default of the bytes of row groups that a reading process caches."""
CACHE_SHARE = 1 / 8
"""Share of the memory for the default caches of as many processes as there are cores."""
OPEN_FILES = 64
"""Default maximum number of files that a reading process keeps open."""


class ShardRows:
    """Rows of the shards of a folder, read by index. Picklable: each process opens the files.

    Args:
        storage: Folder `train` or `validation` of a prepared set.
        schema: Columns that every shard has.
        heavy: Names of the columns that `read` returns, where a shard has them.
        cache_bytes: Maximum bytes of row groups cached per process; the last is always kept. None:
            by the memory of each machine, see `choose_cache`.
        open_files: Maximum number of files kept open per process, above 0.

    Raises:
        FileNotFoundError: there is no prepared set.
        ValueError: the set is empty, or one of its files is not such a shard.
    """

    names: list[str]
    sources: list[str]
    columns: set[str]
    """Names of the columns that some of the shards have."""
    nbytes: int
    """Bytes of all row groups."""

    def __init__(
        self,
        storage: Storage,
        schema: pa.Schema,
        heavy: Collection[str],
        *,
        cache_bytes: int | None = None,
        open_files: int = OPEN_FILES,
    ) -> None:
        self.storage, self.schema = storage, schema
        self.names, self.sources, self.columns, self.nbytes = [], [], set(), 0
        self._paths = _read_index(storage)
        row_groups = [self._read_light(path) for path in self._paths]
        # Cumulative sums: index of the first row of each file, and row of each row group.
        self._files = list(accumulate((sum(counts) for counts in row_groups), initial=0))
        self._groups = [list(accumulate(counts, initial=0)) for counts in row_groups]
        self._reader = _Reader(storage, schema, heavy, cache_bytes, open_files)
        if not self.names:
            raise ValueError(
                f"{storage.uri} is a prepared set of no pictures; more pictures, or another "
                "--validation of lineart prepare_data, give this side some"
            )

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> dict[str, bytes | None]:
        """Return the heavy columns of a row.

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
        return {name: table[name][place].as_py() for name in table.column_names}

    def read_column(self, name: str) -> list[str]:
        """Return a column of short texts, of all rows.

        Raises:
            FileNotFoundError: the set has been replaced since it was opened.
        """
        values: list[str] = []
        for path in self._paths:
            with (
                closing(self.storage.open_file(path)) as stream,
                closing(_open(stream, self.schema)) as file,
            ):
                values += file.read(columns=[name])[name].to_pylist()
        return values

    def _read_light(self, path: str) -> list[int]:
        """Append names and sources of a file; return the number of rows of each row group."""
        try:
            with (
                closing(self.storage.open_file(path)) as stream,
                closing(_open(stream, self.schema)) as file,
            ):
                table = file.read(columns=["name", "source"])
                self.names += table["name"].to_pylist()
                self.sources += table["source"].to_pylist()
                self.columns |= set(file.schema_arrow.names)
                meta = file.metadata
                groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
                self.nbytes += sum(group.total_byte_size for group in groups)
                return [group.num_rows for group in groups]
        except (pa.ArrowException, ValueError) as error:
            where = posixpath.join(self.storage.uri, path)
            raise ValueError(
                f"{where} is no shard of lineart prepare_data for this task: {error}"
            ) from error


def choose_cache(memory: int, cpus: int) -> int:
    """Return the bytes that each of `cpus` processes caches.

    Samples are drawn at random, and each needs one row of a group: without a cache of about the
    size of the set, most of what is read is thrown away.

    Args:
        memory: Memory of the machine, in bytes.
        cpus: Number of its cores.
    """
    return max(CACHE_BYTES, int(memory * CACHE_SHARE / cpus))


V = TypeVar("V")


class Cache(Generic[V]):
    """Values that were used last, as many as their bytes allow; the last one is always kept.

    A pickled copy is empty.

    Args:
        most_bytes: Maximum bytes; None: what `choose_cache` gives on each machine, less `other`.
        other: Bytes that something else needs.
    """

    def __init__(self, most_bytes: int | None, other: int = 0) -> None:
        self._given = most_bytes, other
        self._most_bytes = (
            choose_cache(count_memory(), count_cpus()) - other if most_bytes is None else most_bytes
        )
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._bytes = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._given

    def get(self, key: Hashable, make: Callable[[], tuple[V, int]]) -> V:
        """Return the value of a key; `make` returns a missing one and its bytes."""
        if key not in self._values:
            self._values[key] = made = make()
            self._bytes += made[1]
        self._values.move_to_end(key)
        while self._bytes > self._most_bytes and len(self._values) > 1:
            self._bytes -= self._values.popitem(last=False)[1][1]
        return self._values[key][0]


def _read_index(storage: Storage) -> list[str]:
    try:
        index = json.loads(storage.read(INDEX))
        return [str(path) for path in index["shards"]]
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{storage.uri} holds no finished set of shards; make one with lineart prepare_data, "
            "for the same task. lineart train takes the folder that has train and validation, "
            "other commands one of these two"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{storage.uri}/{INDEX} cannot be read: {error}") from error


def _open(stream: Any, schema: pa.Schema) -> parquet.ParquetFile:
    """Open a shard; raise ValueError if columns are missing."""
    file = parquet.ParquetFile(stream, pre_buffer=True)
    names = file.schema_arrow.names
    missing = set(schema.names) - set(names)
    if missing:
        given, needed = _describe(names), _describe(schema.names)
        if given != needed:
            raise ValueError(f"it holds {given}; give shards of {needed}")
        raise ValueError(f"it has no column {' and '.join(sorted(missing))}")
    return file


CONTENTS = {
    "pair": "pairs of colour keys, as lineart prepare_data keys makes them",
    "image": "pictures, as the other tasks of lineart prepare_data make them",
}
"""Column of a shard -> what a shard with it holds."""


def _describe(columns: Collection[str]) -> str:
    return next((what for name, what in CONTENTS.items() if name in columns), "other rows")


class _Reader:
    """Reads row groups; caches open files and recently used row groups in each process."""

    def __init__(
        self,
        storage: Storage,
        schema: pa.Schema,
        heavy: Collection[str],
        cache_bytes: int | None,
        open_files: int,
    ) -> None:
        self._storage, self._schema, self._heavy = storage, schema, set(heavy)
        self._cache_bytes, self._open_files = cache_bytes, open_files
        self._forget()

    def __reduce__(self) -> tuple[Any, ...]:
        limits = self._cache_bytes, self._open_files
        return type(self), (self._storage, self._schema, self._heavy, *limits)

    def _forget(self) -> None:
        self._process = os.getpid()
        self._open: OrderedDict[str, parquet.ParquetFile] = OrderedDict()
        self._tables = Cache[pa.Table](self._cache_bytes)

    def read(self, path: str, group: int) -> pa.Table:
        """Return the heavy columns of a row group."""
        if self._process != os.getpid():
            # A forked process shares file offsets with its parent, so it opens the files again.
            self._forget()
        return self._tables.get((path, group), lambda: self._read(path, group))

    def _read(self, path: str, group: int) -> tuple[pa.Table, int]:
        file = self._file(path)
        columns = self._heavy & set(file.schema_arrow.names)
        table = file.read_row_group(group, columns=sorted(columns))
        return table, table.nbytes

    def _file(self, path: str) -> parquet.ParquetFile:
        if path not in self._open:
            self._open[path] = _open(self._storage.open_file(path), self._schema)
        self._open.move_to_end(path)
        if len(self._open) > self._open_files:
            self._open.popitem(last=False)[1].close()
        return self._open[path]
