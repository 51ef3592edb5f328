"""Pixels of hint pictures that are no hints: lines, mixtures of two colours, traces on paper."""

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int16, Int64

from lineart.image import (
    Frame,
    Hint,
    Line,
    brightest_channel,
    darkest_channel,
    pack_colors,
    unpack_colors,
)
from lineart.imaging.hints.pixels import FAINT_ALPHA, HintPixels, find_hints
from lineart.imaging.lines.paper import PAPER_FROM
from lineart.imaging.nearest import find_nearest

DARKER_BY = 32
"""A hint on ink belongs to it if it is not lighter than the ink by more than this."""
INK_DAB_PX = 16
"""Larger dabs that lie on ink alone are for an area of ink."""
MIN_COPIED = 0.5
"""Hints include the lines of the drawing if this share of its ink lies below hints as dark."""
MIN_DARK = 0.1
"""Share of all ink below which dark hints on it are no such copy."""
WHITE_PAPER = 250
"""Levels of a drawing from which its paper shows no soft edge of a line."""
MOSTLY = 0.5
"""An area of paper of which dark hints beside lines have this share is painted dark."""
LINE_EXCESS = 1 / 270
"""Distance from ink, as a share of the short side, up to which copied lines are wider than those of
the drawing, or beside them."""


def drop_ink_hints(hints: HintPixels, line: Line) -> HintPixels:
    """Return the hints without those that belong to the ink of a drawing of the same size.

    Dropped are the pixels on ink of dabs that are on paper, too, and small dabs on ink that are
    about as dark as it. If a drawing has no other hints, all are kept. Where the hint picture
    includes the drawing's lines, these are dropped with their soft edges.
    """
    level = line[hints.rows, hints.columns].astype(np.int16)
    is_ink = level < PAPER_FROM
    if not is_ink.any():
        return hints
    luminance = hints.values[:, :3] @ np.array([0.299, 0.587, 0.114])
    is_dark = luminance <= level + DARKER_BY
    if _has_copied_lines(hints.select(is_dark & is_ink), line):
        is_line = is_dark & (level < WHITE_PAPER)
        rest = hints.select(~(is_line | _is_excess(hints, line, luminance, is_line)))
        return drop_ink_hints(find_hints(rest.picture()), line)
    if is_ink.all():
        return hints
    pixels = np.bincount(hints.dabs)
    on_paper = np.bincount(hints.dabs, weights=~is_ink)
    is_small = pixels[hints.dabs] <= INK_DAB_PX
    is_on_line = hints.is_on_line | (2 * on_paper < pixels)[hints.dabs]
    marked = hints._replace(is_on_line=is_on_line)
    return marked.select(~(is_ink & ((on_paper[hints.dabs] > 0) | (is_dark & is_small))))


def _has_copied_lines(dark: HintPixels, line: Line) -> bool:
    """Return whether dark hints on ink, which are given, are a copy of a drawing's lines.

    In a small copy most of the ink is soft edges of lines, which are no hints on paper. So the
    darkest ink near each pixel counts, too.
    """
    ink = np.count_nonzero(line < PAPER_FROM)
    count = dark.rows.size
    if count >= MIN_COPIED * ink or count < MIN_DARK * ink:
        return bool(count >= MIN_COPIED * ink)
    darkest = cv2.erode(line, np.ones((3, 3), np.uint8))
    core = cv2.compare(line, cv2.add(darkest, np.full_like(line, DARKER_BY)), cv2.CMP_LE)
    core &= cv2.compare(line, PAPER_FROM, cv2.CMP_LT)
    copied = np.count_nonzero(core[dark.rows, dark.columns])
    return bool(copied >= MIN_COPIED * np.count_nonzero(core))


def _is_excess(
    hints: HintPixels,
    line: Line,
    luminance: Float64[np.ndarray, " P"],
    is_line: Bool[np.ndarray, " P"],
) -> Bool[np.ndarray, " P"]:
    """Return which hints are parts of copied lines that lie beside those of the drawing.

    They are as dark as the ink near them, in areas of paper that are mostly not so: an area that is
    painted as dark, as a strand of black hair, is meant.
    """
    reach = max(1, round(LINE_EXCESS * min(line.shape)))
    darkest = cv2.erode(line, np.ones((2 * reach + 1,) * 2, np.uint8))[hints.rows, hints.columns]
    is_beside = (luminance <= darkest + DARKER_BY) & (darkest < PAPER_FROM) & ~is_line
    paper = cv2.compare(line, PAPER_FROM, cv2.CMP_GE)
    _, areas = cv2.connectedComponents(paper, connectivity=4, ltype=cv2.CV_32S)
    own = areas[hints.rows, hints.columns]
    pixels = np.bincount(areas.ravel())
    dark = np.bincount(own[is_beside], minlength=len(pixels))
    excess: Bool[np.ndarray, " P"] = is_beside & (dark < MOSTLY * pixels)[own]
    return excess


