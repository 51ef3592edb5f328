"""Pictures of a video's frames: frames fitted to its size, or cards with error messages."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from lineart.codec import decode_cel, decode_color
from lineart.film.pictures.frames import PictureReader, Source
from lineart.image import Frame, Hint, Size, resize
from lineart.storage import Storage

T = TypeVar("T")

MAX_SIDE_PX = 4096
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
    outputs: tuple[str, ...]
    """Paths of the frame's file, or of the files of its levels from bottom to top; empty for a
    failed frame, and for a time at which a sheet shows nothing."""
    message: str
    """Error of a failed frame, else empty."""
    sources: tuple[str, ...] = ()
    """Names of the frames in the manifest that it shows, from bottom to top."""

    @property
    def is_blank(self) -> bool:
        """Whether it shows nothing."""
        return not self.outputs and not self.message


BLANK = VideoFrame("", "\\", (), "")
"""White picture: a time at which an exposure sheet shows nothing."""


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
            if shown.outputs:
                frame = _decoded(partial(self._read_levels, shown.outputs))
                if frame is not None:
                    return frame
        return None

    def _read_levels(self, outputs: Sequence[str]) -> Frame:
        """Read a frame; of several levels, each lies over those below it.

        Raises:
            ValueError: a file is no picture.
        """
        files = [self.film.read(output) for output in outputs]
        return decode_color(files[0]) if len(files) == 1 else stack_cels(files)

    def is_opaque(self, frames: Sequence[VideoFrame]) -> bool:
        """Return whether the first readable one of frames has no transparency."""
        for output in (output for frame in frames for output in frame.outputs):
            cel = _decoded(partial(_read_cel, self.film, output))
            if cel is not None:
                return bool(cel[..., 3].min() == 255)
        return False

    def show(self, size: Size, held: Sequence[VideoFrame]) -> tuple[Cell, bool]:
        """Return the video's picture for `held`, and whether it shows the frame and not a card.

        Args:
            size: Size of the video, of both pictures together if they are side by side.
            held: Frames with equal pixels, at least one.
        """
        shown, cell = held[0], (size[0], size[1] // self.num_sides)
        if shown.is_blank:
            return np.full((*size, 3), 255, np.uint8), True
        frame = self.read(held)
        failed = shown.message or "its file cannot be read"
        right = card(cell, shown.frame, failed) if frame is None else fit(frame, cell)
        if self.beside is None:
            return right, frame is not None
        source = self._read_beside(shown, cell)
        missing = "the source picture cannot be read"
        left = card(cell, shown.frame, missing) if source is None else source
        return np.hstack((left, right)), frame is not None

    def _read_beside(self, shown: VideoFrame, cell: Size) -> Cell | None:
        """Read the source pictures of a frame, those of its levels as on a light table."""
        assert self.beside is not None
        found = [self.beside.sources.get(name) for name in shown.sources]
        read = self.beside.reader.read
        pictures = [_decoded(partial(_read_color, read, one)) if one else None for one in found]
        fitted = [fit(picture, cell) for picture in pictures if picture is not None]
        return np.minimum.reduce(fitted) if fitted and len(fitted) == len(pictures) else None


def _decoded(decode: Callable[[], T]) -> T | None:
    try:
        return decode()
    except (OSError, ValueError, cv2.error):
        return None


def _read_color(read: Callable[[Source], bytes], source: Source) -> Frame:
    return decode_color(read(source))


def _read_cel(film: Storage, output: str) -> Hint:
    return decode_cel(film.read(output))


def stack_cels(files: Sequence[bytes]) -> Frame:
    """Composite pictures with alpha over white, the first one at the bottom.

    The result has the size of the largest sides; smaller pictures lie in its middle.

    Raises:
        ValueError: a file is no picture.
    """
    cels = [Image.fromarray(decode_cel(file)) for file in files]
    width, height = (max(sides) for sides in zip(*(cel.size for cel in cels), strict=True))
    shown = Image.new("RGBA", (width, height), "white")
    for cel in cels:
        shown.alpha_composite(cel, ((width - cel.width) // 2, (height - cel.height) // 2))
    return np.asarray(shown.convert("RGB"))


def video_size(size: Size, num_sides: int) -> Size:
    """Return the video size for frames of `size`: even for H.264, at most `MAX_SIDE_PX`."""
    scale = min(1.0, MAX_SIDE_PX / size[0], MAX_SIDE_PX / (size[1] * num_sides))
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
