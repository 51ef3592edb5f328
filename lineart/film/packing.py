"""Finished frames as Parquet: the columns `frame` and `image` that the inputs may have, too."""

import io
from collections.abc import Sequence

import pyarrow as pa
from pyarrow import parquet

from lineart.manifest import Row
from lineart.storage import Storage

FOLDER = "parquet"
FRAMES_A_FILE = 256
FRAMES_A_GROUP = 16
"""Rows that a reader holds in memory at once."""


def pack_frames(output: Storage, rows: Sequence[Row], changed: set[str]) -> None:
    """Pack the frames that stand, in film order; files without a changed frame are left alone.

    Args:
        output: Where the frames are; the files go below `parquet/`.
        rows: The manifest.
        changed: Frames that were written anew.
    """
    standing = [row for row in rows if row["status"] != "failed"]
    present = {entry.path for entry in output.entries(FOLDER)}
    wanted = set()
    for start in range(0, len(standing), FRAMES_A_FILE):
        chunk = standing[start : start + FRAMES_A_FILE]
        path = f"{FOLDER}/frames-{start // FRAMES_A_FILE:06}.parquet"
        wanted.add(path)
        names = [row["frame"] for row in chunk]
        if path in present and changed.isdisjoint(names) and _names(output, path) == names:
            continue
        output.write(path, _pack(output, chunk))
    for path in present - wanted:
        output.delete(path)


def _names(output: Storage, path: str) -> list[str]:
    with output.open_file(path) as file:
        return list(parquet.read_table(file, columns=["frame"]).column("frame").to_pylist())


def _pack(output: Storage, rows: Sequence[Row]) -> bytes:
    sink = io.BytesIO()
    schema = pa.schema({"frame": pa.string(), "shot": pa.string(), "image": pa.binary()})
    # PNG is compressed already.
    with parquet.ParquetWriter(sink, schema, compression="none") as writer:
        for start in range(0, len(rows), FRAMES_A_GROUP):
            group = rows[start : start + FRAMES_A_GROUP]
            columns = {
                "frame": [row["frame"] for row in group],
                "shot": [row["shot"] for row in group],
                "image": [output.read(row["output"]) for row in group],
            }
            writer.write_table(pa.table(columns, schema=schema))
    return sink.getvalue()
