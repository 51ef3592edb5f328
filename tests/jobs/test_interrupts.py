"""Ctrl-C and SIGTERM end a command with status 130 and a sentence, whenever they come."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import psutil
import pytest

from lineart.storage import Storage
from tests.conftest import DrawLine
from tests.painted import painted, write_shards

ROOT = Path(__file__).parents[2]
MOMENTS_S = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.4, 3.2)
"""Seconds after the first line of ours has run: of what Python does before, we know nothing."""


@pytest.fixture(scope="module")
def flags(
    tmp_path_factory: pytest.TempPathFactory, tiny_weights: Path, draw_line: DrawLine
) -> list[str]:
    """Give the flags of a film of three drawings, whose weights are opened with torch."""
    folder = tmp_path_factory.mktemp("film") / "lines"
    folder.mkdir()
    for number in range(3):
        assert cv2.imwrite(str(folder / f"f{number}.png"), draw_line(number))
    return ["--lines", f"{folder}", "--weights", f"{tiny_weights}", "--network-size", "64"]


def start(command: list[str], flags: list[str], output: Path) -> "subprocess.Popen[str]":
    """Start a command in a process group of its own, and wait until it handles signals."""
    started = subprocess.Popen(
        # It tells each module that it has imported, on standard error.
        [sys.executable, "-X", "importtime", *command, *flags, "--output", f"{output}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        # A test that a shell has put into the background ignores Ctrl-C, and so would the command.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert started.stderr is not None
    while not (line := started.stderr.readline()).endswith(" lineart.jobs\n"):
        assert line, "it ended before it began"
    return started


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (["-m", "jobs.colorize"], signal.SIGINT),
        (["-m", "lineart.jobs.main", "colorize"], signal.SIGTERM),
    ],
)
def test_at_any_moment(
    command: list[str], number: signal.Signals, flags: list[str], tmp_path: Path
) -> None:
    """Imports, start of the networks, work and page: 130 without a traceback, of no process.

    The signal goes to the whole process group, as Ctrl-C on a terminal does.
    """
    for moment in MOMENTS_S:
        with start(command, flags, tmp_path / f"out-{moment}") as running:
            time.sleep(moment)
            os.killpg(running.pid, number)
            _, errors = running.communicate(timeout=60)
        assert running.returncode == 130, (moment, errors[-2000:])
        assert "Traceback" not in errors, (moment, errors[-2000:])
        assert ": stopped" in errors


def test_a_training_leaves_no_process(tmp_path: Path) -> None:
    """A SIGTERM to the training alone ends those that make its samples, too; nothing leaks."""
    data = write_shards(Storage.at(str(tmp_path / "shards")), (painted(0), painted(1)))
    flags = ["--recipe", "small", "--data", data.uri, "--num-workers", "1"]
    log, command = tmp_path / "log", [sys.executable, "-m", "jobs.train", *flags]
    with log.open("w") as errors:
        running = psutil.Popen(
            [*command, "--output", f"{tmp_path / 'run'}"], cwd=ROOT, stderr=errors
        )
    # Two of multiprocessing's own, and one below them that makes samples.
    for _ in range(600):
        if len(started := running.children(recursive=True)) == 3:
            break
        time.sleep(0.1)
    running.terminate()
    _, left = psutil.wait_procs([running, *started], timeout=30)
    for one in left:
        one.kill()
    assert len(started) == 3
    assert not left
    assert running.returncode == 130
    assert "leaked" not in log.read_text()
