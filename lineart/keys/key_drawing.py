"""The colours of a key for its own drawing: equal to the key, pixel by pixel."""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from lineart.image import Frame, Line, darkest_channel
from lineart.imaging.frequency import whiten_paper
from lineart.imaging.hints import FAINT_ALPHA
from lineart.imaging.ink import darken_lines
from lineart.imaging.region_maps import RegionMap, fill_from_neighbours
from lineart.imaging.regions import INK_LEVEL, find_regions
from lineart.keys.colors import RegionColors, pack, unpack
from lineart.keys.key import Key, flood_hints

EDGE_PX = 3
"""Paper that is not white is the soft edge of a line up to this distance from ink."""
LINE_LEVELS = 48
"""A picture has its lines if most of the ink's levels differ by at most this from the drawing's."""


def is_key_drawing(drawing: Line | Frame, key: Key) -> bool:
    """Return whether a drawing is that of a key."""
    return drawing.shape[:2] == key.drawing.shape[:2] and np.array_equal(
        darkest_channel(drawing), darkest_channel(key.drawing)
    )


def key_drawing_colors(key: Key) -> RegionColors:
    """Return the regions of a key's drawing, one for each colour of each region.

    Every pixel has the key's colour, in gradients, too. Only if the picture has its lines, their
    soft edges have the colour beside them: the lines are laid over it again.
    """
    line = darken_lines(key.drawing)
    labels, given = find_regions(line, gap_px=key.gap_px), key.colors
    if given.shape[2] == 4:
        if given[:, :, 3].min(initial=255) < FAINT_ALPHA:
            return flood_hints(labels, key)
        given = cv2.cvtColor(given, cv2.COLOR_RGBA2RGB)
    colors = _without_edges(whiten_paper(key.drawing), line < INK_LEVEL, labels, given)
    flat = np.where(labels.ravel() > 0, labels.ravel().astype(np.int64) << 24, -1)
    flat = np.where(flat < 0, -1, flat | pack(colors.reshape(-1, 3)))
    pairs, number = np.unique(flat, return_inverse=True)
    first = int((pairs < 0).any())
    split = (number.reshape(labels.shape) + (1 - first)).astype(np.int32)
    values, index = np.unique(pairs[first:] & 0xFFFFFF, return_inverse=True)
    parent = (pairs[first:] >> 24).astype(np.int32)
    return RegionColors(split, parent, index.astype(np.int32), unpack(values))


def _without_edges(
    line: Line | Frame, is_ink: Bool[np.ndarray, "H W"], labels: RegionMap, colors: Frame
) -> UInt8[np.ndarray, "H W 3"]:
    """Give the soft edges of lines the colour of the nearest paper of their region."""
    level = darkest_channel(line)
    ink = cv2.cvtColor(line, cv2.COLOR_GRAY2RGB) if line.ndim == 2 else line
    difference = cv2.absdiff(ink, colors).max(axis=2)[is_ink]
    if not difference.size or np.median(difference) > LINE_LEVELS:
        return colors
    source = np.arange(1, labels.size + 1, dtype=np.int32).reshape(labels.shape)
    near = cv2.dilate(is_ink.view(np.uint8), np.ones((2 * EDGE_PX + 1,) * 2, np.uint8))
    is_edge = (labels > 0) & (level < 255) & (near > 0)
    source[is_edge | is_ink] = 0
    fill_from_neighbours(source, np.flatnonzero(is_edge), within=labels)
    source = np.where(source > 0, source - 1, np.arange(labels.size).reshape(labels.shape))
    clean: UInt8[np.ndarray, "H W 3"] = colors.reshape(-1, 3)[source]
    return clean
