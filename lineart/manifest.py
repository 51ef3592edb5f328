"""The ledger of a film: one row a frame, in Parquet, always whole.

`manifest/manifest.parquet` holds every frame once and is replaced in one write. While a run goes
on, its rows gather in parts below `manifest/_parts/` (Parquet readers skip names that begin with
`_`); a run that was killed leaves them, and the next one reads them as if nothing had happened.
In memory a ledger is an Arrow table: a row takes a few hundred bytes, and a film has many.
"""

import io
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from lineart.storage import Storage

ManifestRow = dict[str, Any]
"""One frame's row; the keys are the names of `SCHEMA`."""

SCHEMA = pa.schema(
    [
        pa.field("frame", pa.string(), nullable=False),  # relative path of the source picture
        pa.field("shot", pa.string()),
        pa.field("number", pa.int32()),  # position in its shot, from 1
        pa.field("status", pa.string(), nullable=False),  # done | held | failed
        pa.field("output", pa.string()),  # relative to the output root
        pa.field("output_bytes", pa.int64()),
        pa.field("width", pa.int32()),  # of the source picture
        pa.field("height", pa.int32()),
        pa.field("source_sha256", pa.string()),  # of the source's file
        pa.field("pixels_sha256", pa.string()),  # of the decoded source and its size
        pa.field("hint_sha256", pa.string()),  # of the file; null without a hint
        pa.field("weights", pa.string()),  # sha256 over config and tensors
        pa.field("settings", pa.string()),  # what else decides the pixels, as JSON
        pa.field("held_by", pa.string()),  # the frame that was made in this one's place
        pa.field("stage", pa.string()),  # where a failed frame failed
        pa.field("error", pa.string()),  # type of the exception
        pa.field("message", pa.string()),
        pa.field("seconds", pa.float32()),  # work on this frame, all stages
        pa.field("written_at", pa.timestamp("us", tz="UTC")),
        # Work by stage; null where another frame's picture was copied.
        pa.field("shrink_seconds", pa.float32()),
        pa.field("network_seconds", pa.float32()),
        pa.field("compose_seconds", pa.float32()),
        # What had changed since the frame was last made: picture, hint, weights, settings.
        pa.field("retake", pa.string()),
        pa.field("extras", pa.string()),  # folders of what was written beside the frame
        # Number format in which the network computed: bfloat16, float32, or onnx for its maker's.
        pa.field("precision", pa.string()),
    ]
)
LATER = {"shrink_seconds", "network_seconds", "compose_seconds", "retake", "extras", "precision"}
"""Columns that older manifests lack."""

MANIFEST = "manifest/manifest.parquet"
PARTS = "manifest/_parts"


def make_row(values: Mapping[str, Any]) -> ManifestRow:
    """Give a full row, stamped with the present time; columns not in `values` are null."""
    row = {name: values.get(name) for name in SCHEMA.names}
    row["written_at"] = datetime.now(UTC)
    return row


def make_table(rows: Sequence[ManifestRow]) -> pa.Table:
    """Give rows as a table."""
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def first_rows(tables: Sequence[pa.Table], frames: Sequence[str]) -> pa.Table:
    """Give for each frame, in this order, its first row in these tables, if there is one."""
    table = pa.concat_tables(tables)
    places = pc.index_in(pa.array(frames, pa.string()), value_set=table["frame"])
    return table.take(places.drop_null())


def read_manifest(output: Storage) -> pa.Table:
    """Read the newest row of every frame, of finished runs and of one that was killed.

    Raises:
        ValueError: a file of the manifest cannot be read as such.
    """
    whole = _read(output, MANIFEST) if output.exists(MANIFEST) else SCHEMA.empty_table()
    parts = [_read(output, path) for path in _parts(output)]
    if not parts:
        return whole
    # The order is stable: of two rows of one moment that of a part counts.
    rows = pa.concat_tables([*parts, whole]).sort_by([("written_at", "descending")])
    return first_rows([rows], rows["frame"].unique().to_pylist())


def append_part(output: Storage, rows: pa.Table) -> None:
    """Record rows whose frames are already in place."""
    output.write(f"{PARTS}/{uuid.uuid4().hex}.parquet", _to_bytes(rows))


def replace_manifest(output: Storage, rows: pa.Table) -> None:
    """Write the whole manifest in one piece, then drop the parts that it holds."""
    parts = _parts(output)
    output.write(MANIFEST, _to_bytes(rows))
    for path in parts:
        output.delete(path)


def _parts(output: Storage) -> list[str]:
    return sorted(entry.path for entry in output.entries(PARTS))


def _to_bytes(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(rows, sink, compression="zstd")
    return sink.getvalue()


def _read(output: Storage, path: str) -> pa.Table:
    try:
        table = parquet.read_table(io.BytesIO(output.read(path)))
        # It had the other name while all sources were line drawings.
        names = {"line_sha256": "source_sha256"}
        table = table.rename_columns([names.get(name, name) for name in table.column_names])
        for name in LATER.difference(table.column_names):
            nothing = pa.nulls(table.num_rows, SCHEMA.field(name).type)
            table = table.append_column(name, nothing)
        return table.select(SCHEMA.names).cast(SCHEMA)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise ValueError(
            f"{output.uri}/{path} is not a manifest of this program: {error}"
        ) from error
