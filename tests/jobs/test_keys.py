"""Colour keys, from their files to the frames of their shots."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pyarrow import parquet

from lineart.codec import decode_cel, decode_color, encode_png
from lineart.film.execution.runners import LocalRunner
from lineart.film.inputs import FilmConfig, PreparedRun, prepare_run
from lineart.film.outcome.run_json import FilmSummary
from lineart.film.planning.retries import apply_retry_flags
from lineart.film.run import FilmRunner, run_film
from lineart.film.tasks.keys import open_keys_task
from lineart.film.tasks.roles import HINT_KEY, KEY, KEY_LINE
from lineart.imaging.paint.carried import Unknown
from lineart.imaging.paint.finish import Finish
from lineart.jobs.colorize import Colorize, main
from lineart.jobs.films import FilmFlags
from lineart.manifest import read_manifest
from lineart.storage import Storage
from tests.drills.film import hash_frames
from tests.shots import BALL, BOX, DOOR, SIZE, SKY, draw_shot

STEPS = 6


class Film:
    """A film of two shots, one on the grey paper of a scan; their second drawings are held."""

    def __init__(self, root: Path, weights: Path) -> None:
        self.root, self.weights = root, weights
        for shot, moves_px in (("roll", 3), ("slide", 5)):
            for step in range(STEPS):
                drawn = draw_shot(step if step != 1 else 0, moves_px=moves_px)
                line = np.minimum(drawn.line, 255 if shot == "roll" else 225)
                self.write(f"lines/{shot}/f{step + 1:04}.png", line)

    def write(self, name: str, picture: np.ndarray) -> None:
        """Write a picture below the root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(picture))

    def open(
        self, *, unknown: Unknown = "soft", finish: Finish = "paint", **config: Any
    ) -> PreparedRun:
        """Open the film with its keys."""
        film = FilmConfig(
            pictures=str(self.root / "lines"),
            output=str(self.root / "output"),
            **{"keys": str(self.root / "keys"), "weights": str(self.weights), **config},
        )
        task = partial(open_keys_task, unknown=unknown, network_size_px=64, finish=finish)
        return prepare_run(film, task)

    def color(self, runner: FilmRunner | None = None, **config: Any) -> FilmSummary:
        """Run the film."""
        runner = runner or LocalRunner()
        return run_film(self.open(**config), runner, lambda _: None)[0]

    def rows(self) -> dict[str, dict[str, Any]]:
        """Read the manifest by frame."""
        table = parquet.read_table(self.root / "output/manifest")
        return {row["frame"]: row for row in table.to_pylist()}

    def frame(self, name: str) -> np.ndarray:
        """Read a finished frame."""
        return decode_color((self.root / "output/frames" / f"{name}.png").read_bytes())

    def made_anew(self, **config: Any) -> list[str]:
        """Run the film; give the frames that it has made."""
        before = {name: row["written_at"] for name, row in self.rows().items()}
        assert self.color(**config).failed == 0
        rows = self.rows().values()
        return [row["frame"] for row in rows if row["written_at"] != before[row["frame"]]]


@pytest.fixture
def film(tmp_path: Path, tiny_weights: Path) -> Film:
    """Draw a film, with a full picture as key of its first shot, the fourth drawing."""
    film = Film(tmp_path, tiny_weights)
    film.write("keys/roll/4.png", draw_shot(3, moves_px=3).picture)
    return film


def without_door(paint: np.ndarray) -> np.ndarray:
    """Give paint that is transparent where the door is."""
    key = np.dstack((paint, np.full(SIZE, 255, np.uint8)))
    key[(paint == DOOR).all(axis=2)] = 0
    return key


