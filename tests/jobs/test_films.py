"""What a run over a film leaves for those who did not watch it: `_SUCCESS`, the lease, the log."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from lineart.film.outcome import completeness
from lineart.film.outcome.run_json import FilmSummary
from lineart.jobs import colorize, films, report
from lineart.jobs.colorize import Colorize
from lineart.jobs.command import parse
from lineart.jobs.film_progress import Speed
from lineart.jobs.report import Report
from lineart.runtime.lease import hold_lease
from lineart.storage import Storage
from tests.conftest import DrawLine
from tests.sheets import write_sheet

pytestmark = pytest.mark.usefixtures("no_sandbox")

FRAMES = 6


def test_speed_is_that_of_made_frames() -> None:
    """Failures, copies and frames that end together are none; the time left is of all frames."""
    speed = Speed()
    # Nothing made: frames that fail before they are tried.
    assert speed.measure(0, 0, 5.0) is None
    # The first one, with four that hold it; then two more, with eight.
    assert speed.measure(1, 5, 10.0) is None
    assert speed.measure(1, 5, 12.0) is None
    assert speed.measure(2, 6, 10.5) is None
    assert speed.measure(3, 15, 14.0) == (0.5, 0.4)


Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


@pytest.fixture
def command(tmp_path: Path, tiny_weights: Path, draw_line: DrawLine) -> list[str]:
    """Give the command for a short film in two shots."""
    for number in range(FRAMES):
        path = tmp_path / f"lines/s{number % 2}/f{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), draw_line(number))
    flags = {"lines": "lines", "output": "out", "weights": str(tiny_weights), "network-size": 64}
    flags |= {name: str(tmp_path / name) for name in ("lines",)} | {"output": f"{tmp_path / 'out'}"}
    pairs = [(f"--{name}", str(value)) for name, value in flags.items()]
    return [sys.executable, "-m", "jobs.colorize", *(text for pair in pairs for text in pair)]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Give a function that runs a command to its end, in this process: PyTorch is imported once."""

    def run(command: list[str], *more: str) -> Done:
        _, _, module, *flags = *command, *more
        capfd.readouterr()
        if module == "jobs.report":
            status = report.main(parse(Report, "report", flags))
        else:
            status = colorize.main(parse(Colorize, "colorize", flags))
        return Done(command, status, *capfd.readouterr())

    return run


def test_success_is_said_of_a_whole_film(command: list[str], run: Run, tmp_path: Path) -> None:
    """`_SUCCESS` holds the counts, and stands only while every frame of the film does."""
    said = tmp_path / "out/_SUCCESS"
    done = run(command)
    assert done.returncode == 0
    first = said.read_text()
    (tmp_path / "out/frames/s1/f1.png").unlink()
    assert run(command, "--shots", "s0").returncode == 0
    assert not said.exists()
    said.write_text(first)
    assert json.loads(said.read_text()) == json.loads(done.stdout.splitlines()[-1])
    (tmp_path / "lines/s0/f0.png").write_bytes(b"broken")
    assert run(command).returncode == 3
    assert not said.exists()
    (tmp_path / "lines/s0/f0.png").unlink()
    assert run(command).returncode == 0
    assert json.loads(said.read_text())["frames"] == FRAMES - 1


