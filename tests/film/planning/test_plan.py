"""The film against its manifest."""

import gc
import tracemalloc
from collections.abc import Container, Mapping
from dataclasses import replace

import pyarrow as pa

from lineart.film.colors.frame_colors import HashedColors
from lineart.film.pictures.frames import FilmFrame, Source
from lineart.film.planning import plan as film_plan
from lineart.film.planning.changes import FrameState
from lineart.film.planning.plan import (
    FilmPlan,
    known_pictures,
    result_row,
    unread_row,
)
from lineart.film.records import (
    Failure,
    Fingerprint,
    FrameResult,
    HashedFile,
    HashedHint,
    Input,
)
from lineart.imaging.hints.pictures import DEFAULT_RULES
from lineart.imaging.paint.doubts import Doubt
from lineart.manifest import SCHEMA, ManifestRow, first_rows, make_table

LOOK = Fingerprint("weights", "settings")
SPENT = {"shrink": 0.25, "network": 0.5, "compose": 0.125}
FRAMES = [FilmFrame(Source(f"s/{n}.png", f"s/{n}.png"), "s", n) for n in range(1, 5)]
# 1 and 3 show the same pixels in different files.
LINES = {
    "s/1.png": HashedFile("file1", "pixels1", 8, 6),
    "s/2.png": HashedFile("file2", "pixels2", 8, 6),
    "s/3.png": HashedFile("file3", "pixels1", 8, 6),
    "s/4.png": HashedFile("file4", "pixels4", 8, 6),
}


NOTHING = SCHEMA.empty_table()
NO_HINTS = HashedColors({}, DEFAULT_RULES)


def make_plan(
    frames: list[FilmFrame],
    pictures: Mapping[str, HashedFile | Failure],
    colors: HashedColors,
    previous: pa.Table,
    stored: Mapping[str, int],
    look: Fingerprint,
    others: Container[str] = (),
) -> FilmPlan:
    """Plan a film of these pictures."""
    colors = replace(colors, pictures=pictures)
    return film_plan.make_plan(frames, colors, previous, stored, look, others)


def hashed_hints(**hints: str | Failure) -> HashedColors:
    """Give hints of 8 x 6 pixels by the hash of their pixels; that of their file ends in `file`."""
    return HashedColors(
        {
            f"{name}.png": one
            if isinstance(one, Failure)
            else HashedHint(f"{one} file", one, 8, 6, not one)
            for name, one in hints.items()
        },
        DEFAULT_RULES,
    )


def with_hints(frame: FilmFrame, *names: str) -> FilmFrame:
    """Give a frame on which hints hold, the last one that of a frame."""
    hints = tuple(Source(f"{name}.png", f"{name}.png") for name in names)
    return replace(frame, hints=hints, frame_hint=hints[-1])


def written(one: FrameState, spent: Mapping[str, float], precision: str = "float32") -> FrameResult:
    """How a frame of 10 bytes ended well."""
    return FrameResult(one.frame.output, 10, spent, None, precision)


def finish(plan: FilmPlan) -> tuple[pa.Table, dict[str, int]]:
    """Give the rows and stored sizes after everything in a plan went well."""
    made = make_table(
        [result_row(one, LOOK, written(one, SPENT)) for one in plan.remaining.values()]
    )
    names = [frame.name for frame in FRAMES]
    return first_rows([made, plan.rows], names), {frame.output: 10 for frame in FRAMES}


def by_frame(rows: pa.Table) -> dict[str, ManifestRow]:
    """Give rows by the frames' names."""
    return {row["frame"]: row for row in rows.to_pylist()}


def open_frames(plan: FilmPlan) -> list[list[str]]:
    """Give the outputs of what is to be coloured."""
    return [list(work.outputs) for work in plan.work]


