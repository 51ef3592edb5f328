"""The ledger: rows go in, the newest of each frame comes out."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from pyarrow import parquet

from lineart.manifest import (
    LATER,
    MANIFEST,
    append_part,
    first_rows,
    make_row,
    make_table,
    read_manifest,
    replace_manifest,
)
from lineart.storage import Storage


def test_rows_come_back(tmp_path: Path) -> None:
    """A row that was recorded is read as it was."""
    storage = Storage.at(str(tmp_path))
    row = make_row({"frame": "s/1.png", "status": "done", "width": 3, "seconds": 0.5})
    replace_manifest(storage, make_table([row]))
    assert read_manifest(storage).to_pylist() == [row]


def test_newest_row_wins(tmp_path: Path) -> None:
    """Of several rows of a frame, in any order of files, the newest counts."""
    storage = Storage.at(str(tmp_path))
    old = make_row({"frame": "s/1.png", "status": "failed"})
    new = old | {"status": "done", "written_at": old["written_at"] + timedelta(seconds=1)}
    append_part(storage, make_table([new]))
    append_part(storage, make_table([old]))
    assert read_manifest(storage).to_pylist() == [new]


def test_parts_are_hidden_from_readers(tmp_path: Path) -> None:
    """While parts lie about, a Parquet reader sees the manifest alone."""
    storage = Storage.at(str(tmp_path))
    row = make_row({"frame": "s/1.png", "status": "done"})
    replace_manifest(storage, make_table([row]))
    append_part(storage, make_table([row]))
    assert parquet.read_table(tmp_path / "manifest").num_rows == 1
    replace_manifest(storage, make_table([row]))
    assert [entry.path for entry in storage.entries()] == [MANIFEST]


def test_foreign_manifest_is_refused(tmp_path: Path) -> None:
    """Something else in the manifest's place is an error that names it."""
    storage = Storage.at(str(tmp_path))
    storage.write(MANIFEST, b"no parquet")
    with pytest.raises(ValueError, match="not a manifest of this program"):
        read_manifest(storage)


def test_an_older_manifest_is_read(tmp_path: Path) -> None:
    """When all sources were line drawings, their hash was called after them."""
    storage = Storage.at(str(tmp_path))
    row = make_row({"frame": "s/1.png", "status": "done", "source_sha256": "ab"})
    table = make_table([row])
    names = {"source_sha256": "line_sha256"}
    sink = io.BytesIO()
    parquet.write_table(table.rename_columns([names.get(n, n) for n in table.column_names]), sink)
    storage.write(MANIFEST, sink.getvalue())
    assert read_manifest(storage).to_pylist() == [row]


def test_a_manifest_without_the_later_columns_is_read(tmp_path: Path) -> None:
    """Of frames that were made before stages and retakes were recorded, they are not known."""
    storage = Storage.at(str(tmp_path))
    row = make_row({"frame": "s/1.png", "status": "done", "retake": "hint"})
    table = make_table([row, row | {"shrink_seconds": 0.5}])
    sink = io.BytesIO()
    parquet.write_table(table.drop_columns(sorted(LATER)), sink)
    storage.write(MANIFEST, sink.getvalue())
    assert read_manifest(storage).to_pylist() == [row | dict.fromkeys(LATER)] * 2


def test_first_rows_follow_the_film() -> None:
    """Of each frame the first row is taken, in the order of the film; who has none is left out."""
    tables = [
        make_table([make_row({"frame": frame, "status": status}) for frame in frames])
        for frames, status in (("ca", "held"), ("abx", "done"))
    ]
    rows = first_rows(tables, ["a", "b", "c", "d"])
    assert rows.select(["frame", "status"]).to_pylist() == [
        {"frame": "a", "status": "held"},
        {"frame": "b", "status": "done"},
        {"frame": "c", "status": "held"},
    ]
    assert first_rows([make_table([])], ["a"]).num_rows == 0
