"""`ray job submit`, to a head as `ray start --head` starts it, from bucket to bucket."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import pytest
from pyarrow import parquet
from ray.job_submission import JobStatus, JobSubmissionClient

from tests.conftest import DrawLine
from tests.ray_head import Head

FRAMES = 64
ROOT = Path(__file__).parents[2]
RAY_JOB = [sys.executable, "-m", "ray.scripts.scripts", "job"]


@pytest.fixture
def episode(bucket: Path, tiny_weights: Path, draw_line: DrawLine) -> Path:
    """Give the folder of a bucket with a film and weights."""
    folder = bucket / "episode"
    for number in range(FRAMES):
        path = folder / f"lines/s{number // 32}/f{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), draw_line(number))
    (folder / "weights").mkdir()
    for file in tiny_weights.iterdir():
        (folder / "weights" / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture
def command(episode: Path) -> list[str]:
    """Give the job's command."""
    there = f"s3://{episode.parent.name}/episode"
    addresses = [f"--{name}={there}/{name}" for name in ("lines", "weights")]
    addresses += [f"--output={there}/color", "--network-size=256"]
    return [sys.executable, "-m", "jobs.colorize", *addresses]


def ray_job(head: Head, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ray job`, from the top of the repository."""
    return subprocess.run(
        [*RAY_JOB, *arguments],
        env=os.environ | head.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def wait_for_frames(client: JobSubmissionClient, name: str) -> None:
    """Wait until a job has told of its first frames."""
    deadline = time.monotonic() + 120
    while f" of {FRAMES} frames" not in (said := client.get_job_logs(name)):
        assert not client.get_job_status(name).is_terminal(), said
        assert time.monotonic() < deadline, f"no frame came: {said}"
        time.sleep(0.02)


def wait_for_end(client: JobSubmissionClient, name: str) -> JobStatus:
    """Wait until a job is over; give how it ended."""
    deadline = time.monotonic() + 90
    while not (status := client.get_job_status(name)).is_terminal():
        assert time.monotonic() < deadline, f"still {status}: {client.get_job_logs(name)}"
        time.sleep(0.1)
    return status


@contextmanager
def held_up(head: Head) -> Iterator[None]:
    """Let the workers at work wait while the block runs."""
    workers = head.workers("MapWorker")
    assert workers
    for process in workers:
        process.suspend()
    yield
    for process in workers:
        process.resume()


def test_a_film_is_submitted_stopped_and_finished(
    ray_head: Head, episode: Path, command: list[str]
) -> None:
    """A second writer is refused; what stood when the job was stopped is left alone by the next.

    The S3 server and its keys come from the machines' environment, as an instance profile's do.
    """
    client, output = JobSubmissionClient(ray_head.dashboard), episode / "color"

    def submit(name: str) -> None:
        client.submit_job(
            entrypoint=" ".join(command),
            submission_id=name,
            runtime_env={"working_dir": str(ROOT)},
        )

    submit("first")
    wait_for_frames(client, "first")
    with held_up(ray_head):
        submit("second")
        assert wait_for_end(client, "second") == JobStatus.FAILED
        assert client.get_job_info("second").driver_exit_code == 2
        assert "is being written by" in client.get_job_logs("second")
        client.stop_job("first")
    # For `ray job submit` a job that was stopped is no failure: it is `_SUCCESS` that tells.
    assert wait_for_end(client, "first") == JobStatus.STOPPED
    assert "the same command goes on from here" in client.get_job_logs("first")
    assert not (output / "_SUCCESS").exists()
    stood = {path: path.stat().st_mtime_ns for path in output.glob("frames/*/*.png")}
    assert 0 < len(stood) < FRAMES
    flags = ["--submission-id", "third", "--working-dir", "."]
    third = ray_job(ray_head, "submit", *flags, "--", *command)
    assert third.returncode == 0, third.stdout
    result = last_line(ray_job(ray_head, "logs", "third").stdout)
    assert last_line(third.stdout) == result
    assert result["done"] + result["skipped"] == result["frames"] == FRAMES
    assert result["skipped"] > 0
    assert json.loads((output / "_SUCCESS").read_text())["frames"] == FRAMES
    rows = parquet.read_table(output / "manifest").to_pylist()
    assert len({row["frame"] for row in rows}) == len(rows) == FRAMES
    kept = [path for path, written in stood.items() if path.stat().st_mtime_ns == written]
    assert len(kept) == result["skipped"]
    assert_no_secret([*episode.rglob("*"), *ray_head.folder.rglob("*.log"), *job_logs(ray_head)])
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in third.stdout + third.stderr


def job_logs(head: Head) -> list[Path]:
    """List what drivers and workers printed."""
    found = [*head.folder.rglob("*.out"), *head.folder.rglob("*.err")]
    assert found
    return found


def assert_no_secret(paths: list[Path]) -> None:
    """Search every file for the key of the S3 server, and for Ray's token."""
    secrets = [os.environ[name].encode() for name in ("AWS_SECRET_ACCESS_KEY", "RAY_AUTH_TOKEN")]
    for path in paths:
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret in data for secret in secrets), path


def last_line(text: str) -> dict[str, Any]:
    """Read the JSON object that a job printed last; `ray job` prints besides."""
    result: dict[str, Any] = json.loads([x for x in text.splitlines() if x.startswith("{")][-1])
    return result