def test_a_precision_that_is_asked_for_makes_frames_of_the_other_anew() -> None:
    """Frames stand in any number format, unless one is asked for; a copy has that of its source."""
    known_rows, stored = finish(make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK))
    for precision, skipped in ((None, 4), ("float32", 4), ("bfloat16", 0)):
        look = replace(LOOK, precision=precision)
        assert make_plan(FRAMES, LINES, NO_HINTS, known_rows, stored, look).skipped == skipped
    look = replace(LOOK, precision="bfloat16")
    anew = make_plan(FRAMES, LINES, NO_HINTS, known_rows, stored, look)
    assert {one.retake for one in anew.remaining.values()} == {"precision"}
    # The third frame shows what the first does; its file is lost.
    held = make_plan(FRAMES, LINES, NO_HINTS, known_rows, stored | {"frames/s/3.png": 0}, LOOK)
    (one,) = held.remaining.values()
    copied = FrameResult(one.frame.output, 10, {}, None)
    assert result_row(one, LOOK, copied)["precision"] == "float32"


def test_equal_pixels_are_coloured_once() -> None:
    """Frames that show the same pixels form one drawing, led by the first."""
    plan = make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK)
    assert open_frames(plan) == [
        ["frames/s/1.png", "frames/s/3.png"],
        ["frames/s/2.png"],
        ["frames/s/4.png"],
    ]
    rows, _ = finish(plan)
    assert rows["status"].to_pylist() == ["done", "done", "held", "done"]
    assert by_frame(rows)["s/3.png"]["held_by"] == "s/1.png"


def test_hints_tell_equal_drawings_apart() -> None:
    """The same pixels with another hint are another picture."""
    frames = [with_hints(FRAMES[2], "s", "h"), FRAMES[0]]
    plan = make_plan(frames, LINES, hashed_hints(s="shot", h="hint"), NOTHING, {}, LOOK)
    assert open_frames(plan) == [["frames/s/3.png"], ["frames/s/1.png"]]
    hinted, plain = plan.work
    line = Input("line", frames[0].source, "file3")
    of_shot = Input("hint", Source("s.png", "s.png"), "shot file")
    assert hinted.inputs == (line, of_shot, Input("hint", Source("h.png", "h.png"), "hint file"))
    assert [one.role for one in plain.inputs] == ["line"]
    assert (hinted.shot, plain.shot) == ("s", "s")


def test_finished_film_has_nothing_to_do() -> None:
    """A second plan over a finished film skips every frame."""
    known_rows, stored = finish(make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK))
    plan = make_plan(FRAMES, LINES, NO_HINTS, known_rows, stored, LOOK)
    assert (plan.work, plan.copies, plan.skipped, plan.rows) == ([], [], 4, known_rows)


def test_only_what_changed_is_made() -> None:
    """A retake, a lost output and an output of another length are made again; others stand."""
    known_rows, stored = finish(make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK))
    retake = LINES | {"s/4.png": HashedFile("file4b", "pixels4b", 8, 6)}
    assert open_frames(make_plan(FRAMES, retake, NO_HINTS, known_rows, stored, LOOK)) == [
        ["frames/s/4.png"]
    ]
    lost = {path: size for path, size in stored.items() if path != FRAMES[1].output}
    assert open_frames(make_plan(FRAMES, LINES, NO_HINTS, known_rows, lost, LOOK)) == [
        ["frames/s/2.png"]
    ]
    short = stored | {FRAMES[1].output: 9}
    assert open_frames(make_plan(FRAMES, LINES, NO_HINTS, known_rows, short, LOOK)) == [
        ["frames/s/2.png"]
    ]


def test_other_weights_or_settings_make_all_anew() -> None:
    """Pictures made with something else do not count as finished."""
    known_rows, stored = finish(make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK))
    for look in (Fingerprint("other", "settings"), Fingerprint("weights", "other")):
        assert make_plan(FRAMES, LINES, NO_HINTS, known_rows, stored, look).skipped == 0


