"""Command that turns photographs into line drawings or another style; run again, it continues.

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
    """Translate all photographs of a folder or bucket, each at its own size."""

    images: str
    """Folder or s3:// address of photographs: image files (a folder is a shot), or Parquet files
    with columns frame and image."""
    output: str
    """Folder or s3:// address for frames, manifest, run.json and report.html."""
    weights: str = "drawing"
    """Name of included weights (drawing: ink line drawings), or address of a folder of weights, as
    written by jobs.train, or of an ONNX file NAME.onnx."""
    size: int | None = None
    """Short side of the network input in pixels, 64 to 4096; default: the only size the weights
    take, else 256 for faces and 512 otherwise. Smaller photographs are not enlarged to it, unless
    the weights take only one size."""
    align_faces: str | None = None
    """YuNet's ONNX file: raise the contrast, and translate only the largest face, upright and
    cropped to a square of --size pixels."""
    attention: bool = False
    """Also write the network's attention over the photographs, below attention/."""
    choice: Annotated[FilmFlags, tyro.conf.OmitArgPrefixes] = field(default_factory=FilmFlags)


def main(flags: Translate) -> int:
    """Run the job and return the exit status."""
    if flags.choice.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return 0
    # Imported here, so that --help and --dry-run take only a fraction of a second.
    from jobs.work.translate import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Translate)))