REACHES = (1, 2)
"""Distances in pixels at which the colours on both sides of a mixture are compared."""
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
MIN_STEP = 4
"""Levels by which a mixture differs, at least, from the colours on both sides in some channel."""


def drop_mixtures(hints: HintPixels) -> HintPixels:
    """Return the hints without pixels whose colour is between those on both sides of them.

    A brush with a soft edge leaves them where it passes over another colour.
    """
    flat, places, width = _lay_out(hints)
    colors = hints.values[:, :3]
    suspects = np.flatnonzero(_differ_beside(flat, places, width))
    if not suspects.size:
        return hints
    own, at = colors[suspects].astype(np.int16), places[suspects]
    is_mixture = np.zeros(suspects.size, bool)
    for down, right in DIRECTIONS:
        for reach in REACHES:
            step = reach * (down * width + right)
            is_mixture |= _is_between(own, flat[at - step], flat[at + step])
    is_kept = np.ones(len(places), bool)
    is_kept[suspects[is_mixture]] = False
    return hints.select(is_kept)


def _lay_out(
    hints: HintPixels,
) -> tuple[Int64[np.ndarray, " A"], Int64[np.ndarray, " P"], int]:
    """Return colours as numbers from 1 on a canvas with a margin, the hints' places, its width."""
    margin = max(REACHES)
    height, width = hints.size[0] + 2 * margin, hints.size[1] + 2 * margin
    places = (hints.rows + margin) * width + hints.columns + margin
    flat = np.zeros(height * width, np.int64)
    flat[places] = pack_colors(hints.values[:, :3]) + 1
    return flat, places, width


def _differ_beside(
    flat: Int64[np.ndarray, " A"], places: np.ndarray, width: int
) -> Bool[np.ndarray, " P"]:
    """Return which places have a hint of another colour beside them."""
    own = flat[places]
    differ = np.zeros(len(places), bool)
    for step in (-width, -1, 1, width):
        beside = flat[places + step]
        differ |= (beside != own) & (beside > 0)
    return differ


def _is_between(
    own: Int16[np.ndarray, "P 3"], first: Int64[np.ndarray, " P"], second: Int64[np.ndarray, " P"]
) -> Bool[np.ndarray, " P"]:
    """Return which colours are between two others, given as numbers from 1; 0 = no colour."""
    one, other = (unpack_colors(codes - 1).astype(np.int16) for codes in (first, second))
    low, high = np.minimum(one, other), np.maximum(one, other)
    is_inside = ((own >= low - MIN_STEP) & (own <= high + MIN_STEP)).all(axis=1)
    differs = [np.abs(own - color).max(axis=1) >= MIN_STEP for color in (one, other)]
    between: Bool[np.ndarray, " P"]
    between = is_inside & differs[0] & differs[1] & (first > 0) & (second > 0)
    return between


MIN_TEXTURE_PX = 16
"""Pixels of a dab from which it may have a texture."""
MAX_COVERED = 0.5
"""Share of a picture from which hints are painted areas, whose textures stay."""
MIN_UNLIKE = 0.5
"""Share of the pixels of a textured dab that differ from one beside them."""
TEXTURE_LEVELS = 48
"""Levels around the median that most pixels of a textured dab have."""
MIN_ROUGH = 0.4
"""Mean square difference of neighbours in a texture, as a share of that of any two pixels; a soft
gradient, and two colours side by side, have less."""
CLEAR_SHARE = 0.5
"""Share of the two most frequent colours from which a dab has clear colours."""


def even_textures(hints: HintPixels) -> HintPixels:
    """Return hints in which a dab of a textured brush has one colour, the mean of its pixels."""
    if hints.rows.size > MAX_COVERED * hints.size[0] * hints.size[1]:
        return hints
    flat, places, width = _lay_out(hints)
    unlike = _differ_beside(flat, places, width)
    if not unlike.any():
        return hints
    pixels = np.bincount(hints.dabs)
    is_rough = np.bincount(hints.dabs, unlike) >= MIN_UNLIKE * np.maximum(pixels, 1)
    chosen = np.flatnonzero((is_rough & (pixels >= MIN_TEXTURE_PX))[hints.dabs])
    if not chosen.size:
        return hints
    chosen = chosen[np.argsort(hints.dabs[chosen], kind="stable")]
    starts = np.flatnonzero(np.diff(hints.dabs[chosen], prepend=-1))[1:]
    values = hints.values.copy()
    for dab in np.split(chosen, starts):
        codes = flat[places[dab]]
        if _is_texture(codes, flat[places[dab] + 1], flat[places[dab] + width]):
            values[dab, :3] = np.rint(unpack_colors(codes - 1).mean(axis=0))
    return hints._replace(values=values)


