"""Cels: whose frames are transparent, and what a frame is composed from."""

import pickle
from typing import Literal, NamedTuple

from lineart.image import Frame, Line
from lineart.imaging.frequency import whiten_paper
from lineart.imaging.hints import HintPixels
from lineart.imaging.matte import Opacity, find_matte, ink_opacity

Paper = Literal["auto", "transparent", "white"]
"""Paper of frames: as that of the drawing's file, always transparent, or never."""


def find_paper_matte(
    paper: Paper, drawing: Line | Frame, alpha: Opacity | None, hints: HintPixels
) -> Opacity | None:
    """Return the opacity of a frame, or None if it is opaque.

    Args:
        paper: Paper of the frames.
        drawing: Drawing on white paper.
        alpha: Alpha channel of its file, if it has one.
        hints: Hints at the size of the drawing.
    """
    if paper == "white":
        return None
    if alpha is not None and alpha.min() < 255:
        return find_matte(alpha, hints)
    if paper == "transparent":
        return find_matte(ink_opacity(whiten_paper(drawing)), hints)
    return None


class KeptDrawing(NamedTuple):
    """What a frame is composed from, besides its colours."""

    hints: HintPixels
    """Hints at the size of the drawing."""
    file: bytes
    """File of the drawing."""

    def pack(self) -> bytes:
        """Return it as bytes."""
        return pickle.dumps(tuple(self))

    @classmethod
    def unpack(cls, data: bytes) -> "KeptDrawing":
        """Return what `pack` has packed."""
        return cls(*pickle.loads(data))
