"""Cels: whose frames are transparent, and what a frame is composed from."""

import struct
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool

from lineart.image import Frame, Line
from lineart.imaging.frequency import whiten_paper
from lineart.imaging.matte import Opacity, find_matte, ink_opacity

Paper = Literal["auto", "transparent", "white"]
"""Paper of frames: as that of the drawing's file, always transparent, or never."""

Hinted = Bool[np.ndarray, "h w"]
"""Where there are hints, in the grid that the network gets."""


def find_paper_matte(
    paper: Paper, drawing: Line | Frame, alpha: Opacity | None, hinted: Hinted | None
) -> Opacity | None:
    """Return the opacity of a frame, or None if it is opaque.

    Args:
        paper: Paper of the frames.
        drawing: Drawing on white paper.
        alpha: Alpha channel of its file, if it has one.
        hinted: Where there are hints.
    """
    if paper == "white":
        return None
    if alpha is not None and alpha.min() < 255:
        return find_matte(alpha, hinted)
    if paper == "transparent":
        return find_matte(ink_opacity(whiten_paper(drawing)), hinted)
    return None


class KeptDrawing(NamedTuple):
    """What a frame is composed from, besides its colours."""

    hinted: Hinted
    file: bytes
    """File of the drawing."""

    def pack(self) -> bytes:
        """Return it as bytes, the file last."""
        bits = np.packbits(self.hinted).tobytes()
        return b"".join((_SIZE.pack(*self.hinted.shape), bits, self.file))

    @classmethod
    def unpack(cls, data: bytes) -> "KeptDrawing":
        """Return what `pack` has packed."""
        height, width = _SIZE.unpack_from(data)
        start = _SIZE.size + (height * width + 7) // 8
        bits = np.frombuffer(data[_SIZE.size : start], np.uint8)
        flags = np.unpackbits(bits, count=height * width)
        return cls(flags.reshape(height, width).view(bool), data[start:])


_SIZE = struct.Struct("<II")
"""Height and width of the grid."""
