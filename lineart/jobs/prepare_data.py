"""Command that filters pictures and writes them as shards; a rerun replaces the shards.

lineart prepare_data colorization --images illustrations --output shards
lineart prepare_data colorization --images s3://studio/art --output s3://studio/shards \
    --short-side 640
lineart prepare_data drawing --images coco --layout coco_stuff \
    --targets ContourDrawing --target-layout contour_drawings --output shards
lineart prepare_data keys --images frames --output shards
lineart prepare_data stylization --images photos --targets webtoon --output shards \
    --align-faces face_detection_yunet.onnx

Paper 001 also drops doodles and photographs. None of the cheap measures tried (sharpness, flat
areas, white, contrast, colour) separates them from paintings and sketches in our pictures; exclude
them by their paths.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from tyro.conf import subcommand

from lineart.datasets.filter_bounds import FilterBounds
from lineart.datasets.layouts import LAYOUTS, Finder, LayoutName, find_colored
from lineart.jobs.command import DryRun, ProgressClock, parse, run_command, say
from lineart.jobs.key_data import KeysData, find_sources, make_pairs

if TYPE_CHECKING:
    from lineart.datasets.items import Item
    from lineart.datasets.preparation import PreparationSettings, PreparationSummary
    from lineart.datasets.steps import Transform
    from lineart.runtime.executor import Executor
    from lineart.storage import Storage

PROVENANCE, SUMMARY = "provenance.csv", "summary.json"

Make = Callable[["Executor"], dict[str, Any]]
"""Writes what the flags say, on an executor, and returns the summary."""


@dataclass(frozen=True, kw_only=True)
class ColorizationData:
    """Colour pictures, for networks that colour drawings."""

    name: ClassVar[str] = "colorization"


@dataclass(frozen=True, kw_only=True)
class UnpairedData:
    """Flags of the tasks that need photographs and pictures of a style."""

    name: ClassVar[str]

    targets: str
    """Folder or s3:// address of pictures of the style; they need not match --images."""
    target_layout: LayoutName = "folder"
    """Layout of --targets."""
    target_include: tuple[str, ...] = ()
    """As --include, for --targets."""
    target_exclude: tuple[str, ...] = ()
    """As --exclude, for --targets."""
    layout: LayoutName = "folder"
    """Layout of --images, see lineart/datasets/layouts.py."""


@dataclass(frozen=True, kw_only=True)
class DrawingData(UnpairedData):
    """Photographs and line drawings, for networks that draw."""

    name: ClassVar[str] = "drawing"

    depth_model: str | None = None
    """Network that estimates depth for photographs without a depth map: FILE.onnx, or
    transformers:NAME, a folder or a name on Hugging Face; every machine must reach it."""


@dataclass(frozen=True, kw_only=True)
class StylizationData(UnpairedData):
    """Photographs and pictures of a style, for networks that translate into the style."""

    name: ClassVar[str] = "stylization"

    align_faces: str | None = None
    """YuNet's ONNX file. Photographs are aligned by their largest face and cropped to 256 pixels;
    --targets are not, because YuNet does not detect drawn faces."""
    no_face: Literal["refuse", "crop"] = "refuse"
    """With --align-faces, for photographs without a face: list them in refused.parquet, or crop
    their centre."""


@dataclass(frozen=True, kw_only=True)
class PrepareData:
    """Filter pictures and write them as shards for training and validation."""

    images: str
    """Folder or s3://bucket/prefix of image files, or Parquet files with a column image. For
    colorization, the line drawing of a picture in color/ is the file of the same name in line/
    beside that folder."""
    output: str
    """Folder or s3:// address for train/, validation/, refused.parquet and summary.json; for
    drawing and stylization, the first three are in source/ and in target/."""
    task: (
        Annotated[ColorizationData, subcommand("colorization")]
        | Annotated[DrawingData, subcommand("drawing")]
        | Annotated[StylizationData, subcommand("stylization")]
        | Annotated[KeysData, subcommand("keys")]
    )
    """Training task."""
    include: tuple[str, ...] = ()
    """Regular expressions; use only pictures whose path matches one of them. Default: all."""
    exclude: tuple[str, ...] = ()
    """Regular expressions; leave out pictures whose path matches one of them."""
    provenance: str | None = None
    """CSV file with columns file, licence and author; default: provenance.csv in --images, if any.
    For --targets, always their own provenance.csv."""
    licence: str | None = None
    """Regular expression; use only pictures in whose licence it is found. CC-BY alone also finds
    CC-BY-NC; '(?i)CC0|public domain|CC-BY-[0-9]' does not."""
    boxes: str | None = None
    """For --images: JSON file {file name: [[x0, y0, x1, y1], ...]} with boxes in pixels; each box
    becomes a picture, in place of the file."""
    group: str | None = None
    """Regular expression; pictures whose paths have the same match form a group, which stays
    together in train or in validation."""
    validation: float = 0.05
    """Proportion of the groups used for validation, from 0 to below 1; above 0, at least one."""
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
    bounds: FilterBounds = field(default_factory=FilterBounds)
    dry_run: DryRun = False