def test_hints_are_told_by_their_pixels() -> None:
    """A hint in another file changes nothing, one of other pixels does."""
    frames = [with_hints(FRAMES[0], "h"), with_hints(FRAMES[1], "s", "h"), FRAMES[3]]
    hints = hashed_hints(s="shot", h="hint")
    known_rows, stored = finish(make_plan(frames, LINES, hints, NOTHING, {}, LOOK))
    again = {
        name: HashedHint("saved again", one, 8, 6, False)
        for name, one in (("s.png", "shot"), ("h.png", "hint"))
    }
    resaved = HashedColors(again, DEFAULT_RULES)
    assert make_plan(frames, LINES, resaved, known_rows, stored, LOOK).skipped == 3
    other = make_plan(frames, LINES, hashed_hints(s="shot 2", h="hint"), known_rows, stored, LOOK)
    assert {name: one.retake for name, one in other.remaining.items()} == {FRAMES[1].output: "hint"}
    rows = known_rows.to_pylist()
    assert [row["hints"] for row in rows] == [["h.png"], ["s.png", "h.png"], None]


def test_a_retake_says_what_has_changed() -> None:
    """A frame made anew tells whether its pixels, hint, weights or settings are others."""
    known_rows, stored = finish(make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK))
    assert known_rows["retake"].null_count == 4
    # The same pixels in another file are no retake, nor is a frame that was not there before.
    lines = LINES | {"s/4.png": HashedFile("file4b", "pixels4b", 8, 6)}
    lines["s/2.png"] = HashedFile("file2b", "pixels2", 8, 6)
    frames = [*FRAMES[:2], *(with_hints(frame, "h") for frame in FRAMES[2:])]
    plan = make_plan(frames, lines, hashed_hints(h="hint"), known_rows.slice(1), stored, LOOK)
    rows, _ = finish(plan)
    assert rows["retake"].to_pylist() == [None, None, "hint", "picture, hint"]
    plan = make_plan(FRAMES, LINES, NO_HINTS, known_rows, stored, Fingerprint("other", "other"))
    assert finish(plan)[0]["retake"].to_pylist() == ["weights, settings"] * 4
    lost = make_plan(FRAMES, LINES, NO_HINTS, known_rows, {}, LOOK)
    assert finish(lost)[0]["retake"].null_count == 4


def test_stages_are_recorded() -> None:
    """A row holds the seconds of each stage and of all; of a copied frame nothing is known."""
    one, other, *_ = make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK).remaining.values()
    rows = make_table(
        [result_row(one, LOOK, written(one, SPENT)), result_row(other, LOOK, written(other, {}))]
    )
    assert rows.select(["stage_seconds", "seconds"]).to_pylist() == [
        {"stage_seconds": [*SPENT.items()], "seconds": 0.875},
        {"stage_seconds": None, "seconds": 0.0},
    ]


def test_held_frame_is_copied_from_a_finished_one() -> None:
    """When a frame's picture stands elsewhere in the film, it is copied and not coloured."""
    known_rows, stored = finish(make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK))
    plan = make_plan(FRAMES, LINES, NO_HINTS, known_rows.slice(1), stored, LOOK)
    assert plan.work == []
    assert plan.copies == [("frames/s/3.png", ["frames/s/1.png"])]


def test_labels_do_not_depend_on_history() -> None:
    """Whatever run made a picture, the group's first frame is done and the others are held."""
    known_rows, stored = finish(make_plan(FRAMES[2:], LINES, NO_HINTS, NOTHING, {}, LOOK))
    assert by_frame(known_rows)["s/3.png"]["status"] == "done"
    standing = by_frame(make_plan(FRAMES, LINES, NO_HINTS, known_rows, stored, LOOK).rows)
    assert standing["s/3.png"]["status"] == "held"
    assert standing["s/3.png"]["held_by"] == "s/1.png"


DOUBT = Doubt(1, 0, 0, 8, 6, 48, "#ff0000", 0.25, "why")
FOUND = {"asked": 0.5, "lowest_confidence": 0.25, "mean_confidence": 0.75}


