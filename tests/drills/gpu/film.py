"""A film at 1080p: without Ray, by one GPU actor, and on Ray by the command itself."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from threading import Event, Thread
from typing import Any

import numpy as np
from pyarrow import parquet

from lineart.codec import encode_png
from lineart.film.execution.runners import LocalRunner
from lineart.film.execution.stages import GPU_BATCH, STAGES
from lineart.film.execution.worker import hash_pictures
from lineart.film.inputs import FilmConfig, prepare_run
from lineart.film.pictures.frames import FilmFrame, assemble, list_pictures
from lineart.film.records import FilmJob, FrameData, HashedFile, Input, WorkItem
from lineart.film.run import run_film
from lineart.film.tasks.colorize import open_colorize_task
from lineart.sample_film import SampleFrame, sample_film
from lineart.storage import Storage
from lineart.weights import open_weights, read_weights
from tests.drills.film import hash_frames
from tests.drills.gpu.networks import add_hints
from tests.drills.gpu.parts import Cases, Setting, Values

SIZE, SMALL_SIZE = (1080, 1920), (270, 480)
FRAMES_PER_SHOT, SMALL_FRAMES_PER_SHOT = 8, 2
COPIES, SMALL_COPIES = 16, 2
"""How often each drawing comes again, shifted: drawing a new one takes longer."""
SHIFT_PX = 3
ALONE, SMALL_ALONE = 24, 4
"""Frames that are made without Ray."""
LIMIT_S = 120.0
"""Time limit of a step of a frame; with one, steps run in processes of their own."""


def film(setting: Setting) -> Cases:
    """Colour the film without Ray, with and without cells, then batches by one actor."""
    yield "drawing", partial(draw_film, setting)
    yield "frame by frame, in cells", partial(_time_film, setting, "cells", LIMIT_S)
    yield "frame by frame, in this process", partial(_time_film, setting, "plain", None)
    if not setting.small:
        yield "GPU actor, in a cell", partial(_time_actor, setting, LIMIT_S)
    yield "GPU actor, in this process", partial(_time_actor, setting, None)


def draw_film(setting: Setting) -> Values:
    """Draw the film into `film/lines` and `film/hints`, once."""
    root, begun = setting.work / "film", time.monotonic()
    if not root.exists():
        per_shot = SMALL_FRAMES_PER_SHOT if setting.small else FRAMES_PER_SHOT
        size = SMALL_SIZE if setting.small else SIZE
        frames = list(sample_film(size=size, frames_per_shot=per_shot, hold=1))
        copies = range(SMALL_COPIES if setting.small else COPIES)
        with ThreadPoolExecutor(8) as pool:
            for copy in copies:
                list(pool.map(partial(_write_frame, Storage.at(str(root)), copy), frames))
    frames_drawn = sum(1 for _ in (root / "lines").rglob("*.png"))
    return {"frames": frames_drawn, "seconds": time.monotonic() - begun}


def _write_frame(root: Storage, copy: int, frame: SampleFrame) -> None:
    """Write one frame, shifted; a hint stands with the first frame that it holds for."""
    name = f"{frame.shot}/f{copy:02}{frame.number:04}.png"
    shift = SHIFT_PX * copy
    root.write(f"lines/{name}", encode_png(np.roll(frame.line, shift, axis=1)))
    if frame.hint is not None:
        root.write(f"hints/{name}", encode_png(np.roll(frame.hint, shift, axis=1)))


def _time_film(setting: Setting, name: str, limit_s: float | None) -> Values:
    """Colour the first frames; those made in this process are compared with those from cells."""
    folder = setting.work / "film"
    values = color_alone(setting, folder / name, limit_s)
    if limit_s is None:
        values["frames_equal"] = hash_frames(folder / name) == hash_frames(folder / "cells")
    return values


def color_alone(setting: Setting, output: Path, limit_s: float | None) -> Values:
    """Colour the first frames of the film in this process.

    Raises:
        RuntimeError: A frame failed.
    """
    root = setting.work / "film"
    described = FilmConfig(
        pictures=str(root / "lines"),
        hints=str(root / "hints"),
        output=str(output),
        weights="default",
        limit=SMALL_ALONE if setting.small else ALONE,
        limit_s=limit_s,
    )
    opened = prepare_run(
        described, partial(open_colorize_task, network_size_px=setting.network_size_px)
    )
    begun = time.monotonic()
    summary, rows = run_film(opened, LocalRunner(), lambda _: None)
    seconds = time.monotonic() - begun
    if summary.failed:
        raise RuntimeError(f"{summary.failed} of {summary.frames} frames failed")
    return {
        "frames": summary.frames,
        "frames_per_s": summary.frames / seconds,
        **mean_stages(rows.to_pylist()),
    }


def mean_stages(rows: list[dict[str, Any]]) -> Values:
    """Return the mean milliseconds that each stage of a frame took, from rows of a manifest."""
    seconds = [dict(row["stage_seconds"] or ()) for row in rows]
    return {
        f"{stage.name}_ms": 1000 * float(np.mean([taken.get(stage.name, 0.0) for taken in seconds]))
        for stage in STAGES
    }


def _time_actor(setting: Setting, limit_s: float | None) -> Values:
    """Run `stages.NetworkStage` on a batch of shrunk drawings with hints, and on one."""
    weights = open_weights("default")
    task = open_colorize_task(read_weights(weights), network_size_px=setting.network_size_px)
    lines = Storage.at(str(setting.work / "film" / "lines"))
    output = Storage.at(str(setting.work / "film" / "actor"))
    job = FilmJob(lines, output, None, task, weights, limit_s=limit_s)
    frames = _shrink_frames(job, assemble(list_pictures(lines), "lines")[:GPU_BATCH])
    network = STAGES[1].open(job)
    batch_s = setting.time(lambda: network(frames), 5)
    one_s = setting.time(lambda: network(frames[:1]), 5)
    return {
        "frames_per_s": len(frames) / batch_s,
        "ms_a_frame": 1000 * batch_s / len(frames),
        "one_frame_ms": 1000 * one_s,
    }


def _shrink_frames(job: FilmJob, frames: list[FilmFrame]) -> list[FrameData]:
    """Return drawings as the network takes them, with random hints: without, none are flooded."""
    found = hash_pictures(job, [(frame.source, None) for frame in frames])
    shrink = STAGES[0].open(replace(job, limit_s=None))
    shrunk = []
    for seed, frame in enumerate(frames):
        hashed = found[frame.name]
        assert isinstance(hashed, HashedFile)
        line = Input("line", frame.source, hashed.source_sha256)
        (data,) = shrink([FrameData(WorkItem((line,), (frame.name,), frame.shot))])
        drawing, hint = data.arrays
        hint = np.zeros_like(hint)
        add_hints(hint, np.random.default_rng(seed))
        shrunk.append(data._replace(arrays=(drawing, hint)))
    return shrunk


SAMPLE_S = 0.5
STOP_S = 20.0
"""Time that the command has to stop Ray once it is asked to end."""
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
    """Run `lineart colorize`.

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
            output = subprocess.run(QUERY, capture_output=True, text=True, check=False).stdout
            with suppress(ValueError):
                percent, mebibytes = map(int, output.split(","))
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
