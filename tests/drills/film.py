"""Memory and time of a film of any length, of small frames.

python -m tests.drills.film --frames 10000
python -m tests.drills.film --sizes 10000,40000,170000 --s3
python -m tests.drills.film --keys
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import psutil
from pyarrow import parquet

from tests.faults import Faults, serve_faults
from tests.local_s3 import serve_s3

HEIGHT_PX, WIDTH_PX = 36, 64
MIN_SHOT, LONGEST_SHOT = 80, 150
HOLDS, CHANCES = (1, 2, 3, 12), (0.15, 0.5, 0.3, 0.05)
"""For how many frames a drawing stands; about two in five frames are new drawings."""

SAMPLE_S = 1.0
CURVE_ROWS = 20
GROWTH_MB, KEPT_ROWS = 32.0, 5 / 6
"""By how much the driver may grow after the first third of the making: Ray takes some for itself,
and the rows stay in memory, but for those of the first third; rows differ in size."""
MEBIBYTE = 2**20
SECOND_REQUESTS, SECOND_FRAMES = 100, 100
"""A run with nothing to do makes at most this many requests, and one for each of these frames."""

ALONE = """import sys
from lineart.film.execution import runners
from lineart.jobs import colorize, command
runners.FEW_FRAMES = sys.maxsize
sys.exit(colorize.main(command.parse(colorize.Colorize, "colorize")))"""


class Drawn(NamedTuple):
    """A film that was drawn."""

    frames: int
    drawings: int
    """How many of the frames differ."""


def draw_film(folder: Path, frames: int, seed: int = 0, keys: Path | None = None) -> Drawn:
    """Draw a film: shots of about a hundred frames, on twos and threes, with long holds.

    With a folder for keys, the first drawing of each shot is one.
    """
    rng = np.random.default_rng(seed)
    drawings, frame, left = count(), 0, 0
    shot = folder
    while frame < frames:
        if left == 0:
            left = int(rng.integers(MIN_SHOT, LONGEST_SHOT))
            shot = folder / f"s{frame:06}"
            shot.mkdir(parents=True)
        is_key, png = not any(shot.iterdir()), _draw(next(drawings), rng)
        if is_key and keys is not None:
            (keys / shot.name).mkdir(parents=True)
            (keys / shot.name / f"{frame}.png").write_bytes(_paint(png))
        for _ in range(min(int(rng.choice(HOLDS, p=CHANCES)), left, frames - frame)):
            (shot / f"f{frame:06}.png").write_bytes(png)
            frame, left = frame + 1, left - 1
    return Drawn(frames, next(drawings))


def _draw(number: int, rng: np.random.Generator) -> bytes:
    """Draw a line whose first pixels are a number, so that no two drawings are equal."""
    line = np.full((HEIGHT_PX, WIDTH_PX), 255, np.uint8)
    points = rng.integers(0, (WIDTH_PX, HEIGHT_PX), (4, 2), dtype=np.int32)
    cv2.polylines(line, [points], True, 0)
    line[0, :4] = np.frombuffer(number.to_bytes(4, "little"), np.uint8)
    return bytes(cv2.imencode(".png", line)[1])


def _paint(png: bytes) -> bytes:
    """Give a drawing the colour of its shot inside, and white outside."""
    line = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert line is not None
    _, labels = cv2.connectedComponents((line > 128).view(np.uint8), connectivity=4)
    colors = np.full((labels.max() + 1, 3), 255, np.uint8)
    colors[2:] = np.arange(1, labels.max())[:, np.newaxis] * (37, 91, 53) % 256
    return bytes(cv2.imencode(".png", colors[labels])[1])


def hash_frames(output: Path) -> dict[str, str]:
    """Return the hash of every frame, by path."""
    return {
        path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (output / "frames").rglob("*.png")
    }


def make_weights(folder: Path) -> Path:
    """Make a tiny pair, not trained."""
    import torch

    from lineart.models import MODELS, to_files

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in to_files(MODELS["additive_unet"](width=2)).items():
        (folder / name).write_bytes(data)
    return folder


class Sample(NamedTuple):
    """What a run took at one moment."""

    seconds: float
    ended: int
    """Frames that had ended."""
    driver_mb: float
    workers_mb: float
    """Sum over the driver's descendants."""
    largest_mb: float
    workers: int


