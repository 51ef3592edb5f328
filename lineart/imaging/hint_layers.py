"""Hints in documents with layers: which layers are hints, and which are paper or drawing."""

import re
from collections.abc import Sequence

import numpy as np

from lineart.codec.layers import DocumentLayer
from lineart.image import Hint
from lineart.imaging.hints import FAINT_ALPHA, is_opaque, stack_hints

NAMED_HINT = re.compile(r"(?<![a-z])hints?(?![a-z])|ヒント", re.IGNORECASE)
"""Word in the names of layers, or of groups, of hints; "Hintergrund" is none."""
GRAY_TOLERANCE = 12
"""Largest difference of two channels of a grey pixel."""


def flatten_hint_layers(layers: Sequence[DocumentLayer]) -> Hint:
    """Return the hints of a document.

    They are in the layers whose name has the word `hint`, or are in such a group; hidden ones count
    only if all are hidden. Without such names, they are in the visible layers above the topmost
    opaque one, which is paper or drawing. The lowest of these is left out if it is a drawing, too:
    if all its pixels are grey, and there are others. If the topmost layer is opaque, it is
    returned.

    Args:
        layers: Layers of the document, from bottom to top.

    Raises:
        ValueError: the document has no visible layer, or a layer is damaged.
    """
    named = [one for one in layers if any(map(_is_hints, (one.name, *one.groups)))]
    if named:
        return stack_hints([one.read() for one in _shown(named) or named])
    above: list[Hint] = []
    for one in reversed(_shown(layers)):
        pixels = one.read()
        if is_opaque(pixels):
            above = above or [pixels]
            break
        above.insert(0, pixels)
    if not above:
        raise ValueError("the document has no visible layer; show the layer of hints")
    if len(above) > 1 and _is_gray(above[0]):
        del above[0]
    return stack_hints(above)


def _shown(layers: Sequence[DocumentLayer]) -> list[DocumentLayer]:
    return [one for one in layers if one.is_visible]


def _is_hints(name: str) -> bool:
    return NAMED_HINT.search(name) is not None


def _is_gray(hint: Hint) -> bool:
    colors = hint[hint[:, :, 3] >= FAINT_ALPHA][:, :3].astype(np.int16)
    return bool((np.ptp(colors, axis=1) <= GRAY_TOLERANCE).all())
