"""The ledger: rows go in, the newest of each frame comes out."""

import io
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
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
    stage_seconds,
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
    with pytest.raises(ValueError, match=r"not a manifest of this program: .* delete it: the"):
        read_manifest(storage)


def test_a_manifest_without_the_later_columns_is_read(tmp_path: Path) -> None:
    """Of frames that were made before stages and retakes were recorded, they are not known."""
    storage = Storage.at(str(tmp_path))
    row = make_row({"frame": "s/1.png", "status": "done", "retake": "hint"})
    table = make_table([row, row | {"stage_seconds": [("shrink", 0.5)]}])
    write_old(storage, table.drop_columns(sorted(LATER)))
    assert read_manifest(storage).to_pylist() == [row | dict.fromkeys(LATER)] * 2


def test_times_of_stages() -> None:
    """Each stage has the times of the frames that went through it, whatever part of a manifest."""
    spent = [[("shrink", 1.0), ("network", 2.0)], None, [("shrink", 3.0)], [("enlarge", 4.0)]]
    rows = [make_row({"frame": str(n), "stage_seconds": one}) for n, one in enumerate(spent)]
    table = make_table(rows)
    for part, expected in (
        (table, {"shrink": [1.0, 3.0], "network": [2.0], "enlarge": [4.0]}),
        (table.slice(1, 2), {"shrink": [3.0]}),
        (table.slice(1, 1), {}),
        (make_table([]), {}),
    ):
        assert {stage: [*times] for stage, times in stage_seconds(part).items()} == expected


def write_old(storage: Storage, table: pa.Table) -> None:
    """Write the manifest of an older program."""
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    storage.write(MANIFEST, sink.getvalue())


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
