"""Export of finished frames to Parquet, with the columns `frame` and `image` of Parquet inputs."""

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from lineart.storage import Storage

FOLDER = "parquet"
FRAMES_A_FILE = 256
FRAMES_A_GROUP = 16
"""Rows per row group, which a reader holds in memory at once."""


def export_parquet(output: Storage, rows: pa.Table, changed: Sequence[pa.Table]) -> None:
    """Write the stored frames to Parquet files, in film order; keep files without changed frames.

    Args:
        output: Output with the frames; the files go below `parquet/`.
        rows: The manifest.
        changed: Rows of frames that this run wrote.
    """
    new = {name for part in changed for name in part["frame"].to_pylist()}
    # Frames that this run did not process may have been deleted.
    stored = pa.array([entry.path for entry in output.entries("frames")], pa.string())
    standing = rows.filter(pc.is_in(rows["output"], stored))
    present = {entry.path for entry in output.entries(FOLDER)}
    wanted = set()
    for start in range(0, standing.num_rows, FRAMES_A_FILE):
        chunk = standing.slice(start, FRAMES_A_FILE)
        path = f"{FOLDER}/frames-{start // FRAMES_A_FILE:06}.parquet"
        wanted.add(path)
        names = chunk["frame"].to_pylist()
        if path in present and new.isdisjoint(names) and _names(output, path) == names:
            continue
        output.write(path, _pack(output, chunk))
    for path in present - wanted:
        output.delete(path)


def _names(output: Storage, path: str) -> list[str]:
    with output.open_file(path) as file:
        return list(parquet.read_table(file, columns=["frame"]).column("frame").to_pylist())


def _pack(output: Storage, rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    schema = pa.schema({"frame": pa.string(), "shot": pa.string(), "image": pa.binary()})
    # PNG is compressed already.
    with parquet.ParquetWriter(sink, schema, compression="none") as writer:
        for start in range(0, rows.num_rows, FRAMES_A_GROUP):
            group = rows.slice(start, FRAMES_A_GROUP)
            images = pa.array(map(output.read, group["output"].to_pylist()), pa.binary())
            writer.write_table(pa.table([group["frame"], group["shot"], images], schema=schema))
    return sink.getvalue()
