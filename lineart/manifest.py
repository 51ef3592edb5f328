"""Manifest of a film: one Parquet row per frame.

`manifest/manifest.parquet` holds every frame once and is replaced in one write. During a run, rows
are appended as parts below `manifest/_parts/` (Parquet readers skip names that begin with `_`). A
killed run leaves its parts, and the next run reads them, too. In memory a manifest is an Arrow
table, because a row takes only a few hundred bytes there.
"""

import io
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float64
from pyarrow import parquet

from lineart.storage import Storage

ManifestRow = dict[str, Any]
"""Row of one frame; its keys are the columns of `SCHEMA`."""

DOUBT = pa.struct(
    [
        *(pa.field(name, pa.int32()) for name in ("region", "left", "top", "right", "bottom")),
        pa.field("area", pa.int32()),  # in pixels
        pa.field("color", pa.string()),  # #rrggbb
        pa.field("confidence", pa.float32()),  # 0..1
        pa.field("why", pa.string()),
        pa.field("second", pa.string()),  # second best colour; null: none
    ]
)
"""Region of a frame, see `imaging.paint.doubts.Doubt`."""

SCHEMA = pa.schema(
    [
        pa.field("frame", pa.string(), nullable=False),  # path of the source picture, relative
        pa.field("shot", pa.string()),
        pa.field("number", pa.int32()),  # position in its shot, from 1
        pa.field("status", pa.string(), nullable=False),  # done | held | failed | accepted
        pa.field("output", pa.string()),  # path relative to the output root
        pa.field("output_bytes", pa.int64()),
        pa.field("width", pa.int32()),  # of the source picture, in pixels
        pa.field("height", pa.int32()),
        pa.field("source_sha256", pa.string()),  # of the source's file
        pa.field("pixels_sha256", pa.string()),  # of the decoded source's pixels and size
        pa.field("hint_sha256", pa.string()),  # of the hints' pixels; null without hints
        pa.field("weights", pa.string()),  # SHA-256 of config and tensors
        pa.field("settings", pa.string()),  # other settings that determine the pixels, as JSON
        pa.field("held_by", pa.string()),  # frame whose output was copied for this one
        pa.field("stage", pa.string()),  # stage in which the frame failed
        pa.field("error", pa.string()),  # exception type
        pa.field("message", pa.string()),
        pa.field("seconds", pa.float32()),  # working time of all stages
        pa.field("written_at", pa.timestamp("us", tz="UTC")),
        # Stage -> working time; null if another frame's output was copied.
        pa.field("stage_seconds", pa.map_(pa.string(), pa.float64())),
        # What changed since the frame was last made: picture, hint (or paint), key, weights,
        # settings, precision; and what a person had said of it: redo, was accepted.
        pa.field("retake", pa.string()),
        pa.field("extras", pa.string()),  # folders of files written beside the frame
        # Number format of the network: bfloat16, float32, or onnx for that of an ONNX file.
        pa.field("precision", pa.string()),
        # Sentences on what a person should look at, although the frame is finished.
        pa.field("warnings", pa.list_(pa.string())),
        pa.field("hints", pa.list_(pa.string())),  # names of the hints that held on it
        # Regions whose colour may be wrong, worst first; null for copies of another frame.
        pa.field("doubts", pa.list_(DOUBT)),
        pa.field("key_sha256", pa.string()),  # of the keys' pixels; null without keys
        pa.field("keys", pa.list_(pa.string())),  # names of the keys of its shot
        # Of frames with keys, see `imaging.paint.doubts.Certainty`; null for copies of another one.
        pa.field("asked", pa.float32()),
        pa.field("lowest_confidence", pa.float32()),
        pa.field("mean_confidence", pa.float32()),
        # ETag and size of the source's file on S3; null in folders, and if the frame failed.
        pa.field("source_stamp", pa.string()),
        # GPU or processor of the network, which determines the last bits.
        pa.field("device", pa.string()),
    ]
)
LATER = set(SCHEMA.names[SCHEMA.get_field_index("stage_seconds") :])
"""Columns that older manifests lack; read as null."""

MANIFEST = "manifest/manifest.parquet"
PARTS = "manifest/_parts"


def make_row(values: Mapping[str, Any]) -> ManifestRow:
    """Build a row with the current time in `written_at`; columns missing in `values` are null."""
    row = {name: values.get(name) for name in SCHEMA.names}
    row["written_at"] = datetime.now(UTC)
    return row


def make_table(rows: Sequence[ManifestRow]) -> pa.Table:
    """Build a table of rows."""
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def first_rows(tables: Sequence[pa.Table], frames: Sequence[str]) -> pa.Table:
    """Return the first row of each of `frames`, in this order; those without a row are skipped."""
    table = pa.concat_tables(tables)
    places = pc.index_in(pa.array(frames, pa.string()), value_set=table["frame"])
    return table.take(places.drop_null())


def read_manifest(output: Storage) -> pa.Table:
    """Read the newest row of every frame, from the manifest and from parts of unfinished runs.

    Raises:
        ValueError: a file of the manifest is invalid.
    """
    whole = read_rows(output, MANIFEST) if output.exists(MANIFEST) else SCHEMA.empty_table()
    parts = [read_rows(output, path) for path in _parts(output)]
    if not parts:
        return whole
    # The sort is stable: of two rows with equal times, a part's comes before the manifest's.
    rows = pa.concat_tables([*parts, whole]).sort_by([("written_at", "descending")])
    return first_rows([rows], rows["frame"].unique().to_pylist())


def append_part(output: Storage, rows: pa.Table) -> None:
    """Write rows as a new part; the frames of the rows must already be stored."""
    write_rows(output, f"{PARTS}/{uuid.uuid4().hex}.parquet", rows)


def replace_manifest(output: Storage, rows: pa.Table) -> None:
    """Replace the manifest in one write, then delete the parts that existed before."""
    parts = _parts(output)
    write_rows(output, MANIFEST, rows)
    for path in parts:
        output.delete(path)


def stage_seconds(rows: pa.Table) -> dict[str, Float64[np.ndarray, " M"]]:
    """Return stage -> seconds that it took, for the frames of which they are known."""
    maps = rows["stage_seconds"]
    stages = dict.fromkeys(stage for one in maps.chunks for stage in one.keys.unique().to_pylist())
    taken = {stage: pc.map_lookup(maps, stage, "first").drop_null() for stage in stages}
    # The keys of a slice are those of the whole.
    return {stage: np.asarray(one, np.float64) for stage, one in taken.items() if len(one)}


def _parts(output: Storage) -> list[str]:
    return sorted(entry.path for entry in output.entries(PARTS))


def write_rows(output: Storage, path: str, rows: pa.Table) -> None:
    """Write rows as a Parquet file."""
    sink = io.BytesIO()
    parquet.write_table(rows, sink, compression="zstd")
    output.write(path, sink.getvalue())


def read_rows(output: Storage, path: str) -> pa.Table:
    """Read rows that `write_rows` wrote, also as an older version of this program.

    Raises:
        ValueError: the file is no such Parquet file.
    """
    try:
        table = parquet.read_table(io.BytesIO(output.read(path)))
        for name in LATER.difference(table.column_names):
            nothing = pa.nulls(table.num_rows, SCHEMA.field(name).type)
            table = table.append_column(name, nothing)
        return table.select(SCHEMA.names).cast(SCHEMA)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise ValueError(
            f"{output.uri}/{path} is not a manifest of this program: {error}; if it is damaged, "
            "delete it: the frames that it lists are then made anew"
        ) from error
