"""Frames against their rows in the manifest."""

from dataclasses import replace
from typing import Any, Literal

import pyarrow as pa
import pytest

from lineart.film.colors.frame_colors import FrameColors
from lineart.film.pictures.frames import FilmFrame, Source
from lineart.film.planning.changes import FrameState, find_finished, find_originals, mark_retakes
from lineart.film.planning.plan import result_row
from lineart.film.records import Fingerprint, FrameResult, HashedFile
from lineart.manifest import make_table

MADE = Fingerprint("weights", "settings", ("layers",))


def give_frame(
    number: int = 1,
    *,
    pixels: str = "pixels",
    hint: str | None = None,
    key: str | None = None,
    verdict: Literal["accepted", "redo"] | None = None,
    file: str | None = None,
) -> FrameState:
    """Give a frame of a shot, by hashes of its pixels, hints and keys."""
    name = f"s/{number}.png"
    frame = FilmFrame(Source(name, name), "s", number, verdict=verdict, file=file)
    colors = FrameColors(hint_sha256=hint, key_sha256=key)
    return FrameState(frame, HashedFile("file", pixels, 8, 6), colors, None)


def record(one: FrameState, made: Fingerprint = MADE, **changed: Any) -> dict[str, Any]:
    """Give the row of a finished frame of 10 bytes, with changed columns."""
    row = result_row(one, made, FrameResult(one.frame.output, 10, {}, None, "float32"))
    return row | changed


KEYED = give_frame(key="key")


@pytest.mark.parametrize(
    ("one", "row", "wanted", "is_finished"),
    [
        (KEYED, record(KEYED), MADE, True),
        (KEYED, record(KEYED, key_sha256="other"), MADE, False),
        (give_frame(), record(KEYED), MADE, False),
        (give_frame(file="frames/elsewhere.png"), record(give_frame()), MADE, False),
        # It has the files beside it that are wanted, and maybe others.
        (KEYED, record(KEYED), replace(MADE, extras=()), True),
        (KEYED, record(KEYED), replace(MADE, extras=("layers", "paint")), False),
        (KEYED, record(KEYED, extras=None), MADE, False),
        # Where colours are carried, no network may have been needed, and none has a format.
        (KEYED, record(KEYED, precision=None), replace(MADE, precision="bfloat16"), True),
        (KEYED, record(KEYED), replace(MADE, precision="bfloat16"), False),
        (
            give_frame(),
            record(give_frame(), precision=None),
            replace(MADE, precision="bfloat16"),
            False,
        ),
    ],
)
def test_a_frame_is_finished_if_all_is_as_it_was(
    one: FrameState, row: dict[str, Any], wanted: Fingerprint, is_finished: bool
) -> None:
    """Keys, output, files beside it and number format count."""
    stored = {one.frame.output: 10}
    assert find_finished([one], make_table([row]), stored, wanted) == [is_finished]


def test_a_frame_without_a_recorded_or_stored_size_is_not_finished() -> None:
    """Neither is known, so that they are not equal."""
    one = give_frame()
    row = make_table([record(one, output_bytes=None)])
    assert find_finished([one], row, {}, MADE) == [False]


def test_a_retake_names_all_that_has_changed() -> None:
    """In one order, with what a person had said of the frame; a failed frame was never made."""
    known = make_table([record(give_frame(number)) for number in (1, 2, 3)])
    known = pa.concat_tables([known, make_table([record(give_frame(4), status="failed")])])
    now = [
        give_frame(1, pixels="new", hint="hint", key="key", verdict="redo"),
        give_frame(2, key="key", verdict="accepted"),
        # A copy of a frame that is made again is made again.
        give_frame(3, pixels="new", hint="hint", key="key"),
        give_frame(4, pixels="else"),
    ]
    other = Fingerprint("other", "settings", precision="bfloat16")
    assert [one.retake for one in mark_retakes(now, known, other)] == [
        "picture, hint, key, weights, precision, redo",
        "key, weights, precision, was accepted",
        "picture, hint, key, weights, precision, redo",
        None,
    ]


@pytest.mark.parametrize("changed", ["status", "hint_sha256", "key_sha256", "weights", "settings"])
def test_a_copy_of_a_frame_that_is_another_now_is_an_original(changed: str) -> None:
    """A frame that was made as a copy has findings of its own if the other is not equal to it."""
    first, copy = give_frame(1), give_frame(2)
    found = {"asked": 0.5}
    of_copy = record(copy, status="held", held_by="s/1.png")
    same = make_table([record(first) | found, of_copy])
    assert find_originals([copy], same, {"s/1.png"}) == {copy.pixels: "s/1.png"}
    assert find_originals([first, copy], same, set()) == {copy.pixels: "s/1.png"}
    other = make_table([record(first) | found | {changed: "failed"}, of_copy | found])
    assert find_originals([copy], other, {"s/1.png"}) == {copy.pixels: "s/2.png"}


def test_the_first_of_equal_frames_with_findings_is_the_original() -> None:
    """Unless one of those that are not in the run was computed."""
    frames = [give_frame(number) for number in (1, 2, 3)]
    rows = [record(frames[0]), *(record(one, asked=0.5) for one in frames[1:])]
    assert find_originals(frames, make_table(rows), set()) == {frames[0].pixels: "s/2.png"}
    rows[2] |= {"status": "held", "held_by": "s/4.png"}
    known = make_table([*rows, record(give_frame(4))])
    assert find_originals(frames, known, {"s/4.png"}) == {frames[0].pixels: "s/4.png"}
