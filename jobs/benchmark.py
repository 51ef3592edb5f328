"""Measure what colouring a frame costs, beside the plain way to do the same.

The parts `codec` and `compose` run on one thread, as the pipeline's workers do, and are measured in
processor time: what else the machine does at the moment counts little.

The last line on standard output is one JSON object: machine, versions, commit, figures.

python -m jobs.benchmark
python -m jobs.benchmark --parts codec,compose --repeats 9
python -m jobs.benchmark --frames episode/color
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import tyro
from PIL import Image

from lineart.codec import decode_color, decode_line, encode_png
from lineart.image import Frame, Line, Size, fit_short_side, resize
from lineart.imaging.frequency import compose, compose_literal
from lineart.sample_film import sample_film

NETWORK_SIZE_PX = 512
SIZES: dict[str, Size] = {"1080p": (1080, 1920), "4K": (2160, 3840)}
PACKAGES = ("numpy", "opencv-python-headless", "isal", "pillow", "torch", "torchvision", "ray")
PICTURES = {".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff", ".tga", ".bmp"}


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Measure the parts of the pipeline."""

    parts: str = "codec,compose"
    """Which parts, with commas between; they are the names in PARTS."""
    repeats: int = 7
    """How often everything is measured, after one run to warm up."""
    frames: Path | None = None
    """A folder of real colour pictures that take the place of the drawn ones."""
    dry_run: bool = False
    """Print the configuration and stop."""


@dataclass(frozen=True)
class Figure:
    """One measurement: what a frame costs in one way."""

    case: str
    way: str
    median_ms: float
    spread_ms: float
    """Between the quartiles of the repeats."""
    kilobytes: float | None = None
    times_as_fast: float | None = None
    """This way's time over ours: above 1 we are faster."""
    note: str = ""


class Work(NamedTuple):
    """What a frame is made of: the network's colours, and the line at full size."""

    color: Frame
    line: Line


Run = Callable[[], object]


# Parts: each gives its figures. Another part is another function and a line in PARTS.


def measure_codec(flags: Benchmark) -> list[Figure]:
    """Write composed frames and read line drawings: ours, OpenCV's, Pillow's."""
    figures = []
    for case, work in load_work(flags).items():
        frames = [compose(one.color, one.line) for one in work]
        lines = [_save_with_pillow(one.line) for one in work]
        figures += _compare(f"write {case}", _writers(frames), flags.repeats)
        figures += _compare(f"read line {case}", _readers(lines), flags.repeats)
    return figures


def measure_compose(flags: Benchmark) -> list[Figure]:
    """Compose, and compose and write: ours and Algorithm 2 of paper 001 to the letter."""
    figures = []
    for case, work in load_work(flags).items():
        pairs = [(compose(*one), compose_literal(*one)) for one in work]
        lowest = min(_psnr(ours, letter) for ours, letter in pairs)
        first, *rest = _compare(f"compose {case}", _composers(work), flags.repeats)
        figures += [replace(first, note=f"{lowest:.1f} dB against the letter"), *rest]
        figures += _compare(f"compose + write {case}", _finishers(work), flags.repeats)
    return figures


PARTS: dict[str, Callable[[Benchmark], list[Figure]]] = {
    "codec": measure_codec,
    "compose": measure_compose,
}


# What is measured.


def load_work(flags: Benchmark) -> dict[str, list[Work]]:
    """Give the frames of each case: the sample film's shots at two sizes, or a folder's pictures.

    Raises:
        ValueError: the folder holds no picture.
    """
    if flags.frames is None:
        return {name: _draw(size) for name, size in SIZES.items()}
    paths = sorted(path for path in flags.frames.rglob("*") if path.suffix.lower() in PICTURES)
    if not paths:
        raise ValueError(f"there is no picture in {flags.frames}")
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, min(6, len(paths))).astype(int)]
    pictures = [decode_color(path.read_bytes()) for path in chosen]
    return {
        name: [_work_of(picture, min(size)) for picture in pictures] for name, size in SIZES.items()
    }


def _draw(size: Size) -> list[Work]:
    """Draw one frame of each shot of the sample film; the network leaves a little noise."""
    rng = np.random.default_rng(0)
    work = []
    for frame in sample_film(size=size, frames_per_shot=1, hold=1):
        color = resize(frame.color, fit_short_side(size, NETWORK_SIZE_PX))
        noise = cv2.GaussianBlur(rng.normal(0, 3, color.shape), (0, 0), 1.0)
        noisy = np.clip(np.rint(color + noise), 0, 255).astype(np.uint8)
        work.append(Work(noisy, frame.line))
    return work


