"""Turn photographs into line drawings, or into another style. The same command again goes on.

python -m jobs.translate --images photos --output drawings
python -m jobs.translate --images photos --output webtoon --weights runs/ugatit/weights \
    --align-faces yunet.onnx --attention
"""

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Annotated

import tyro

from jobs.choice import FilmFlags


@dataclass(frozen=True, kw_only=True)
class Translate:
    """Translate every photograph of a folder, a bucket or a film at its own size."""

    images: str
    """Photographs: image files (a folder is a shot), or Parquet with columns frame and image."""
    output: str
    """Where frames, manifest, run.json and report.html go."""
    weights: str = "drawing"
    """Name of included weights (drawing: ink line drawings), or the address of a folder of weights,
    such as a training leaves."""
    size: int | None = None
    """Short side of the network's picture in pixels: 512, 256 for faces, or all the weights take.
    A smaller photograph is not enlarged to it, unless the weights take one size alone."""
    align_faces: str | None = None
    """YuNet's ONNX file: raise the contrast, and translate the largest face, upright, alone."""
    attention: bool = False
    """Also show, below attention/, where the network looks."""
    choice: Annotated[FilmFlags, tyro.conf.OmitArgPrefixes] = field(default_factory=FilmFlags)


def main(flags: Translate) -> int:
    """Run the job; give the exit status."""
    if flags.choice.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return 0
    # Imported here: --help and --dry-run do without it, and take a fraction of a second.
    from jobs.work.translate import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Translate)))
