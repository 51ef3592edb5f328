"""What a farm needs of a run: failed frames again or accepted, strictness, logs, removed frames."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from pyarrow import parquet

from lineart.film import run as film_run
from lineart.film.execution import worker
from lineart.film.tasks import EMPTY
from lineart.jobs.colorize import Colorize, main
from lineart.jobs.command import parse
from lineart.manifest import append_part, read_manifest
from lineart.storage import Storage
from tests.conftest import DrawLine
from tests.drills.film import hash_frames

pytestmark = pytest.mark.usefixtures("no_sandbox")

ROOT = Path(__file__).parents[2]


class Ended(NamedTuple):
    """How a run ended."""

    status: int
    counts: dict[str, Any]
    """The last line; empty if the run did not get there."""
    errors: str


Colorizing = Callable[..., Ended]


@pytest.fixture
def lines(tmp_path: Path, draw_line: DrawLine) -> Path:
    """Give three drawings in each of two shots, of which two are broken."""
    folder = tmp_path / "lines"
    for number in range(6):
        path = folder / f"s{number // 3}/f{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), draw_line(number))
    for name in ("s0/f1.png", "s1/f4.png"):
        (folder / name).write_bytes(b"broken")
    return folder


@pytest.fixture
def colorize(
    lines: Path, tmp_path: Path, tiny_weights: Path, capfd: pytest.CaptureFixture[str]
) -> Colorizing:
    """Give a function that colours the film with more flags."""
    flags = ["--lines", f"{lines}", "--weights", f"{tiny_weights}", "--network-size", "64"]

    def run(*more: str, output: str = f"{tmp_path / 'out'}") -> Ended:
        capfd.readouterr()
        status = main(parse(Colorize, "colorize", [*flags, "--output", output, *more]))
        out, err = capfd.readouterr()
        return Ended(status, json.loads(out.splitlines()[-1]) if out else {}, err)

    return run


def counts(ended: Ended) -> tuple[int, ...]:
    """Give done, failed, skipped and accepted frames of a run."""
    return tuple(ended.counts[name] for name in ("done", "failed", "skipped", "accepted"))


def statuses(output: Path) -> dict[str, str]:
    """Read the status of each frame."""
    rows = parquet.read_table(output / "manifest").to_pylist()
    return {row["frame"]: row["status"] for row in rows}


def test_failed_frames_are_tried_again_alone(
    colorize: Colorizing,
    lines: Path,
    tmp_path: Path,
    draw_line: DrawLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With --retry-failed no other drawing is read; at the end `_SUCCESS` is said of the film."""
    output = tmp_path / "out"
    assert counts(colorize()) == (4, 2, 0, 0)
    hashed: list[str] = []
    hash_pictures = worker.hash_pictures

    def note(job: Any, items: Any) -> Any:
        hashed.extend(source.name for source, _ in items)
        return hash_pictures(job, items)

    monkeypatch.setattr(film_run, "hash_pictures", note)
    cv2.imwrite(str(lines / "s0/f1.png"), draw_line(11))
    again = colorize("--retry-failed")
    assert (again.status, counts(again), sorted(hashed)) == (
        *(3, (1, 1, 0, 0)),
        ["s0/f1.png", "s1/f4.png"],
    )
    assert not (output / "_SUCCESS").exists()
    cv2.imwrite(str(lines / "s1/f4.png"), draw_line(14))
    assert counts(colorize("--retry-failed", "s1/f4.png")) == (1, 0, 0, 0)
    assert (output / "_SUCCESS").exists()
    nothing = colorize("--retry-failed")
    assert (nothing.status, nothing.counts["frames"]) == (0, 0)
    success = json.loads((output / "_SUCCESS").read_text())
    assert (success["frames"], success["skipped"]) == (6, 6)
    part = colorize("--shots", "s0", "--force")
    assert not (output / "_SUCCESS").exists()
    assert "no _SUCCESS, as this run looked at 3 of 6 frames" in part.errors
    # A frame that is lost, or of another size of the network, is not passed over.
    assert colorize("--retry-failed", "--network-size", "96").status == 0
    assert not (output / "_SUCCESS").exists()
    (output / "frames/s0/f0.png").unlink()
    colorize("--retry-failed")
    assert not (output / "_SUCCESS").exists()
    assert counts(colorize()) == (1, 0, 5, 0)


