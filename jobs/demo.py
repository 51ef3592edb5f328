"""Draw the sample film, colour it with the included weights, and leave a page to look at.

python -m jobs.demo
python -m jobs.demo --output /tmp/demo --frames-per-shot 48
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro

from jobs.colorize import Colorize
from jobs.colorize import main as colorize
from jobs.films import PAGE
from lineart.codec import encode_png
from lineart.local_s3 import serve_s3
from lineart.sample_film import SampleFrame, sample_film
from lineart.storage import Storage

BUCKET = "demo"


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
    if not flags.s3:
        return run(flags, Storage.at(flags.output))
    folder = Path(flags.output)
    folder.mkdir(parents=True, exist_ok=True)
    with serve_s3(folder):
        import boto3

        boto3.client("s3").create_bucket(Bucket=BUCKET)
        return run(flags, Storage.at(f"s3://{BUCKET}"))


def run(flags: Demo, root: Storage) -> int:
    """Draw and colour the film below `root`; give the exit status."""
    film = sample_film(
        size=(flags.height, flags.width),
        frames_per_shot=flags.frames_per_shot,
        hold=flags.hold,
        seed=flags.seed,
    )
    print(f"drawing the sample film below {root.uri}", file=sys.stderr)
    for path, picture in _files(film):
        root.write(path, picture)
    status = colorize(
        Colorize(
            lines=root.child("lines").uri,
            hints=root.child("hints").uri,
            output=root.child("color").uri,
        )
    )
    print(f"look at {root.child('color').uri}/{PAGE}", file=sys.stderr)
    return status


def _files(film: Iterator[SampleFrame]) -> Iterator[tuple[str, bytes]]:
    """Give the drawings and hints as files; held drawings are encoded once."""
    last, png = None, b""
    for frame in film:
        name = f"{frame.shot}/f{frame.number:04}.png"
        if frame.line is not last:
            last, png = frame.line, encode_png(frame.line)
        yield f"lines/{name}", png
        if frame.hint is not None:
            yield f"hints/{name}", encode_png(frame.hint)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Demo)))
