"""Stages of a frame: what a failure of the network costs, and how many cores they take."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lineart.codec import encode_png
from lineart.film.records import FilmJob, FrameData, WorkItem
from lineart.film.stages import NetworkStage, Stage
from lineart.film.tasks.colorize import ColorizeTask
from lineart.storage import Storage
from tests.conftest import DrawLine

MEASURE = """\
import sys, time
from lineart.film.frames import Source
from lineart.film.records import FilmJob, FrameData, Input, WorkItem
from lineart.film.stages import STAGES, run_stages
from lineart.film.tasks.colorize import open_colorize_task
from lineart.film.worker import hash_pictures
from lineart.storage import Storage
from lineart.weights import open_weights, read_weights

weights = open_weights("default")
task = open_colorize_task(read_weights(weights), network_size_px=384)
job = FilmJob(Storage.at(sys.argv[1]), Storage.at(sys.argv[2]), None, task, weights)
source = Source("a.png", "a.png")
found = hash_pictures(job, [(source, None)])
line = Input("line", source, found["a.png"].source_sha256)
frame = FrameData(WorkItem((line,), ("frames/a.png",), "s"))
stages = [stage.open(job) for stage in STAGES]
run_stages(stages, [frame])
wall, cpu = time.perf_counter(), time.process_time()
for _ in range(3):
    (done,) = run_stages(stages, [frame])
    assert done.failure is None, done
print((time.process_time() - cpu) / (time.perf_counter() - wall))
"""


def test_a_frame_takes_one_core(tmp_path: Path, draw_line: DrawLine) -> None:
    """Reading, the network, composing and writing never use more than one core at once."""
    lines = tmp_path / "lines"
    lines.mkdir()
    (lines / "a.png").write_bytes(encode_png(draw_line(0, 720, 1280)))
    command = [sys.executable, "-c", MEASURE, str(lines), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.1


def open_sick_network(job: FilmJob) -> Callable[..., tuple[Sequence[np.ndarray], str]]:
    """Open a network that fails on a picture with a 13, and then on all, as a sick GPU does."""
    assert job.limit_s
    failed: list[bool] = []

    def answer(pictures: np.ndarray) -> tuple[Sequence[np.ndarray], str]:
        if failed or (pictures == 13).any():
            failed.append(True)
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return [pictures + 1], "float32"

    return answer


def test_a_failed_batch_costs_its_own_frame_alone(tmp_path: Path) -> None:
    """The others of its batch are computed in a new process, those before and after it."""
    place = Storage.at(str(tmp_path))
    job = FilmJob(place, place, None, ColorizeTask(64, 4), None, limit_s=60.0)
    frames = [
        FrameData(WorkItem((), (f"frames/{level}.png",), "s"), (np.full((2, 2), level, np.uint8),))
        for level in (1, 13, 3)
    ]
    first, sick, last = NetworkStage(Stage("network", open_sick_network, "network"), job)(frames)
    assert sick.failure is not None
    assert "illegal memory access" in sick.failure.message
    assert (first.failure, last.failure) == (None, None)
    assert [int(one.arrays[0][0, 0]) for one in (first, last)] == [2, 4]
