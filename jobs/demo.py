"""Command that draws the sample film, colours it with the included weights and writes its page.

python -m jobs.demo
python -m jobs.demo --output /tmp/demo --frames-per-shot 48
"""

import json
import sys
from dataclasses import asdict, dataclass

import tyro


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Draw the sample film and colour it."""

    output: str = "demo"
    """Folder or s3:// address: drawings go to lines/ and hints/, frames to color/."""
    width: int = 1920
    """Width of the frames, in pixels."""
    height: int = 1080
    """Height of the frames, in pixels."""
    frames_per_shot: int = 24
    """Number of frames of each of the three shots."""
    hold: int | None = None
    """Number of frames for which a drawing is shown; default: 2, 3 and 1 in the three shots."""
    seed: int = 0
    """Seed of the film's content, from 0."""
    dry_run: bool = False
    """Print the configuration and exit."""


def main(flags: Demo) -> int:
    """Run the job and return the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return 0
    # Imported here, so that --help and --dry-run take only a fraction of a second.
    from jobs.work.demo import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Demo)))
