"""Measure what colouring a frame costs, beside the plain way to do the same.

The last line on standard output is one JSON object: machine, versions, commit, figures.

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
    """Measure the parts of the pipeline."""

    parts: str = "codec,compose,network,pipeline,training"
    """Which parts, with commas between; without it all."""
    repeats: int = 7
    """How often everything is measured, after one run to warm up."""
    frames: Path | None = None
    """A folder of real colour pictures, for codec and compose in place of the drawn ones."""
    heights: str = "1080,2160"
    """Heights of the frames of codec and compose in pixels, with commas between."""
    film_frames: int = 192
    """Length of the film of the part pipeline."""
    compare: Path | None = None
    """What an earlier run printed; ratios against it are printed, too."""
    dry_run: bool = False
    """Print the configuration and stop."""


def main(flags: Benchmark) -> int:
    """Run the job; give the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2, default=str))
        return 0
    # Imported here: --help and --dry-run do without it, and take a fraction of a second.
    from jobs.work.benchmark import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Benchmark)))
