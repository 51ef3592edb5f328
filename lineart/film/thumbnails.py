"""A few frames of a finished film, decoded, to look at."""

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
"""Most frames that are in memory at once."""


@dataclass(frozen=True)
class ThumbnailPair:
    """A picture and the frame that was made of it."""

    frame: str
    source: Frame | Line | None
    """None where it cannot be read any more, or is of another shape than what was made of it."""
    result: Frame


@dataclass(frozen=True)
class ThumbnailGallery:
    """Where the pictures of a finished film lie."""

    pictures: Storage
    sources: Mapping[str, Source]
    """By frame; frames without one have no picture any more."""
    output: Storage
    show: Callable[[bytes], np.ndarray]
    """Gives what is shown of a picture's file."""

    def look(self, frame: str) -> ThumbnailPair | None:
        """Read and decode a frame; nothing where it cannot be read."""
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
    """Whether two sizes have one aspect, to a pixel or two."""
    return abs(size[0] * other[1] - size[1] * other[0]) <= 2 * max(*size, *other)


def show_as_is(data: bytes) -> Frame | Line:
    """Decode a picture; one without colour is grey."""
    image = decode_color(data)
    gray = image[..., 0]
    if np.array_equal(gray, image[..., 1]) and np.array_equal(gray, image[..., 2]):
        return gray
    return image


def choose(rows: pa.Table, most: int) -> list[str]:
    """Choose up to `most` finished frames: every shot one, then every shot a second, ...

    Of a shot retakes come first, and otherwise an even choice. Held frames show nothing new, so
    only those that were made for themselves are chosen.
    """
    columns = (rows[name].to_pylist() for name in ("shot", "status", "retake", "frame"))
    frames = list(zip(*columns, strict=True))
    turns = [
        (turn, place, frame)
        for place, (_, shot) in enumerate(groupby(frames, key=itemgetter(0)))
        for turn, frame in enumerate(_in_turn(shot))
    ]
    # Where not every shot gets one, those that do are evenly spread.
    places = {place: order for order, place in enumerate(spread(sorted({t[1] for t in turns})))}
    turns.sort(key=lambda turn: (turn[0], places[turn[1]]))
    chosen = {frame for _, _, frame in turns[:most]}
    return [frame for _, _, _, frame in frames if frame in chosen]


def _in_turn(shot: Iterable[tuple[str, str, str | None, str]]) -> list[str]:
    made = [(retake, frame) for _, status, retake, frame in shot if status == "done"]
    retaken = [frame for retake, frame in made if retake]
    return [*spread(retaken), *spread([frame for retake, frame in made if not retake])]


def spread(items: Sequence[T]) -> list[T]:
    """Give items in an order of which every beginning is evenly spread over them."""
    # Numbers with their bits reversed.
    return [items[place] for place in sorted(range(len(items)), key=lambda n: f"{n:032b}"[::-1])]


def read_previews(
    gallery: ThumbnailGallery, frames: Sequence[str], encode: Callable[[ThumbnailPair], T]
) -> Iterator[T]:
    """Read frames and make something of them, on all CPUs; those that cannot be read are left out.

    Args:
        gallery: Where they are.
        frames: Their names.
        encode: What is made of each.
    """

    def look(frame: str) -> T | None:
        preview = gallery.look(frame)
        return None if preview is None else encode(preview)

    # Decoders change the filters of warnings for a moment: threads would leave them changed.
    with warnings.catch_warnings(), ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        yield from (made for made in pool.map(look, frames) if made is not None)
