"""Command that evaluates weights, drawings, films or studies, and compares methods in one table.

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
    """Compute scores of pictures, drawings, films and the methods that made them."""

    output: str
    """Folder or s3:// address for scores.csv, table.csv, table.md, summary.json, contact sheets and
    report.html."""
    protocol: str = "colors"
    """Protocol: colors, paper_000, paper_001, paper_002, paper_004, film or study."""
    request: Annotated[Request, tyro.conf.OmitArgPrefixes]
    workers: int | None = None
    """Use Ray, with at most this many processes; default: use Ray for more than 16 pictures, or if
    RAY_ADDRESS is set, on all CPUs."""
    dry_run: bool = False
    """Print the configuration and exit."""


def main(flags: Evaluate) -> int:
    """Run the job and return the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return ALL_DONE
    # Imported here, so that --help and --dry-run take only a fraction of a second.
    from jobs.work.evaluate import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Evaluate)))
