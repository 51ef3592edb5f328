"""Stages of a frame take one thread: a film keeps as many frames in hand as there are cores."""

import subprocess
import sys
from pathlib import Path

from lineart.codec import encode_png
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
