"""Draw the sample film, colour it with the included weights, and leave a page to look at.

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
    """Of a frame, in pixels."""
    height: int = 1080
    """Of a frame, in pixels."""
    frames_per_shot: int = 24
    """Length of each of the three shots."""
    hold: int | None = None
    """Frames that show one drawing; without it, each shot has its own timing."""
    seed: int = 0
    """Another seed draws another film."""
    s3: bool = False
    """Keep everything in an S3 server that runs meanwhile, on loopback, over the output folder."""
    dry_run: bool = False
    """Print the configuration and stop."""


def main(flags: Demo) -> int:
    """Run the job; give the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return 0
    # Imported here: --help and --dry-run do without it, and take a fraction of a second.
    from jobs.work.demo import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Demo)))
