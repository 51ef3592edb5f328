"""The ledger: rows go in, the newest of each frame comes out."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from pyarrow import parquet

from lineart.manifest import MANIFEST, append_part, make_row, read_rows, replace_manifest, to_bytes
from lineart.storage import Storage


def test_rows_come_back(tmp_path: Path) -> None:
    """A row that was recorded is read as it was."""
    storage = Storage.at(str(tmp_path))
    row = make_row({"frame": "s/1.png", "status": "done", "width": 3, "seconds": 0.5})
    replace_manifest(storage, [row])
    assert read_rows(storage) == {"s/1.png": row}


def test_newest_row_wins(tmp_path: Path) -> None:
    """Of several rows of a frame, in any order of files, the newest counts."""
    storage = Storage.at(str(tmp_path))
    old = make_row({"frame": "s/1.png", "status": "failed"})
    new = old | {"status": "done", "written_at": old["written_at"] + timedelta(seconds=1)}
    append_part(storage, [new])
    append_part(storage, [old])
    replace_manifest(Storage.at(str(tmp_path / "x")), [old])
    assert read_rows(storage)["s/1.png"]["status"] == "done"


def test_parts_are_hidden_from_readers(tmp_path: Path) -> None:
    """While parts lie about, a Parquet reader sees the manifest alone."""
    storage = Storage.at(str(tmp_path))
    row = make_row({"frame": "s/1.png", "status": "done"})
    replace_manifest(storage, [row])
    append_part(storage, [row])
    assert parquet.read_table(tmp_path / "manifest").num_rows == 1
    replace_manifest(storage, [row])
    assert [entry.path for entry in storage.entries()] == [MANIFEST]


def test_foreign_manifest_is_refused(tmp_path: Path) -> None:
    """Something else in the manifest's place is an error that names it."""
    storage = Storage.at(str(tmp_path))
    storage.write(MANIFEST, b"no parquet")
    with pytest.raises(ValueError, match="not a manifest of this program"):
        read_rows(storage)


def test_an_older_manifest_is_read(tmp_path: Path) -> None:
    """When all sources were line drawings, their hash was called after them."""
    storage = Storage.at(str(tmp_path))
    row = make_row({"frame": "s/1.png", "status": "done", "source_sha256": "ab"})
    table = parquet.read_table(io.BytesIO(to_bytes([row])))
    names = {"source_sha256": "line_sha256"}
    sink = io.BytesIO()
    parquet.write_table(table.rename_columns([names.get(n, n) for n in table.column_names]), sink)
    storage.write(MANIFEST, sink.getvalue())
    assert read_rows(storage) == {"s/1.png": row}
