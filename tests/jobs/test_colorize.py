"""The command itself, in a process of its own, on Ray."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pyarrow import parquet

from lineart.storage import Storage
from tests.conftest import DrawLine
from tests.drills.film import hash_frames
from tests.drills.kills import check_output, run_and_kill
from tests.ray_head import Head

FRAMES = 160
COMMAND = [sys.executable, "-m", "jobs.colorize", "--network-size", "64"]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory, draw_line: DrawLine) -> Path:
    """Give a film of two shots; in the second each drawing is held for two frames and has a key."""
    folder = tmp_path_factory.mktemp("film") / "lines"
    for number in range(FRAMES):
        shot, seed = ("s1", number) if number < FRAMES // 2 else ("s2", number // 2)
        path = folder / shot / f"f{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), draw_line(seed))
    key = np.full((72, 128, 3), (60, 160, 220), np.uint8)
    key[:, 64:] = (150, 90, 40)
    path = folder.with_name("keys") / f"s2/{FRAMES // 2 + 6}.png"
    path.parent.mkdir(parents=True)
    assert cv2.imwrite(str(path), key)
    return folder


@pytest.fixture(scope="module")
def colored(
    lines: Path, tiny_weights: Path, tmp_path_factory: pytest.TempPathFactory, ray_head: Head
) -> dict[str, str]:
    """Colour the film without interruption; give the hash of every frame."""
    output = tmp_path_factory.mktemp("reference") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", ray_head.address)
        done = colorize(lines, output, tiny_weights)
    assert done.returncode == 0, done.stderr
    result = last_line(done)
    assert (result["frames"], result["failed"], result["skipped"]) == (FRAMES, 0, 0)
    assert result["done"] + result["held"] == FRAMES
    assert result["held"] >= FRAMES // 4
    assert "frames/s" in done.stderr
    assert (output / "report.html").stat().st_size > 10_000
    assert json.loads((output / "run.json").read_text())["summary"] == result
    assert not (output / ".partial").exists()
    return hash_frames(output)


def arguments(lines: object, output: object, weights: Path) -> list[str]:
    """Give a command line; the keys, if there are any, lie beside the lines."""
    keys = f"{lines}".removesuffix("lines") + "keys"
    has_keys = keys.startswith("s3://") or Path(keys).exists()
    inputs = ("--lines", f"{lines}", *(("--keys", keys) if has_keys else ()))
    return [*COMMAND, *inputs, "--output", f"{output}", "--weights", str(weights)]


def colorize(
    lines: object, output: object, weights: Path, *more: str
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [*arguments(lines, output, weights), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Read the JSON object that ends the standard output."""
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def wait_for_frames(driver: subprocess.Popen[bytes], output: Path, frames: int) -> None:
    """Wait until so many frames stand."""
    deadline = time.monotonic() + 120
    while sum(1 for _ in (output / "frames").rglob("*.png")) < frames:
        assert driver.poll() is None, "the run ended too early"
        assert time.monotonic() < deadline, "no frame came"
        time.sleep(0.02)


def count_frames(output: Path) -> int:
    """Count the pictures below a folder, others of which may vanish meanwhile."""
    return sum(name.endswith(".png") for _, _, names in os.walk(output) for name in names)


def test_sigkill(
    lines: Path,
    tiny_weights: Path,
    colored: Mapping[str, str],
    joined_ray: Head,
    tmp_path: Path,
) -> None:
    """Whatever is killed, nothing is lost or doubled; in the end every byte is the same.

    One shot has a key. The short form of `tests.drills.kills`.
    """
    output = tmp_path / "out"
    kinds = ["worker", "driver", "cell", "worker"]

    def moments() -> Iterator[float]:
        for share in (0, 0.2, 0.4, 0.6):
            deadline = time.monotonic() + 60
            while count_frames(output) <= share * FRAMES and time.monotonic() < deadline:
                time.sleep(0.02)
            yield 0.01
        while True:
            yield 0.2

    killed = run_and_kill(
        arguments(lines, output, tiny_weights),
        os.environ,
        kinds,
        partial(joined_ray.process.children, recursive=True),
        moments(),
    )
    # Workers may have done their part before it was their turn.
    assert killed["driver"] == 1
    assert killed.total() >= 3
    check_output(output, colored)