def test_a_run_that_is_stopped_at_its_start_leaves_no_success(
    command: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for machines, say; what an earlier run said does not stand."""
    assert run(command).returncode == 0

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(films, "start_runner", stop)
    assert run(command).returncode == 130
    assert not (tmp_path / "out/_SUCCESS").exists()


def test_an_exposure_sheet(command: list[str], run: Run, tmp_path: Path) -> None:
    """Page and video follow a sheet; what it lacks is said, what is no sheet ends with status 2."""
    sheet, report = str(tmp_path / "c3.xdts"), [sys.executable, "-m", "jobs.report"]
    out = str(tmp_path / "out")
    Path(sheet).write_bytes(b"no sheet")
    done = run(command, "--xdts", sheet)
    assert (done.returncode, (tmp_path / "out").exists()) == (2, False)
    assert "colorize: the exposure sheet c3.xdts cannot be read: it is not XDTS" in done.stderr
    levels = [("s0", {0: "4", 5: "0", 7: "9"}), ("s1", {0: "1"}), ("BG", {0: "1"})]
    Path(sheet).write_bytes(write_sheet(levels, 8, "3"))
    assert "no level BG" in run(command, "--xdts", sheet).stderr
    done = run(command, "--xdts", sheet, "--levels", "s0", "s1")
    assert done.returncode == 0
    assert "colorize: the film lacks drawings on the sheet of cut 3: s0 9" in done.stderr
    assert len([*(tmp_path / "out/frames").rglob("*.png")]) == FRAMES
    for again in ([], [*report, "film", "--film", out, "--xdts", sheet, "--levels", "s0"]):
        page = (tmp_path / "out/report.html").read_text()
        assert '"places": [2, 2, 2, 2, 2, 0, 0, -2]' in page
        assert not again or run(again).returncode == 3
    done = run([*report, "video", "--film", out, "--xdts", sheet], "--levels", "s0", "s1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "level s1 have no transparency and would hide level s0" in done.stderr
    done = run([*report, "video", "--film", out, "--xdts", sheet], "--levels", "s0")
    last = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, last["frames"], last["missing"]) == (3, 8 + 3, ["cut 3: s0 9"])


def test_two_runs_do_not_share_an_output(command: list[str], run: Run, tmp_path: Path) -> None:
    """While a run writes to an output another is refused in a sentence, and writes nothing."""
    with hold_lease(Storage.at(f"{tmp_path / 'out'}"), pytest.fail):
        refused = run(command)
    assert refused.returncode == 2
    assert f"is being written by process {os.getpid()}" in refused.stderr
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_the_log_names_shot_and_frame(command: list[str], run: Run, tmp_path: Path) -> None:
    """Each failure is a line of JSON with shot, frame and reason; on demand each frame is one."""
    (tmp_path / "lines/s0/f0.png").write_bytes(b"broken")
    (failure,) = logged(run(command))
    assert failure["levelname"] == "WARNING"
    assert (failure["message"], failure["shot"], failure["frame"], failure["stage"]) == (
        *("frame failed", "s0", "s0/f0.png", "decode"),
    )
    assert "unknown picture format" in failure["reason"]
    lines = logged(run(command, "--force", "--log-frames"))
    assert sorted(line["frame"] for line in lines) == sorted(
        path.relative_to(tmp_path / "lines").as_posix()
        for path in (tmp_path / "lines").rglob("*.png")
    )
    done = next(line for line in lines if line["message"] == "frame done")
    assert done["bytes"] > 0
    assert all(done[f"{stage}_s"] > 0 for stage in ("shrink", "network", "compose"))


def logged(done: Done) -> list[dict[str, str]]:
    """Read the lines of JSON on the standard error."""
    return [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]


def test_an_endpoint_that_is_dead(command: list[str]) -> None:
    """A command says within seconds that it waits for S3; Ctrl-C ends it at once."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        with subprocess.Popen(
            [*command, "--output", "s3://bucket/color"],
            env=os.environ | keys | {"AWS_ENDPOINT_URL": address},
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as waiting:
            started = time.monotonic()
            assert waiting.stderr is not None
            assert f"waiting for S3 at {address}: no answer for 3 s" in waiting.stderr.readline()
            assert time.monotonic() - started < 60.0
            waiting.send_signal(signal.SIGINT)
            assert "colorize: stopped" in waiting.stderr.read()
        assert waiting.returncode == 130


def test_storage_that_breaks_off(command: list[str], run: Run, tmp_path: Path) -> None:
    """An output that cannot be written ends the run in a sentence; the command goes on later."""
    Storage.at(str(tmp_path / "out")).write("manifest/manifest.parquet/in the way", b"")
    done = run(command)
    assert done.returncode == 1
    assert "colorize: broke off:" in done.stderr
    assert "Traceback" not in done.stderr
    said = json.loads((tmp_path / "out/run.json").read_text())
    assert (said["state"].partition(":")[0], said["summary"]) == ("broke off", None)
    assert said["ended_at"] is not None
    (tmp_path / "out/manifest/manifest.parquet/in the way").unlink()
    (tmp_path / "out/manifest/manifest.parquet").rmdir()
    assert run(command).returncode == 0
    assert json.loads((tmp_path / "out/run.json").read_text())["state"] == "ended"


def test_a_page_of_frames_that_are_made_anew_is_deleted(
    command: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first frame on it is no longer true; a run that makes none leaves it."""
    page, seen = tmp_path / "out/report.html", []
    assert run(command).returncode == 0
    make = films.make_printer

    def make_printer() -> Callable[[FilmSummary], None]:
        show = make()

        def note(summary: FilmSummary) -> None:
            seen.append(page.exists())
            show(summary)

        return note

    monkeypatch.setattr(films, "make_printer", make_printer)
    assert run(command).returncode == 0
    assert seen == []
    assert page.exists()
    assert run(command, "--force").returncode == 0
    assert seen
    assert not any(seen)
    assert page.exists()


def test_the_page_is_that_of_the_manifest(
    command: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that makes no frame writes the page if it does not show these frames and warnings."""
    page, lines, hints = tmp_path / "out/report.html", tmp_path / "lines", tmp_path / "hints"
    run(command)

    def is_written_by(*flags: str) -> bool:
        before = page.stat().st_mtime_ns if page.exists() else None
        assert json.loads(run(command, *flags).stdout.splitlines()[-1])["done"] == 0
        return page.stat().st_mtime_ns != before

    assert not is_written_by()
    for module, function in ((completeness, "find_objections"), (films, "write_page")):
        with monkeypatch.context() as patch:
            patch.setattr(module, function, _break_off)
            assert run(command, "--force").returncode == 1
        assert is_written_by()
        assert not is_written_by()
    (lines / "s0/f0.png").unlink()
    assert is_written_by("--shots", "s1")
    hints.mkdir()
    (hints / "stray.png").write_bytes(b"")
    assert is_written_by("--shots", "s1", "--hints", str(hints))
    assert "stray.png" in page.read_text()
    assert not is_written_by("--shots", "s1", "--hints", str(hints))


def _break_off(*_: object) -> None:
    raise OSError("the disk is full")


def test_the_end_of_a_run_in_singular_and_plural() -> None:
    """One frame has a verb of its own; what there is none of is not said."""
    kinds = ("accepted", "redone", "lapsed", "removed", "kept")
    one, several = (
        [*films._describe(FilmSummary(9, **dict.fromkeys(kinds, number)))] for number in (1, 2)
    )
    assert one[3:] == [
        "1 frame has no drawing any more and was moved to removed/",
        "1 frame has no drawing any more and stays in frames/",
    ]
    assert several[0] == "2 failed frames are accepted, which are not made"
    for singular, plural in zip(one, several, strict=True):
        assert not {"frames", "are", "were", "have"} & set(singular.split())
        assert "frames" in plural.split()
    assert [*films._describe(FilmSummary(9))] == []