@dataclass
class Watched:
    """A run of the command, and what it took."""

    seconds: float = 0.0
    driver_cpu_s: float = 0.0
    status: int = 0
    summary: dict[str, Any] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    @property
    def driver_peak_mb(self) -> float:
        """Largest size of the driver."""
        return max(sample.driver_mb for sample in self.samples)

    @property
    def growth_mb(self) -> float:
        """Growth of the driver after the first third of the time in which frames ended."""
        sizes = [s.driver_mb for s in self.samples if 0 < s.ended < self.summary["frames"]]
        third = len(sizes) // 3
        return max(sizes[third:]) - max(sizes[:third]) if third else 0.0


def watch(command: Sequence[str]) -> Watched:
    """Run a command to its end and measure it every second."""
    watched, ended, started = Watched(), [0], time.monotonic()
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr is not None
        reader = threading.Thread(target=_read_progress, args=(process.stderr, ended))
        reader.start()
        driver = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                watched.samples.append(_sample(driver, time.monotonic() - started, ended[0]))
                watched.driver_cpu_s = sum(driver.cpu_times()[:2])
            except psutil.NoSuchProcess:
                break
            time.sleep(SAMPLE_S)
        watched.status = process.wait()
        reader.join()
        watched.seconds = time.monotonic() - started
        output.seek(0)
        watched.summary = json.loads(output.readlines()[-1]) if watched.status == 0 else {}
    return watched


def _read_progress(lines: Iterator[str], ended: list[int]) -> None:
    for line in lines:
        if found := re.match(r"(\d+) of \d+ frames", line):
            ended[0] = int(found[1])
        else:
            print(line, end="", file=sys.stderr)


def _sample(driver: psutil.Process, seconds: float, ended: int) -> Sample:
    sizes = [0.0]
    for worker in driver.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            sizes.append(_private_mb(worker))
    own = _private_mb(driver)
    return Sample(seconds, ended, own, sum(sizes), max(sizes), len(sizes) - 1)


def _private_mb(process: psutil.Process) -> float:
    """Return the memory of a process without files and the pages of the object store."""
    memory = process.memory_info()
    return float(memory.rss - memory.shared) / MEBIBYTE


class Traffic(NamedTuple):
    """What passes a proxy."""

    requests: Counter[str]
    """Requests by method."""
    bodies: Counter[str]
    """Bytes of bodies, `sent` and `answered`."""

    def figures(self, frames: int) -> dict[str, float]:
        """Return requests by method, and a frame's share of requests and kilobytes."""
        return {
            **{f"requests_{name}": self.requests[name] for name in sorted(self.requests)},
            "requests_a_frame": round(self.requests.total() / frames, 3),
            "read_kb_a_frame": round(self.bodies["answered"] / frames / 1000, 3),
            "written_kb_a_frame": round(self.bodies["sent"] / frames / 1000, 3),
        }


@contextmanager
def count_traffic(proxy: Faults | None) -> Iterator[Traffic]:
    """Count what passes a proxy while the block runs."""
    requests, lock = Counter[str](), threading.Lock()

    def plan(method: str, _path: str) -> None:
        with lock:
            requests[method] += 1

    if proxy is None:
        yield Traffic(requests, Counter())
        return
    with proxy.during(plan):
        yield Traffic(requests, proxy.traffic)


def print_curve(samples: Sequence[Sample]) -> None:
    """Print what a run took, in a few rows."""
    print("      s   frames  driver MB  workers MB  largest MB  workers")
    for index in np.linspace(0, len(samples) - 1, min(CURVE_ROWS, len(samples))).astype(int):
        s = samples[index]
        print(
            f"{s.seconds:7.0f} {s.ended:8} {s.driver_mb:10.0f} {s.workers_mb:11.0f} "
            f"{s.largest_mb:11.0f} {s.workers:8}"
        )


class ManifestSize(NamedTuple):
    """Sizes of a manifest in bytes."""

    stored: int
    in_memory: int


def check_manifest(output: Path, drawn: Drawn) -> ManifestSize:
    """Check that every frame has one row and one file, each drawing made once; give its size.

    Raises:
        AssertionError: a count is wrong.
    """
    path = output / "manifest/manifest.parquet"
    table = parquet.read_table(path)
    assert table.num_rows == len(set(table["frame"].to_pylist())) == drawn.frames
    statuses = table["status"].to_pylist()
    assert statuses.count("done") == drawn.drawings
    assert statuses.count("held") == drawn.frames - drawn.drawings
    assert sum(1 for _ in (output / "frames").rglob("*.png")) == drawn.frames
    assert not list((output / "manifest").glob("_parts/*"))
    return ManifestSize(path.stat().st_size, table.nbytes)