def test_a_failed_frame_is_accepted(
    colorize: Colorizing, lines: Path, tmp_path: Path, draw_line: DrawLine
) -> None:
    """An accepted frame is said to be so until its drawing changes or it is tried on demand."""
    output = tmp_path / "out"
    colorize()
    done = colorize("--accept", "s0/f1.png", "s1/4")
    assert (done.status, counts(done)) == (0, (0, 0, 4, 2))
    assert json.loads((output / "_SUCCESS").read_text())["accepted"] == 2
    assert "2 failed frames are accepted, which are not made" in done.errors
    row = parquet.read_table(output / "manifest").to_pylist()[1]
    assert (row["frame"], row["status"], row["stage"]) == ("s0/f1.png", "accepted", "decode")
    page = (output / "report.html").read_text()
    assert "4 of 6 frames are coloured" in page
    assert page.count('<h2 id="accepted">') == 1
    # It stays accepted, and so it does when it is accepted once more.
    for more in ([], ["--accept", "s0/f1.png", "s0/f0.png"], ["--retry-failed"]):
        again = colorize(*more)
        assert (again.status, again.counts["done"], again.counts["failed"]) == (0, 0, 0)
        assert statuses(output)["s0/f1.png"] == "accepted"
        needless = "--accept s0/f0.png: it did not fail, so there is nothing to accept"
        assert (needless in again.errors) == ("s0/f0.png" in more)
        assert "--accept s0/f1.png" not in again.errors
    (lines / "s0/f1.png").write_bytes(b"broken in another way")
    assert counts(colorize()) == (0, 1, 4, 1)
    assert counts(colorize("--accept", "s0/1")) == (0, 0, 4, 2)
    assert counts(colorize("--retry-failed", "s1/f4.png")) == (0, 1, 0, 0)
    assert counts(colorize("--accept", "s1/f4.png")) == (0, 0, 4, 2)
    assert counts(colorize("--force")) == (4, 2, 0, 0)
    cv2.imwrite(str(lines / "s0/f1.png"), draw_line(11))
    assert counts(colorize("--accept", "s1/f4.png", "s0/f1.png")) == (1, 0, 4, 1)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--accept", "s0/f9.png"], "--accept s0/f9.png: there is no such frame"),
        (["--retry-failed", "s0/9"], "--retry-failed s0/9: there is no such frame"),
        (
            ["--accept", "s0/3"],
            "--accept s0/3: there is no such frame; write its name in the manifest, such as s0/f",
        ),
        (["--accept", "s1/f5.png"], "s1/f5.png: it was never tried; run without --accept"),
        (["--log-folder", "{lines}/s0"], "give a folder of its own"),
        (["--log-folder", "{out}/frames"], "give a folder of its own"),
    ],
)
def test_names_and_folders_that_cannot_be_meant(
    colorize: Colorizing, lines: Path, tmp_path: Path, flags: list[str], sentence: str
) -> None:
    """A wrong name or folder is a sentence and status 2, before anything changes."""
    output = tmp_path / "out"
    for name in ("s0/f1.png", "s1/f4.png"):
        (lines / name).unlink()
    colorize("--limit", "3")
    (output / "_SUCCESS").write_text("kept")
    ended = colorize(*(flag.format(lines=lines, out=output) for flag in flags))
    assert (ended.status, ended.counts) == (2, {})
    assert sentence in ended.errors
    assert (output / "_SUCCESS").read_text() == "kept"


def test_strict(colorize: Colorizing, lines: Path, tmp_path: Path) -> None:
    """What else is a warning is status 3: on the film's files, on frames, frames without drawing.

    That a frame has warnings is remembered: it need not be made again to be told.
    """
    output, hints = tmp_path / "out", tmp_path / "hints"
    for name in ("s0/f1.png", "s1/f4.png"):
        (lines / name).unlink()
    place = Storage.at(str(output))
    assert colorize("--strict").status == 0
    _warn(place, EMPTY)
    assert colorize("--strict").status == 0, "films have empty drawings"
    hints.mkdir()
    (hints / "s9.png").write_bytes((lines / "s0/f0.png").read_bytes())
    unused = colorize("--strict", "--hints", str(hints))
    assert unused.status == 3
    assert "--strict: a warning on the film's files: a hint belongs to no" in unused.errors
    assert not (output / "_SUCCESS").exists()
    assert colorize("--hints", str(hints)).status == 0
    _warn(place, "much ink is lost")
    warned = colorize("--strict")
    assert (warned.status, warned.counts["skipped"]) == (3, 4)
    assert "1 frame with warnings: s0/f0.png: much ink is lost" in warned.errors
    assert colorize("--strict", "--shots", "s1").status == 0
    assert colorize().status == 0


def _warn(film: Storage, warning: str) -> None:
    """Give the film's first frame a warning."""
    rows = read_manifest(film)
    row = rows.slice(0, 1).to_pylist()[0] | {"warnings": [warning]}
    append_part(film, rows.from_pylist([row], rows.schema))


