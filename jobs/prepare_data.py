"""Command that filters pictures and writes them as shards; a rerun replaces the shards.

python -m jobs.prepare_data --images illustrations --output shards
python -m jobs.prepare_data --images s3://studio/art --output s3://studio/shards --short-side 640
python -m jobs.prepare_data --task drawing --images coco --layout coco_stuff \
    --targets ContourDrawing --target-layout contour_drawings --output shards
python -m jobs.prepare_data --task stylization --images photos --targets webtoon --output shards \
    --align-faces face_detection_yunet.onnx

Paper 001 also drops doodles and photographs. None of the cheap measures tried (sharpness, flat
areas, white, contrast, colour) separates them from paintings and sketches in our pictures; exclude
them by their paths.
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
    """Filter pictures and write them as shards for training and validation."""

    images: str
    """Folder or s3://bucket/prefix of image files, or Parquet files with a column image. The line
    drawing of a picture in color/ is the file of the same name in line/ beside that folder."""
    output: str
    """Folder or s3:// address for train/, validation/, refused.parquet and summary.json; with
    --targets, the first three are in source/ and in target/."""
    task: Literal["colorization", "drawing", "stylization"] = "colorization"
    """Training task: colorization needs colour pictures, drawing and stylization need photographs
    and --targets."""
    layout: LayoutName = "folder"
    """For drawing and stylization: layout of --images, see lineart/datasets/layouts.py."""
    targets: str | None = None
    """For drawing and stylization: folder or s3:// address of pictures of the style; they need not
    match --images."""
    target_layout: LayoutName = "folder"
    """Layout of --targets."""
    target_include: tuple[str, ...] = ()
    """As --include, for --targets."""
    target_exclude: tuple[str, ...] = ()
    """As --exclude, for --targets."""
    align_faces: str | None = None
    """For stylization: YuNet's ONNX file. Photographs are aligned by their largest face and cropped
    to 256 pixels; --targets are not, because YuNet does not detect drawn faces."""
    no_face: Literal["refuse", "crop"] = "refuse"
    """With --align-faces, for photographs without a face: list them in refused.parquet, or crop
    their centre."""
    depth_model: str | None = None
    """For drawing: network that estimates depth for photographs without a depth map: FILE.pt
    (TorchScript), FILE.onnx, hub:REPO:MODEL or transformers:NAME; every machine must reach it."""
    include: tuple[str, ...] = ()
    """Regular expressions; use only pictures whose path matches one of them. Default: all."""
    exclude: tuple[str, ...] = ()
    """Regular expressions; leave out pictures whose path matches one of them."""
    provenance: str | None = None
    """CSV file with columns file, licence and author; default: provenance.csv in --images, if any.
    For --targets, always their own provenance.csv."""
    licence: str | None = None
    """Regular expression; use only pictures whose licence matches it."""
    boxes: str | None = None
    """For --images: JSON file {file name: [[x0, y0, x1, y1], ...]} with boxes in pixels; each box
    becomes a picture, in place of the file."""
    group: str | None = None
    """Regular expression; pictures whose names have the same match form a group, which stays
    together in train or in validation."""
    validation: float = 0.05
    """Proportion of the groups used for validation, from 0 to below 1."""
    duplicate_distance: int = 3
    """Maximum number of differing bits, of 64, in the perceptual hashes of duplicates, up to 16;
    -1: only equal pixels count."""
    short_side: int | None = None
    """Shrink larger pictures to this short side in pixels and encode them as WebP; default: keep
    files unchanged."""
    quality: int = 95
    """With --short-side: WebP quality, 1 to 100."""
    shard_mb: int = 128
    """Approximate maximum size of a shard, in MB."""
    bounds: tyro.conf.OmitArgPrefixes[FilterBounds] = field(default_factory=FilterBounds)
    dry_run: bool = False
    """Print the configuration and exit."""


def main(flags: PrepareData) -> int:
    """Run the job and return the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return DONE
    # Imported here, so that --help and --dry-run take only a fraction of a second.
    from jobs.work.prepare_data import work

    return work(flags)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(PrepareData)))
