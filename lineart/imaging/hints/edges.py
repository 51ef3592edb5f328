"""Soft edges of strokes: mixtures of white paper, a stroke and a line; faint rims of brushes."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from lineart.image import Frame, Hint, pack_colors, unpack_colors
from lineart.imaging.hints.cleaning import WHITE_FROM
from lineart.imaging.hints.pixels import FAINT_ALPHA
from lineart.imaging.lines.paper import PAPER_FROM

EDGE_PX = 3
"""Distance up to which a stroke on paper has a soft edge."""
FULL_SHARE = 0.97
"""Share of the strength of the strongest pixel near it that a pixel of a stroke has at least."""
TINT_TOLERANCE = 24
"""Largest difference in a channel of a soft edge from a mixture of white with the stroke."""
SOLID_PX = 3
"""Width of an area of one colour that was painted, and is no edge."""
SOLID_STEP = 16
"""Levels by which such an area differs from what is stronger near it; a gradient has none."""
DARKER_BY = 8
"""Levels by which all channels of a line are darker than a mixture with it."""
MIX_TOLERANCE, MIX_SHARE = 8, 0.25
"""Largest difference in a channel of a mixture at a line from that of three colours: levels, and a
share of the mixture's strength."""
MAX_LINE = 1 - PAPER_FROM / 255
"""What has more of a line is ink; `drop_ink_hints` compares it with that of the drawing."""
MIN_STROKE = 0.25
"""Share of a stroke in its mixture with a line, at least, of which its colour can be told."""
MIN_APART = 0.001
"""Square of the sine of the angle between the strengths of a stroke and a line, at least."""
DIRECTIONS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]


def find_painted(picture: Frame) -> Bool[np.ndarray, "H W"]:
    """Return where white paper is painted, without the soft edges of strokes.

    Such an edge is a mixture of white with what is strongest near it, or, where that is a line,
    with a stroke near it, and with the line.
    """
    depth = 255 - picture.min(axis=2)
    painted: Bool[np.ndarray, "H W"] = depth > 255 - WHITE_FROM
    strongest = _strongest_near(picture, depth)[painted].astype(np.float32)
    colors, levels = picture[painted].astype(np.float32), depth[painted].astype(np.float32)
    reach = 255 - strongest.min(axis=1)
    share = levels / reach
    tint = 255 - share[:, np.newaxis] * (255 - strongest)
    is_part = share < FULL_SHARE
    is_edge = is_part & (np.abs(tint - colors).max(axis=1) <= TINT_TOLERANCE)
    is_solid = _find_solid(picture)[painted]
    is_edge &= ~(is_solid & (reach - levels >= SOLID_STEP))
    places = np.flatnonzero(painted)
    suspects = np.flatnonzero(is_part & ~is_edge & ~is_solid)
    is_edge[suspects] = _are_mixtures(picture, places[suspects])
    painted[painted] = ~is_edge
    return painted


def _strongest_near(picture: Frame, depth: UInt8[np.ndarray, "H W"]) -> Frame:
    """Return the colour that is farthest from white up to `EDGE_PX` from each pixel."""
    code = (pack_colors(picture) | depth.astype(np.int64) << 24).astype(np.float64)
    code = cv2.dilate(code, np.ones((2 * EDGE_PX + 1,) * 2, np.uint8)).astype(np.int64)
    return unpack_colors(code)


def _find_solid(picture: Frame) -> Bool[np.ndarray, "H W"]:
    """Return which pixels are in a square of one colour that is `SOLID_PX` wide."""
    square = np.ones((SOLID_PX, SOLID_PX), np.uint8)
    is_even = (cv2.dilate(picture, square) == cv2.erode(picture, square)).all(axis=2)
    solid: Bool[np.ndarray, "H W"] = cv2.dilate(is_even.view(np.uint8), square) > 0
    return solid


def _are_mixtures(picture: Frame, places: Int64[np.ndarray, " P"]) -> Bool[np.ndarray, " P"]:
    """Return which pixels are mixtures of white with a stroke near them, and with a line near both.

    Args:
        picture: A picture on white paper.
        places: The pixels, in row-major order.
    """
    margin = ((EDGE_PX, EDGE_PX), (EDGE_PX, EDGE_PX), (0, 0))
    padded = np.pad(picture, margin, constant_values=255)
    strength = 255 - padded.reshape(-1, 3)
    width = padded.shape[1]
    rows, columns = np.divmod(places, picture.shape[1])
    at = (rows + EDGE_PX) * width + columns + EDGE_PX
    steps = [n * (y * width + x) for n in range(1, EDGE_PX + 1) for y, x in DIRECTIONS]
    line = _find_lines(strength, at, steps)
    is_mixture = np.zeros(len(at), bool)
    left = np.arange(len(at))
    for step in steps:
        own, beside = strength[at[left]], strength[at[left] + step]
        is_mixture[left] = _is_mixture(own, beside, line[left])
        left = left[~is_mixture[left]]
    return is_mixture


def _find_lines(
    strength: UInt8[np.ndarray, "A 3"], at: Int64[np.ndarray, " P"], steps: list[int]
) -> UInt8[np.ndarray, "P 3"]:
    """Return the darkest colour near each pixel, as strength; 0 if it is not darker by far."""
    line = np.zeros((len(at), 3), np.uint8)
    most = np.minimum(strength[at].min(axis=1), 255 - DARKER_BY) + np.uint8(DARKER_BY)
    for step in steps:
        beside = strength[at + step]
        level = beside.min(axis=1)
        is_darker = level > most
        line[is_darker], most[is_darker] = beside[is_darker], level[is_darker]
    return line