def drill(
    folder: Path, frames: int, *, s3: Faults | None, alone: bool, keyed: bool = False
) -> dict[str, Any]:
    """Draw a film, colour it twice, print what that took, and give it in figures.

    With `s3`, all is on the server behind that proxy, which counts requests.

    Raises:
        AssertionError: a count is wrong, memory grew, or the second run read what had not changed.
    """
    started = time.monotonic()
    drawn = draw_film(
        folder / "bucket/lines", frames, keys=folder / "bucket/keys" if keyed else None
    )
    print(f"{frames} frames, {drawn.drawings} drawings: {time.monotonic() - started:.0f} s to draw")
    place = "s3://bucket" if s3 else str(folder / "bucket")
    weights = make_weights(folder / "weights")
    start = ["-c", ALONE] if alone else ["-m", "jobs.colorize"]
    command = [
        *(sys.executable, *start, "--network-size", "64", "--weights", str(weights)),
        *("--lines", f"{place}/lines", "--output", f"{place}/color"),
    ]
    if keyed:
        command += ["--keys", f"{place}/keys", "--finish", "paint", "--unknown", "placeholder"]
    with count_traffic(s3) as traffic:
        first = watch(command)
    print_curve(first.samples)
    assert first.status == 0, f"the first run ended with status {first.status}"
    manifest = check_manifest(folder / "bucket/color", drawn)
    with count_traffic(s3) as second_traffic:
        second = watch(command)
    assert second.status == 0, f"the second run ended with status {second.status}"
    assert second.summary["skipped"] == frames, f"the second run made frames: {second.summary}"
    assert check_manifest(folder / "bucket/color", drawn)
    most = SECOND_REQUESTS + frames // SECOND_FRAMES
    requests = second_traffic.requests
    assert requests.total() <= most, f"the second run made {dict(requests)}"
    most_mb = GROWTH_MB + manifest.in_memory * KEPT_ROWS / MEBIBYTE
    assert first.growth_mb <= most_mb, f"the driver grew by {first.growth_mb:.0f} MB"
    return {
        "frames": drawn.frames,
        "drawings": drawn.drawings,
        "seconds": round(first.seconds, 1),
        "frames_per_second": round(drawn.frames / first.seconds, 1),
        "driver_cpu_s": round(first.driver_cpu_s, 1),
        "driver_peak_mb": round(first.driver_peak_mb),
        "driver_growth_mb": round(first.growth_mb, 1),
        "largest_worker_mb": round(max(s.largest_mb for s in first.samples)),
        "second_seconds": round(second.seconds, 1),
        "second_driver_peak_mb": round(second.driver_peak_mb),
        **traffic.figures(drawn.frames),
        "second_requests": requests.total(),
        **{f"second_{name}": one for name, one in second_traffic.figures(drawn.frames).items()},
        "manifest_bytes": manifest.stored,
        "manifest_bytes_a_frame": round(manifest.stored / drawn.frames, 1),
    }


def main() -> int:
    """Run the drill; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--sizes", help="several lengths, with commas between")
    parser.add_argument("--s3", action="store_true", help="on an S3 server on this machine")
    parser.add_argument("--alone", action="store_true", help="in one process, without Ray")
    parser.add_argument("--keys", action="store_true", help="with a key of each shot")
    parser.add_argument("--folder", type=Path, help="where to work; else a temporary folder")
    flags = parser.parse_args()
    sizes = [int(size) for size in (flags.sizes or str(flags.frames)).split(",")]
    results = []
    with ExitStack() as stack:
        root = flags.folder or stack.enter_context(tempfile.TemporaryDirectory())
        for size in sizes:
            folder = Path(root) / f"film-{size}"
            (folder / "bucket").mkdir(parents=True)
            with ExitStack() as server:
                proxy = None
                if flags.s3:
                    server.enter_context(serve_s3(folder))
                    proxy = server.enter_context(serve_faults())
                try:
                    how = {"s3": proxy, "alone": flags.alone, "keyed": flags.keys}
                    results.append(drill(folder, size, **how))
                    print(json.dumps(results[-1]), flush=True)
                except AssertionError as error:
                    print(json.dumps({"frames": size, "wrong": str(error)}))
                    return 1
    for name in results[0]:
        print(f"{name:24}" + "".join(f"{result.get(name, 0):>12}" for result in results))
    return 0


if __name__ == "__main__":
    os.environ.pop("RAY_ADDRESS", None)
    sys.exit(main())
