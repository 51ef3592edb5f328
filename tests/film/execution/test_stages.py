"""Stages of a frame: what a failure of the network costs, and how many cores they take."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lineart.codec import encode_png
from lineart.film.execution import stages
from lineart.film.execution.stages import NetworkStage, Stage
from lineart.film.records import FilmJob, FrameData, WorkItem
from lineart.film.tasks import RunNetwork
from lineart.film.tasks.colorize import ColorizeTask
from lineart.storage import Storage
from tests.conftest import DrawLine

MEASURE = """\
import sys, time
from lineart.film.pictures.frames import Source
from lineart.film.records import FilmJob, FrameData, Input, WorkItem
from lineart.film.execution.stages import STAGES, run_stages
from lineart.film.tasks.colorize import open_colorize_task
from lineart.film.execution.worker import hash_pictures
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


class Cramped(ColorizeTask):
    """Colours drawings on a device whose memory suffices for batches of four."""

    def open_network(
        self, files: Mapping[str, bytes], *, device: str, batch_size: int, precision: Any = None
    ) -> RunNetwork:
        """Open the networks, on the CPU; larger batches fail as on a GPU."""
        assert device == "cuda"
        run = super().open_network(files, device="cpu", batch_size=batch_size, precision=precision)

        def answer(*inputs: np.ndarray) -> Sequence[np.ndarray]:
            if batch_size > self.fits:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
            return run(*inputs)

        return answer

    fits = 4


def test_a_full_gpu_gets_smaller_batches(
    tmp_path: Path,
    tiny_weights: Path,
    draw_line: DrawLine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No frame fails; frames have the bits of the smaller batches, whatever is in them."""
    monkeypatch.setattr(stages, "has_gpu", lambda: True)
    monkeypatch.setattr(stages, "pick_device", lambda: torch.device("cuda"))
    place, weights = Storage.at(str(tmp_path)), Storage.at(str(tiny_weights))
    job = FilmJob(place, place, None, Cramped(64, 4), weights, precision="float32")
    lines = np.stack([draw_line(seed, 64, 64) for seed in range(6)])
    inputs = lines, np.zeros((6, 16, 16, 4), np.uint8)
    network = stages.open_network(job)
    (colors,), precision = network(*inputs)
    assert precision == "float32"
    assert caplog.messages == [
        "the memory of the GPU does not suffice for batches of 16; from here on they are of 4"
    ]
    alone = stages.open_network(replace(job, gpu_batch=4))
    assert np.array_equal(
        np.concatenate([alone(*(i[n : n + 1] for i in inputs))[0][0] for n in range(6)]), colors
    )
    monkeypatch.setattr(Cramped, "fits", 0)
    with pytest.raises(torch.OutOfMemoryError):
        network(*inputs)
    assert [stages.choose_batch(pictures) for pictures in (1, 96, 97)] == [1, 1, 16]


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
