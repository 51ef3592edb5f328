"""Cels: whose frames are transparent, and what a frame is composed from."""

from typing import Literal, NamedTuple

from lineart.image import Frame, Line
from lineart.imaging.compositing.matte import Opacity, find_matte, ink_opacity
from lineart.imaging.hints.pixels import HintPixels
from lineart.imaging.lines.paper import whiten_paper
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
