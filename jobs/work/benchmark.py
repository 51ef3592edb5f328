"""Implementation of `jobs.benchmark`: measures the parts and prints their figures."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict

from jobs.benchmark import Benchmark
from jobs.work.machine import describe
from lineart.benchmark.film import measure_pipeline
from lineart.benchmark.network import measure_network
from lineart.benchmark.pixels import measure_codec, measure_compose
from lineart.benchmark.timing import Figure, compare_runs, differences, read_earlier
from lineart.benchmark.training import measure_training
from lineart.device import use_one_thread

PARTS: dict[str, Callable[[Benchmark], list[Figure]]] = {
    "codec": lambda flags: measure_codec(flags.frames, flags.repeats, read_heights(flags)),
    "compose": lambda flags: measure_compose(flags.frames, flags.repeats, read_heights(flags)),
    "network": lambda flags: measure_network(flags.repeats),
    "pipeline": lambda flags: measure_pipeline(flags.film_frames),
    "training": lambda flags: measure_training(flags.repeats),
}


def read_heights(flags: Benchmark) -> list[int]:
    """Parse the heights of frames in pixels; raise ValueError if they are not numbers above 0."""
    heights = [int(height) for height in flags.heights.split(",")]
    if min(heights) < 1:
        raise ValueError(f"--heights {flags.heights!r} must be numbers above 0")
    return heights


def print_table(part: str, figures: list[Figure]) -> None:
    """Print the figures of a part as a table."""
    print(f"\n{part}\n{'case':30} {'way':24} {'ms a frame':>11} {'spread':>7} {'KB':>7}  ours is")
    for figure in figures:
        size = f"{figure.kilobytes:.0f}" if figure.kilobytes else ""
        ratio = f"{figure.times_as_fast:.1f}x as fast" if figure.times_as_fast else figure.note
        print(
            f"{figure.case:30} {figure.way:24} {figure.median_ms:11.2f} "
            f"{figure.spread_ms:7.2f} {size:>7}  {ratio}"
        )


def work(flags: Benchmark) -> int:
    """Measure, print tables and one line of JSON, and return the exit status."""
    use_one_thread()
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
    """Measure the parts and print each when it is done.

    Raises:
        ValueError: a flag is invalid.
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
