"""Leave a page to look at: of a film, a training, two sets of drawings, or a study of them.

python -m jobs.report --film episode/color
python -m jobs.report --film episode/color --video --side-by-side
python -m jobs.report --training runs/small --data shards
python -m jobs.report --difference drawings/baseline drawings/ours --output drawings/difference
python -m jobs.report --study drawings/baseline drawings/ours --photos photos --output study
"""

import json
import sys
from dataclasses import asdict, dataclass

import tyro

from lineart.imaging.radius import RADIUS_PX

ALL_DONE, WRONG_INPUT, SOME_FAILED, INTERRUPTED = 0, 2, 3, 130


@dataclass(frozen=True, kw_only=True)
class Report:
    """Leave a page to look at; say of what with one of the first four flags."""

    film: str | None = None
    """What jobs.colorize or jobs.translate left."""
    training: str | None = None
    """What jobs.train left."""
    difference: tuple[str, str] | None = None
    """Two sets of drawings, whose differences are shown in red and blue: folders of pictures, or
    what jobs.translate left."""
    study: tuple[str, str] | None = None
    """Two such sets, to ask people which drawing they prefer."""
    output: str | None = None
    """Where the page goes; without it, beside what --film or --training names."""
    lines: str | None = None
    """With --film: where the pictures are that it was made of, if not where they were."""
    video: bool = False
    """With --film: write videos, of each shot and of the film, below video/, and no page."""
    fps: float = 24.0
    """With --video: frames a second."""
    side_by_side: bool = False
    """With --video: the pictures beside the frames made of them."""
    shots: str | None = None
    """With --video: only these shots, with commas between."""
    data: str | None = None
    """With --training: the shards that it learned from, to show what was refused."""
    photos: str | None = None
    """With --study: the photographs that the drawings are of."""
    radius: float = RADIUS_PX
    """With --difference: pixels that a line may have moved, for a short side of 512."""
    dry_run: bool = False
    """Print the configuration and stop."""


def main(flags: Report) -> int:
    """Run the job; give the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return ALL_DONE
    # Imported here: --help and --dry-run do without it, and take a fraction of a second.
    from jobs.work.report import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Report)))
