"""Command that colours a film; run again, it makes frames that are missing or outdated.

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
    """Colour all line drawings of a film, each at its own size."""

    lines: str
    """Folder or s3:// address of line drawings: image files (a folder is a shot), or Parquet files
    with columns frame and image."""
    output: str
    """Folder or s3:// address for frames, manifest, run.json and report.html."""
    hints: str | None = None
    """Folder or s3:// address of colour hints, RGBA images: <shot>.png for a shot, and
    <shot>/<frame>.png from that frame until the next one."""
    weights: str = "default"
    """Name of included weights, or address of a folder of weights or of an ONNX file NAME.onnx."""
    network_size: int = 512
    """Short side of the network input in pixels, 64 to 4096."""
    layers: bool = False
    """Also write the colours without the lines as PNG, below layers/."""
    openraster: bool = False
    """Also write lines and colours as layers of OpenRaster files, for Krita and GIMP, below
    openraster/."""
    choice: Annotated[FilmFlags, tyro.conf.OmitArgPrefixes] = field(default_factory=FilmFlags)


def main(flags: Colorize) -> int:
    """Run the job and return the exit status."""
    if flags.choice.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return 0
    # Imported here, so that --help and --dry-run take only a fraction of a second.
    from jobs.work.colorize import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Colorize)))
