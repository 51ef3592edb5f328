"""What a frame of a video looks like: a picture fitted to its size, or a card that says why not."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from lineart.codec import decode_color
from lineart.film.frames import Source, read_picture
from lineart.image import Frame, Size, resize
from lineart.storage import Storage

MOST_SIDE_PX = 4096
"""Longest side of a video, which decoders in hardware take; larger frames are reduced."""
CARD_GREY, CARD_TEXT = 96, 255
LINES_A_CARD, LETTERS_A_LINE = 18, 48

Cell = UInt8[np.ndarray, "CellH CellW 3"]
"""A picture as it stands in a video: of another size than the `Frame` it is made of."""


class VideoFrame(NamedTuple):
    """What one frame of a video shows."""

    frame: str
    picture: str
    """What is equal in frames that show the same."""
    output: str | None
    """None for a frame that failed."""
    message: str


@dataclass(frozen=True)
class SourcePictures:
    """What the frames were made of."""

    place: Storage
    sources: Mapping[str, Source]
    """By frame."""


@dataclass(frozen=True)
class Reel:
    """Reads pictures for a video."""

    film: Storage
    beside: SourcePictures | None = None
    """Shown on the left of each frame."""

    @property
    def num_sides(self) -> int:
        """Say how many pictures stand side by side."""
        return 1 if self.beside is None else 2

    def read(self, held: Sequence[VideoFrame]) -> Frame | None:
        """Read what frames show that show the same; None if they failed or cannot be read."""
        for shown in held:
            if shown.output is not None:
                frame = _decoded(partial(self.film.read, shown.output))
                if frame is not None:
                    return frame
        return None

    def show(self, size: Size, held: Sequence[VideoFrame]) -> tuple[Cell, bool]:
        """Give a picture of `size`, and whether the frame itself is in it."""
        frame, cell, shown = self.read(held), (size[0], size[1] // self.num_sides), held[0]
        failed = shown.message or "its file cannot be read"
        right = card(cell, shown.frame, failed) if frame is None else fit(frame, cell)
        if self.beside is None:
            return right, frame is not None
        source = self._read_beside(shown)
        missing = "what it was made of cannot be read"
        left = card(cell, shown.frame, missing) if source is None else fit(source, cell)
        return np.hstack((left, right)), frame is not None

    def _read_beside(self, shown: VideoFrame) -> Frame | None:
        assert self.beside is not None
        source = self.beside.sources.get(shown.frame)
        return (
            None if source is None else _decoded(partial(read_picture, self.beside.place, source))
        )


def _decoded(read: Callable[[], bytes]) -> Frame | None:
    try:
        return decode_color(read())
    except (OSError, ValueError, cv2.error):
        return None


def video_size(size: Size, num_sides: int) -> Size:
    """Give the size of a video of frames of `size`: even, as H.264 wants it, and not too large."""
    scale = min(1.0, MOST_SIDE_PX / size[0], MOST_SIDE_PX / (size[1] * num_sides))
    height, width = (max(1, round(side * scale)) for side in size)
    return height + height % 2, (width + width % 2) * num_sides


def fit(picture: Frame, size: Size) -> Cell:
    """Bring a picture to a size: whole, in its own proportions, with black bars.

    The pixel that an odd side lacks is its last one once more, not a bar.
    """
    height, width = picture.shape[:2]
    below, right = size[0] - height, size[1] - width
    if {below, right} <= {0, 1}:
        padded: Cell = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return padded
    scale = min(size[0] / height, size[1] / width)
    inner = min(size[0], max(1, round(height * scale))), min(size[1], max(1, round(width * scale)))
    canvas = np.zeros((*size, 3), np.uint8)
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[top : top + inner[0], left : left + inner[1]] = resize(picture, inner)
    return canvas


def card(size: Size, frame: str, message: str) -> Cell:
    """Give a grey card that names a frame and says why it is not there."""
    height, width = size
    letters_px = max(8, min(height // LINES_A_CARD, width * 2 // LETTERS_A_LINE))
    lines = [
        line
        for text in (frame, message)
        for line in textwrap.wrap(_printable(text), LETTERS_A_LINE)[: LINES_A_CARD // 4]
    ]
    image = Image.new("L", (width, height), CARD_GREY)
    ImageDraw.Draw(image).multiline_text(
        (width / 2, height / 2),
        "\n".join(lines),
        fill=CARD_TEXT,
        font=ImageFont.load_default(letters_px),
        anchor="mm",
        align="center",
    )
    grey = np.asarray(image)
    return np.dstack((grey, grey, grey))


def _printable(text: str) -> str:
    """Give a text in letters that Pillow's own font has."""
    return text.encode("latin-1", "backslashreplace").decode("latin-1")
