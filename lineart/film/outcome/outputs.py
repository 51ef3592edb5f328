"""Uses of a film's finished frames: thumbnails for pages, and Parquet files."""

import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import UInt8
from pyarrow import parquet

from lineart.codec import decode_color
from lineart.codec.errors import passing_warnings
from lineart.film.pictures.frames import PictureReader, Source
from lineart.image import Frame, Line, is_gray
from lineart.storage import Storage

T = TypeVar("T")

THREADS = 8
"""Maximum number of frames decoded at once."""
FOLDER = "parquet"
VERSION = ["frame", "written_at"]
"""Columns of a frame that differ when it was made again."""
IMAGE = pa.field("image", pa.binary())
FRAMES_A_FILE = 256
FRAMES_A_GROUP = 16
"""Rows per row group, which a reader holds in memory at once."""


@dataclass(frozen=True)
class ThumbnailPair:
    """A source picture and the frame made from it."""

    frame: str
    source: Frame | Line | None
    """None if it can no longer be read, or its aspect ratio differs from that of the frame."""
    result: UInt8[np.ndarray, "ResultH ResultW 3"]
    """The frame, which may be larger; sRGB, 0..255."""


@dataclass(frozen=True)
class ThumbnailGallery:
    """Locations of the source pictures and frames of a finished film."""

    pictures: Storage
    sources: Mapping[str, Source]
    """Frame name -> its source picture, if that still exists."""
    output: Storage
    show: Callable[[bytes], np.ndarray]
    """Converts a source picture's file to the image that is shown."""
    outputs: Mapping[str, str]
    """Frame name -> path of its file below `output`, for finished frames."""

    @cached_property
    def _reader(self) -> PictureReader:
        return PictureReader(self.pictures)

    def look(self, frame: str) -> ThumbnailPair | None:
        """Read and decode a frame and its source; return None if the frame cannot be read."""
        try:
            result = decode_color(self.output.read(self.outputs[frame]))
        except (KeyError, OSError, ValueError):
            return None
        source = self._look_at_source(frame)
        if source is not None and not _fit(source.shape[:2], result.shape[:2]):
            source = None
        return ThumbnailPair(frame, source, result)

    def _look_at_source(self, frame: str) -> Frame | Line | None:
        if frame not in self.sources:
            return None
        try:
            return self.show(self._reader.read(self.sources[frame]))
        except (OSError, ValueError, cv2.error):
            return None


def outputs_of(rows: pa.Table) -> dict[str, str]:
    """Return frame name -> output for the finished frames of a manifest."""
    pairs = zip(rows["frame"].to_pylist(), rows["output"].to_pylist(), strict=True)
    return {frame: output for frame, output in pairs if output is not None}


def count_doubts(rows: pa.Table) -> pa.ChunkedArray:
    """Count the doubts of each frame; a held frame has none, because it repeats another's."""
    return pc.fill_null(pc.list_value_length(rows["doubts"]), 0)


