"""Rows of finished frames whose files cannot be read for the moment, with which they come back.

In the manifest such a frame has failed, because nobody knows whether it is current. Its earlier row
is kept beside the manifest. Once its files can be read, a run compares them with that row: if
nothing has changed, the frame is finished and not made again.
"""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from lineart import manifest
from lineart.film.pictures.frames import FilmFrame
from lineart.film.records import Failure
from lineart.storage import Storage

ROWS = "manifest/_unread/rows.parquet"
"""Parquet readers skip it, as they do the parts of a manifest."""


def read_earlier(output: Storage) -> pa.Table:
    """Return the kept rows.

    Raises:
        ValueError: their file is invalid.
    """
    if not output.exists(ROWS):
        return manifest.SCHEMA.empty_table()
    return manifest.read_rows(output, ROWS)


def with_earlier(previous: pa.Table, earlier: pa.Table, frames: Iterable[FilmFrame]) -> pa.Table:
    """Return the manifest with the earlier rows of those of these frames that have failed since."""
    failed = previous["frame"].filter(pc.equal(previous["status"], "failed"))
    names = failed.filter(pc.is_in(failed, value_set=_names(frames)))
    rows = _of_frames(earlier, names)
    if not rows.num_rows:
        return previous
    return manifest.first_rows([rows, previous], previous["frame"].to_pylist())


def keep_earlier(
    output: Storage,
    earlier: pa.Table,
    previous: pa.Table,
    failures: Iterable[tuple[FilmFrame, Failure]],
) -> pa.Table:
    """Keep the rows of finished frames that were not read; return all that are kept.

    Args:
        output: Output of the film.
        earlier: Rows that are kept already.
        previous: The manifest, with earlier rows.
        failures: Frames that cannot be read.
    """
    finished = previous.filter(pc.is_in(previous["status"], pa.array(["done", "held"])))
    rows = _of_frames(finished, _names(frame for frame, _ in failures))
    if not rows.num_rows:
        return earlier
    names = pa.concat_tables([one.select(["frame"]) for one in (rows, earlier)])["frame"].unique()
    kept = manifest.first_rows([rows, earlier], names.to_pylist())
    manifest.write_rows(output, ROWS, kept)
    return kept


def drop_earlier(output: Storage, kept: pa.Table, rows: pa.Table) -> None:
    """Drop the kept rows of frames that have not failed.

    Args:
        output: Output of the film.
        kept: Result of `keep_earlier`.
        rows: The manifest after the run.
    """
    still = _of_frames(kept, rows["frame"].filter(pc.equal(rows["status"], "failed")))
    if still.num_rows == kept.num_rows:
        return
    if still.num_rows:
        manifest.write_rows(output, ROWS, still)
    else:
        output.delete(ROWS)


def _names(frames: Iterable[FilmFrame]) -> pa.Array:
    return pa.array((frame.name for frame in frames), pa.string())


def _of_frames(rows: pa.Table, names: pa.Array | pa.ChunkedArray) -> pa.Table:
    return rows.filter(pc.is_in(rows["frame"], value_set=names))