def main(flags: PrepareData) -> int:
    """Run the command and return its exit status."""
    return run_command(
        "prepare_data",
        flags,
        prepare_data,
        if_stopped="stopped; no set is half replaced",
        configuration=describe_flags,
    )


def describe_flags(flags: PrepareData) -> dict[str, Any]:
    """Return the flags for JSON: the name of the task, its flags, and those of every task."""
    return asdict(flags) | asdict(flags.task) | {"task": flags.task.name}


def prepare_data(flags: PrepareData) -> dict[str, Any]:
    """Write the shards of each set and a summary, and return the summary."""
    from lineart.runtime.cluster import start_ray, stop_ray
    from lineart.runtime.executor import HybridExecutor, RayExecutor
    from lineart.storage import Storage

    output = Storage.at(flags.output)
    if isinstance(flags.task, KeysData):
        make: Make = prepare_key_pairs(flags, flags.task, output)
    else:
        make = partial(prepare_sets, read_sets(flags, output), output)
    # Ray, started in another thread, leaves the handler of SIGTERM as it is.
    with closing(HybridExecutor(lambda: RayExecutor(start_ray()), stop_ray)) as executor:
        if "RAY_ADDRESS" in os.environ:
            executor.wait()  # The work belongs to the cluster that was named.
        summary = make(executor)
    record = summary | {"flags": describe_flags(flags)}
    output.write(SUMMARY, json.dumps(record, indent=1).encode())
    output.sweep()
    return summary


def prepare_key_pairs(flags: PrepareData, task: KeysData, output: Storage) -> Make:
    """Find the sequences that the flags include; return what makes their pairs."""
    from lineart.datasets.items import check_pattern
    from lineart.storage import Storage, check_apart, check_given

    settings = task.settings(flags.licence)
    if flags.licence is not None:
        check_pattern(flags.licence)
    images = Storage.at(flags.images)
    check_given("--images", images)
    check_apart(output, "--images", images)
    provenance = read_origins(flags, images)
    if flags.licence is not None and provenance is None:
        raise ValueError("--licence needs licences: a --provenance")
    sources = find_sources(images, flags.include, flags.exclude, provenance or {})
    return partial(make_pairs, sources, output, settings, make_printer(""))


class PictureSet(NamedTuple):
    """Set of pictures to prepare."""

    name: str
    """Folder of the set below the output; empty for a single set, which is the output itself."""
    images: Storage
    items: list[Item]
    settings: PreparationSettings


def prepare_sets(sets: Sequence[PictureSet], output: Storage, executor: Executor) -> dict[str, Any]:
    """Prepare all sets; return their summaries by name, or that of a single set."""
    summaries = {one.name: asdict(prepare_set(one, output, executor)) for one in sets}
    return summaries.get("", summaries)


def prepare_set(one: PictureSet, output: Storage, executor: Executor) -> PreparationSummary:
    """Prepare one set."""
    from lineart.datasets.preparation import prepare

    where = output.child(one.name) if one.name else output
    show = make_printer(one.name)
    summary = prepare(one.images, where, one.items, one.settings, executor, tell=show)
    where.sweep()
    if one.settings.validation > 0 and not summary.validation:
        prefix = f"{one.name}: " if one.name else ""
        say(
            "prepare_data",
            f"{prefix}no picture is for validation, and {summary.train} for training; give more "
            "pictures, or a --group by which they are more than one group",
        )
    return summary


def make_printer(name: str) -> Callable[[str, int, int], None]:
    """Return a function that prints a set's progress every ten seconds, and at the end."""
    clock, prefix = ProgressClock(), f"{name}: " if name else ""

    def show(what: str, done: int, total: int) -> None:
        if clock.is_due(done, total):
            print(f"{prefix}{what}: {done} of {total}", file=sys.stderr, flush=True)

    return show


