"""Command that measures the speed of the pipeline's parts, next to reference implementations.

The last line of standard output is a JSON object with machine, versions, commit and figures.

    lineart benchmark
    lineart benchmark --parts codec compose --repeats 9
    lineart benchmark --parts codec compose --frames episode/color
    lineart benchmark --parts training --repeats 5
    lineart benchmark > before.txt; ...; lineart benchmark --compare before.txt
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lineart.jobs.command import DryRun, parse, run_command

if TYPE_CHECKING:
    from lineart.benchmark.timing import Figure

Part = Literal["codec", "compose", "network", "pipeline", "training"]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Measure the speed of the pipeline's parts."""

    parts: tuple[Part, ...] = ("codec", "compose", "network", "pipeline", "training")
    """Parts to measure."""
    repeats: int = 7
    """Number of measurements, above 0, after one warm-up; for all parts but pipeline."""
    frames: Path | None = None
    """For codec and compose: folder of colour pictures; default: the sample film."""
    heights: tuple[int, ...] = (1080, 2160)
    """For codec and compose: heights of the frames in pixels."""
    film_frames: int = 192
    """For pipeline: number of frames of the film."""
    compare: Path | None = None
    """File with the output of an earlier run; also print ratios to its figures."""
    dry_run: DryRun = False


def main(flags: Benchmark) -> int:
    """Run the command and return its exit status."""
    return run_command("benchmark", flags, benchmark, if_stopped="stopped")


def benchmark(flags: Benchmark) -> dict[str, Any]:
    """Measure the parts, print each as a table when it is done, and return all figures."""
    from lineart.benchmark.timing import compare_runs, differences, read_earlier
    from lineart.runtime.device import use_one_thread
    from lineart.runtime.environment import describe_environment

    if flags.repeats < 1:
        raise ValueError(f"--repeats {flags.repeats} must be above 0")
    if min(flags.heights, default=0) < 1:
        raise ValueError(f"--heights {flags.heights} must be numbers above 0")
    use_one_thread()
    earlier = None if flags.compare is None else read_earlier(flags.compare.read_text())
    parts: dict[str, list[Figure]] = {}
    for part in flags.parts:
        parts[part] = measure(part, flags)
        print_table(part, parts[part])
    figures = {part: [asdict(figure) for figure in one] for part, one in parts.items()}
    result = describe_environment() | {"flags": asdict(flags), "parts": figures}
    if earlier is not None:
        print("", *compare_runs(earlier, parts), *differences(earlier, result), sep="\n")
    return result


def measure(part: Part, flags: Benchmark) -> list[Figure]:
    """Measure a part; raises as `benchmark`."""
    from lineart.benchmark.film import measure_pipeline
    from lineart.benchmark.network import measure_network
    from lineart.benchmark.pixels import measure_codec, measure_compose
    from lineart.benchmark.training import measure_training

    match part:
        case "codec":
            return measure_codec(flags.frames, flags.repeats, flags.heights)
        case "compose":
            return measure_compose(flags.frames, flags.repeats, flags.heights)
        case "network":
            return measure_network(flags.repeats)
        case "pipeline":
            return measure_pipeline(flags.film_frames)
        case "training":
            return measure_training(flags.repeats)


def print_table(part: str, figures: list[Figure]) -> None:
    """Print the figures of a part as a table."""
    print(
        f"\n{part}\n{'case':30} {'method':24} {'ms a frame':>11} {'spread':>7} {'KB':>7}  ours is"
    )
    for figure in figures:
        size = f"{figure.kilobytes:.0f}" if figure.kilobytes else ""
        ratio = f"{figure.times_as_fast:.1f}x as fast" if figure.times_as_fast else figure.note
        print(
            f"{figure.case:30} {figure.method:24} {figure.median_ms:11.2f} "
            f"{figure.spread_ms:7.2f} {size:>7}  {ratio}"
        )


if __name__ == "__main__":
    sys.exit(main(parse(Benchmark, "benchmark")))