@pytest.mark.parametrize("is_s3", [False, True])
def test_a_log_of_each_frame(
    colorize: Colorizing, tmp_path: Path, is_s3: bool, request: pytest.FixtureRequest
) -> None:
    """Each frame that a run tries has a log with its inputs, times and error."""
    folder = f"{tmp_path / 'logs'}"
    if is_s3:
        folder = f"s3://{request.getfixturevalue('bucket').name}/logs"
    colorize("--log-folder", folder)
    logs = Storage.at(folder)
    paths = sorted(entry.path for entry in logs.entries())
    assert paths == [f"s{number // 3}/f{number}.log" for number in range(6)]
    good, bad = (dict(_lines(logs.read(f"s0/f{number}.log").decode())) for number in (0, 1))
    assert (good["status"], good["drawing"].partition(" ")[0]) == (
        *("done", f"{tmp_path / 'lines'}/s0/f0.png"),
    )
    assert float(good["seconds of network"]) > 0
    assert int(good["output bytes"]) == (tmp_path / "out/frames/s0/f0.png").stat().st_size
    assert len(good["weights"].rpartition("SHA-256 ")[2]) == 65
    assert bad["status"] == "failed"
    assert bad["error"].startswith("ValueError in stage decode: ")


def _lines(log: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (line.partition(": ") for line in log.splitlines())]


def test_a_log_that_cannot_be_written(colorize: Colorizing, lines: Path, tmp_path: Path) -> None:
    """It costs no frame, and is told; names that no file may have get an escaped one."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "s0").write_text("in the way")
    (lines / "s1/f3.tif").write_bytes((lines / "s1/f3.png").read_bytes())
    (lines / "s1/a\\b.png").write_bytes((lines / "s1/f3.png").read_bytes())
    ended = colorize("--log-folder", str(logs))
    assert counts(ended) == (3, 5, 0, 0)
    assert "3 logs were not written" in ended.errors
    assert {path.relative_to(logs).as_posix() for path in logs.rglob("*.log")} == {
        *("s1/f3.png.log", "s1/f3.tif.log", "s1/f4.log", "s1/f5.log"),
        "refused/s1%2Fa%5Cb.png.log",
    }


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give the output of a run, in a folder or on S3."""
    if request.param == "folder":
        return Storage.at(f"{tmp_path / 'out'}")
    return Storage.at(f"s3://{request.getfixturevalue('bucket').name}/color")


def stored(place: Storage) -> set[str]:
    """Give the pictures below an output."""
    suffixes = (".png", ".ora")
    return {entry.path for entry in place.entries() if entry.path.endswith(suffixes)}


def test_frames_of_removed_drawings(colorize: Colorizing, lines: Path, place: Storage) -> None:
    """They go to removed/ with their layers, and come back as they were with the drawing."""
    for name in ("s0/f1.png", "s1/f4.png"):
        (lines / name).unlink()
    flags = ("--layers", "--openraster")
    colorize(*flags, output=place.uri)
    frame = place.read("frames/s1/f5.png")
    drawing = (lines / "s1/f5.png").read_bytes()
    (lines / "s1/f5.png").unlink()
    gone = colorize(output=place.uri)
    assert (gone.status, gone.counts["frames"], gone.counts["removed"]) == (0, 3, 1)
    assert "1 frame has no drawing any more and was moved to removed/" in gone.errors
    assert json.loads(place.read("_SUCCESS"))["removed"] == 1
    away = {"frames/s1/f5.png", "layers/s1/f5.png", "openraster/s1/f5.ora"}
    assert away.isdisjoint(stored(place))
    assert {f"removed/{path}" for path in away} <= stored(place)
    assert place.read("removed/frames/s1/f5.png") == frame
    # A run over a part, with a drawing that is not in that part, moves nothing.
    for more in (["--shots", "s0"], ["--limit", "1"], ["--retry-failed"]):
        assert colorize(*more, output=place.uri).counts["removed"] == 0
    (lines / "s1/f5.png").write_bytes(drawing)
    back = colorize(*flags, output=place.uri)
    assert counts(back) == (0, 0, 4, 0)
    assert away <= stored(place)
    assert not any(path.startswith("removed/") for path in stored(place))
    assert place.read("frames/s1/f5.png") == frame


