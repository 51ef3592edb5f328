"""A few frames of a finished film, decoded, to look at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

import cv2
import numpy as np
import pyarrow as pa

from lineart.codec import decode_color
from lineart.film.frames import FilmFrame, read_picture
from lineart.film.stages import Job
from lineart.image import Frame, Line

T = TypeVar("T")


@dataclass(frozen=True)
class Preview:
    """A picture and the frame that was made of it."""

    frame: str
    source: Frame | Line
    result: Frame


FRAMES_A_SHOT = 10


def choose(rows: pa.Table, most: int) -> list[str]:
    """Choose up to `most` finished frames: of shots, and within a shot of pictures, evenly spread.

    Held frames show nothing new, so only those that were made for themselves are chosen.
    """
    columns = (rows[name].to_pylist() for name in ("shot", "status", "frame"))
    shots = [
        [frame for _, status, frame in shot if status == "done"]
        for _, shot in groupby(zip(*columns, strict=True), key=itemgetter(0))
    ]
    chosen = _spread([shot for shot in shots if shot], most)
    each = min(FRAMES_A_SHOT, most // max(1, len(chosen)))
    return [frame for shot in chosen for frame in _spread(shot, each)]


def _spread(items: list[T], most: int) -> list[T]:
    """Give up to `most` items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[index] for index in np.linspace(0, len(items) - 1, most).astype(int)]


def read_previews(job: Job, frames: Sequence[FilmFrame], names: Sequence[str]) -> Iterator[Preview]:
    """Read and decode the chosen frames; one that cannot be read any more is left out."""
    wanted = set(names)
    for frame in frames:
        if frame.name not in wanted:
            continue
        try:
            source = job.task.show(job.task.decode(read_picture(job.pictures, frame.source)))
            yield Preview(frame.name, source, decode_color(job.output.read(frame.output)))
        except (OSError, ValueError, cv2.error):
            continue