@pytest.mark.usefixtures("joined_ray")
def test_interrupt(lines: Path, tiny_weights: Path, tmp_path: Path) -> None:
    """Ctrl-C ends the run with a sentence; what was done is in the manifest.

    `ray job stop` sends SIGTERM: see `test_submit.py`.
    """
    output = tmp_path / "out"
    # Large for the network, so that the rest of the film is still to come when the signal does.
    command = [flag.replace("64", "512") for flag in COMMAND]
    command += arguments(lines, output, tiny_weights)[len(COMMAND) :]
    # Tests that a shell has put into the background ignore Ctrl-C, and so would the command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as driver:
        wait_for_frames(driver, output, 20)
        driver.send_signal(signal.SIGINT)
        _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert b"the same command goes on from here" in errors
    assert b"Traceback" not in errors
    rows = parquet.read_table(output / "manifest").to_pylist()
    assert 0 < len(rows) < FRAMES
    assert all((output / row["output"]).stat().st_size == row["output_bytes"] for row in rows)
    said = json.loads((output / "run.json").read_text())
    assert (said["state"], said["frames"], said["summary"]) == ("was stopped", FRAMES, None)


@pytest.mark.usefixtures("joined_ray")
def test_s3_end_to_end(
    bucket: Path, lines: Path, tiny_weights: Path, colored: Mapping[str, str]
) -> None:
    """From bucket to bucket the frames are the same as from folder to folder."""
    episode = Storage.at(f"s3://{bucket.name}/episode")
    for path in lines.parent.rglob("*.png"):
        episode.write(path.relative_to(lines.parent).as_posix(), path.read_bytes())
    addresses = episode.child("lines").uri, episode.child("color").uri
    done = colorize(*addresses, tiny_weights)
    assert done.returncode == 0, done.stderr
    output = bucket / "episode" / "color"
    assert hash_frames(output) == colored
    table = parquet.read_table(output / "manifest", columns=["shot", "keys"])
    keys = {(row["shot"], tuple(row["keys"] or ())) for row in table.to_pylist()}
    assert keys == {("s1", ()), ("s2", (f"s2/{FRAMES // 2 + 6}.png",))}
    assert table.num_rows == FRAMES
    assert not list((output / "manifest").glob("_parts/*"))
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in (output / "run.json").read_text()


def test_a_few_frames_without_ray(
    lines: Path, tiny_weights: Path, colored: Mapping[str, str], tmp_path: Path
) -> None:
    """A few frames are coloured in one process, and come out as they do on Ray, to the bit."""
    done = colorize(lines, tmp_path / "out", tiny_weights, "--limit", "12")
    assert done.returncode == 0, done.stderr
    few = hash_frames(tmp_path / "out")
    assert len(few) == 12
    assert few.items() <= colored.items()


def test_broken_frame_exits_3(tiny_weights: Path, draw_line: DrawLine, tmp_path: Path) -> None:
    """A broken PNG among good ones: the good ones are made, the status is 3, the page names it."""
    folder = tmp_path / "lines" / "s1"
    folder.mkdir(parents=True)
    for number in range(6):
        cv2.imwrite(str(folder / f"f{number}.png"), draw_line(number))
    (folder / "f3.png").write_bytes((folder / "f2.png").read_bytes()[:200])
    cv2.imwrite(str(folder / "odd.png"), np.full((37, 211), 255, np.uint8))
    done = colorize(tmp_path / "lines", tmp_path / "out", tiny_weights)
    assert done.returncode == 3, done.stderr
    assert (last_line(done)["done"], last_line(done)["failed"]) == (6, 1)
    assert cv2.imread(str(tmp_path / "out/frames/s1/odd.png")).shape == (37, 211, 3)
    assert "s1/f3.png" in (tmp_path / "out/report.html").read_text()


@pytest.mark.parametrize(
    ("lines_name", "more", "sentence"),
    [
        ("none", [], "there is no folder"),
        ("film", ["--shots", "s9"], "no shot is called s9"),
        ("film", ["--gpu-workers", "5:2"], "is not MIN:MAX"),
    ],
)
def test_wrong_input_exits_2(
    tiny_weights: Path,
    draw_line: DrawLine,
    tmp_path: Path,
    lines_name: str,
    more: list[str],
    sentence: str,
) -> None:
    """A wrong input or flag ends with status 2 and one sentence, and nothing is written."""
    (tmp_path / "film/s1").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "film/s1/f1.png"), draw_line(1))
    done = colorize(tmp_path / lines_name, tmp_path / "out", tiny_weights, *more)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("joined_ray")
def test_pool_that_cannot_be_placed(
    tiny_weights: Path, draw_line: DrawLine, tmp_path: Path
) -> None:
    """More networks than there is room for are refused in a sentence, not waited for."""
    (tmp_path / "film/s1").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "film/s1/f1.png"), draw_line(1))
    done = colorize(tmp_path / "film", tmp_path / "out", tiny_weights, "--gpu-workers", "999")
    assert done.returncode == 2
    assert "999 networks cannot be placed" in done.stderr
