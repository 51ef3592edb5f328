"""Filter pictures and pack them for training. Run again, it replaces what it left before.

python -m jobs.prepare_data --images illustrations --output shards
python -m jobs.prepare_data --images s3://studio/art --output s3://studio/shards --short-side 640
python -m jobs.prepare_data --task drawing --images coco --layout coco_stuff \
    --targets ContourDrawing --target-layout contour_drawings --output shards
python -m jobs.prepare_data --task stylization --images photos --targets webtoon --output shards \
    --align-faces face_detection_yunet.onnx

Paper 001 also drops doodles and photographs. No cheap measure told them from paintings and sketches
on the pictures we have (sharpness, flat areas, white, contrast, colour), so those must be excluded
by their paths.
"""

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Literal

import tyro

from lineart.datasets.filter_bounds import FilterBounds
from lineart.datasets.layouts import LayoutName

DONE, WRONG_INPUT, INTERRUPTED = 0, 2, 130


@dataclass(frozen=True, kw_only=True)
class PrepareData:
    """Filter pictures and pack them as shards, for training and for validation."""

    images: str
    """Image files, or Parquet with a column image: a folder or s3://bucket/prefix. Where a picture
    lies in color/, line/ beside it holds its line drawing by the same name."""
    output: str
    """Where train/, validation/, refused.parquet and summary.json go. Drawing and stylization have
    two such sets, source/ and target/."""
    task: Literal["colorization", "drawing", "stylization"] = "colorization"
    """What the pictures are for: colour pictures alone, or photographs and pictures of a style."""
    layout: LayoutName = "folder"
    """How the photographs lie in --images; lineart/datasets/layouts.py describes each layout."""
    targets: str | None = None
    """For drawing and stylization: pictures of the style, which need not belong to --images."""
    target_layout: LayoutName = "folder"
    """How they lie in --targets."""
    target_include: tuple[str, ...] = ()
    """As --include, for --targets."""
    target_exclude: tuple[str, ...] = ()
    """As --exclude, for --targets."""
    align_faces: str | None = None
    """For stylization: YuNet's ONNX file. Photographs are aligned by their largest face and cropped
    to 256 pixels. It does not find drawn faces, so that --targets stay as they are."""
    no_face: Literal["refuse", "crop"] = "refuse"
    """What becomes of a photograph without a face: a row of refused.parquet, or its middle."""
    depth_model: str | None = None
    """For drawing: the network that gives photographs their depth where no map does. FILE.pt
    (TorchScript), FILE.onnx, hub:REPO:MODEL or transformers:NAME; every machine must reach it."""
    include: tuple[str, ...] = ()
    """Only pictures in whose path one of these regular expressions is found."""
    exclude: tuple[str, ...] = ()
    """No pictures in whose path one of these regular expressions is found."""
    provenance: str | None = None
    """Table with columns file, licence, author; else the images' own provenance.csv, if any. The
    targets have their own."""
    licence: str | None = None
    """Only pictures in whose licence this regular expression is found."""
    boxes: str | None = None
    """JSON, {file name: [[x0, y0, x1, y1], ...]}: each box of these is a picture of its own."""
    group: str | None = None
    """Regular expression; pictures in whose names it finds the same stay together on one side."""
    validation: float = 0.05
    """Share of the groups that is for validation."""
    duplicate_distance: int = 3
    """Bits of 64 in which the perceptual hash of a duplicate may differ; -1: equal pixels alone."""
    short_side: int | None = None
    """Shrink larger pictures to this and encode them as WebP; otherwise files stay as they are."""
    quality: int = 95
    """Quality of that WebP, 1 to 100."""
    shard_mb: int = 128
    """Size of a shard, about."""
    bounds: tyro.conf.OmitArgPrefixes[FilterBounds] = field(default_factory=FilterBounds)
    dry_run: bool = False
    """Print the configuration and stop."""


def main(flags: PrepareData) -> int:
    """Run the job; give the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return DONE
    # Imported here: --help and --dry-run do without it, and take a fraction of a second.
    from jobs.work.prepare_data import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(PrepareData)))