def _is_texture(
    codes: Int64[np.ndarray, " P"], right: Int64[np.ndarray, " P"], below: Int64[np.ndarray, " P"]
) -> bool:
    """Return whether the colours of a dab differ by a texture; of colours as numbers, 0 is none."""
    counts = np.sort(np.unique(codes, return_counts=True)[1])
    if counts[-2:].sum() >= CLEAR_SHARE * codes.size:
        return False
    colors = unpack_colors(codes - 1).astype(np.float64)
    distance = np.abs(colors - np.median(colors, axis=0)).max(axis=1)
    if np.quantile(distance, 0.9) > TEXTURE_LEVELS:
        return False
    own, beside = np.concatenate((codes, codes)), np.concatenate((right, below))
    own, beside = own[beside > 0], beside[beside > 0]
    steps = unpack_colors(own - 1).astype(np.float64) - unpack_colors(beside - 1)
    rough = (steps**2).sum(axis=1).mean() if own.size else 0.0
    return bool(rough >= MIN_ROUGH * 2 * colors.var(axis=0).sum())


WHITE_FROM = 251
"""Least value of all channels of white paper; a hint of 250 is a white that an artist chose."""
LOSSY_PX, LOSSY_LEVELS = 8, 32
"""Lossy compression changes colours in blocks of 8 pixels, by up to about so many levels."""
LOSSY_SHARE = 0.85
"""What has less than this share of the strength of what is in such a block may be its trace."""
MIN_CHROMA, CHROMA_SHARE = 48, 0.8
"""A colour is a stroke's own beside a black line if its channels differ by so many levels, and by
this share of those of the most colourful pixel in such a block."""
MIDDLE_PX = 6
"""Distance from the edge of a dab from which its colours are its own; 2 pixels of a block of colour
are one pixel, and its filter reaches two more of these."""
MIDDLE_SHARE = 0.75
"""Share of the greatest distance near it that a pixel in the middle of a thin stroke has."""


def flatten_lossy(hint: Hint) -> Hint:
    """Return a hint picture from a lossy file with one colour in each stroke.

    Without transparency, its paper becomes white. With it, the colours at the edge of a dab, which
    are mixed with those of transparent pixels, become those of its middle.

    Source:
        Comaniciu, Meer, "Mean shift: a robust approach toward feature space analysis", TPAMI 2002.
    """
    alpha = hint[:, :, 3]
    is_hint = alpha >= FAINT_ALPHA
    colors = np.ascontiguousarray(hint[:, :, :3])
    if not is_hint.all():
        return np.dstack((_flatten(_spread_middles(colors, is_hint)), alpha))
    return np.dstack((flatten_paper(colors), alpha))


def flatten_paper(picture: Frame) -> Frame:
    """Return a picture on white paper with one colour in each stroke, without grain or traces."""
    flat = _flatten(picture)
    darkest = darkest_channel(flat)
    depth = 255 - darkest
    block = np.ones((2 * LOSSY_PX + 1,) * 2, np.uint8)
    is_trace = depth < LOSSY_SHARE * cv2.dilate(depth, block)
    # A trace of a grey line is grey, and one of a stroke has less colour than the stroke.
    chroma = brightest_channel(flat) - darkest
    is_trace &= (chroma < MIN_CHROMA) | (chroma < CHROMA_SHARE * cv2.dilate(chroma, block))
    flat[is_trace] = 255
    return flat


def _flatten(colors: Frame) -> Frame:
    smooth = cv2.medianBlur(colors, 3)
    flat: Frame = cv2.pyrMeanShiftFiltering(smooth, LOSSY_PX, LOSSY_LEVELS, maxLevel=0)
    return flat


def _spread_middles(colors: Frame, is_hint: Bool[np.ndarray, "H W"]) -> Frame:
    """Return for each pixel the colour of the nearest one in the middle of a dab."""
    depth = cv2.distanceTransform(is_hint.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    deepest = cv2.dilate(depth, np.ones((5, 5), np.uint8))
    is_middle = is_hint & (depth >= np.minimum(MIDDLE_PX, MIDDLE_SHARE * deepest))
    if not is_middle.any():
        return colors
    spread: Frame = colors[is_middle][find_nearest(is_middle)]
    return spread
