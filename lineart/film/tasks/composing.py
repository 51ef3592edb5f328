"""Composition of colours and drawing to the files of a frame."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from lineart.codec import decode_line_art
from lineart.codec.errors import noting_warnings
from lineart.codec.reading.resolution import read_dpi, scale_dpi
from lineart.codec.writing.encode import FileFormat
from lineart.codec.writing.png import Dpi
from lineart.film.tasks.layers import FrameParts, LinesAs, write_layers
from lineart.image import Frame, Line, to_gray, to_rgb
from lineart.imaging.compositing.frequency import compose, compose_as_drawn
from lineart.imaging.compositing.matte import Opacity, split_cel
from lineart.imaging.lines.trace_lines import erase_trace_lines
from lineart.imaging.paint.map import PaintMap

PICTURE_VERSIONS: Final[dict[LinesAs, int]] = {"drawn": 19, "paper": 20}
"""Raise one when equal drawings, hints and weights give other pixels: films are then made anew."""
TRACE_LINES_VERSION = 2
"""The same for drawings whose trace lines are left out."""


class OpenedDrawing(NamedTuple):
    """A drawing as composing needs it."""

    drawing: Line | Frame
    """On white paper."""
    alpha: Opacity | None
    """Alpha channel of its file, if that has one."""
    dpi: Dpi | None


def open_drawing(file: bytes) -> OpenedDrawing:
    """Decode a drawing's file; what there is to warn of was said when it was first read."""
    with noting_warnings():
        return OpenedDrawing(*split_cel(decode_line_art(file)), read_dpi(file))


class Coloring(NamedTuple):
    """Colours of a frame, without lines."""

    below: Frame
    matte: Opacity | None
    """Opacity of the frame; None if it is opaque."""
    paint: PaintMap | None = None
    """The same as numbers of colours, for the folder `PAINT`."""


class Composer(NamedTuple):
    """How frames are composed and written."""

    lines_as: LinesAs
    trace_lines: bool
    """Whether trace lines are left out."""
    form: FileFormat
    extras: tuple[str, ...]
    """Folders of the extra files, see `write_layers`."""

    def compose(self, opened: OpenedDrawing, coloring: Coloring) -> "DrawnFrame":
        """Lay the lines of a drawing over colours."""
        drawing = erase_trace_lines(opened.drawing) if self.trace_lines else opened.drawing
        below, matte, paint = coloring
        if self.lines_as == "drawn":
            frame = compose_as_drawn(below, drawing, sigma=0.0)
        else:
            frame = compose(below, to_gray(drawing), sigma=0.0)
        parts = FrameParts(frame, below, drawing, matte, self.lines_as, paint)
        return DrawnFrame(parts, self.form, self.extras, opened.dpi, opened.alpha is not None)


class DrawnFrame(NamedTuple):
    """A coloured frame whose files are still to be written; implements `film.tasks.Drawn`."""

    parts: FrameParts
    form: FileFormat
    extras: tuple[str, ...]
    dpi: Dpi | None
    """Resolution that is noted in the files."""
    has_alpha: bool
    """Whether the file of its drawing has an alpha channel."""

    @property
    def pictures(self) -> list[Frame]:
        """The frame and, of a cel, its opacity."""
        matte = self.parts.matte
        return [self.parts.frame, *([] if matte is None else [to_rgb(matte)])]

    def enlarge(self, pictures: Sequence[Frame]) -> "DrawnFrame":
        """Return the frame with these pictures; it is as large on paper as before."""
        frame, *opacity = pictures
        dpi = scale_dpi(self.dpi, frame.shape[0] / self.parts.frame.shape[0])
        parts = self.parts.enlarge(frame, to_gray(opacity[0]) if opacity else None)
        return self._replace(parts=parts, dpi=dpi)

    def write(self) -> list[bytes]:
        """Return the frame's file and the extra files."""
        layers = write_layers(self.parts, self.extras, self.dpi)
        return [self.form.encode(self._fit_bits(self.parts.picture), self.dpi), *layers]

    def _fit_bits(self, picture: np.ndarray) -> np.ndarray:
        """Return a TGA's picture with opacity if its drawing has an alpha channel.

        PaintMan reads a TGA only with as many bits per pixel as the drawing's.
        """
        if self.form.name != "tga" or not self.has_alpha or picture.shape[2] == 4:
            return picture
        return np.dstack((picture, np.full(picture.shape[:2], 255, np.uint8)))
