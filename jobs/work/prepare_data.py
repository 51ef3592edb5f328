"""Implementation of `jobs.prepare_data`: builds sets of pictures from the flags, writes shards."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import NamedTuple

from jobs.prepare_data import DONE, INTERRUPTED, WRONG_INPUT, PrepareData
from lineart.cluster import start_ray, stop_ray
from lineart.datasets.items import (
    Item,
    Query,
    check_pattern,
    list_items,
    read_boxes,
    read_provenance,
)
from lineart.datasets.layouts import LAYOUTS, Finder, LayoutName, find_colored
from lineart.datasets.preparation import PreparationSettings, PreparationSummary, prepare
from lineart.datasets.steps import FaceAlignment, Shrinking, Transform
from lineart.executor import Executor, HybridExecutor, RayExecutor
from lineart.storage import Storage, read_file

PROVENANCE, SUMMARY = "provenance.csv", "summary.json"

SOURCE, TARGET = "source", "target"


class PictureSet(NamedTuple):
    """Set of pictures to prepare."""

    name: str
    """Folder of the set below the output; empty for a single set, which is the output itself."""
    images: Storage
    pages: list[Item]
    settings: PreparationSettings


def work(flags: PrepareData) -> int:
    """Prepare the sets, write a summary, and return the exit status."""
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
    """Prepare the sets; return their summaries, by set if there are several."""
    # Lets `ray job stop` end a run as Ctrl-C does; Ray, started in another thread, leaves it.
    signal.signal(signal.SIGTERM, _interrupt)
    with closing(HybridExecutor(lambda: RayExecutor(start_ray()), stop_ray)) as executor:
        if "RAY_ADDRESS" in os.environ:
            executor.wait()  # The work belongs to the cluster that was named.
        summaries = {item.name: asdict(make(item, output, executor)) for item in sets}
    return summaries[""] if "" in summaries else dict(summaries)


def make(item: PictureSet, output: Storage, executor: Executor) -> PreparationSummary:
    """Prepare one set."""
    where = output.child(item.name) if item.name else output
    tell = _printer(item.name)
    summary = prepare(item.images, where, item.pages, item.settings, executor, tell=tell)
    where.sweep()
    return summary


def check_task(flags: PrepareData) -> None:
    """Check that the flags belong to the task.

    Raises:
        ValueError: a flag does not, or a required one is missing.
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
    """Build the sets from the flags: list their pictures and test that the models load.

    Raises:
        ValueError: a flag, a model or a file is invalid, or there are no pictures.
        FileNotFoundError: a folder, a model or a file does not exist.
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
    plain = replace(settings, preparing=Transform(settings.preparing.shrinking))
    return [
        PictureSet(SOURCE, images, pages, settings),
        PictureSet(TARGET, styles, style_pages, plain),
    ]


def find_styles(layout: LayoutName) -> Finder:
    """Return the function that finds pictures of a style in a layout.

    Raises:
        ValueError: the layout contains only photographs.
    """
    find = LAYOUTS[layout].target
    if find is None:
        have = ", ".join(name for name, known in LAYOUTS.items() if known.target)
        raise ValueError(f"--target-layout {layout} holds photographs alone; give one of {have}")
    return find


def read_settings(flags: PrepareData) -> PreparationSettings:
    """Build the settings from the flags.

    Raises:
        ValueError: a flag cannot be parsed or is out of range.
        OSError: the file of `--align-faces` cannot be read.
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
    faces = None if model is None else FaceAlignment(model, crop_others=flags.no_face == "crop")
    return PreparationSettings(
        bounds=flags.bounds.of(flags.task),
        licence=flags.licence,
        group=flags.group,
        validation=flags.validation,
        max_distance=flags.duplicate_distance,
        preparing=Transform(shrinking, faces, flags.depth_model),
        shard_bytes=flags.shard_mb * 1_000_000,
    )


def read_pages(flags: PrepareData, images: Storage, output: Storage, find: Finder) -> list[Item]:
    """List the items that the flags include.

    Raises:
        FileNotFoundError: the images, or a file that a flag names, do not exist.
        ValueError: there are no pictures, a file is invalid, or images and output overlap.
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
    pages = list_items(images, Query(flags.include, flags.exclude, boxes, provenance, find))
    if flags.licence is not None and not any(page.licence for page in pages):
        raise ValueError("--licence needs licences: a --provenance, or a column of Parquet files")
    return pages


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _printer(name: str) -> Callable[[str, int, int], None]:
    """Return a function that prints a set's progress every ten seconds, and at the end."""
    printed_at, prefix = time.monotonic(), f"{name}: " if name else ""

    def tell(what: str, done: int, total: int) -> None:
        nonlocal printed_at
        now = time.monotonic()
        if done == total or now - printed_at >= 10:
            printed_at = now
            print(f"{prefix}{what}: {done} of {total}", file=sys.stderr, flush=True)

    return tell
