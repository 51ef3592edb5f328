"""Command that measures the speed of the pipeline's parts, next to reference implementations.

The last line of standard output is a JSON object with machine, versions, commit and figures.

    python -m jobs.benchmark
    python -m jobs.benchmark --parts codec,compose --repeats 9
    python -m jobs.benchmark --parts codec,compose --frames episode/color
    python -m jobs.benchmark --parts training --repeats 5
    python -m jobs.benchmark > before.txt; ...; python -m jobs.benchmark --compare before.txt
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Measure the speed of the pipeline's parts."""

    parts: str = "codec,compose,network,pipeline,training"
    """Parts to measure, comma-separated; default: all."""
    repeats: int = 7
    """Number of measurements, above 0, after one warm-up; for all parts but pipeline."""
    frames: Path | None = None
    """For codec and compose: folder of colour pictures; default: the sample film."""
    heights: str = "1080,2160"
    """For codec and compose: heights of the frames in pixels, comma-separated."""
    film_frames: int = 192
    """For pipeline: number of frames of the film."""
    compare: Path | None = None
    """File with the output of an earlier run; also print ratios to its figures."""
    dry_run: bool = False
    """Print the configuration and exit."""


def main(flags: Benchmark) -> int:
    """Run the job and return the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2, default=str))
        return 0
    # Imported here, so that --help and --dry-run take only a fraction of a second.
    from jobs.work.benchmark import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Benchmark)))
