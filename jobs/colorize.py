"""Colour the frames of a film. Run the same command again to finish or to take up changes.

python -m jobs.colorize --lines episode/lines --hints episode/hints --output episode/color
python -m jobs.colorize --lines s3://studio/ep01/lines --output s3://studio/ep01/color
python -m jobs.colorize --lines episode/lines --output episode/color --layers --openraster
"""

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Annotated

import tyro

from jobs.choice import FilmFlags


@dataclass(frozen=True, kw_only=True)
class Colorize:
    """Colour every line drawing of a film at its own size."""

    lines: str
    """Line drawings: image files (a folder is a shot), or Parquet with columns frame and image."""
    output: str
    """Where frames, manifest, run.json and report.html go."""
    hints: str | None = None
    """Colour hints, RGBA: <shot>.png, or <shot>/<frame>.png, which holds until the next one."""
    weights: str = "default"
    """Weights that come with the program, by name, or the address of a folder or of NAME.onnx."""
    network_size: int = 512
    """Short side of the picture that the network sees, in pixels."""
    layers: bool = False
    """Also write, below layers/, the colours without the lines, as PNG."""
    openraster: bool = False
    """Also write, below openraster/, lines and colours as layers, for Krita and GIMP."""
    choice: Annotated[FilmFlags, tyro.conf.OmitArgPrefixes] = field(default_factory=FilmFlags)


def main(flags: Colorize) -> int:
    """Run the job; give the exit status."""
    if flags.choice.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return 0
    # Imported here: --help and --dry-run do without it, and take a fraction of a second.
    from jobs.work.colorize import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Colorize)))
