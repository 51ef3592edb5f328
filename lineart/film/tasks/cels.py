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
        height, width = self.hints.size
        places = np.stack((self.hints.rows, self.hints.columns, self.hints.dabs)).astype("<i4")
        head = _HEAD.pack(height, width, len(self.hints.rows))
        return b"".join((head, places.tobytes(), self.hints.values.tobytes(), self.file))

    @classmethod
    def unpack(cls, data: bytes) -> "ComposeInputs":
        """Return what `pack` has packed."""
        height, width, count = _HEAD.unpack_from(data)
        start, middle, end = np.cumsum([_HEAD.size, 12 * count, 4 * count])
        places = np.frombuffer(data[start:middle], "<i4").reshape(3, count)
        values = np.frombuffer(data[middle:end], np.uint8).reshape(count, 4)
        rows, columns, dabs = places[0].astype(np.int64), places[1].astype(np.int64), places[2]
        return cls(HintPixels((height, width), rows, columns, values, dabs), data[end:])


_HEAD = struct.Struct("<III")
"""Height and width of the drawing, and the number of its hints' pixels."""
