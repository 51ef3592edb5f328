"""How busy film workers keep a GPU, without one: stages sleep as long as they would compute.

python -m tests.drills.feed --frames 1600 --network-ms 8 --pixel-ms 114 --cpus 24

Frames are those of 1080p at network size. A lock stands for the GPU: one network at a time sleeps.
Ray moves the frames as in a film, so that its overhead, and that of copies, is real.
"""

import argparse
import fcntl
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from lineart.film.execution import stages
from lineart.film.execution.pipeline import make_frames
from lineart.film.execution.pools import WorkerBounds, WorkerPools
from lineart.film.execution.stages import Stage
from lineart.film.execution.worker import Worker
from lineart.film.records import FilmJob, FrameData, WorkItem
from lineart.film.tasks.colorize import ColorizeTask
from lineart.runtime.cluster import start_ray, stop_ray
from lineart.storage import Storage
from tests.ray_head import LOOPBACK, run_head

SIZE = (512, 912)
"""Network size of a frame of 1080p."""


def shrink(_: Worker, frame: FrameData, seconds: float) -> FrameData:
    """Sleep; give a drawing and hints, of the size that the default weights take."""
    time.sleep(seconds)
    return frame._replace(arrays=(np.zeros(SIZE, np.uint8), np.zeros((*SIZE, 4), np.uint8)))


def compose(_: Worker, frame: FrameData, seconds: float) -> FrameData:
    """Sleep; give the size of a file."""
    time.sleep(seconds)
    return frame._replace(arrays=(), written=(1,))


def open_network(_: FilmJob, seconds: float, hints_s: float, gpu: Path) -> Callable[..., object]:
    """Open a network that holds the GPU for `seconds` a frame, in batches of 16.

    Before that its worker spreads hints on its CPU, for `hints_s` a frame.
    """

    def answer(lines: np.ndarray, hints: np.ndarray) -> tuple[Sequence[np.ndarray], str]:
        time.sleep(hints_s * len(hints))
        batches = -(-len(lines) // stages.GPU_BATCH)
        with gpu.open("a") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            time.sleep(seconds * batches * stages.GPU_BATCH)
        return [np.zeros((*lines.shape, 3), np.uint8)], "bfloat16"

    return answer


def measure(flags: argparse.Namespace, hints_s: float, networks: int) -> dict[str, float]:
    """Make frames; give frames/s between a fifth and nine tenths of them, and the GPU's share."""
    pixel_s, network_s = flags.pixel_ms / 1000, flags.network_ms / 1000
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        steps = (
            Stage("shrink", partial(shrink, seconds=0.65 * pixel_s), "cpu"),
            Stage(
                "network",
                partial(open_network, seconds=network_s, hints_s=hints_s, gpu=Path(folder, "gpu")),
                "network",
            ),
            Stage("compose", partial(compose, seconds=0.35 * pixel_s), "cpu"),
        )
        patch.setattr(stages, "STAGES", steps)
        place = Storage.at(folder)
        job = FilmJob(place, place, None, ColorizeTask(512, 1), place)
        pools = WorkerPools(
            WorkerBounds(1, networks),
            WorkerBounds(1, flags.cpus),
            network_gpus=1.0 / networks,
        )
        work = [WorkItem((), (f"{number}",), "shot") for number in range(flags.frames)]
        ended = [time.monotonic() for _ in make_frames(job, work, pools)]
    first, last = len(ended) // 5, 9 * len(ended) // 10
    rate = (last - first) / (ended[last] - ended[first])
    return {"frames_per_second": round(rate, 1), "gpu_busy": round(rate * network_s, 3)}


@contextmanager
def cluster(cpus: int) -> Iterator[None]:
    """Run a head that says that it has so many CPUs, and a GPU."""
    with (
        run_head(f"--num-cpus={cpus}", "--num-gpus=1", "--object-store-memory=2000000000") as head,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("RAY_ADDRESS", head.address)
        start_ray()
        try:
            yield
        finally:
            stop_ray()


def main() -> int:
    """Measure; print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--frames", type=int, default=1600)
    parser.add_argument("--network-ms", type=float, default=8.0, help="of the GPU, a frame")
    parser.add_argument(
        "--hints-ms", type=float, default=10.0, help="of the network's CPU, a frame"
    )
    parser.add_argument("--pixel-ms", type=float, default=114.0, help="of a CPU, a frame")
    parser.add_argument("--cpus", type=int, default=24, help="for tasks on pixels")
    flags = parser.parse_args()
    os.environ.update(LOOPBACK)
    with cluster(flags.cpus + 2):
        for hints_ms, networks in product((flags.hints_ms, 0.0), (1, 2)):
            found = measure(flags, hints_ms / 1000, networks)
            case = {"hints_ms": hints_ms, "networks_on_the_gpu": networks}
            print(json.dumps({**case, **found}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
