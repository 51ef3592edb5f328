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
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Literal, NamedTuple

import tyro

from lineart.cluster import start_ray, stop_ray
from lineart.datasets.bounds import Bounds
from lineart.datasets.encoding import Shrinking
from lineart.datasets.layouts import LAYOUTS, Finder, LayoutName, find_colored
from lineart.datasets.pages import (
    Offer,
    Page,
    check_pattern,
    list_pages,
    read_boxes,
    read_provenance,
)
from lineart.datasets.preparation import Settings, Summary, prepare
from lineart.datasets.runners import OnRay, Runner
from lineart.datasets.tasks import Faces, Preparing
from lineart.storage import Storage, read_file

DONE, WRONG_INPUT, INTERRUPTED = 0, 2, 130

PROVENANCE, SUMMARY = "provenance.csv", "summary.json"

SOURCE, TARGET = "source", "target"


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
    bounds: tyro.conf.OmitArgPrefixes[Bounds] = field(default_factory=Bounds)
    dry_run: bool = False
    """Print the configuration and stop."""


class PictureSet(NamedTuple):
    """One prepared set to make."""

    name: str
    """Its folder below the output; none where there is one set."""
    images: Storage
    pages: list[Page]
    settings: Settings


def main(flags: PrepareData) -> int:
    """Run the job; give the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return DONE
    try:
        check_task(flags)
        output = Storage.at(flags.output)
        summary = run(read_sets(flags, output), output)
    except (ValueError, OSError) as error:
        print(f"prepare_data: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("prepare_data: stopped; no set is half replaced", file=sys.stderr)
        return INTERRUPTED
    record = summary | {"flags": asdict(flags)}
    output.write(SUMMARY, json.dumps(record, indent=1).encode())
    output.sweep()
    print(json.dumps(summary))
    return DONE


def run(sets: Sequence[PictureSet], output: Storage) -> dict[str, object]:
    """Make the sets on Ray; give what became of their pictures, by set if there are several."""
    try:
        on_ray = OnRay(start_ray())
        # Ray has a handler of its own; `ray job stop` must end a run as Ctrl-C does.
        signal.signal(signal.SIGTERM, _interrupt)
        summaries = {item.name: asdict(make(item, output, on_ray)) for item in sets}
    finally:
        stop_ray()
    return summaries[""] if "" in summaries else dict(summaries)


def make(item: PictureSet, output: Storage, runner: Runner) -> Summary:
    """Make one set."""
    where = output.child(item.name) if item.name else output
    tell = _printer(item.name)
    summary = prepare(item.images, where, item.pages, item.settings, runner, tell=tell)
    where.sweep()
    return summary


def check_task(flags: PrepareData) -> None:
    """Make sure that the flags belong to the task.

    Raises:
        ValueError: one does not, or one is missing.
    """
    unpaired, drawing, stylization = ("drawing", "stylization"), ("drawing",), ("stylization",)
    for flag, is_given, tasks in (
        ("--targets", flags.targets is not None, unpaired),
        ("--layout", flags.layout != "folder", unpaired),
        ("--target-layout", flags.target_layout != "folder", unpaired),
        ("--target-include", bool(flags.target_include), unpaired),
        ("--target-exclude", bool(flags.target_exclude), unpaired),
        ("--align-faces", flags.align_faces is not None, stylization),
        ("--no-face", flags.no_face != "refuse", stylization),
        ("--depth-model", flags.depth_model is not None, drawing),
    ):
        if is_given and flags.task not in tasks:
            raise ValueError(f"{flag} is for --task {' and '.join(tasks)}, not for {flags.task}")
    if flags.task in unpaired and flags.targets is None:
        raise ValueError(f"--task {flags.task} needs --targets, the pictures of the style")
    if flags.no_face == "crop" and flags.align_faces is None:
        raise ValueError("--no-face crop needs --align-faces, the model that looks for faces")


def read_sets(flags: PrepareData, output: Storage) -> list[PictureSet]:
    """Give the sets that the flags describe, models tried and pages listed.

    Raises:
        ValueError: a flag, a model or a file is not as it should be, or there are no pictures.
        FileNotFoundError: pictures, a model or a file are not there.
    """
    settings, images = read_settings(flags), Storage.at(flags.images)
    find = find_colored if flags.targets is None else LAYOUTS[flags.layout].source
    pages = read_pages(flags, images, output, find)
    settings.preparing.check()
    if flags.targets is None:
        return [PictureSet("", images, pages, settings)]
    of_style = replace(flags, include=flags.target_include, exclude=flags.target_exclude)
    of_style = replace(of_style, provenance=None, boxes=None)
    styles = Storage.at(flags.targets)
    style_pages = read_pages(of_style, styles, output, find_styles(flags.target_layout))
    plain = replace(settings, preparing=Preparing(settings.preparing.shrinking))
    return [
        PictureSet(SOURCE, images, pages, settings),
        PictureSet(TARGET, styles, style_pages, plain),
    ]


def find_styles(layout: LayoutName) -> Finder:
    """Give what finds the pictures of a style.

    Raises:
        ValueError: the layout has none.
    """
    find = LAYOUTS[layout].target
    if find is None:
        have = ", ".join(name for name, known in LAYOUTS.items() if known.target)
        raise ValueError(f"--target-layout {layout} holds photographs alone; give one of {have}")
    return find


def read_settings(flags: PrepareData) -> Settings:
    """Give what the flags decide.

    Raises:
        ValueError: a flag cannot be read or is out of range.
    """
    for pattern in filter(None, (flags.licence, flags.group)):
        check_pattern(pattern)
    if not 0 <= flags.validation < 1:
        raise ValueError(f"--validation is a share from 0 to below 1, not {flags.validation}")
    if not -1 <= flags.duplicate_distance <= 16:
        raise ValueError(f"--duplicate-distance is -1 to 16, not {flags.duplicate_distance}")
    if flags.shard_mb < 1 or (flags.short_side or 1) < 1 or not 1 <= flags.quality <= 100:
        raise ValueError("--shard-mb and --short-side are positive, --quality is 1 to 100")
    shrinking = None if flags.short_side is None else Shrinking(flags.short_side, flags.quality)
    model = None if flags.align_faces is None else read_file(flags.align_faces)
    faces = None if model is None else Faces(model, crop_others=flags.no_face == "crop")
    return Settings(
        bounds=flags.bounds.of(flags.task),
        licence=flags.licence,
        group=flags.group,
        validation=flags.validation,
        max_distance=flags.duplicate_distance,
        preparing=Preparing(shrinking, faces, flags.depth_model),
        shard_bytes=flags.shard_mb * 1_000_000,
    )


def read_pages(flags: PrepareData, images: Storage, output: Storage, find: Finder) -> list[Page]:
    """List what the flags include.

    Raises:
        FileNotFoundError: the images, or a file that a flag names, are not there.
        ValueError: there is nothing, a file cannot be read, or the output is not apart.
    """
    if images.contains(output) or output.contains(images):
        raise ValueError(f"images and output must be apart: {images.uri}, {output.uri}")
    images.check()
    provenance = None
    if flags.provenance is not None:
        provenance = read_provenance(read_file(flags.provenance))
    elif images.exists(PROVENANCE):
        provenance = read_provenance(images.read(PROVENANCE))
    boxes = None if flags.boxes is None else read_boxes(read_file(flags.boxes))
    pages = list_pages(images, Offer(flags.include, flags.exclude, boxes, provenance, find))
    if flags.licence is not None and not any(page.licence for page in pages):
        raise ValueError("--licence needs licences: a --provenance, or a column of Parquet files")
    return pages


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _printer(name: str) -> Callable[[str, int, int], None]:
    """Give a function that prints a set's progress every ten seconds, and when all is done."""
    printed_at, prefix = time.monotonic(), f"{name}: " if name else ""

    def tell(what: str, done: int, total: int) -> None:
        nonlocal printed_at
        now = time.monotonic()
        if done == total or now - printed_at >= 10:
            printed_at = now
            print(f"{prefix}{what}: {done} of {total}", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    sys.exit(main(tyro.cli(PrepareData)))
