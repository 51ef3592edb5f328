"""Shards of training pairs of colour keys: Parquet files, written once and read by index."""

import io
from collections.abc import Iterable
from typing import NamedTuple

import pyarrow as pa
from pyarrow import parquet

from lineart.datasets.key_pairs import KeyPair, from_bytes
from lineart.datasets.shard_rows import ShardRows
from lineart.datasets.shards import ROW_GROUP
from lineart.storage import Storage

SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),  # sequence, and number of the pair
        pa.field("source", pa.string(), nullable=False),  # kind of the sequence
        pa.field("pair", pa.binary(), nullable=False),  # result of `key_pairs.to_bytes`
        pa.field("licence", pa.string()),
        pa.field("author", pa.string()),
    ]
)
"""Columns of every shard."""


class PairRow(NamedTuple):
    """Training pair; `SCHEMA` describes the columns."""

    name: str
    source: str
    pair: bytes
    licence: str | None
    author: str | None


def to_shard(rows: Iterable[PairRow]) -> bytes:
    """Encode rows as a Parquet file."""
    sink = io.BytesIO()
    table = pa.Table.from_pylist([row._asdict() for row in rows], schema=SCHEMA)
    parquet.write_table(table, sink, row_group_size=ROW_GROUP, compression="zstd")
    return sink.getvalue()


class PairShards:
    """Prepared pairs, read by index. Picklable: each process opens the files itself.

    Args:
        storage: Folder `train` or `validation` of a prepared set.

    Raises:
        FileNotFoundError: there is no prepared set.
        ValueError: the set is empty, or one of its files holds no pairs.
    """

    sources: list[str]
    """Kind of the sequence of each pair."""
    names: list[str]

    def __init__(self, storage: Storage) -> None:
        self._rows = ShardRows(storage, SCHEMA, {"pair"})
        self.sources, self.names = self._rows.sources, self._rows.names

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> KeyPair:
        """Decode a pair.

        Raises:
            IndexError: the index is out of range.
            FileNotFoundError: the set has been replaced since it was opened.
            ValueError: the pair is of another version.
        """
        data = self._rows.read(index)["pair"]
        assert data is not None, "the column is not nullable"
        return from_bytes(data)
