"""The film against its manifest."""

from dataclasses import replace

from lineart.film.frames import FilmFrame, Source
from lineart.film.index import Failure, Indexed
from lineart.film.plan import Look, Plan, known_pictures, make_plan, written_row
from lineart.manifest import Row

LOOK = Look("weights", "settings")
FRAMES = [FilmFrame(Source(f"s/{n}.png", f"s/{n}.png"), "s", n, None) for n in range(1, 5)]
# 1 and 3 show the same pixels in different files.
LINES = {
    "s/1.png": Indexed("file1", "pixels1", 8, 6),
    "s/2.png": Indexed("file2", "pixels2", 8, 6),
    "s/3.png": Indexed("file3", "pixels1", 8, 6),
    "s/4.png": Indexed("file4", "pixels4", 8, 6),
}


def finish(plan: Plan) -> tuple[dict[str, Row], dict[str, int]]:
    """Give ledger and stored sizes after everything in a plan went well."""
    rows = dict(plan.rows)
    for template in plan.templates.values():
        if template["frame"] not in rows:
            rows[template["frame"]] = written_row(template, 10, 0.1)
    return rows, {frame.output: 10 for frame in FRAMES}


def open_frames(plan: Plan) -> list[list[str]]:
    """Give the names of what is to be coloured."""
    return [[frame.name for frame in making.frames] for making in plan.makings]


def test_equal_pixels_are_coloured_once() -> None:
    """Frames that show the same pixels form one drawing, led by the first."""
    plan = make_plan(FRAMES, LINES, {}, {}, {}, LOOK)
    assert open_frames(plan) == [["s/1.png", "s/3.png"], ["s/2.png"], ["s/4.png"]]
    rows, _ = finish(plan)
    assert [row["status"] for row in rows.values()] == ["done", "done", "held", "done"]
    assert rows["s/3.png"]["held_by"] == "s/1.png"


def test_hints_tell_equal_drawings_apart() -> None:
    """The same pixels with another hint are another picture."""
    frames = [replace(FRAMES[2], hint=Source("s/3.png", "s/3.png")), FRAMES[0]]
    plan = make_plan(frames, LINES, {"s/3.png": "hint"}, {}, {}, LOOK)
    assert open_frames(plan) == [["s/3.png"], ["s/1.png"]]


def test_finished_film_has_nothing_to_do() -> None:
    """A second plan over a finished film skips every frame."""
    ledger, stored = finish(make_plan(FRAMES, LINES, {}, {}, {}, LOOK))
    plan = make_plan(FRAMES, LINES, {}, ledger, stored, LOOK)
    assert (plan.makings, plan.copies, plan.skipped) == ([], [], 4)


def test_only_what_changed_is_made() -> None:
    """A retake, a lost output and an output of another length are made again; others stand."""
    ledger, stored = finish(make_plan(FRAMES, LINES, {}, {}, {}, LOOK))
    retake = LINES | {"s/4.png": Indexed("file4b", "pixels4b", 8, 6)}
    assert open_frames(make_plan(FRAMES, retake, {}, ledger, stored, LOOK)) == [["s/4.png"]]
    lost = {path: size for path, size in stored.items() if path != FRAMES[1].output}
    assert open_frames(make_plan(FRAMES, LINES, {}, ledger, lost, LOOK)) == [["s/2.png"]]
    short = stored | {FRAMES[1].output: 9}
    assert open_frames(make_plan(FRAMES, LINES, {}, ledger, short, LOOK)) == [["s/2.png"]]


def test_other_weights_or_settings_make_all_anew() -> None:
    """Pictures made with something else do not count as finished."""
    ledger, stored = finish(make_plan(FRAMES, LINES, {}, {}, {}, LOOK))
    for look in (Look("other", "settings"), Look("weights", "other")):
        assert make_plan(FRAMES, LINES, {}, ledger, stored, look).skipped == 0


def test_held_frame_is_copied_from_a_finished_one() -> None:
    """When a frame's picture stands elsewhere in the film, it is copied and not coloured."""
    ledger, stored = finish(make_plan(FRAMES, LINES, {}, {}, {}, LOOK))
    del ledger["s/1.png"]
    plan = make_plan(FRAMES, LINES, {}, ledger, stored, LOOK)
    assert plan.makings == []
    (copying,) = plan.copies
    assert copying.finished.name == "s/3.png"
    assert [frame.name for frame in copying.frames] == ["s/1.png"]


def test_labels_do_not_depend_on_history() -> None:
    """Whatever run made a picture, the group's first frame is done and the others are held."""
    ledger, stored = finish(make_plan(FRAMES[2:], LINES, {}, {}, {}, LOOK))
    assert ledger["s/3.png"]["status"] == "done"
    plan = make_plan(FRAMES, LINES, {}, ledger, stored, LOOK)
    assert plan.rows["s/3.png"]["status"] == "held"
    assert plan.rows["s/3.png"]["held_by"] == "s/1.png"


def test_unreadable_frames_are_failures() -> None:
    """A drawing or hint that cannot be read fails its frame alone, by stage and message."""
    broken = LINES | {"s/2.png": Failure("decode", "ValueError", "truncated")}
    frames = [replace(FRAMES[0], hint=Source("h", "h")), *FRAMES[1:]]
    hints = {"h": Failure("hint", "FileNotFoundError", "gone")}
    plan = make_plan(frames, broken, hints, {}, {}, LOOK)
    assert {name: row["stage"] for name, row in plan.rows.items()} == {
        "s/1.png": "hint",
        "s/2.png": "decode",
    }
    assert open_frames(plan) == [["s/3.png"], ["s/4.png"]]


def test_failed_frames_are_tried_again() -> None:
    """A failure of an earlier run does not count as finished."""
    failed = make_plan(FRAMES[:1], {"s/1.png": Failure("decode", "E", "m")}, {}, {}, {}, LOOK)
    plan = make_plan(FRAMES[:1], LINES, {}, failed.rows, {FRAMES[0].output: 10}, LOOK)
    assert open_frames(plan) == [["s/1.png"]]
    assert known_pictures(failed.rows, ["s/1.png"], LOOK.settings) == {}


def test_only_rows_of_the_same_settings_know_pixels() -> None:
    """What another task has decoded otherwise is decoded again; the same task's is not."""
    ledger, _ = finish(make_plan(FRAMES, LINES, {}, {}, {}, LOOK))
    assert known_pictures(ledger, LINES, LOOK.settings) == LINES
    assert known_pictures(ledger, LINES, '{"size_px": 512}') == {}
