"""Pictures of a video's frames: frames fitted to its size, or cards with error messages."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from lineart.codec import decode_color
from lineart.film.frames import PictureReader, Source
from lineart.image import Frame, Size, resize
from lineart.storage import Storage

MOST_SIDE_PX = 4096
"""Maximum side of a video in pixels, which hardware decoders support; larger frames are reduced."""
CARD_GREY, CARD_TEXT = 96, 255
"""Grey values of a card and its text, 0..255."""
LINES_A_CARD, LETTERS_A_LINE = 18, 48
"""Card height in lines of text, which sets the font size, and maximum characters per line."""

Cell = UInt8[np.ndarray, "CellH CellW 3"]
"""Picture fitted to a video's size, sRGB, 0..255; its size may differ from that of its `Frame`."""


class VideoFrame(NamedTuple):
    """Content of one frame of a video."""

    frame: str
    """Name of the frame in the manifest."""
    picture: str
    """Key that is equal for frames with equal pixels."""
    output: str | None
    """Path of the frame's file; None for a failed frame."""
    message: str
    """Error of a failed frame, else empty."""


@dataclass(frozen=True)
class SourcePictures:
    """Source pictures of a film."""

    place: Storage
    sources: Mapping[str, Source]
    """Frame name -> source picture."""

    @cached_property
    def reader(self) -> PictureReader:
        """Reader of the source pictures."""
        return PictureReader(self.place)


@dataclass(frozen=True)
class FrameReader:
    """Reads the frames of a film, and optionally their source pictures."""

    film: Storage
    beside: SourcePictures | None = None
    """Source pictures shown on the left of the frames, if given."""

    @property
    def num_sides(self) -> int:
        """Number of pictures side by side."""
        return 1 if self.beside is None else 2

    def read(self, held: Sequence[VideoFrame]) -> Frame | None:
        """Return the first readable frame of `held`, which have equal pixels; None without one."""
        for shown in held:
            if shown.output is not None:
                frame = _decoded(partial(self.film.read, shown.output))
                if frame is not None:
                    return frame
        return None

    def show(self, size: Size, held: Sequence[VideoFrame]) -> tuple[Cell, bool]:
        """Return the video's picture for `held`, and whether it shows the frame and not a card.

        Args:
            size: Size of the video, of both pictures together if they are side by side.
            held: Frames with equal pixels, at least one.
        """
        frame, cell, shown = self.read(held), (size[0], size[1] // self.num_sides), held[0]
        failed = shown.message or "its file cannot be read"
        right = card(cell, shown.frame, failed) if frame is None else fit(frame, cell)
        if self.beside is None:
            return right, frame is not None
        source = self._read_beside(shown)
        missing = "the source picture cannot be read"
        left = card(cell, shown.frame, missing) if source is None else fit(source, cell)
        return np.hstack((left, right)), frame is not None

    def _read_beside(self, shown: VideoFrame) -> Frame | None:
        assert self.beside is not None
        source = self.beside.sources.get(shown.frame)
        return None if source is None else _decoded(partial(self.beside.reader.read, source))


def _decoded(read: Callable[[], bytes]) -> Frame | None:
    try:
        return decode_color(read())
    except (OSError, ValueError, cv2.error):
        return None


def video_size(size: Size, num_sides: int) -> Size:
    """Return the video size for frames of `size`: even for H.264, at most `MOST_SIDE_PX`."""
    scale = min(1.0, MOST_SIDE_PX / size[0], MOST_SIDE_PX / (size[1] * num_sides))
    height, width = (max(1, round(side * scale)) for side in size)
    return height + height % 2, (width + width % 2) * num_sides


def fit(picture: Frame, size: Size) -> Cell:
    """Fit a whole picture into `size` at its aspect ratio, with black bars.

    If it is only one row or column smaller, because an odd side was made even, its last one is
    repeated instead.
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
    """Draw a grey card of `size` with the name of a frame and an error message."""
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
    """Escape characters outside Latin-1, which Pillow's default font may lack."""
    return text.encode("latin-1", "backslashreplace").decode("latin-1")