def _fit(size: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether two sizes have the same aspect ratio, within one or two pixels."""
    return abs(size[0] * other[1] - size[1] * other[0]) <= 2 * max(*size, *other)


def show_as_is(data: bytes) -> Frame | Line:
    """Decode a picture; return a single channel if it has no colour."""
    image = decode_color(data)
    return image[..., 0] if is_gray(image) else image


def choose(rows: pa.Table, most: int) -> list[str]:
    """Choose up to `most` finished frames: one of every shot, then a second of every shot, ...

    Within a shot, retakes are chosen first, then frames with warnings or doubts, then frames at
    even distances. Held frames are never chosen, because they repeat others. Returns names in film
    order.
    """
    has_warnings = pc.greater(pc.fill_null(pc.list_value_length(rows["warnings"]), 0), 0)
    is_said = pc.or_(has_warnings, pc.greater(count_doubts(rows), 0))
    needed = (*(rows[name] for name in ("shot", "status", "retake")), is_said, rows["frame"])
    frames = list(zip(*(column.to_pylist() for column in needed), strict=True))
    turns = [
        (turn, place, frame)
        for place, (_, shot) in enumerate(groupby(frames, key=itemgetter(0)))
        for turn, frame in enumerate(_in_turn(shot))
    ]
    # If there are more shots than `most`, the chosen shots are evenly spread.
    places = {place: order for order, place in enumerate(spread(sorted({t[1] for t in turns})))}
    turns.sort(key=lambda turn: (turn[0], places[turn[1]]))
    chosen = {frame for _, _, frame in turns[:most]}
    return [frame for *_, frame in frames if frame in chosen]


def _in_turn(shot: Iterable[tuple[str, str, str | None, bool, str]]) -> list[str]:
    groups: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for _, status, retake, said, frame in shot:
        if status == "done":
            groups[0 if retake else 1 if said else 2].append(frame)
    return [frame for group in groups.values() for frame in spread(group)]


def spread(items: Sequence[T]) -> list[T]:
    """Return items in an order in which every prefix is spread evenly over all of them."""
    # Sort by index with its bits reversed.
    return [items[place] for place in sorted(range(len(items)), key=lambda n: f"{n:032b}"[::-1])]


def read_previews(
    gallery: ThumbnailGallery, frames: Sequence[str], encode: Callable[[ThumbnailPair], T]
) -> Iterator[T]:
    """Read and encode frames in threads; yield the results in order, without unreadable frames.

    Args:
        gallery: Locations of the pictures.
        frames: Names of the frames.
        encode: Called on each decoded frame.
    """

    def look(frame: str) -> T | None:
        preview = gallery.look(frame)
        return None if preview is None else encode(preview)

    # Decoders change warning filters temporarily, which is not thread-safe: they are restored here.
    # What they warn of is in the manifest.
    threads = min(THREADS, os.cpu_count() or 1)
    with passing_warnings(lambda _: None), ThreadPoolExecutor(threads) as pool:
        yield from (made for made in pool.map(look, frames) if made is not None)


def export_parquet(output: Storage, rows: pa.Table) -> None:
    """Write the stored frames to Parquet files, in film order; keep files that have them already.

    Args:
        output: Output with the frames; the files go below `parquet/`.
        rows: The manifest.
    """
    # Frames that this run did not process may have been deleted.
    stored = pa.array([entry.path for entry in output.entries("frames")], pa.string())
    standing = rows.filter(pc.is_in(rows["output"], stored))
    present = {entry.path for entry in output.entries(FOLDER)}
    wanted = set()
    for start in range(0, standing.num_rows, FRAMES_A_FILE):
        chunk = standing.slice(start, FRAMES_A_FILE)
        path = f"{FOLDER}/frames-{start // FRAMES_A_FILE:06}.parquet"
        wanted.add(path)
        if path not in present or not _has_frames(output, path, chunk):
            output.write(path, _pack(output, chunk))
    for path in present - wanted:
        output.delete(path)


def _has_frames(output: Storage, path: str, rows: pa.Table) -> bool:
    """Return whether a file has the frames of these rows, as they were last made."""
    with output.open_file(path) as file:
        packed = parquet.read_table(file, columns=VERSION)
    return bool(packed.equals(rows.select(VERSION)))


def _pack(output: Storage, rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    schema = pa.schema([*map(rows.schema.field, ("frame", "shot", "written_at")), IMAGE])
    # PNG is compressed already.
    with parquet.ParquetWriter(sink, schema, compression="none") as writer:
        for start in range(0, rows.num_rows, FRAMES_A_GROUP):
            group = rows.slice(start, FRAMES_A_GROUP)
            images = pa.array(map(output.read, group["output"].to_pylist()), pa.binary())
            named = group.select(schema.names[:-1])
            writer.write_table(named.append_column(IMAGE, images))
    return sink.getvalue()
