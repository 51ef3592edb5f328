"""Hints in documents with layers: which layers are hints, and which are paper or drawing."""

import re
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.codec.errors import PictureWarning
from lineart.codec.reading.layers import DocumentLayer
from lineart.image import Hint, Mask
from lineart.imaging.hints.pixels import FAINT_ALPHA, STROKE_TOLERANCE, is_opaque, stack_hints
from lineart.imaging.lines.paper import PAPER_FROM

NAMED_HINT = re.compile(r"(?<![a-z])hints?(?![a-z])|ヒント", re.IGNORECASE)
"""Word in the names of layers, or of groups, of hints; "Hintergrund" is none."""
GRAY_TOLERANCE = 12
"""Largest difference of two channels of a grey pixel."""

MIN_LENGTH = 100
"""Area of lines as a multiple of the square of half their width, at least."""
MIN_TURNS = 1.5
"""Length of lines that may be a drawing, as a multiple of both sides of the picture together."""
SAME_SHARE = 0.9
"""Share of a layer's pixels that have about one colour if it is drawn in one."""
SKETCH_REACH = 1 / 60
"""Distance, as a share of the short side, of a sketch from the lines that were drawn after it."""
NEAR_SHARE, COVERED_SHARE = 0.8, 0.6
"""Share of a sketch that lies near lines, and of lines that lie near the sketch, at least."""


def flatten_hint_layers(layers: Sequence[DocumentLayer]) -> Hint:
    """Return the hints of a document.

    They are in the layers whose name has the word `hint`, or are in such a group; hidden ones count
    only if all are hidden. Without such names, they are in the visible layers above the topmost
    opaque one, which is paper or drawing. The lowest of these that is not empty is left out if it
    is a drawing, too: if all its pixels are grey, and there are others above it. So are rough
    sketches, with a warning: layers of strokes in one colour that follow the lines of a grey layer.
    If the topmost layer is opaque, it is returned.

    Args:
        layers: Layers of the document, from bottom to top.

    Raises:
        ValueError: the document has no visible layer, or a layer is damaged.
    """
    named = [one for one in layers if any(map(_is_hints, (one.name, *one.groups)))]
    if named:
        return stack_hints([one.read() for one in _shown(named) or named])
    above: list[_Layer] = []
    ground: list[Hint] = []
    for one in reversed(_shown(layers)):
        pixels = one.read()
        if is_opaque(pixels):
            ground = [pixels]
            break
        above.insert(0, _Layer(one.name, pixels))
    above = _without_sketches(above, ground) or [_Layer("", one) for one in ground]
    if not above:
        raise ValueError("the document has no visible layer; show the layer of hints")
    while len(above) > 1 and not _drawn(above[0].pixels).any():
        del above[0]
    if len(above) > 1 and _is_gray(above[0].pixels):
        del above[0]
    return stack_hints([one.pixels for one in above])


def find_covered(layers: Sequence[DocumentLayer]) -> str | None:
    """Return the topmost visible layer with transparency if an opaque one lies above all of them.

    None if the name of a layer says that it has hints.
    """
    if any(_is_hints(name) for one in layers for name in (one.name, *one.groups)):
        return None
    pictures = ((one.name, one.read()) for one in reversed(_shown(layers)))
    opaque = [(name, is_opaque(pixels), _drawn(pixels).any()) for name, pixels in pictures]
    if not opaque or not opaque[0][1]:
        return None
    return next((name for name, covers, is_drawn in opaque if is_drawn and not covers), None)


class _Layer(NamedTuple):
    name: str
    pixels: Hint


def _without_sketches(layers: Sequence[_Layer], ground: Sequence[Hint]) -> list[_Layer]:
    """Return layers without sketches below the topmost one, of which a warning tells."""
    ink = [pixels for pixels in ground if _has_lines(_is_dark(pixels))]
    ink += [one.pixels for one in layers if _is_gray(one.pixels) and _has_lines(_drawn(one.pixels))]
    lines = np.any([_is_dark(one) for one in ink], axis=0) if ink else None
    kept = []
    for one in layers:
        drawn = _drawn(one.pixels)
        if one is layers[-1] or _is_gray(one.pixels) or not _has_lines(drawn):
            kept.append(one)
            continue
        is_one_color = _is_one_color(one.pixels[drawn][:, :3])
        follows = lines is not None and _follows(drawn, lines)
        if is_one_color and follows:
            _tell(one.name, 'is taken for a sketch; if it is one of hints, give it the name "hint"')
            continue
        kept.append(one)
        if follows or (is_one_color and _has_lines(drawn, MIN_TURNS * sum(drawn.shape))):
            _tell(one.name, 'counts; if it is a sketch, give the layers of hints the name "hint"')
    return kept


def _tell(name: str, what: str) -> None:
    warnings.warn(f"the layer {name!r} has lines alone and {what}", PictureWarning, stacklevel=2)


def _drawn(pixels: Hint) -> Mask:
    drawn: Mask = pixels[:, :, 3] >= FAINT_ALPHA
    return drawn


def _is_dark(pixels: Hint) -> Mask:
    """Return where a layer is ink."""
    dark: Mask = _drawn(pixels) & (pixels[:, :, :3].max(axis=2) < PAPER_FROM)
    return dark


def _has_lines(drawn: Mask, least_px: float = 0.0) -> bool:
    """Return whether what is drawn is much longer than wide, and has at least a length."""
    if not drawn.any():
        return False
    depth = cv2.distanceTransform(drawn.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)[drawn]
    half = np.quantile(depth, 0.95)
    return bool(depth.size >= max(MIN_LENGTH * half**2, least_px * 2 * half))


def _is_one_color(colors: UInt8[np.ndarray, "P 3"]) -> bool:
    distance = np.abs(colors.astype(np.int16) - np.median(colors, axis=0)).max(axis=1)
    return bool((distance <= STROKE_TOLERANCE).mean() >= SAME_SHARE)


def _follows(drawn: Mask, lines: Mask) -> bool:
    """Return whether strokes lie near lines, and most lines near strokes."""
    reach = max(2.0, SKETCH_REACH * min(drawn.shape))
    to_lines, to_drawn = (
        cv2.distanceTransform((~one).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
        for one in (lines, drawn)
    )
    is_near = (to_lines[drawn] <= reach).mean() >= NEAR_SHARE
    return bool(is_near and (to_drawn[lines] <= reach).mean() >= COVERED_SHARE)


def _shown(layers: Sequence[DocumentLayer]) -> list[DocumentLayer]:
    return [one for one in layers if one.is_visible]


def _is_hints(name: str) -> bool:
    return NAMED_HINT.search(name) is not None


def _is_gray(hint: Hint) -> bool:
    colors = hint[hint[:, :, 3] >= FAINT_ALPHA][:, :3].astype(np.int16)
    return bool((np.ptp(colors, axis=1) <= GRAY_TOLERANCE).all())
