"""Measure what colouring a frame costs, beside the plain way to do the same.

The last line on standard output is one JSON object: machine, versions, commit, figures.

    python -m jobs.benchmark
    python -m jobs.benchmark --parts codec,compose --repeats 9
    python -m jobs.benchmark --parts codec,compose --frames episode/color
    python -m jobs.benchmark --parts training --repeats 5
    python -m jobs.benchmark > before.txt; ...; python -m jobs.benchmark --compare before.txt
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import cv2
import tyro

from lineart.benchmark.comparison import compare_runs, differences, read_earlier
from lineart.benchmark.film import measure_pipeline
from lineart.benchmark.network import measure_network
from lineart.benchmark.pixels import measure_codec, measure_compose
from lineart.benchmark.timing import Figure
from lineart.benchmark.training import measure_training

PACKAGES = ("numpy", "opencv-python-headless", "isal", "pillow", "torch", "torchvision", "ray")


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Measure the parts of the pipeline."""

    parts: str = "codec,compose,network,pipeline,training"
    """Which parts, with commas between; they are the names in PARTS."""
    repeats: int = 7
    """How often everything is measured, after one run to warm up."""
    frames: Path | None = None
    """A folder of real colour pictures, for codec and compose in place of the drawn ones."""
    film_frames: int = 192
    """Length of the film of the part pipeline."""
    compare: Path | None = None
    """What an earlier run printed; ratios against it are printed, too."""
    dry_run: bool = False
    """Print the configuration and stop."""


PARTS: dict[str, Callable[[Benchmark], list[Figure]]] = {
    "codec": lambda flags: measure_codec(flags.frames, flags.repeats),
    "compose": lambda flags: measure_compose(flags.frames, flags.repeats),
    "network": lambda flags: measure_network(flags.repeats),
    "pipeline": lambda flags: measure_pipeline(flags.film_frames),
    "training": lambda flags: measure_training(flags.repeats),
}


def print_table(part: str, figures: list[Figure]) -> None:
    """Print the figures of a part."""
    print(f"\n{part}\n{'case':30} {'way':24} {'ms a frame':>11} {'spread':>7} {'KB':>7}  ours is")
    for figure in figures:
        size = f"{figure.kilobytes:.0f}" if figure.kilobytes else ""
        ratio = f"{figure.times_as_fast:.1f}x as fast" if figure.times_as_fast else figure.note
        print(
            f"{figure.case:30} {figure.way:24} {figure.median_ms:11.2f} "
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
    cv2.setNumThreads(1)
    try:
        earlier = None if flags.compare is None else read_earlier(flags.compare.read_text())
        parts = measure(flags)
    except (ValueError, OSError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    told = describe() | {"flags": asdict(flags), "parts": parts}
    if earlier is not None:
        print("", *compare_runs(earlier, parts), *differences(earlier, told), sep="\n")
    print(json.dumps(told, default=_plain))
    return 0


def measure(flags: Benchmark) -> dict[str, list[Figure]]:
    """Measure part by part, and print each as it comes.

    Raises:
        ValueError: a flag is wrong.
    """
    chosen = flags.parts.split(",")
    if unknown := set(chosen) - set(PARTS):
        raise ValueError(f"no part is called {sorted(unknown)}; parts are {', '.join(PARTS)}")
    if flags.repeats < 1:
        raise ValueError("repeats must be positive")
    parts = {}
    for part in chosen:
        parts[part] = PARTS[part](flags)
        print_table(part, parts[part])
    return parts


def _plain(value: object) -> object:
    return asdict(value) if isinstance(value, Figure) else str(value)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Benchmark)))