def inside(line: np.ndarray) -> np.ndarray:
    """Give the pixels of a drawing away from its lines."""
    paper: np.ndarray = cv2.erode((line == 255).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return paper


def test_a_key_colours_its_shot(film: Film) -> None:
    """Its own drawing equals it; its colours, exactly, follow the things of the other drawings."""
    film.write("keys/roll/99.png", draw_shot(0).picture)
    warnings = film.open().warnings
    assert [one.partition("; ")[0] for one in warnings] == [
        "a key names no drawing, or several: roll/99.png",
        "shot slide has no key",
    ]
    assert film.color().failed == 0
    rows = film.rows()
    for step in (0, 2, 3, 4, 5):
        drawn, made = draw_shot(step, moves_px=3), film.frame(f"roll/f{step + 1:04}")
        np.testing.assert_array_equal(made[inside(drawn.line)], drawn.paint[inside(drawn.line)])
        row = rows[f"roll/f{step + 1:04}.png"]
        assert (row["keys"], row["hints"], row["hint_sha256"]) == (["roll/4.png"], None, None)
        # All colours are known: the network has nothing to do.
        assert row["precision"] is None
        assert dict(row["stage_seconds"]).keys() == {"keys", "shrink", "compose"}
        assert 0 <= row["asked"] <= 1
        assert 0 <= row["lowest_confidence"] <= row["mean_confidence"] <= 1
    assert len({row["key_sha256"] for row in rows.values() if row["shot"] == "roll"}) == 1
    assert (rows["roll/f0004.png"]["lowest_confidence"], rows["roll/f0004.png"]["asked"]) == (1, 0)
    assert rows["roll/f0002.png"]["held_by"] == "roll/f0001.png"
    without = rows["slide/f0003.png"]
    assert (without["keys"], without["key_sha256"], without["asked"]) == (None, None, None)
    assert "network" in dict(without["stage_seconds"])
    assert film.made_anew() == []
    # A part of the film leaves a frame as it is that holds one of another part.
    assert film.color(numbers="2").skipped == 2
    assert film.rows() == rows
    # It needs the drawings of its keys all the same.
    assert film.color(numbers="6", force=True).done == 2


def test_by_the_command(film: Film, capfd: pytest.CaptureFixture[str]) -> None:
    """Its last lines, page and run.json name what to colour next; a keyless shot is a warning."""
    film.write("keys/roll/4.png", without_door(draw_shot(3, moves_px=3).paint))
    places: dict[str, Any] = {name: str(film.root / name) for name in ("lines", "keys", "output")}
    flags = FilmFlags(strict=True)
    again = Colorize(**places, finish="paint", unknown="paper", weights="no", ask=2, film=flags)
    assert main(again) == 3
    out, err = capfd.readouterr()
    summary = json.loads(out.splitlines()[-1])
    first, second = (one["frame"] for one in summary["ask"])
    assert first != second
    assert err.count(f"--ask: colour {first} next, and put it into --keys: ") == 1
    assert json.loads((film.root / "output/run.json").read_text())["summary"] == summary
    page = (film.root / "output/report.html").read_text()
    assert "To colour next" in page
    assert "roll/4.png" in page
    assert "--strict: a warning on the film's files: shot slide has no key" in err
    assert main(replace(again, film=FilmFlags())) == 0


def test_a_frame_that_is_too_doubtful_is_asked_for(
    film: Film, capfd: pytest.CaptureFixture[str]
) -> None:
    """What to colour next is the same with frames that fail as they are not sure enough."""
    film.write("keys/roll/4.png", without_door(draw_shot(3, moves_px=3).paint))
    places: dict[str, Any] = {name: str(film.root / name) for name in ("lines", "keys", "output")}
    plain = Colorize(**places, finish="paint", unknown="paper", weights="no", ask=2)
    summaries = []
    for flags in (plain, replace(plain, fail_below=0.5)):
        main(flags)
        summaries.append(json.loads(capfd.readouterr().out.splitlines()[-1]))
    sure, doubtful = summaries
    assert (sure["failed"], doubtful["failed"] > 0) == (0, True)
    assert doubtful["ask"] == sure["ask"]


def test_an_empty_key_is_a_warning(film: Film, capfd: pytest.CaptureFixture[str]) -> None:
    """Also in a run that makes nothing; a shot that has no other is one without a key."""
    places: dict[str, Any] = {name: str(film.root / name) for name in ("lines", "keys", "output")}
    again = Colorize(**places, finish="paint", unknown="paper", film=FilmFlags(strict=True))
    film.write("keys/slide/1.png", draw_shot(0, moves_px=5).picture)
    assert main(again) == 0
    film.write("keys/slide/1.png", np.zeros((*SIZE, 4), np.uint8))
    for _ in range(2):
        assert main(again) == 3
        out, err = capfd.readouterr()
        assert "colorize: the key slide/1.png is empty: it is fully transparent" in err
        assert "colorize: shot slide has no key; " in err
    summary = json.loads(out.splitlines()[-1])
    assert (summary["skipped"], len(summary["objections"])) == (2 * STEPS, 2)
    assert len(json.loads((film.root / "output/run.json").read_text())["warnings"]) == 2


def test_a_folder_of_keys_may_be_empty(film: Film, bucket: Path) -> None:
    """The film is coloured as without keys, with a warning; a wrong address is an error."""
    (film.root / "keys/roll/4.png").rename(film.root / "4.png")
    (film.root / "keys/.review").write_bytes(b"a lease")
    assert film.color().failed == 0
    assert film.open().warnings == [f"--keys: {film.root}/keys is empty; no shot has a key"]
    first = film.frame("roll/f0001")
    (film.root / "keys/notes.txt").write_text("no key")
    nothing = f"--keys: there is no picture below {film.root}/keys; check the address"
    with pytest.raises(ValueError, match=nothing):
        film.open()
    (film.root / "4.png").rename(film.root / "keys/roll/4.png")
    assert set(film.made_anew()) == {f"roll/f{step + 1:04}.png" for step in range(STEPS)}
    assert (film.frame("roll/f0001") != first).any()
    typo = f"s3://{bucket.name}/kyes"
    with pytest.raises(ValueError, match=f"--keys: there is no picture below {typo}; check the"):
        film.open(keys=typo)


def test_what_changes_in_a_key_makes_its_shot_anew(film: Film) -> None:
    """So do a further key and the drawing of one; other shots stand."""
    film.write("keys/slide/1.png", draw_shot(0, moves_px=5).paint)
    assert film.color().failed == 0
    slid = draw_shot(0, moves_px=5)
    equal = film.frame("slide/f0001") == slid.paint
    assert equal[inside(slid.line)].all()
    of_shot = [f"roll/f{step + 1:04}.png" for step in range(STEPS)]
    drawn = draw_shot(3, moves_px=3)
    green = drawn.picture.copy()
    green[(drawn.picture == BALL).all(axis=2)] = (40, 160, 60)
    film.write("keys/roll/4.png", green)
    assert film.made_anew() == of_shot
    assert {row["retake"] for row in film.rows().values() if row["shot"] == "roll"} == {"key"}
    assert (film.frame("roll/f0006")[50, 24 + 15] == (40, 160, 60)).all()
    # Hints on a drawing of the shot are a further key: all that no hint reaches is unknown.
    hints = np.zeros((*SIZE, 4), np.uint8)
    hints[48:52, 110:120] = (*BOX, 255)
    hints[48:52, 22:28] = (40, 160, 60, 255)
    film.write("keys/roll/f0001.png", hints)
    assert film.made_anew() == of_shot
    assert film.rows()["roll/f0003.png"]["keys"] == ["roll/4.png", "roll/f0001.png"]
    # The drawing of a key.
    moved = draw_shot(7, moves_px=3)
    film.write("lines/roll/f0004.png", moved.line)
    film.write("keys/roll/4.png", moved.picture)
    assert film.made_anew() == of_shot
    assert film.rows()["roll/f0004.png"]["retake"] == "picture, key"


def test_adjacent_drawings_vote(film: Film) -> None:
    """A changed drawing makes its neighbours anew, too; held and equal drawings stay equal."""
    film.write("lines/roll/f0007.png", draw_shot(0, moves_px=3).line)
    assert film.color(adjacent=1).failed == 0
    rows = film.rows()
    of_shot = [f"roll/f{number:04}.png" for number in range(1, 8)]
    for step in (0, 2, 3, 4, 5):
        drawn, made = draw_shot(step, moves_px=3), film.frame(f"roll/f{step + 1:04}")
        np.testing.assert_array_equal(made[inside(drawn.line)], drawn.paint[inside(drawn.line)])
    digests = [rows[name]["key_sha256"] for name in of_shot]
    assert len(set(digests)) == 5
    assert digests[0] == digests[1] == digests[6]
    assert [rows[name]["held_by"] for name in (of_shot[1], of_shot[6])] == [of_shot[0]] * 2
    assert {tuple(rows[name]["keys"]) for name in of_shot} == {("roll/4.png",)}
    assert rows["slide/f0003.png"]["key_sha256"] is None
    assert film.made_anew(adjacent=1) == []
    film.write("lines/roll/f0006.png", draw_shot(7, moves_px=3).line)
    assert film.made_anew(adjacent=1) == of_shot[4:6]
    rows = film.rows()
    assert [rows[name]["retake"] for name in of_shot[4:6]] == ["key", "picture"]
    # Frames that are chosen see the same neighbours as in the whole film.
    assert film.made_anew(adjacent=1, numbers="5") == []
    assert film.made_anew() == of_shot


def test_a_drawing_that_was_repaired_votes(film: Film) -> None:
    """Failed frames that are tried again make those around them anew, and nothing is left to do."""
    broken = film.root / "lines/roll/f0006.png"
    data = broken.read_bytes()
    broken.write_bytes(data[:50])
    assert film.color(adjacent=1).failed == 1
    broken.write_bytes(data)
    before = {name: row["written_at"] for name, row in film.rows().items()}
    opened = film.open(adjacent=1, retry_failed=())
    again = apply_retry_flags(opened, read_manifest(opened.job.output))
    assert {frame.shot for frame in again.frames} == {"roll"}
    assert run_film(again, LocalRunner(), lambda _: None)[0].failed == 0
    made = [name for name, row in film.rows().items() if row["written_at"] != before[name]]
    assert made == [f"roll/f{number:04}.png" for number in (5, 6)]
    assert film.made_anew(adjacent=1) == []


def test_regions_that_no_key_knows(film: Film) -> None:
    """They are magenta, white, or the network's, and doubts; without the network none is opened."""
    film.write("keys/roll/4.png", without_door(draw_shot(3, moves_px=3).paint))
    assert film.color(unknown="placeholder", weights=None).failed == 0
    for step in (2, 3):
        assert (film.frame(f"roll/f{step + 1:04}")[66, 119] == (255, 0, 255)).all()
        doubt = film.rows()[f"roll/f{step + 1:04}.png"]["doubts"][0]
        assert (doubt["color"], doubt["confidence"]) == ("#ff00ff", 0)
        assert doubt["why"] == "no key has its colour, and it was left open"
    stages = {stage for row in film.rows().values() for stage, _ in row["stage_seconds"] or ()}
    assert stages == {"keys", "shrink", "compose"}
    # A shot without a key has hints alone.
    assert (film.frame("slide/f0001")[66, 119] == (255, 0, 255)).all()
    hint = np.zeros((*SIZE, 4), np.uint8)
    hint[64:68, 116:122] = (*DOOR, 255)
    film.write("hints/roll/f0004.png", hint)
    hints: dict[str, Any] = {"hints": str(film.root / "hints"), "carries_hints": True}
    assert film.color(unknown="paper", weights=None, **hints).failed == 0
    assert (film.frame("roll/f0004")[66, 119] == DOOR).all()
    assert (film.frame("roll/f0003")[66, 119] == 255).all()
    # On other drawings the hint is a further key.
    assert (film.frame("roll/f0005")[66, 119] == DOOR).all()
    assert film.color(finish="soft", **hints).failed == 0
    rows = film.rows()
    assert rows["roll/f0003.png"]["precision"] in ("float32", "bfloat16")
    assert rows["roll/f0003.png"]["doubts"][0]["why"].startswith("no key has its colour; ")
    sky = film.frame("roll/f0003")[5:20, 5:100].reshape(-1, 3)
    assert (sky == SKY).all()


def test_regions_that_no_hint_knows(film: Film) -> None:
    """With hints alone they are left open as with keys, on the hinted drawing and on the others."""
    hint = np.zeros((*SIZE, 4), np.uint8)
    hint[64:68, 116:122] = (*DOOR, 255)
    film.write("hints/roll/4.png", hint)
    places: dict[str, Any] = {name: str(film.root / name) for name in ("lines", "hints", "output")}
    flags = Colorize(**places, finish="paint", unknown="placeholder", weights="no")
    assert main(flags) == 0
    for number in (4, 5):
        frame = film.frame(f"roll/f{number:04}")
        assert (frame[66, 119] == DOOR).all()
        assert (frame[10, 50] == (255, 0, 255)).all()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            {"keys": None, "unknown": "paper"},
            "--unknown paper is for colours that follow regions; add --keys, --sheets, or --hints",
        ),
        (
            {"keys": None, "unknown": "paper", "hints": "{root}/keys", "hints_stay": True},
            "--unknown paper is for colours that follow regions; add --keys, --sheets, or --hints",
        ),
        ({"ask": 0}, "--ask 0 names no drawing"),
        ({"keys": None, "ask": 1}, "--ask is for colours that follow regions"),
        ({"adjacent": 5}, "--adjacent 5 is not within 0 and 4"),
        ({"output": "{root}/keys/color"}, "lie in one another"),
        ({"keys": "{root}/none"}, "--keys: there is no folder {root}/none; check the address"),
        ({"sheets": "{root}/none"}, "--sheets: there is no folder {root}/none; check the address"),
        ({"hints": "{root}/none"}, "--hints: there is no folder {root}/none; check the address"),
        ({"lines": "{root}/none"}, "--lines: there is no folder {root}/none; check the address"),
        ({"hints": "{root}/empty"}, "--hints: there is no hint picture below {root}/empty; check"),
        ({"sheets": "{root}/empty"}, "--sheets: there is no picture below {root}/empty; check"),
        ({"palette": "{root}/none.gpl"}, "--palette: there is no file {root}/none.gpl; give a"),
        ({"weights": "{root}/none"}, "--weights: there are no weights at {root}/none: there is no"),
        ({"weights": "{root}/none.onnx"}, "there are no weights at {root}/none.onnx: there is no"),
        ({"output": "/dev/null/out"}, "--output: /dev/null/out cannot be written: Not a directory"),
        ({"sheets": "{root}/keys", "output": "{root}/keys/color"}, "lie in one another"),
    ],
)
def test_flags_that_conflict(
    film: Film, flags: dict[str, Any], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """They are a sentence and status 2 before anything is written."""
    given = {
        name: value.format(root=film.root) if isinstance(value, str) else value
        for name, value in flags.items()
    }
    (film.root / "empty").mkdir()
    places: dict[str, Any] = {name: str(film.root / name) for name in ("lines", "keys", "output")}
    assert main(Colorize(**({"finish": "paint"} | places | given))) == 2
    said = capfd.readouterr().err.splitlines()[-1]
    assert sentence.format(root=film.root) in said
    assert not re.search(r"Errno|_LEASE|leave out", said)
    assert not (film.root / "output").exists()


def test_a_key_that_was_not_coloured_is_named(film: Film) -> None:
    """Its line drawing in its place makes all of the shot white."""
    film.write("keys/slide/1.png", np.minimum(draw_shot(0, moves_px=5).line, 225))
    opened = film.open()
    run_film(opened, LocalRunner(), lambda _: None)
    (named,) = (one for one in opened.warnings if "has no colours" in one)
    assert named.startswith("the key slide/1.png: it has no colours: it is black on white")


def test_a_jpeg_key_is_named_and_has_its_flat_colors(film: Film) -> None:
    """What compression has mixed would be colours of their own, in all of the shot."""
    picture = cv2.cvtColor(draw_shot(0, moves_px=5).picture, cv2.COLOR_RGB2BGR)
    (film.root / "keys/slide").mkdir()
    (film.root / "keys/slide/1.jpg").write_bytes(
        cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    )
    opened = film.open()
    run_film(opened, LocalRunner(), lambda _: None)
    (named,) = (one for one in opened.warnings if "JPEG" in one)
    assert named.startswith("the key slide/1.jpg: the colours of a JPEG are not exact")
    carried, own = draw_shot(2, moves_px=5), draw_shot(0, moves_px=5)
    paint = film.frame("slide/f0003")[carried.line == 255]
    right = np.abs(paint.astype(np.int16) - carried.paint[carried.line == 255]).max(axis=1) <= 3
    assert right.mean() > 0.98
    paint = film.frame("slide/f0001")[own.line == 255]
    _, counts = np.unique(paint, axis=0, return_counts=True)
    assert np.sort(counts)[-4:].sum() > 0.9 * len(paint)


def test_a_key_that_cannot_be_used(film: Film) -> None:
    """Its shot fails by its name, in the stage of keys; the other shot is made."""
    film.write("keys/slide/1.png", draw_shot(0, moves_px=5).picture)
    film.write("keys/roll/4.png", np.zeros((50, 50, 3), np.uint8))
    assert film.color().failed == 6
    for name, row in film.rows().items():
        if row["shot"] == "roll":
            assert (row["status"], row["stage"]) == ("failed", "key")
            said = f"the key {film.root}/keys/roll/4.png: the key is 50x50 and its drawing 160x96"
            assert row["message"].startswith(said)
        else:
            assert row["status"] in ("done", "held"), name
    (film.root / "keys/roll/4.png").write_bytes(b"no picture")
    assert film.color().failed == 6
    # The key of a drawing of its name is told from the drawing.
    (film.root / "keys/roll/4.png").rename(film.root / "keys/roll/f0004.png")
    assert film.color().failed == 6
    said = film.rows()["roll/f0001.png"]["message"]
    assert said.startswith(f"the key {film.root}/keys/roll/f0004.png: ")


def test_hints_follow_their_regions(film: Film) -> None:
    """On its own drawing a hint counts as ever; on others its colours are where its things are."""
    hint = np.zeros((*SIZE, 4), np.uint8)
    for row, column, color in ((50, 24, BALL), (40, 105, BOX), (66, 119, DOOR), (8, 80, SKY)):
        hint[row - 2 : row + 3, column - 2 : column + 3] = (*color, 255)
    film.write("hints/slide.png", hint)
    given: dict[str, Any] = {"keys": None, "hints": str(film.root / "hints"), "numbers": "1-6"}
    assert film.color(**given).failed == 0
    stays = film.frame("slide/f0001")
    # The ball has left the place of its hint, which is sky.
    assert (film.frame("slide/f0006")[50, 24] == BALL).all()
    # The first drawing and its copy stand.
    assert film.made_anew(**given, carries_hints=True) == [
        f"slide/f000{n}.png" for n in range(3, 7)
    ]
    np.testing.assert_array_equal(film.frame("slide/f0001"), stays)
    for step in range(2, STEPS):
        made = film.frame(f"slide/f{step + 1:04}")
        drawn = draw_shot(step, moves_px=5)
        np.testing.assert_array_equal(made[inside(drawn.line)], drawn.paint[inside(drawn.line)])
    last = film.rows()["slide/f0006.png"]
    assert (last["hints"], last["keys"], last["hint_sha256"]) == (["slide.png"], None, None)
    assert last["retake"] == "hint, key"
    # A hint of a later drawing is a further key, and counts at its pixels on that drawing.
    later = np.zeros_like(hint)
    later[48:53, 105:108] = (1, 2, 3, 255)
    film.write("hints/slide/f0005.png", later)
    assert film.made_anew(**given, carries_hints=True) == ["slide/f0005.png", "slide/f0006.png"]
    assert (film.frame("slide/f0005")[50, 106] == (1, 2, 3)).all()


def test_a_later_hint_corrects_from_there_on(film: Film) -> None:
    """A dab of another colour on a later drawing counts on the drawings after it, too."""
    hint = np.zeros((*SIZE, 4), np.uint8)
    for row, column, color in ((50, 24, BALL), (40, 105, BOX), (66, 119, DOOR), (8, 80, SKY)):
        hint[row - 2 : row + 3, column - 2 : column + 3] = (*color, 255)
    film.write("hints/slide.png", hint)
    dab, green = np.zeros_like(hint), (20, 160, 60)
    dab[48:53, 37:42] = (*green, 255)
    film.write("hints/slide/f0004.png", dab)
    given: dict[str, Any] = {"keys": None, "hints": str(film.root / "hints")}
    assert film.color(**given, carries_hints=True, numbers="1-6").failed == 0
    for step in range(2, STEPS):
        made = film.frame(f"slide/f{step + 1:04}")
        drawn = draw_shot(step, moves_px=5)
        is_ball = inside(drawn.line) & (drawn.paint == BALL).all(axis=2)
        assert (made[is_ball] == (BALL if step < 3 else green)).all(), step


@pytest.mark.parametrize("finish", ["paint", "soft"])
def test_a_region_without_a_hint_is_flat_in_the_whole_shot(film: Film, finish: Finish) -> None:
    """Paint leaves it white on all drawings, as paper that none has coloured is no white hint.

    A dab of another thing, as a key, changes nothing of it.
    """
    hint = np.zeros((*SIZE, 4), np.uint8)
    for row, column, color in ((50, 24, BALL), (40, 105, BOX)):
        hint[row - 2 : row + 3, column - 2 : column + 3] = (*color, 255)
    film.write("hints/slide.png", hint)
    given: dict[str, Any] = {"keys": None, "hints": str(film.root / "hints"), "finish": finish}
    assert film.color(**given, carries_hints=True, numbers="1-6").failed == 0
    drawn = [draw_shot(step, moves_px=5) for step in range(STEPS)]
    drawn[1] = drawn[0]
    doors = [inside(one.line) & (one.paint == DOOR).all(axis=2) for one in drawn]

    def door(number: int) -> np.ndarray:
        made = film.frame(f"slide/f{number:04}")[doors[number - 1]]
        assert (made == made[0]).all(), number
        return made[0]

    shown = [door(number) for number in range(1, STEPS + 1)]
    if finish == "paint":
        assert (np.array(shown) == 255).all()
    dab = np.zeros_like(hint)
    dab[48:53, 42:47] = (20, 160, 60, 255)
    film.write("keys/slide/f0005.png", dab)
    given["keys"] = str(film.root / "keys")
    assert film.color(**given, carries_hints=True, numbers="1-6").failed == 0
    assert (film.frame("slide/f0005")[50, 44] == (20, 160, 60)).all()
    again = [door(number) for number in range(1, STEPS + 1)]
    if finish == "paint":
        assert (np.array(again) == 255).all()


@pytest.mark.parametrize(("unknown", "count"), [("soft", 2), ("paper", 0), ("placeholder", 0)])
def test_the_network_sees_what_it_colours(unknown: Unknown, count: int) -> None:
    """Where open regions are left white or magenta it has nothing to do, whatever the finish."""
    first, drawn = draw_shot(0), draw_shot(2)
    key = np.dstack((first.picture, np.where((first.paint == BALL).all(axis=2), 0, 255)))
    files = {
        "line": [encode_png(drawn.line)],
        KEY: [encode_png(key.astype(np.uint8))],
        KEY_LINE: [encode_png(first.line)],
    }
    task = open_keys_task({}, unknown=unknown, network_size_px=64, finish="soft")
    assert len(task.open_prepare()(drawn.line, files).inputs) == count


@pytest.mark.parametrize(("things", "count"), [((BALL, BOX, DOOR), 0), ((BALL, BOX), 2)])
def test_the_network_sees_no_figure_whose_regions_all_have_hints(
    things: tuple[tuple[int, int, int], ...], count: int
) -> None:
    """The paper around it is white, with the confidence that it has where hints were set."""
    first, drawn = draw_shot(0), draw_shot(2)
    is_thing = np.any([(first.paint == color).all(axis=2) for color in things], axis=0)
    hint = np.dstack((first.paint, np.where(is_thing, 255, 0))).astype(np.uint8)
    files = {
        "line": [encode_png(drawn.line)],
        HINT_KEY: [encode_png(hint)],
        KEY_LINE: [encode_png(first.line)],
    }
    task = open_keys_task({}, unknown="soft", network_size_px=64, finish="paint")
    found = task.open_prepare()(drawn.line, files)
    assert len(found.inputs) == count
    if count == 0:
        made = decode_color(task.compose([], found.kept).files[0])
        assert (made[8, 80] == 255).all()
        assert (made[50, 32] == BALL).all()


@pytest.mark.usefixtures("joined_ray")
def test_keys_on_s3_and_ray(film: Film, bucket: Path) -> None:
    """A run that was stopped and resumed here makes what Ray makes from bucket to bucket.

    One shot has a key and sheets, the other sheets alone; adjacent drawings vote.
    """
    sheet = draw_shot(8, moves_px=3)
    film.write("sheets/things/front.png", sheet.picture)
    film.write("sheets/things/front.line.png", sheet.line)
    blue = sheet.picture
    blue[(blue == BALL).all(axis=2)] = (40, 60, 200)
    film.write("sheets/blue.png", blue)
    given: dict[str, Any] = {
        "unknown": "placeholder", "weights": None, "sheets": str(film.root / "sheets"),
        "adjacent": 1,
    }  # fmt: skip

    def stop(summary: FilmSummary) -> None:
        if summary.done == 2:
            raise KeyboardInterrupt

    opened = film.open(**given)
    with pytest.raises(KeyboardInterrupt):
        run_film(opened, LocalRunner(), stop)
    begun = len(film.rows())
    assert 0 < begun < 2 * STEPS
    assert film.color(**given).skipped == begun
    place = Storage.at(f"s3://{bucket.name}/episode")
    for path in film.root.rglob("*.png"):
        name = path.relative_to(film.root).as_posix()
        if name.startswith(("lines/", "keys/", "sheets/")):
            place.write(name, path.read_bytes())
    folders = ("lines", "keys", "sheets")
    addresses: dict[str, Any] = {name: place.child(name).uri for name in folders}
    command = Colorize(
        **addresses,
        output=place.child("color").uri,
        finish="paint",
        unknown="placeholder",
        adjacent=1,
    )
    assert main(command) == 0
    output = bucket / "episode" / "color"
    assert hash_frames(output) == hash_frames(film.root / "output")
    rows = parquet.read_table(output / "manifest").to_pylist()
    same = ("frame", "status", "key_sha256", "keys", "asked", "lowest_confidence", "doubts")
    for row, here in zip(rows, film.rows().values(), strict=True):
        assert [row[name] for name in same] == [here[name] for name in same]
        keys = ["roll/4.png"] if row["shot"] == "roll" else []
        assert row["keys"] == [*keys, "blue.png", "things/front.png"]


def test_cels_are_transparent_where_keys_are_white_outside(film: Film) -> None:
    """White at the border of a key is paper, as is what a cel leaves out; other colours paint."""
    for step in range(STEPS):
        drawn = draw_shot(step, moves_px=3)
        cel = np.dstack((np.zeros((*SIZE, 3), np.uint8), 255 - drawn.line))
        film.write(f"lines/roll/f{step + 1:04}.png", cel)
    drawn = draw_shot(3, moves_px=3)
    is_sky = (drawn.paint == SKY).all(axis=2)
    white, painted_cel = drawn.paint.copy(), np.dstack((drawn.paint, np.full(SIZE, 255, np.uint8)))
    white[is_sky] = 255
    painted_cel[is_sky] = 0
    for key, opacity in ((white, 0), (painted_cel, 0), (drawn.paint, 255)):
        film.write("keys/roll/4.png", key)
        assert film.color(shots=("roll",)).failed == 0
        data = (film.root / "output/frames/roll/f0006.png").read_bytes()
        frame = decode_cel(data)
        assert (frame[5:20, 5:100, 3] == opacity).all()
        assert (frame[50, 39] == (*BALL, 255)).all()
        assert (frame[66, 119] == (*DOOR, 255)).all()


def test_sheets_serve_every_shot(film: Film, capfd: pytest.CaptureFixture[str]) -> None:
    """Without any key, and beside keys, which count before them; a changed sheet is a retake."""
    drawn = draw_shot(8, moves_px=3)
    film.write("sheets/things/front.png", drawn.picture)
    film.write("sheets/things/front.line.png", drawn.line)
    places: dict[str, Any] = {name: str(film.root / name) for name in ("lines", "output", "sheets")}
    again = Colorize(**places, finish="paint", unknown="paper", weights="no", ask=1)
    assert main(again) == 0
    assert "has no key" not in capfd.readouterr().err
    for shot, moves_px in (("roll", 3), ("slide", 5)):
        made, drawn = film.frame(f"{shot}/f0006"), draw_shot(5, moves_px=moves_px)
        is_right = (made == drawn.paint).all(axis=2)[inside(drawn.line)]
        assert is_right.mean() > 0.99
    rows = film.rows()
    assert {tuple(row["keys"]) for row in rows.values()} == {("things/front.png",)}
    assert rows["roll/f0006.png"]["asked"] is not None
    # A key of one shot and another sheet, whose lines are in its picture; the ball is blue there.
    blue = draw_shot(8, moves_px=3).picture
    blue[(blue == BALL).all(axis=2)] = (40, 60, 200)
    film.write("sheets/blue.png", cv2.resize(blue, (320, 192), interpolation=cv2.INTER_NEAREST))
    both = replace(again, keys=str(film.root / "keys"))
    assert main(both) == 0
    rows = film.rows()
    assert rows["roll/f0001.png"]["keys"] == ["roll/4.png", "blue.png", "things/front.png"]
    assert {row["retake"] for row in rows.values()} == {"key"}
    drawn = draw_shot(5, moves_px=3)
    made = film.frame("roll/f0006")
    np.testing.assert_array_equal(made[inside(drawn.line)], drawn.paint[inside(drawn.line)])
    assert main(both) == 0
    assert json.loads(capfd.readouterr().out.splitlines()[-1])["skipped"] == 2 * STEPS


def test_a_sheet_that_cannot_be_used(film: Film) -> None:
    """All that it serves fails by its name, whatever is wrong with it."""
    film.write("sheets/good.png", draw_shot(0).picture)
    wrong = film.root / "sheets/wrong.png"
    given: dict[str, Any] = {"sheets": str(film.root / "sheets")}
    for data, why in (
        (b"no picture", ""),
        (encode_png(draw_shot(0).line), "the sheet has no colour: "),
        (encode_png(np.full((*SIZE, 3), BALL, np.uint8)), "the sheet has no line: "),
    ):
        wrong.write_bytes(data)
        assert film.color(**given).failed == 2 * STEPS
        row = film.rows()["slide/f0001.png"]
        assert (row["status"], row["stage"]) == ("failed", "sheet")
        assert row["message"].startswith(f"the sheet {wrong}: {why}")
    film.write("sheets/wrong.png", draw_shot(0).picture)
    film.write("sheets/wrong_line.png", draw_shot(0).line[:, 2:])
    assert film.color(**given).failed == 2 * STEPS
    assert "158x96; save both" in film.rows()["slide/f0001.png"]["message"]
    (film.root / "sheets/wrong_line.png").write_bytes(b"no picture")
    assert film.color(**given).failed == 2 * STEPS
    at_fault = f"the sheet {wrong}: the line drawing {film.root}/sheets/wrong_line.png: "
    assert film.rows()["slide/f0001.png"]["message"].startswith(at_fault)