def read_sets(flags: PrepareData, output: Storage) -> list[PictureSet]:
    """Build the sets from the flags: list their pictures and test that the models load."""
    from lineart.storage import Storage, check_apart, check_given

    settings, images, task = read_settings(flags), Storage.at(flags.images), flags.task
    check_given("--images", images)
    check_apart(output, "--images", images)
    if isinstance(task, ColorizationData):
        items = list_items(flags, images, find_colored)
        return [PictureSet("", images, items, settings)]
    assert isinstance(task, UnpairedData), "prepare_key_pairs makes the others"
    find_styles = LAYOUTS[task.target_layout].target
    if find_styles is None:
        have = ", ".join(name for name, layout in LAYOUTS.items() if layout.target)
        raise ValueError(
            f"--target-layout {task.target_layout} holds photographs alone; give one of {have}"
        )
    items = list_items(flags, images, LAYOUTS[task.layout].source)
    settings.preparing.check()
    include, exclude = task.target_include, task.target_exclude
    of_style = replace(flags, include=include, exclude=exclude, provenance=None, boxes=None)
    styles = Storage.at(task.targets)
    check_given("--targets", styles)
    check_apart(output, "--targets", styles)
    style_items = list_items(of_style, styles, find_styles)
    plain = replace(settings.preparing, faces=None, depth_model=None)
    return [
        PictureSet("source", images, items, settings),
        PictureSet("target", styles, style_items, replace(settings, preparing=plain)),
    ]


def list_items(flags: PrepareData, images: Storage, find: Finder) -> list[Item]:
    """List the items that the flags include."""
    from lineart.datasets.items import Query, list_items, read_boxes
    from lineart.storage import for_flag, read_file

    provenance = read_origins(flags, images)
    with for_flag("--boxes"):
        boxes = None if flags.boxes is None else read_boxes(read_file(flags.boxes))
    items = list_items(images, Query(flags.include, flags.exclude, boxes, provenance, find))
    if flags.licence is not None and not any(item.licence for item in items):
        raise ValueError("--licence needs licences: a --provenance, or a column of Parquet files")
    return items


def read_origins(
    flags: PrepareData, images: Storage
) -> dict[str, tuple[str | None, str | None]] | None:
    """Return licence and author of each picture; None without a table of them."""
    from lineart.datasets.items import read_provenance
    from lineart.storage import for_flag, read_file

    if flags.provenance is not None:
        with for_flag("--provenance"):
            return read_provenance(read_file(flags.provenance))
    return read_provenance(images.read(PROVENANCE)) if images.exists(PROVENANCE) else None


def read_settings(flags: PrepareData) -> PreparationSettings:
    """Build the settings from the flags."""
    from lineart.datasets.items import check_pattern
    from lineart.datasets.preparation import PreparationSettings

    for pattern in filter(None, (flags.licence, flags.group)):
        check_pattern(pattern)
    if not 0 <= flags.validation < 1:
        raise ValueError(f"--validation is a share from 0 to below 1, not {flags.validation}")
    if not -1 <= flags.duplicate_distance <= 16:
        raise ValueError(f"--duplicate-distance is -1 to 16, not {flags.duplicate_distance}")
    if flags.shard_mb < 1 or (flags.short_side or 1) < 1 or not 1 <= flags.quality <= 100:
        raise ValueError("--shard-mb and --short-side are positive, --quality is 1 to 100")
    return PreparationSettings(
        bounds=flags.bounds.of(flags.task.name),
        licence=flags.licence,
        group=flags.group,
        validation=flags.validation,
        max_distance=flags.duplicate_distance,
        preparing=read_transform(flags),
        shard_bytes=flags.shard_mb * 1_000_000,
    )


def read_transform(flags: PrepareData) -> Transform:
    """Build what is done to each picture; raises as `read_settings`."""
    from lineart.datasets.steps import FaceAlignment, Shrinking, Transform
    from lineart.storage import for_flag, read_file

    shrinking = None if flags.short_side is None else Shrinking(flags.short_side, flags.quality)
    match flags.task:
        case DrawingData(depth_model=depth_model):
            return Transform(shrinking, depth_model=depth_model)
        case StylizationData(align_faces=str(model), no_face=no_face):
            with for_flag("--align-faces"):
                faces = FaceAlignment(read_file(model), crop_others=no_face == "crop")
            return Transform(shrinking, faces)
        case StylizationData(no_face="crop"):
            raise ValueError("--no-face crop needs --align-faces, the model that looks for faces")
        case _:
            return Transform(shrinking)


if __name__ == "__main__":
    sys.exit(main(parse(PrepareData, "prepare_data")))
