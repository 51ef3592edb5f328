"""Judge weights, drawings and films, each by a protocol; several ways in one table.

python -m jobs.evaluate --data shards/validation --output scores
python -m jobs.evaluate --weights new=runs/new/weights,default --data shards/validation \
    --protocol paper_001 --output scores
python -m jobs.evaluate --protocol film --data episode/color --lines episode/lines --output scores
"""

import json
import sys
from dataclasses import asdict, dataclass
from typing import Annotated

import tyro

from lineart.evaluation.request import Request

ALL_DONE, WRONG_INPUT, SOME_FAILED, INTERRUPTED = 0, 2, 3, 130


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Score pictures, drawings or a film, and ways to make them."""

    output: str
    """Where scores.csv, table.csv, table.md, summary.json, sheets and report.html go."""
    protocol: str = "colors"
    """colors, paper_000, paper_001, paper_002, paper_004, film or study: how to judge."""
    request: Annotated[Request, tyro.conf.OmitArgPrefixes]
    workers: int | None = None
    """Judge on Ray, in at most so many processes; without it only what is much."""
    dry_run: bool = False
    """Print the configuration and stop."""


def main(flags: Evaluate) -> int:
    """Run the job; give the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return ALL_DONE
    # Imported here: --help and --dry-run do without it, and take a fraction of a second.
    from jobs.work.evaluate import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Evaluate)))
