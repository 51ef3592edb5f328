"""Warnings of frames at the end of a run."""

import pyarrow as pa

from lineart.film.outcome.frame_warnings import MAX_LISTED, describe_warning, list_warnings
from lineart.manifest import make_row, make_table


def rows(warnings: list[list[str] | None]) -> pa.Table:
    """Give the manifest of frames with these warnings."""
    frames = [{"frame": f"s/{n}.png", "shot": "s", "warnings": w} for n, w in enumerate(warnings)]
    return make_table([make_row({"status": "done", **frame}) for frame in frames])


def names(count: int) -> pa.Array:
    """Give the names of so many frames, from the first."""
    return pa.array([f"s/{n}.png" for n in range(count)], pa.string())


def test_each_warning_is_named_once() -> None:
    """It comes with the first frame of this run that has it, and with their number."""
    table = rows([["odd"], None, ["pale", "odd"], ["odd"], ["not of this run", "odd"]])
    found = list_warnings(table, names(4))
    assert (found.frames, found.unlisted) == (3, 0)
    assert [*map(describe_warning, found.listed)] == [
        "s/0.png and 2 more frames: odd",
        "s/2.png: pale",
    ]
    assert list_warnings(table.slice(0, 2), names(2)).listed[0]["frames"] == 1
    assert list_warnings(table, names(0)) == (0, [], 0)
    assert list_warnings(rows([None]), names(1)) == (0, [], 0)


def test_many_different_warnings_are_counted() -> None:
    """The first ten are named."""
    found = list_warnings(rows([[f"pale {n}"] for n in range(40)]), names(40))
    assert [one["frame"] for one in found.listed] == names(MAX_LISTED).to_pylist()
    assert found.unlisted == 40 - MAX_LISTED