def with_findings(rows: pa.Table, name: str) -> pa.Table:
    """Give the manifest with a doubt of a frame, and how sure its colours are."""
    found = FOUND | {"doubts": [DOUBT._asdict()]}
    return make_table([row | (found if row["frame"] == name else {}) for row in rows.to_pylist()])


def leads(row: ManifestRow) -> bool:
    """Whether a frame is the first of equal ones, and has what was found in them all."""
    has_all = row["doubts"] == [DOUBT._asdict()] and FOUND.items() <= row.items()
    has_none = row["doubts"] is None and all(row[name] is None for name in FOUND)
    assert has_all != has_none
    assert has_all == (row["status"] == "done")
    return has_all


def test_the_first_of_equal_frames_has_their_doubts() -> None:
    """Also if another one was the first when they were made, which is now gone or holds it."""
    known_rows, stored = finish(make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK))
    known_rows = with_findings(known_rows, "s/1.png")
    gone = make_plan(FRAMES[1:], LINES, NO_HINTS, known_rows, stored, LOOK)
    rows = by_frame(gone.rows)
    assert gone.skipped == 3
    assert leads(rows["s/3.png"])
    # It is back, with its row or without, whether or not its file is there.
    back = by_frame(make_plan(FRAMES, LINES, NO_HINTS, gone.rows, stored, LOOK).rows)
    assert [leads(back[name]) for name in ("s/1.png", "s/3.png")] == [True, False]
    alone = make_table([rows[f"s/{n}.png"] for n in (2, 3, 4)])
    for known in (alone, gone.rows):
        rest = {path: size for path, size in stored.items() if path != FRAMES[0].output}
        plan = make_plan(FRAMES, LINES, NO_HINTS, known, rest, LOOK)
        assert plan.copies == [("frames/s/3.png", ["frames/s/1.png"])]
        copied = by_frame(finish(plan)[0])
        assert [leads(copied[name]) for name in ("s/1.png", "s/3.png")] == [True, False]


def test_a_part_of_a_film_changes_no_frame_that_it_skips() -> None:
    """A frame still holds the first of equal ones, which is not in the run; so does a copy."""
    frames = [*FRAMES, FilmFrame(Source("s/5.png", "s/5.png"), "s", 5)]
    lines = LINES | {"s/5.png": LINES["s/3.png"]}
    made = make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK)
    known_rows, stored = finish(made)
    known_rows = with_findings(known_rows, "s/1.png")
    others = {frame.name for frame in FRAMES[:2]}
    part = make_plan(frames[2:], lines, NO_HINTS, known_rows, stored, LOOK, others)
    rows = by_frame(part.rows)
    assert rows == by_frame(known_rows)
    (copy,) = part.remaining.values()
    assert (copy.frame.name, copy.held_by, copy.findings) == ("s/5.png", "s/1.png", None)
    # A frame that was made as another one has its own.
    other = make_table([row | {"pixels_sha256": "else"} for row in known_rows.to_pylist()[:1]])
    known_rows = pa.concat_tables([other, known_rows.slice(1)])
    part = make_plan(FRAMES[2:], LINES, NO_HINTS, known_rows, stored, LOOK, others)
    assert by_frame(part.rows)["s/3.png"]["status"] == "done"


def test_unreadable_frames_are_failures() -> None:
    """A drawing or hint that cannot be read fails its frame alone, by stage and message."""
    broken = LINES | {"s/2.png": Failure("decode", "ValueError", "truncated")}
    frames = [with_hints(FRAMES[0], "h"), *FRAMES[1:]]
    hints = hashed_hints(h=Failure("hint", "FileNotFoundError", "gone"))
    plan = make_plan(frames, broken, hints, NOTHING, {}, LOOK)
    assert {frame.name: failure.stage for frame, failure in plan.failures} == {
        "s/1.png": "hint",
        "s/2.png": "decode",
    }
    assert open_frames(plan) == [["frames/s/3.png"], ["frames/s/4.png"]]


