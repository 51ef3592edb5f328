"""Layers of a coloured frame: files of its lines and colours beside it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import cv2
import numpy as np

from lineart.codec import encode_png
from lineart.codec.writing.openraster import MULTIPLY, Layer, encode_openraster
from lineart.codec.writing.png import Dpi, encode_indexed_png
from lineart.film.pictures.frames import OPENRASTER, PSD
from lineart.image import Frame, Line, Picture, resize, to_gray
from lineart.imaging.compositing.frequency import ink_layer, line_layer
from lineart.imaging.compositing.layers import Ink, ink_between, settle_layers
from lineart.imaging.compositing.matte import Opacity, cut_out
from lineart.imaging.lines.paper import whiten_paper
from lineart.imaging.paint.map import MAX_INDEXED, PaintMap

LAYERS, LINES, PAINT = "layers", "lines", "paint"
"""Folders of the colours without lines, of the lines alone, and of paint as numbers of colours."""

LinesAs = Literal["drawn", "paper"]
"""How lines are laid over colours: by `compose_as_drawn`, or by paper 001's `compose`."""


class FrameParts(NamedTuple):
    """Frame, and what it was composed from; all pictures have its size."""

    frame: Frame
    """Lines over colours, opaque."""
    below: Frame
    """Colours without lines."""
    drawing: Line | Frame
    matte: Opacity | None
    """Opacity of the frame; None if it is opaque."""
    lines_as: LinesAs
    paint: PaintMap | None = None
    """The same as `below`, for `PAINT`; with the opacity of `matte`."""
    is_enlarged: bool = False
    """Whether the frame was enlarged as a whole; the lines are then what it has over `below`."""

    @property
    def picture(self) -> Picture:
        """The frame as it is written: RGB, or RGBA with a matte."""
        return self.frame if self.matte is None else cut_out(self.frame, self.below, self.matte)

    def enlarge(self, frame: Frame, matte: Opacity | None) -> "FrameParts":
        """Return the parts of an enlarged frame: its size is theirs, too.

        Colours are interpolated, and nowhere darker than the frame, so that the lines alone make
        the frame of them.

        Args:
            frame: The frame at another size.
            matte: Its opacity.
        """
        size = frame.shape[0], frame.shape[1]
        below: Frame = cv2.max(resize(self.below, size), frame)
        return FrameParts(
            frame, below, resize(self.drawing, size), matte, self.lines_as, is_enlarged=True
        )

    def ink(self) -> Ink:
        """Return the lines alone."""
        if self.is_enlarged or self.lines_as == "paper":
            return ink_between(self.frame, self.below)
        white = whiten_paper(self.drawing)
        return ink_layer(cv2.merge((white,) * 3) if white.ndim == 2 else white)

    def multiplied(self) -> Picture | None:
        """Return the lines as a picture to multiply with the colours; None if that is not exact."""
        if self.is_enlarged or self.matte is not None:
            return None
        if self.lines_as == "paper":
            return line_layer(self.frame, self.below, to_gray(self.drawing))
        white = whiten_paper(self.drawing)
        return white if white.ndim == 2 else None


def write_layers(parts: FrameParts, folders: Sequence[str], dpi: Dpi | None) -> list[bytes]:
    """Return a file of a frame for each folder: `LAYERS`, `LINES`, `OPENRASTER`, `PSD` or `PAINT`.

    Args:
        parts: The frame and its parts.
        folders: Folders of the extra files; `PAINT` needs `parts.paint`.
        dpi: Resolution that is noted in the files.
    """
    stack = _Stack(parts, dpi)
    writers = {
        LAYERS: lambda: encode_png(stack.colors, dpi=dpi),
        LINES: lambda: encode_png(stack.ink, dpi=dpi),
        OPENRASTER: stack.write_openraster,
        PSD: stack.write_psd,
        PAINT: stack.write_paint,
    }
    return [writers[folder]() for folder in folders]


class _Stack:
    """Layers that are exact in programs that blend in the mode "normal"; made when needed."""

    def __init__(self, parts: FrameParts, dpi: Dpi | None) -> None:
        self._parts, self._dpi = parts, dpi

    @cached_property
    def ink(self) -> Ink:
        """Lines alone; where a cel is partly transparent, it is its lines."""
        parts = self._parts
        if parts.matte is None:
            return parts.ink()
        soft = (parts.matte < 255)[:, :, np.newaxis]
        ink: Ink = np.where(soft, parts.picture, parts.ink())
        return ink

    @cached_property
    def colors(self) -> Picture:
        """Colours alone; those of a cel are opaque where the cel is."""
        return self._with_opacity(self._parts.below)

    def write_openraster(self) -> bytes:
        """Write an OpenRaster file."""
        lines = self._parts.multiplied()
        if lines is None:
            ink, colors = self._exact
            top = Layer("lines", encode_png(ink))
        else:
            top, colors = Layer("lines", encode_png(lines), MULTIPLY), self.colors
        layers = [top, Layer("colour", encode_png(colors))]
        merged = self._parts.picture
        return encode_openraster(layers, merged, encode_png(merged, dpi=self._dpi), self._dpi)

    def write_psd(self) -> bytes:
        """Write a PSD file."""
        from lineart.codec.writing.psd import NewPsdLayer, encode_psd

        ink, colors = self._exact
        layers = [NewPsdLayer("lines", ink), NewPsdLayer("colour", colors)]
        return encode_psd(layers, self._parts.picture, self._dpi)

    def write_paint(self) -> bytes:
        """Write an indexed PNG or, of more colours than that holds, one of RGB or RGBA."""
        paint = self._parts.paint
        assert paint is not None
        if len(paint.palette) <= MAX_INDEXED:
            return encode_indexed_png(paint.numbers, paint.palette, dpi=self._dpi)
        return encode_png(paint.palette[paint.numbers], dpi=self._dpi)

    @cached_property
    def _exact(self) -> tuple[Ink, Picture]:
        parts = self._parts
        ink, below = settle_layers(parts.frame, parts.ink(), parts.below)
        if parts.matte is not None:
            soft = (parts.matte < 255)[:, :, np.newaxis]
            ink = np.where(soft, parts.picture, ink)
        return ink, self._with_opacity(below)

    def _with_opacity(self, below: Frame) -> Picture:
        matte = self._parts.matte
        if matte is None:
            return below
        paint = np.where(matte == 255, np.uint8(255), np.uint8(0))[:, :, np.newaxis]
        return np.dstack((below * (paint > 0), paint))
