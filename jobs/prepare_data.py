"""Filter pictures and pack them for training. Run again, it replaces what it left before.

python -m jobs.prepare_data --images illustrations --output shards
python -m jobs.prepare_data --images s3://studio/art --output s3://studio/shards --short-side 640

Paper 001 also drops doodles and photographs. No cheap measure told them from paintings and sketches
on the pictures we have (sharpness, flat areas, white, contrast, colour), so those must be excluded
by their paths.
"""

import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import tyro

from lineart.cluster import start_ray
from lineart.datasets.encoding import Shrinking
from lineart.datasets.pages import (
    Offer,
    Page,
    check_pattern,
    list_pages,
    read_boxes,
    read_provenance,
)
from lineart.datasets.preparation import Settings, prepare
from lineart.datasets.runners import OnRay
from lineart.datasets.selection import Filter
from lineart.storage import Storage

DONE, WRONG_INPUT, INTERRUPTED = 0, 2, 130

PROVENANCE, SUMMARY = "provenance.csv", "summary.json"


@dataclass(frozen=True, kw_only=True)
class PrepareData:
    """Filter colour pictures and pack them as shards, for training and for validation."""

    images: str
    """Image files, or Parquet with a column image: a folder or s3://bucket/prefix. Where a picture
    lies in color/, line/ beside it holds its line drawing by the same name."""
    output: str
    """Where train/, validation/, refused.parquet and summary.json go."""
    include: tuple[str, ...] = ()
    """Only pictures in whose path one of these regular expressions is found."""
    exclude: tuple[str, ...] = ()
    """No pictures in whose path one of these regular expressions is found."""
    provenance: str | None = None
    """Table with columns file, licence, author; else the images' own provenance.csv, if any."""
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
    bounds: tyro.conf.OmitArgPrefixes[Filter] = field(default_factory=Filter)
    dry_run: bool = False
    """Print the configuration and stop."""


def main(flags: PrepareData) -> int:
    """Run the job; give the exit status."""
    if flags.dry_run:
        print(json.dumps(asdict(flags), indent=2))
        return DONE
    try:
        settings = read_settings(flags)
        images, output = Storage.at(flags.images), Storage.at(flags.output)
        pages = read_pages(flags, images, output)
        run = OnRay(start_ray())
        # Ray has a handler of its own; `ray job stop` must end a run as Ctrl-C does.
        signal.signal(signal.SIGTERM, _interrupt)
        summary = asdict(prepare(images, output, pages, settings, run, tell=_printer()))
    except (ValueError, OSError) as error:
        print(f"prepare_data: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("prepare_data: stopped; what was there before is as it was", file=sys.stderr)
        return INTERRUPTED
    record = summary | {"flags": asdict(flags)}
    output.write(SUMMARY, json.dumps(record, indent=1).encode())
    output.sweep()
    print(json.dumps(summary))
    return DONE


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
    return Settings(
        bounds=flags.bounds,
        licence=flags.licence,
        group=flags.group,
        validation=flags.validation,
        max_distance=flags.duplicate_distance,
        shrinking=None if flags.short_side is None else Shrinking(flags.short_side, flags.quality),
        shard_bytes=flags.shard_mb * 1_000_000,
    )


def read_pages(flags: PrepareData, images: Storage, output: Storage) -> list[Page]:
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
        provenance = read_provenance(_read(flags.provenance))
    elif images.exists(PROVENANCE):
        provenance = read_provenance(images.read(PROVENANCE))
    boxes = None if flags.boxes is None else read_boxes(_read(flags.boxes))
    pages = list_pages(images, Offer(flags.include, flags.exclude, boxes, provenance))
    if flags.licence is not None and not any(page.licence for page in pages):
        raise ValueError("--licence needs licences: a --provenance, or a column of Parquet files")
    return pages


def _read(uri: str) -> bytes:
    """Read one file by its address."""
    folder, _, name = uri.rpartition("/")
    return Storage.at(folder or ".").read(name)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _printer() -> Callable[[str, int, int], None]:
    """Give a function that prints progress every ten seconds, and when all is done."""
    printed_at = time.monotonic()

    def tell(what: str, done: int, total: int) -> None:
        nonlocal printed_at
        now = time.monotonic()
        if done == total or now - printed_at >= 10:
            printed_at = now
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    sys.exit(main(tyro.cli(PrepareData)))
