"""Contacts without a line: two colours that touch so in no key hardly ever do in a drawing.

Where a region was cut, or a gap in a line was closed, regions touch without a line between them.
They are parts of one thing, of a thing and its shadow, or of a sky: the keys show which colours
these are. Colours of a figure and of what is behind it meet at lines alone.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt8
from scipy.special import softmax

from lineart.image import pack_colors
from lineart.keys.adjacent import ColorShares
from lineart.keys.drawing import Drawing
from lineart.keys.key import PreparedKey
from lineart.keys.key_colors import UNKNOWN

DECAY = 6.0
"""By how much the logarithm of the probability of a strange contact falls with the share of the
smaller region's outline that it takes: lines have gaps, and a short contact says little."""
LEAST = 0.05
"""Least probability of a strange contact, beside 1 for one that a key shows."""

Contacts = Bool[np.ndarray, "M M"]
"""Which colours of a palette may meet on bare paper; the last row and column stand for none."""


def find_contacts(keys: Sequence[PreparedKey], palette: UInt8[np.ndarray, "K 3"]) -> Contacts:
    """Return which colours may meet on bare paper.

    All may but those that a key which colours all of its drawing has both, and that meet in no key.

    Args:
        keys: Keys of a drawing.
        palette: All of their colours.
    """
    packed = pack_colors(palette)
    order = np.argsort(packed)
    may_meet = np.ones((len(palette) + 1,) * 2, bool)
    do_meet = np.eye(len(palette) + 1, dtype=bool)
    for one in keys:
        place = order[np.searchsorted(packed[order], pack_colors(one.palette))]
        color = np.where(one.index == UNKNOWN, len(palette), place[one.index])
        borders = one.drawing.open_borders
        do_meet[color[borders.rows], color[borders.columns]] = True
        if not one.is_partial:
            seen = np.unique(color[one.index != UNKNOWN])
            may_meet[np.ix_(seen, seen)] = False
    return may_meet | do_meet


def join_contacts(shares: ColorShares, drawing: Drawing, contacts: Contacts) -> ColorShares:
    """Return the probabilities of a drawing's colours, given those of the regions they touch.

    Each region hears from those that it touches on bare paper how probable each of its colours is
    beside theirs.

    Args:
        shares: Probabilities without that.
        drawing: The drawing's regions.
        contacts: Which colours may meet.
    """
    borders = drawing.open_borders
    if contacts.all() or not borders.rows.size:
        return shares
    outlines = np.maximum(drawing.borders.totals(), 1)
    smaller = np.minimum(outlines[borders.rows], outlines[borders.columns])
    strange = np.maximum(np.exp(-DECAY * borders.lengths / smaller), LEAST)[:, np.newaxis]
    usual = shares[borders.columns] @ contacts
    total = np.log(np.maximum(shares, np.finfo(np.float32).tiny))
    np.add.at(total, borders.rows, np.log(usual + strange * (1 - usual)))
    joined: ColorShares = softmax(total, axis=1)
    return joined
