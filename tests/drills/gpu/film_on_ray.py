"""The same film on Ray, by the command itself: how busy the GPU is, and the same frames or not."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from threading import Event, Thread

import numpy as np
from pyarrow import parquet

from tests.drills.gpu.film import color_alone, draw_film, hash_frames, mean_stages
from tests.drills.gpu.parts import Cases, Values
from tests.drills.gpu.setting import Setting

SAMPLE_S = 0.5
STOP_S = 20.0
"""Time that the command has to stop Ray once it is told to end."""
QUERY = (
    "nvidia-smi", "--id=0",
    "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits",
)  # fmt: skip


def film_on_ray(setting: Setting) -> Cases:
    """Colour the whole film on Ray, then compare its first frames with those made without."""
    if find_spec("ray") is None:
        return
    if not (setting.work / "film").exists():
        yield "drawing", partial(draw_film, setting)
    yield "film", partial(_color_on_ray, setting)
    yield "first frames without Ray", partial(_compare, setting)


def _color_on_ray(setting: Setting) -> Values:
    """Run `jobs.colorize`.

    Raises:
        RuntimeError: It failed; the message is the end of what it wrote.
    """
    root = setting.work / "film"
    command = [sys.executable, "-m", "jobs.colorize", "--lines", str(root / "lines")]
    command += ["--hints", str(root / "hints"), "--output", str(root / "ray")]
    command += ["--network-size", str(setting.network_size_px)]
    # Without a number of workers, the command makes the first frames in its own process.
    command += ["--gpu-workers", "1"]
    begun = time.monotonic()
    with _sample_gpu() as samples:
        output = _run(command, root / "ray.log")
    rows = parquet.read_table(root / "ray/manifest").to_pylist()
    summary = json.loads(output.splitlines()[-1])
    return {
        "frames": summary["frames"],
        "all_done_equal": summary["done"] == summary["frames"],
        "command_s": time.monotonic() - begun,
        "frames_per_s_with_start": summary["frames_per_second"],
        **mean_stages(rows),
        **_sum_up(samples),
    }


def _run(command: list[str], log: Path) -> str:
    """Run a command to its end and return what it printed; end it with this call."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process,
    ):
        try:
            output = process.communicate()[0]
        finally:
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_S)
                process.kill()
    if process.returncode:
        raise RuntimeError(f"status {process.returncode}: {log.read_text()[-500:]}")
    return output


@contextmanager
def _sample_gpu() -> Iterator[list[tuple[int, int]]]:
    """Collect how busy the GPU is, in percent, and its memory in MiB, while the block runs."""
    samples: list[tuple[int, int]] = []
    stop = Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_S):
            told = subprocess.run(QUERY, capture_output=True, text=True, check=False).stdout
            with suppress(ValueError):
                percent, mebibytes = map(int, told.split(","))
                samples.append((percent, mebibytes))

    thread = Thread(target=sample, daemon=True)
    if which(QUERY[0]):
        thread.start()
    try:
        yield samples
    finally:
        stop.set()
        if thread.is_alive():
            thread.join()


def _sum_up(samples: list[tuple[int, int]]) -> Values:
    if not samples:
        return {}
    percents, mebibytes = zip(*samples, strict=True)
    return {
        "gpu_percent": list(percents),
        "gpu_percent_mean": float(np.mean(percents)),
        "gpu_percent_most": max(percents),
        "gpu_memory_gib": max(mebibytes) / 1024,
    }


def _compare(setting: Setting) -> Values:
    """Make the first frames in this process, if they are not there, and compare hashes."""
    root = setting.work / "film"
    if not (root / "plain/frames").exists():
        color_alone(setting, root / "plain", None)
    alone, on_ray = hash_frames(root / "plain"), hash_frames(root / "ray")
    same = sum(on_ray.get(name) == digest for name, digest in alone.items())
    return {"frames": len(alone), "same": same, "frames_equal": same == len(alone) > 0}
