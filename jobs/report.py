"""Command that writes the HTML page of a film, a training, a comparison of drawings or a study.

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

from lineart.imaging import RADIUS_PX

ALL_DONE, WRONG_INPUT, SOME_FAILED, INTERRUPTED = 0, 2, 3, 130


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write a page, or videos, for one of --film, --training, --difference and --study."""

    film: str | None = None
    """Output of jobs.colorize or jobs.translate."""
    training: str | None = None
    """Run folder of jobs.train."""
    difference: tuple[str, str] | None = None
    """Two sets of drawings, whose differences are shown in red and blue: folders of pictures, or
    outputs of jobs.translate."""
    study: tuple[str, str] | None = None
    """Two such sets, for a page that asks people which drawing they prefer."""
    output: str | None = None
    """Folder or s3:// address for the page; default: the folder of --film or --training; the other
    two require it."""
    lines: str | None = None
    """With --film: folder of the source pictures, if they have moved since the run."""
    video: bool = False
    """With --film: write no page, but a video of each shot and of the film; default folder:
    video/ in that of --film."""
    fps: float = 24.0
    """With --video: frames per second."""
    side_by_side: bool = False
    """With --video: show the source pictures beside the frames."""
    shots: str | None = None
    """With --video: shots to show, comma-separated, without a video of the film; default: all."""
    data: str | None = None
    """With --training: shards of the training, to show refused pictures; default: from run.json."""
    photos: str | None = None
    """With --study: photographs of the drawings."""
    radius: float = RADIUS_PX
    """With --difference: pixels by which equal lines may differ in position, at a short side of
    512."""
    dry_run: bool = False
    """Print the configuration and exit."""


def main(flags: Report) -> int:
    """Run the job and return the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return ALL_DONE
    # Imported here, so that --help and --dry-run take only a fraction of a second.
    from jobs.work.report import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Report)))
