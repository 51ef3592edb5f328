"""Cels: whose frames are transparent, and what a frame is composed from."""

import struct
from typing import Literal, NamedTuple

import numpy as np

from lineart.image import Frame, Line
from lineart.imaging.hints import HintPixels
from lineart.imaging.matte import Opacity, find_matte, ink_opacity
from lineart.imaging.paper import whiten_paper
from lineart.imaging.regions import GAP

Paper = Literal["auto", "transparent", "white"]
"""Paper of frames: as that of the drawing's file, always transparent, or never."""


def find_paper_matte(
    paper: Paper,
    drawing: Line | Frame,
    alpha: Opacity | None,
    hints: HintPixels,
    gap: float = GAP,
) -> Opacity | None:
    """Return the opacity of a frame, or None if it is opaque.

    Args:
        paper: Paper of the frames.
        drawing: Drawing on white paper.
        alpha: Alpha channel of its file, if it has one.
        hints: Hints at the size of the drawing.
        gap: As for `find_matte`.
    """
    if paper == "white":
        return None
    if alpha is not None and alpha.min() < 255:
        return find_matte(alpha, hints, gap)
    if paper == "transparent":
        return find_matte(ink_opacity(whiten_paper(drawing)), hints, gap)
    return None


class ComposeInputs(NamedTuple):
    """What a frame is composed from, besides its colours."""

    hints: HintPixels
    """Hints at the size of the drawing."""
    file: bytes
    """File of the drawing."""

    def pack(self) -> bytes:
        """Return it as bytes."""
        hints = self.hints
        places = np.stack((hints.rows, hints.columns, hints.dabs, hints.is_on_line)).astype("<i4")
        head = _HEAD.pack(*hints.size, len(hints.rows))
        return b"".join((head, places.tobytes(), hints.values.tobytes(), self.file))

    @classmethod
    def unpack(cls, data: bytes) -> "ComposeInputs":
        """Return what `pack` has packed."""
        height, width, count = _HEAD.unpack_from(data)
        start, middle, end = np.cumsum([_HEAD.size, 16 * count, 4 * count])
        places = np.frombuffer(data[start:middle], "<i4").reshape(4, count)
        values = np.frombuffer(data[middle:end], np.uint8).reshape(count, 4)
        rows, columns = places[:2].astype(np.int64)
        dabs, is_on_line = places[2], places[3] > 0
        hints = HintPixels((height, width), rows, columns, values, dabs, is_on_line)
        return cls(hints, data[end:])


_HEAD = struct.Struct("<III")
"""Height and width of the drawing, and the number of its hints' pixels."""