def test_frames_of_removed_drawings_after_a_part(colorize: Colorizing, lines: Path) -> None:
    """They come back likewise if a run over a part of the film was the first without them."""
    for name in ("s0/f1.png", "s1/f4.png"):
        (lines / name).unlink()
    colorize()
    path = lines / "s1/f5.png"
    drawing = path.read_bytes()
    for removed in ([], [1]):
        path.unlink()
        colorize("--shots", "s0")
        assert [colorize().counts["removed"] for _ in removed] == removed
        path.write_bytes(drawing)
        assert counts(colorize()) == (0, 0, 4, 0)


def test_frames_of_removed_drawings_are_kept(
    colorize: Colorizing, lines: Path, tmp_path: Path
) -> None:
    """With --keep-removed they stay and are counted, so that --strict objects."""
    output = tmp_path / "out"
    for name in ("s0/f1.png", "s1/f4.png", "s1/f3.png"):
        (lines / name).unlink()
    colorize()
    (lines / "s1/f5.png").unlink()
    # These belong to a drawing that is there, or are no frames.
    others = [output / "frames" / name for name in ("s0/f0.tga", "s0/f2#0001.png", "s0/Thumbs.db")]
    for path in others:
        path.touch()
    kept = colorize("--keep-removed")
    assert (kept.status, kept.counts["removed"], kept.counts["kept"]) == (0, 0, 1)
    assert (output / "frames/s1/f5.png").exists()
    assert colorize("--keep-removed", "--strict").status == 3
    gone = colorize("--strict")
    assert (gone.status, gone.counts["removed"]) == (3, 1)
    assert not (output / "frames/s1").exists()
    assert colorize("--strict").status == 0
    assert all(path.exists() for path in others)


def test_a_listing_that_is_not_whole_removes_nothing(
    colorize: Colorizing, lines: Path, tmp_path: Path
) -> None:
    """A Parquet file or folder that cannot be listed may hold the drawings that are missed.

    And one file given as the film says nothing of the others.
    """
    before = hash_frames(tmp_path / "out") if colorize().counts else {}
    one = colorize("--lines", f"{lines / 's0/f0.png'}")
    assert (one.status, one.counts["frames"], one.counts["removed"]) == (0, 1, 0)
    assert before.items() < hash_frames(tmp_path / "out").items()
    (tmp_path / "out/frames/f0.png").unlink()
    drawings = {path: path.read_bytes() for path in (lines / "s1").iterdir()}
    for path in drawings:
        path.unlink()
    (lines / "s1").rmdir()
    for name in ("s1.parquet", "s1"):
        if name == "s1":
            (lines / name).symlink_to(tmp_path)
        else:
            (lines / name).write_bytes(b"PAR1 cut off")
        ended = colorize()
        assert (ended.status, ended.counts["removed"]) == (3, 0)
        assert hash_frames(tmp_path / "out") == before
        (lines / name).unlink()
    for path in (lines / "s0").iterdir():
        path.unlink()
    # Without any drawing the film is refused, as before.
    assert colorize().status == 2
    assert hash_frames(tmp_path / "out") == before


