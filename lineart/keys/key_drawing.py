"""The colours of a key for its own drawing: equal to the key, pixel by pixel."""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from lineart.image import Frame, Line, darkest_channel, pack_colors, to_rgb, unpack_colors
from lineart.imaging.lines.ink import darken_lines
from lineart.imaging.lines.paper import whiten_paper
from lineart.imaging.region_maps import RegionMap
from lineart.imaging.regions import INK_LEVEL
from lineart.keys.key import (
    FinishedPicture,
    Key,
    color_regions_by_hints,
    read_key,
    take_nearest,
)
from lineart.keys.key_colors import EDGE_PX, RegionColors, has_lines, median_colors

NO_COLORS = np.zeros((0, 3), np.uint8)


def is_key_drawing(drawing: Line | Frame, key: Key) -> bool:
    """Return whether a drawing is that of a key."""
    return drawing.shape[:2] == key.drawing.shape[:2] and np.array_equal(
        darkest_channel(drawing), darkest_channel(key.drawing)
    )


def key_drawing_colors(
    key: Key, labels: RegionMap | None = None, palette: UInt8[np.ndarray, "K 3"] = NO_COLORS
) -> RegionColors:
    """Return the regions of a key's drawing, one for each colour of each region.

    Every pixel has the key's colour, in gradients, too. Only if the picture has its lines, their
    soft edges have the colour beside them: the lines are laid over it again.

    Args:
        key: The key.
        labels: Regions of its drawing; default: those between its lines.
        palette: Colours that its paint may have where it is no wider than the soft edges of lines.
    """
    line = darken_lines(key.drawing)
    labels, found = read_key(key, line, labels)
    if not isinstance(found, FinishedPicture):
        return color_regions_by_hints(labels, found)
    shown = to_rgb(whiten_paper(key.drawing))
    colors = found.colors
    if has_lines(shown, line < INK_LEVEL, colors):
        colors = _without_edges(shown, line < INK_LEVEL, labels, colors, palette)
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


def _without_edges(
    line: Frame,
    is_ink: Bool[np.ndarray, "H W"],
    labels: RegionMap,
    colors: Frame,
    palette: UInt8[np.ndarray, "K 3"],
) -> Frame:
    """Give the soft edges of lines the colour of the nearest paper of their region, or its paint.

    Args:
        line: The drawing on white paper.
        is_ink: Where it has ink.
        labels: Its regions.
        colors: Picture with its lines.
        palette: Colours of the picture.
    """
    near = cv2.dilate(is_ink.view(np.uint8), np.ones((2 * EDGE_PX + 1,) * 2, np.uint8))
    is_edge = (labels > 0) & (darkest_channel(line) < 255) & (near > 0)
    cleaned = take_nearest(colors, is_edge, is_edge | is_ink, labels)
    is_thin = np.ones(int(labels.max(initial=0)) + 1, bool)
    is_thin[labels[~is_edge]] = False
    thin = np.unique(labels[is_thin[labels] & is_edge])
    paint = np.zeros(len(is_thin), np.int64)
    paint[thin] = median_colors(labels, colors, thin, line, palette)
    return np.where(is_thin[labels][:, :, np.newaxis], unpack_colors(paint)[labels], cleaned)