def _work_of(picture: Frame, short_side_px: int) -> Work:
    """Take a real picture for the network's colours, and its dark edges for lines."""
    size = picture.shape[0], picture.shape[1]
    large = resize(picture, fit_short_side(size, short_side_px))
    gray = cv2.GaussianBlur(cv2.cvtColor(large, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    edges = cv2.subtract(cv2.GaussianBlur(gray, (0, 0), 4.0), gray)
    line = cv2.bitwise_not(cv2.multiply(cv2.subtract(edges, 8.0), 12.0))
    return Work(resize(picture, fit_short_side(size, NETWORK_SIZE_PX)), line)


# Ways: the first is ours; the others do the same in another way.


def _writers(frames: list[Frame]) -> dict[str, Run]:
    level_1 = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return {
        "encode_png": lambda: [encode_png(frame) for frame in frames],
        "OpenCV, default": lambda: [_opencv_png(frame) for frame in frames],
        "OpenCV, level 1": lambda: [_opencv_png(frame, level_1) for frame in frames],
    }


def _readers(files: list[bytes]) -> dict[str, Run]:
    return {
        "decode_line": lambda: [decode_line(data) for data in files],
        "OpenCV": lambda: [
            cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) for data in files
        ],
        "Pillow": lambda: [np.asarray(Image.open(BytesIO(data))) for data in files],
    }


def _composers(work: list[Work]) -> dict[str, Run]:
    return {
        "compose": lambda: [compose(*one) for one in work],
        "to the letter": lambda: [compose_literal(*one) for one in work],
    }


def _finishers(work: list[Work]) -> dict[str, Run]:
    return {
        "compose + encode_png": lambda: [encode_png(compose(*one)) for one in work],
        "to the letter + OpenCV": lambda: [_opencv_png(compose_literal(*one)) for one in work],
    }


def _opencv_png(frame: Frame, options: Sequence[int] = ()) -> bytes:
    data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)[1]
    return data.tobytes()


def _save_with_pillow(line: Line) -> bytes:
    buffer = BytesIO()
    Image.fromarray(line).save(buffer, "PNG")
    return buffer.getvalue()


def _psnr(image: Frame, reference: Frame) -> float:
    error = np.mean((image.astype(np.float32) - reference) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


# Measuring.


def _compare(case: str, ways: dict[str, Run], repeats: int) -> list[Figure]:
    """Measure all ways in turn, so that a busy moment of the machine meets all of them."""
    results = {way: run() for way, run in ways.items()}  # warm up
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, run in ways.items():
            start = time.process_time()
            run()
            seconds[way].append(time.process_time() - start)
    figures = [_figure(case, way, seconds[way], results[way]) for way in ways]
    ours = figures[0].median_ms
    rest = [replace(figure, times_as_fast=figure.median_ms / ours) for figure in figures[1:]]
    return [figures[0], *rest]


def _figure(case: str, way: str, seconds: list[float], results: object) -> Figure:
    """Sum up the repeats of one way; times and sizes are those of one frame."""
    assert isinstance(results, list)
    milliseconds = [1000 * value / len(results) for value in seconds]
    median = statistics.median(milliseconds)
    quartiles = statistics.quantiles(milliseconds, n=4) if len(seconds) > 1 else [median] * 3
    are_files = isinstance(results[0], bytes)
    size = statistics.mean(len(result) for result in results) / 1000 if are_files else None
    return Figure(case, way, median, quartiles[2] - quartiles[0], size)


# Reporting.


def print_table(part: str, figures: list[Figure]) -> None:
    """Print the figures of a part."""
    print(f"\n{part}\n{'case':24} {'way':24} {'ms a frame':>11} {'spread':>7} {'KB':>7}  ours is")
    for figure in figures:
        size = f"{figure.kilobytes:.0f}" if figure.kilobytes else ""
        ratio = f"{figure.times_as_fast:.1f}x as fast" if figure.times_as_fast else figure.note
        print(
            f"{figure.case:24} {figure.way:24} {figure.median_ms:11.2f} "
            f"{figure.spread_ms:7.2f} {size:>7}  {ratio}"
        )


def describe() -> dict[str, object]:
    """Give machine, versions and commit."""
    return {
        "machine": {"cpu": _cpu_model(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {"python": platform.python_version()}
        | {name: version for name in PACKAGES if (version := _version(name))},
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def main(flags: Benchmark) -> int:
    """Run the job; give the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2, default=str))
        return 0
    unknown = set(flags.parts.split(",")) - set(PARTS)
    if unknown or flags.repeats < 1:
        wrong = f"no part is called {sorted(unknown)}" if unknown else "repeats must be positive"
        print(f"benchmark: {wrong}; parts are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    cv2.setNumThreads(1)
    parts: dict[str, list[dict[str, object]]] = {}
    for part in flags.parts.split(","):
        try:
            figures = PARTS[part](flags)
        except ValueError as error:
            print(f"benchmark: {error}", file=sys.stderr)
            return 2
        print_table(part, figures)
        parts[part] = [asdict(figure) for figure in figures]
    print(json.dumps(describe() | {"flags": asdict(flags), "parts": parts}, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Benchmark)))