def test_moving_is_taken_up_after_a_kill(
    colorize: Colorizing, lines: Path, place: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that dies between two moves, or in one, is settled by the next."""
    for name in ("s0/f1.png", "s1/f4.png"):
        (lines / name).unlink()
    colorize(output=place.uri)
    drawings = {path: path.read_bytes() for path in lines.rglob("*.png")}
    frames = {entry.path: place.read(entry.path) for entry in place.entries("frames")}
    for path in (lines / "s1").iterdir():
        path.unlink()
    moved: list[str] = []
    move = Storage.move

    def die(self: Storage, source: str, target: str) -> None:
        moved.append(source)
        if len(moved) > 1:
            raise KeyboardInterrupt
        if self.is_s3:
            # Dead between copy and deletion.
            self.write(target, self.read(source))
        else:
            move(self, source, target)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "move", die)
        assert colorize(output=place.uri).status == 130
    gone = colorize(output=place.uri)
    assert gone.status == 0
    assert stored(place) == {
        *("frames/s0/f0.png", "frames/s0/f2.png"),
        *("removed/frames/s1/f3.png", "removed/frames/s1/f5.png"),
    }
    for path, data in drawings.items():
        path.write_bytes(data)
    moved.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Storage, "move", die)
        assert colorize(output=place.uri).status == 130
    back = colorize(output=place.uri)
    assert (back.status, back.counts["frames"], back.counts["done"]) == (0, 4, 0)
    assert {entry.path: place.read(entry.path) for entry in place.entries("frames")} == frames


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        (
            {"Frames": "0-4:2", "Keys": "keys/s0/f2.png", "Sheets": "sheets/one.png"},
            {"0-4x2": {0, 2, 4}},
        ),
        (
            {"Frames": "0-2,5", "FramesPerTask": "2", "Hints": "hints", "Flags": "--layers"},
            {"0,1": {0, 1}, "2,5": {2, 5}},
        ),
    ],
)
def test_the_template_of_open_job_description(
    lines: Path,
    tmp_path: Path,
    tiny_weights: Path,
    draw_line: DrawLine,
    more: dict[str, str],
    parts: dict[str, set[int]],
) -> None:
    """`openjd run` colours the frames of each task into an output of its own."""
    for name in ("s0/f1.png", "s1/f4.png"):
        cv2.imwrite(str(lines / name), draw_line(7))
    hint = np.zeros((72, 128, 4), np.uint8)
    hint[30:40, 60:70] = (40, 40, 200, 255)
    hints = tmp_path / "hints"
    hints.mkdir()
    cv2.imwrite(str(hints / "s0.png"), hint)
    if "Hints" in more:
        more = more | {"Hints": str(hints)}
    for name in {"Keys", "Sheets"} & more.keys():
        path = tmp_path / more[name]
        path.parent.mkdir(parents=True)
        drawn = cv2.imread(str(lines / "s0/f2.png"))
        cv2.imwrite(str(path), np.minimum(drawn, np.array((200, 120, 60), np.uint8)))
        more = more | {name: str(tmp_path / name.lower())}
    flags = f"{more.get('Flags', '')} --network-size 64 --weights {tiny_weights}"
    program = f"{sys.executable} -m lineart.jobs.main"
    parameters = {"Lines": f"{lines}", "Output": f"{tmp_path / 'out'}", "Program": program}
    parameters |= more | {"Flags": flags}
    openjd = Path(sys.executable).with_name("openjd")
    done = subprocess.run(
        [
            *(str(openjd), "run", str(ROOT / ".github/openjd.yaml")),
            *(text for name, value in parameters.items() for text in ("-p", f"{name}={value}")),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    output = tmp_path / "out"
    assert {path.name for path in output.iterdir()} == {*parts, "logs"}
    for part, numbers in parts.items():
        frames = {f"s{number // 3}/f{number}" for number in numbers}
        assert set(hash_frames(output / part)) == {f"frames/{frame}.png" for frame in frames}
        assert all((output / f"logs/{frame}.log").exists() for frame in frames)
        assert (output / part / "layers").exists() == ("Hints" in more)
    hinted = (output / "logs/s0/f0.log").read_text()
    assert (f"hint: {hints}/s0.png" in hinted) == ("Hints" in more)
    if "Keys" in more:
        keys = {
            row["frame"]: row["keys"]
            for row in read_manifest(Storage.at(f"{output}/0-4x2")).to_pylist()
        }
        assert keys["s0/f0.png"] == ["s0/f2.png", "one.png"]
        assert keys["s1/f4.png"] == ["one.png"]


def test_an_output_of_another_film_is_refused(
    colorize: Colorizing, lines: Path, tmp_path: Path, draw_line: DrawLine
) -> None:
    """Other drawings of the same names are refused, and so are other names; moved ones are not."""
    output, other = tmp_path / "out", tmp_path / "other"
    colorize()
    made = hash_frames(output)
    other.mkdir()
    for folder in ("s0", "s9"):
        (other / folder).mkdir()
        assert cv2.imwrite(f"{other / folder / 'f0.png'}", draw_line(50))
        for more in ([], ["--shots", folder], ["--retry-failed"]):
            refused = colorize("--lines", f"{other}", *more)
            assert refused.status == 2
            assert f"holds the film of {lines}, whose drawings are others" in refused.errors
        assert hash_frames(output) == made
        assert not (output / "removed").exists()
        (other / folder).rename(tmp_path / folder)
    lines.rename(other / "moved")
    assert counts(colorize("--lines", f"{other / 'moved'}")) == (0, 2, 4, 0)
    (tmp_path / "s9").rename(other / "s9")
    forced = colorize("--lines", f"{other}", "--shots", "s9", "--force")
    assert (forced.status, forced.counts["done"]) == (0, 1)


def test_folders_of_an_earlier_run_are_named(
    colorize: Colorizing, lines: Path, draw_line: DrawLine
) -> None:
    """Videos and Parquet files that this run does not write anew are said to be old."""
    first = colorize("--video", "--parquet-frames")
    assert "earlier run" not in first.errors
    assert "earlier run" not in colorize().errors
    assert cv2.imwrite(f"{lines / 's0/f1.png'}", draw_line(11))
    changed = colorize()
    assert "video/ is of an earlier run; the same command with --video" in changed.errors
    assert "parquet/ is of an earlier run; the same command with --parquet" in changed.errors