def test_refused_frames_are_failures() -> None:
    """A frame that is refused fails by its name; nobody asks for its picture or hint."""
    frames = [replace(with_hints(FRAMES[0], "never"), refusal="leads out"), FRAMES[1]]
    plan = make_plan(frames, {"s/2.png": LINES["s/2.png"]}, NO_HINTS, NOTHING, {}, LOOK)
    ((frame, failure),) = plan.failures
    assert open_frames(plan) == [["frames/s/2.png"]]
    row = unread_row(frame, failure)
    assert (row["frame"], row["status"], row["output"]) == ("s/1.png", "failed", None)
    assert (row["stage"], row["error"], row["message"]) == ("name", "ValueError", "leads out")


def test_failed_frames_are_tried_again() -> None:
    """A failure of an earlier run does not count as finished."""
    failure = Failure("decode", "E", "m")
    failed = make_table([unread_row(FRAMES[0], failure)])
    plan = make_plan(FRAMES[:1], LINES, NO_HINTS, failed, {FRAMES[0].output: 10}, LOOK)
    assert open_frames(plan) == [["frames/s/1.png"]]
    assert known_pictures(failed, LOOK.settings) == {}


def test_a_failure_can_be_written_whatever_it_says() -> None:
    """Text that is no Unicode stands escaped in the row of a frame that failed."""
    (one, *_) = make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK).remaining.values()
    failed = FrameResult(one.frame.output, 0, SPENT, Failure("write", "OSError", "no \udcff"))
    rows = make_table([result_row(one, LOOK, failed)])
    assert rows["message"].to_pylist() == ["no \\udcff"]
    assert rows["width"].to_pylist() == [8]


def test_only_rows_of_the_same_settings_know_pixels() -> None:
    """What another task has decoded otherwise is decoded again; the same task's is not."""
    known_rows, _ = finish(make_plan(FRAMES, LINES, NO_HINTS, NOTHING, {}, LOOK))
    assert known_pictures(known_rows, LOOK.settings) == LINES
    assert known_pictures(known_rows, '{"size_px": 512}') == {}


def draw_up(frames: int) -> tuple[list[FilmFrame], dict[str, HashedFile | Failure]]:
    """Give a film on twos, and what its pictures are."""
    sources = [Source(name, name) for name in (f"s{n // 99}/{n}.png" for n in range(frames))]
    film = [FilmFrame(source, source.name.split("/")[0], 1) for source in sources]
    drawings = [HashedFile(f"{n:064}", f"{n:064}", 64, 36) for n in range(frames // 2)]
    return film, {source.name: drawings[n // 2] for n, source in enumerate(sources)}


def plan_bytes(
    frames: list[FilmFrame],
    pictures: Mapping[str, HashedFile | Failure],
    known_rows: pa.Table,
    stored: Mapping[str, int],
) -> tuple[FilmPlan, int]:
    """Plan; give the plan, and the most memory that this took beyond what was there."""
    gc.collect()
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    plan = make_plan(frames, pictures, NO_HINTS, known_rows, stored, LOOK)
    peak = tracemalloc.get_traced_memory()[1] + pa.total_allocated_bytes() - before
    tracemalloc.stop()
    return plan, peak


def test_a_plan_takes_few_bytes_a_frame() -> None:
    """Memory of a plan grows with the frames, and by less than one kilobyte for each."""
    for frames in (500, 2000):
        film, pictures = draw_up(frames)
        plan, peak = plan_bytes(film, pictures, NOTHING, {})
        assert len(plan.work) == frames // 2
        assert peak < 800 * frames
        rows = make_table(
            [result_row(one, LOOK, written(one, SPENT)) for one in plan.remaining.values()]
        )
        plan, peak = plan_bytes(film, pictures, rows, dict.fromkeys(plan.remaining, 10))
        assert plan.skipped == frames
        assert peak < 1000 * frames
