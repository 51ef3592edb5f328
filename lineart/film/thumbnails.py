"""Selection and decoding of a film's frames, with their source pictures, for thumbnails."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

import cv2
import numpy as np
import pyarrow as pa

from lineart.codec import decode_color
from lineart.film.frames import Source, read_picture, stem
from lineart.image import Frame, Line
from lineart.storage import Storage

T = TypeVar("T")

THREADS = 8
"""Maximum number of frames decoded at once."""


@dataclass(frozen=True)
class ThumbnailPair:
    """A source picture and the frame made from it."""

    frame: str
    source: Frame | Line | None
    """None if it can no longer be read, or its aspect ratio differs from that of the frame."""
    result: Frame


@dataclass(frozen=True)
class ThumbnailGallery:
    """Locations of the source pictures and frames of a finished film."""

    pictures: Storage
    sources: Mapping[str, Source]
    """Frame name -> its source picture, if that still exists."""
    output: Storage
    show: Callable[[bytes], np.ndarray]
    """Converts a source picture's file to the image that is shown."""

    def look(self, frame: str) -> ThumbnailPair | None:
        """Read and decode a frame and its source; return None if the frame cannot be read."""
        try:
            result = decode_color(self.output.read(f"frames/{stem(frame)}.png"))
        except (OSError, ValueError):
            return None
        source = self._look_at_source(frame)
        if source is not None and not _fit(source.shape[:2], result.shape[:2]):
            source = None
        return ThumbnailPair(frame, source, result)

    def _look_at_source(self, frame: str) -> Frame | Line | None:
        if frame not in self.sources:
            return None
        try:
            return self.show(read_picture(self.pictures, self.sources[frame]))
        except (OSError, ValueError, cv2.error):
            return None


def _fit(size: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether two sizes have the same aspect ratio, within one or two pixels."""
    return abs(size[0] * other[1] - size[1] * other[0]) <= 2 * max(*size, *other)


def show_as_is(data: bytes) -> Frame | Line:
    """Decode a picture; return a single channel if it has no colour."""
    image = decode_color(data)
    gray = image[..., 0]
    if np.array_equal(gray, image[..., 1]) and np.array_equal(gray, image[..., 2]):
        return gray
    return image


def choose(rows: pa.Table, most: int) -> list[str]:
    """Choose up to `most` finished frames: one of every shot, then a second of every shot, ...

    Within a shot, retakes are chosen first, then frames at even distances. Held frames are never
    chosen, because they repeat others. Returns names in film order.
    """
    columns = (rows[name].to_pylist() for name in ("shot", "status", "retake", "frame"))
    frames = list(zip(*columns, strict=True))
    turns = [
        (turn, place, frame)
        for place, (_, shot) in enumerate(groupby(frames, key=itemgetter(0)))
        for turn, frame in enumerate(_in_turn(shot))
    ]
    # If there are more shots than `most`, the chosen shots are evenly spread.
    places = {place: order for order, place in enumerate(spread(sorted({t[1] for t in turns})))}
    turns.sort(key=lambda turn: (turn[0], places[turn[1]]))
    chosen = {frame for _, _, frame in turns[:most]}
    return [frame for _, _, _, frame in frames if frame in chosen]


def _in_turn(shot: Iterable[tuple[str, str, str | None, str]]) -> list[str]:
    made = [(retake, frame) for _, status, retake, frame in shot if status == "done"]
    retaken = [frame for retake, frame in made if retake]
    return [*spread(retaken), *spread([frame for retake, frame in made if not retake])]


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

    # Decoders change warning filters temporarily, which is not thread-safe: restore them here.
    with warnings.catch_warnings(), ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        yield from (made for made in pool.map(look, frames) if made is not None)
