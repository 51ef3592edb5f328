"""Background: what has nearly all of the picture's border has the colour at a key's border."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int32

from lineart.imaging.paint.region_colors import border_regions
from lineart.keys.adjacent import ColorShares
from lineart.keys.drawing import Drawing
from lineart.keys.key import PreparedKey
from lineart.keys.key_colors import UNKNOWN
from lineart.keys.runs import SmallMap

MIN_SHARE = 0.9
"""Least share of the picture's border that background has."""
CERTAINTY = 0.98
"""Probability of the colour of the background; where another is as probable, it remains."""


def color_background(
    shares: ColorShares,
    drawing: Drawing,
    keys: Sequence[tuple[PreparedKey, Int32[np.ndarray, " _"]]],
) -> ColorShares:
    """Give the background of a drawing the colour of that of the nearest key.

    A drawing with hardly a line is like no key, and its one region matched what has no hole, such
    as a coat. One without any line and without such a key shows nothing that a key has.

    Args:
        shares: Probabilities of the colours of the drawing's regions.
        drawing: The drawing.
        keys: Keys of its shot, the nearest in time first, and the number of each of their colours
            in the palette.
    """
    region = _find_on_border(drawing.labels)
    if region == 0 or shares[region - 1, :-1].max(initial=0) >= CERTAINTY:
        return shares
    none = shares.shape[1] - 1
    found = [number[color] for key, number in keys if (color := _find_color(key)) != UNKNOWN]
    if not found and not drawing.labels.all():
        return shares
    shares = shares.copy()
    shares[region - 1] *= (1 - CERTAINTY) / shares[region - 1].sum()
    shares[region - 1, found[0] if found else none] += CERTAINTY
    return shares


def _find_on_border(labels: SmallMap) -> int:
    """Return the region that has nearly all of the picture's border; 0 if none has."""
    rim = border_regions(labels)
    counts = np.bincount(rim, minlength=1)
    most = int(counts.argmax())
    return most if counts[most] >= MIN_SHARE * max(rim.size, 1) else 0


def _find_color(key: PreparedKey) -> int:
    """Return the number of the colour that nearly all of a key's border has; -1 if none has."""
    colors = key.index[border_regions(key.drawing.labels) - 1]
    counts = np.bincount(colors[colors != UNKNOWN], minlength=1)
    most = int(counts.argmax())
    return most if counts[most] >= MIN_SHARE * max(len(colors), 1) else UNKNOWN