def _is_mixture(
    own: UInt8[np.ndarray, "P 3"], stroke: UInt8[np.ndarray, "P 3"], line: UInt8[np.ndarray, "P 3"]
) -> Bool[np.ndarray, " P"]:
    """Return which strengths are a part of a stroke's strength and less of a line's.

    A stroke that is mixed with the line itself is taken without it: the line's share is negative.
    """
    p, s, k = (one.astype(np.float32) for one in (own, stroke, line))
    ss, kk, sk, sp, kp = (_dot(a, b) for a, b in ((s, s), (k, k), (s, k), (s, p), (k, p)))
    # Least squares; without a line if there is none, or if its colour is the stroke's.
    determinant = ss * kk - sk**2
    has_line = determinant > MIN_APART * ss * kk
    of_line = np.where(has_line, (kp * ss - sp * sk) / np.maximum(determinant, 1), 0)
    of_stroke = (sp - of_line * sk) / np.maximum(ss, 1)
    mixed = of_stroke[:, np.newaxis] * s + of_line[:, np.newaxis] * k
    share = of_stroke + of_line
    is_part = (np.minimum(of_stroke, share) < FULL_SHARE) & (share <= 1)
    mixture: Bool[np.ndarray, " P"] = is_part & (of_line <= MAX_LINE) & (of_stroke > 0)
    mixture &= share >= MIN_STROKE * of_stroke
    allowed = np.minimum(MIX_TOLERANCE, MIX_SHARE * p.max(axis=1))
    mixture &= np.abs(mixed - p).max(axis=1) <= allowed
    return mixture


def _dot(
    one: Float32[np.ndarray, "P 3"], other: Float32[np.ndarray, "P 3"]
) -> Float32[np.ndarray, " P"]:
    product: Float32[np.ndarray, " P"] = np.einsum("pc,pc->p", one, other)
    return product


FAINT_SHARE = 0.5
"""A soft brush fades; what is below this share of the highest alpha of its dab is its rim."""
RIM_LEVELS = 24
"""Largest difference in a channel between a rim and the strongest paint of its dab."""
MATTE_LEVELS = 6
"""The same between a rim and its mixture of paint with black or white."""


class _Cores(NamedTuple):
    """Pixels of hints, and the strongest pixel of the dab of each."""

    places: Int64[np.ndarray, " P"]
    cores: Int64[np.ndarray, " P"]


def _find_cores(alpha: UInt8[np.ndarray, "H W"]) -> _Cores | None:
    """Find the strongest pixels of dabs; None if all hints are opaque."""
    if not cv2.inRange(alpha, FAINT_ALPHA, 254).any():
        return None
    is_hint = cv2.compare(alpha, FAINT_ALPHA, cv2.CMP_GE)
    count, dabs = cv2.connectedComponents(is_hint, connectivity=8, ltype=cv2.CV_32S)
    places = np.flatnonzero(is_hint)
    dab, strength = dabs.ravel()[places], alpha.ravel()[places]
    # The strongest pixel of each dab: its alpha, then its place.
    strongest = np.zeros(count, np.int64)
    np.maximum.at(strongest, dab, strength.astype(np.int64) << 32 | places)
    return _Cores(places, strongest[dab] & 0xFFFFFFFF)


def restore_rims(hint: Hint, *, is_scaled: bool = False) -> Hint:
    """Return hints in which rims that were mixed with black or white have the colour of their dab.

    Editors mix them where a layer was saved with premultiplied alpha, or was cut out of white
    paper.

    Args:
        hint: Hints, transparent elsewhere.
        is_scaled: Whether a filter has scaled them. It leaves single pixels that look like such a
            mixture, so a rim is restored if at least half of it does.
    """
    found = _find_cores(np.ascontiguousarray(hint[:, :, 3]))
    if found is None:
        return hint
    colors = hint.reshape(-1, 4)
    is_partial = colors[found.places, 3] < colors[found.cores, 3]
    places, cores = found.places[is_partial], found.cores[is_partial]
    own, core = colors[places, :3].astype(np.float32), colors[cores, :3].astype(np.float32)
    share = colors[places, 3:].astype(np.float32) / colors[cores, 3:]
    is_mixed = np.zeros(len(places), bool)
    for matte in (0, 255):
        mixture = core * share + matte * (1 - share)
        is_part = np.abs(own - mixture).max(axis=1, initial=0) <= MATTE_LEVELS
        if is_scaled:
            is_part &= (2 * np.bincount(cores, is_part) >= np.bincount(cores))[cores]
        is_mixed |= is_part
    restored = colors.copy()
    restored[places[is_mixed], :3] = colors[cores[is_mixed], :3]
    return restored.reshape(hint.shape)


def find_rims(hint: Hint) -> Bool[np.ndarray, "H W"]:
    """Return where hints are the faint rim of a soft brush, with the colour of its strongest paint.

    A brush reaches farther than an artist sees, over a line into a region that is not meant.

    Args:
        hint: Hints, transparent elsewhere.
    """
    is_rim = np.zeros(hint.shape[:2], bool)
    found = _find_cores(np.ascontiguousarray(hint[:, :, 3]))
    if found is None:
        return is_rim
    colors = hint.reshape(-1, 4)
    is_faint = colors[found.places, 3] < FAINT_SHARE * colors[found.cores, 3]
    faint, cores = found.places[is_faint], found.cores[is_faint]
    apart = colors[faint, :3].astype(np.int16) - colors[cores, :3]
    is_rim.ravel()[faint] = np.abs(apart).max(axis=1, initial=0) <= RIM_LEVELS
    return is_rim
