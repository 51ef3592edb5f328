"""What something else hides in a key, as the other keys of the shot show it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int64

from lineart.image import pack_colors
from lineart.imaging.region_maps import look_up
from lineart.keys.key import PreparedKey
from lineart.keys.key_colors import UNKNOWN
from lineart.keys.region_motion import CarriedKey, CarriedParts, follow_regions
from lineart.keys.runs import SmallMap, count_pairs

MIN_HIDDEN_PX = 30
"""Less of a region that is hidden has the parts beside it."""
MAX_OTHERS = 2
"""Most other keys that are asked what one hides, so that time stays linear in keys."""


def show_hidden(
    labels: SmallMap,
    depth: Float32[np.ndarray, "h w"],
    key: PreparedKey,
    carried: CarriedParts,
    others: Sequence[CarriedKey],
    is_asked: Bool[np.ndarray, " N"],
) -> SmallMap:
    """Return the parts of a key, also where it hides them and another key shows their colour.

    Only motions that are known count, in both keys: a wing that is folded in both hides nothing.

    Args:
        labels: Regions of the drawing at the working size.
        depth: Distance to the nearest ink.
        key: The key, at the same size.
        carried: Its parts, carried to the drawing.
        others: Other keys, those that fit best first.
        is_asked: Which regions matter.
    """
    is_hidden, parts, colors = carried.is_hidden.copy(), carried.parts.copy(), _colors_of_parts(key)
    for other in others[:MAX_OTHERS]:
        hidden_px = np.bincount(labels[is_hidden], minlength=len(is_asked))
        is_asked = is_asked & (hidden_px >= MIN_HIDDEN_PX)
        is_hidden &= look_up(is_asked, labels)
        if not is_hidden.any():
            break
        places = np.flatnonzero(is_hidden)
        shown = follow_regions(labels, depth, other, is_asked, places)
        wanted = _colors_of_parts(other.key)[shown]
        found = _find_parts_of_color(labels, carried.parts, colors, places, wanted)
        is_found = found > 0
        parts.ravel()[places[is_found]] = found[is_found]
        is_hidden.ravel()[places[is_found]] = False
    return parts


def _colors_of_parts(key: PreparedKey) -> Int64[np.ndarray, " K"]:
    """Return the packed colour of each part of a key, by its number; `UNKNOWN` for ink, too."""
    packed = np.append(pack_colors(key.palette), np.int64(UNKNOWN))
    colors: Int64[np.ndarray, " K"] = packed[np.append(UNKNOWN, key.index)]
    return colors


def _find_parts_of_color(
    labels: SmallMap,
    parts: SmallMap,
    colors: Int64[np.ndarray, " K"],
    places: Int64[np.ndarray, " P"],
    wanted: Int64[np.ndarray, " P"],
) -> Int64[np.ndarray, " P"]:
    """Return the largest part of a colour in the region at each place; 0: there is none.

    Args:
        labels: Regions of the drawing.
        parts: The key's parts in them.
        colors: Colour of each part.
        places: Places in the flattened maps.
        wanted: Colour at each of them, or `UNKNOWN`.
    """
    palette = np.unique(np.append(colors, wanted))
    # Every second pixel tells which part is the largest.
    count = count_pairs(labels[::2, ::2], parts[::2, ::2], len(colors))
    pairs = count.rows * len(palette) + np.searchsorted(palette, colors[count.columns])
    order = np.lexsort((count.counts, pairs))
    order = order[np.diff(pairs[order], append=-1) != 0]
    pairs, largest = pairs[order], count.columns[order]
    own = labels.ravel()[places].astype(np.int64)
    own = own * len(palette) + np.searchsorted(palette, wanted)
    at = np.searchsorted(pairs, own).clip(max=len(pairs) - 1)
    is_there = (pairs[at] == own) & (wanted != UNKNOWN)
    found: Int64[np.ndarray, " P"] = np.where(is_there, largest[at], 0)
    return found
