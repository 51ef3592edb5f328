"""The colours of a key for its own drawing: equal to the key, pixel by pixel."""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from lineart.image import Frame, Line, darkest_channel, pack_colors, to_rgb, unpack_colors
from lineart.imaging.ink import darken_lines
from lineart.imaging.paper import whiten_paper
from lineart.imaging.region_maps import RegionMap
from lineart.imaging.regions import INK_LEVEL
from lineart.keys.colors import RegionColors
from lineart.keys.key import FinishedPicture, Key, color_regions_by_hints, read_key, take_nearest

EDGE_PX = 3
"""Paper that is not white is the soft edge of a line up to this distance from ink."""
LINE_LEVELS, PENCIL_LEVELS = 48, 32
"""A picture has its lines if most of the ink's levels differ by at most the first number from the
drawing's, or by the second from those of the drawing over paint."""


def is_key_drawing(drawing: Line | Frame, key: Key) -> bool:
    """Return whether a drawing is that of a key."""
    return drawing.shape[:2] == key.drawing.shape[:2] and np.array_equal(
        darkest_channel(drawing), darkest_channel(key.drawing)
    )


def key_drawing_colors(key: Key, labels: RegionMap | None = None) -> RegionColors:
    """Return the regions of a key's drawing, one for each colour of each region.

    Every pixel has the key's colour, in gradients, too. Only if the picture has its lines, their
    soft edges have the colour beside them: the lines are laid over it again.

    Args:
        key: The key.
        labels: Regions of its drawing; default: those between its lines.
    """
    line = darken_lines(key.drawing)
    labels, found = read_key(key, line, labels)
    if not isinstance(found, FinishedPicture):
        return color_regions_by_hints(labels, found)
    colors = _without_edges(whiten_paper(key.drawing), line < INK_LEVEL, labels, found.colors)
    flat = np.where(labels.ravel() > 0, labels.ravel().astype(np.int64) << 24, -1)
    flat = np.where(flat < 0, -1, flat | pack_colors(colors.reshape(-1, 3)))
    pairs, number = np.unique(flat, return_inverse=True)
    first = int((pairs < 0).any())
    split = (number.reshape(labels.shape) + (1 - first)).astype(np.int32)
    values, index = np.unique(pairs[first:] & 0xFFFFFF, return_inverse=True)
    parent = (pairs[first:] >> 24).astype(np.int32)
    return found.leave_open(
        RegionColors(
            split,
            parent,
            index.astype(np.int32),
            unpack_colors(values),
            np.zeros(len(parent), bool),
        )
    )


def _has_lines(line: Frame, is_ink: Bool[np.ndarray, "H W"], colors: Frame) -> bool:
    """Return whether a picture shows the lines of its drawing, opaque or, as pencil, over paint."""
    paint = cv2.morphologyEx(colors, cv2.MORPH_CLOSE, np.ones((2 * EDGE_PX + 1,) * 2, np.uint8))
    over_paint = cv2.multiply(paint, line, scale=1 / 255)
    return any(
        np.median(cv2.absdiff(shown, colors).max(axis=2)[is_ink]) <= levels
        for shown, levels in ((line, LINE_LEVELS), (over_paint, PENCIL_LEVELS))
    )


def _without_edges(
    line: Line | Frame, is_ink: Bool[np.ndarray, "H W"], labels: RegionMap, colors: Frame
) -> UInt8[np.ndarray, "H W 3"]:
    """Give the soft edges of lines the colour of the nearest paper of their region."""
    level = darkest_channel(line)
    if not is_ink.any() or not _has_lines(to_rgb(line), is_ink, colors):
        return colors
    near = cv2.dilate(is_ink.view(np.uint8), np.ones((2 * EDGE_PX + 1,) * 2, np.uint8))
    is_edge = (labels > 0) & (level < 255) & (near > 0)
    return take_nearest(colors, is_edge, is_edge | is_ink, labels)
