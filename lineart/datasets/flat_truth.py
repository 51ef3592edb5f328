"""Exact flat colours of drawings: a palette, and the number of the true colour of each pixel.

Pictures of animation are shaded, compressed and anti-aliased. What a colour key carries is flat:
one colour a part of the drawing. Here such truth is made from three kinds of pictures.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8
from scipy.cluster.vq import kmeans2

from lineart.datasets.flat_parts import (
    Truth,
    count_colors,
    drop_small_parts,
    fill_from_nearest,
    merge_unlined,
    neighbours,
)
from lineart.image import Frame, Line, Mask, Size, pack_colors, unpack_colors
from lineart.imaging.regions import INK_LEVEL, find_regions

Colors = UInt8[np.ndarray, "K 3"]

MAX_COLORS = 250
MERGED_DE = 9.0
"""Clusters nearer than this, by CIEDE2000, are one colour."""
WHITE = (255, 255, 255)


class FlatTruth(NamedTuple):
    """Drawings of one size with their exact colours."""

    lines: UInt8[np.ndarray, "T H W"]
    truth: UInt8[np.ndarray, "T H W"]
    palette: Colors


# Character cycles: painted cut-outs without lines.

LONG_SIDE_PX = 512
NUM_CLUSTERS = 9
LAB_WEIGHTS = np.array([0.7, 1.3, 1.3], np.float32)
"""Weights of L*, a* and b*: hue counts more than shading."""
SMALLEST_PART = 60
"""Smaller areas of one colour join their neighbours."""
MARGIN_PX = 8
SAMPLES = 4000
EVERY = 6
"""Palettes are found in every sixth picture of a cycle."""


def flatten_cycle(pictures: Sequence[UInt8[np.ndarray, "_ _ 4"]]) -> FlatTruth:
    """Turn painted cut-outs into drawings: lines where the clustered colours meet.

    Color 0 is the white paper around the character.

    Args:
        pictures: Pictures with alpha; smaller ones lie in the upper left corner of the largest.
    """
    height, width = (max(one.shape[axis] for one in pictures) for axis in (0, 1))
    scale = LONG_SIDE_PX / max(height, width)
    smooth = [_smooth_cutout(one, (height, width), scale) for one in pictures]
    centers, numbers, palette = _cluster(smooth[::EVERY])
    parts = [_nearest_parts(*one, centers, numbers) for one in smooth]
    truth = np.stack([np.pad(one, MARGIN_PX) for one in parts])
    lines = np.stack([draw_borders(one) for one in truth])
    return FlatTruth(lines, truth, palette)


def _smooth_cutout(
    picture: UInt8[np.ndarray, "Below Right 4"], size: Size, scale: float
) -> tuple[Frame, Mask]:
    """Return the smoothed colours of a cut-out at the size of the drawing, and where it is."""
    whole = np.zeros((*size, 4), np.uint8)
    whole[: picture.shape[0], : picture.shape[1]] = picture
    alpha = whole[:, :, 3:].astype(np.float32) / 255
    both = np.dstack((whole[:, :, :3] * alpha, alpha))
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    both = cv2.resize(both, None, fx=scale, fy=scale, interpolation=way)
    is_inside = both[:, :, 3] > 0.5
    color = (both[:, :, :3] / both[:, :, 3:].clip(1e-3, 1)).clip(0, 255).astype(np.uint8)
    color[~is_inside] = WHITE
    color = cv2.bilateralFilter(cv2.medianBlur(color, 5), 9, 35, 6)
    return cv2.medianBlur(color, 7), is_inside


def _to_lab(color: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W 3"]:
    lab: Float32[np.ndarray, "H W 3"] = cv2.cvtColor(
        color.astype(np.float32) / 255, cv2.COLOR_RGB2Lab
    )
    return lab


def _cluster(
    smooth: Sequence[tuple[Frame, Mask]],
) -> tuple[Float32[np.ndarray, "C 3"], UInt8[np.ndarray, " C"], Colors]:
    """Return weighted cluster centres, the colour number of each, and the palette."""
    rng = np.random.default_rng(0)
    parts = [color[is_inside] for color, is_inside in smooth if is_inside.any()]
    some = [one[rng.choice(len(one), min(SAMPLES, len(one)), replace=False)] for one in parts]
    pixels = np.concatenate(some)
    lab = _to_lab(pixels[np.newaxis])[0] * LAB_WEIGHTS
    count = min(NUM_CLUSTERS, len(np.unique(pixels, axis=0)))
    centers, nearest = kmeans2(lab, count, iter=30, minit="++", rng=0, missing="warn")
    present, nearest, areas = np.unique(nearest, return_inverse=True, return_counts=True)
    medians = [np.median(pixels[nearest == one], axis=0) for one in range(len(present))]
    heads = _merge_near(np.array(medians).astype(np.uint8), areas)
    kept = np.unique(heads)
    numbers = np.searchsorted(kept, heads).astype(np.uint8) + np.uint8(1)
    members = numbers[nearest]
    colors = [np.median(pixels[members == one + 1], axis=0) for one in range(len(kept))]
    return centers[present], numbers, np.array([WHITE, *colors]).astype(np.uint8)


def _differences(colors: Colors, color: UInt8[np.ndarray, " 3"]) -> Float64[np.ndarray, " K"]:
    """Return the CIEDE2000 difference of each colour to one."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    found: Float64[np.ndarray, " K"] = deltaE_ciede2000(rgb2lab(colors), rgb2lab(color[np.newaxis]))
    return found


def _merge_near(colors: Colors, areas: Int64[np.ndarray, " K"]) -> Int64[np.ndarray, " K"]:
    """Return, for each colour, the number of the largest colour that it is nearly equal to."""
    heads = np.arange(len(colors))
    order = np.argsort(-areas, kind="stable")
    for place, number in enumerate(order):
        larger = [one for one in order[:place] if heads[one] == one]
        if larger:
            distance = _differences(colors[larger], colors[number])
            near = np.flatnonzero(distance < MERGED_DE)
            heads[number] = larger[near[0]] if near.size else number
    return heads


def _nearest_parts(
    color: Frame,
    is_inside: Mask,
    centers: Float32[np.ndarray, "C 3"],
    numbers: UInt8[np.ndarray, " C"],
) -> Truth:
    """Return the clustered colours of a cut-out, with small parts cleaned."""
    lab = _to_lab(color) * LAB_WEIGHTS
    distances = [((lab - one) ** 2).sum(axis=2) for one in centers]
    truth = np.where(is_inside, numbers[np.argmin(distances, axis=0)], np.uint8(0))
    return drop_small_parts(cv2.medianBlur(truth, 5), SMALLEST_PART)


def draw_borders(truth: Truth) -> Line:
    """Draw lines of 2 pixels between the colours."""
    is_border = np.zeros(truth.shape, bool)
    across = truth[:, 1:] != truth[:, :-1]
    down = truth[1:] != truth[:-1]
    is_border[:, 1:] |= across
    is_border[:, :-1] |= across
    is_border[1:] |= down
    is_border[:-1] |= down
    return np.where(is_border, np.uint8(0), np.uint8(255))


# Drawn lines beside finished colours.

PAPER_LEVEL = 200
FLAT_LEVELS = 12
"""Pixels of a finished picture around which no channel changes by more are flat."""
SMALLEST_SHARE = 2e-4
"""Of the flat pixels that a colour of the palette has at least."""
SMALLEST_DRAWN = 25
PURE_SHARE = 0.85
"""A closed region with this share of one colour has only that colour."""
NEIGHBOURHOOD = np.ones((3, 3), np.uint8)


def flatten_drawn(lines: Sequence[Line], colors: Sequence[Frame]) -> FlatTruth:
    """Turn drawings and their finished colours into flat truth.

    The palette is that of flat pixels away from lines. A shade becomes the colour that it shades,
    also in parts that lie wholly in shade. What else has a border that no line follows joins the
    colour beside it, so the drawing decides. White paper that touches the picture's border is
    background and never joins. Color 0 is white.
    """
    palette = find_palette(lines, colors)
    some = [number_pixels(*one, palette) for one in zip(lines, colors, strict=True)]
    parts = [drop_small_parts(cv2.medianBlur(one, 3), SMALLEST_DRAWN) for one in some]
    bases = _find_bases(lines, parts, palette)
    parts = [bases[some] for some in parts]
    areas = count_colors(parts, len(palette))
    merged = [
        merge_unlined(some, line, areas, paper=0) for line, some in zip(lines, parts, strict=True)
    ]
    truth = [_purify(some, line) for line, some in zip(lines, merged, strict=True)]
    return drop_unused(FlatTruth(np.stack(lines), np.stack(truth), palette))


def drop_unused(found: FlatTruth) -> FlatTruth:
    """Return the truth with a palette of the colours that the drawings have, and color 0."""
    is_used = count_colors([*found.truth], len(found.palette)) > 0
    is_used[0] = True
    numbers = (np.cumsum(is_used) - 1).astype(np.uint8)
    return FlatTruth(found.lines, numbers[found.truth], found.palette[is_used])


SAME_HUE = np.cos(np.radians(12.0))
SHADE_SHARE = 0.1
"""Share of a shade's outline, over all drawings, that touches the colour without a line."""


def _find_bases(
    lines: Sequence[Line], parts: Sequence[Truth], palette: Colors
) -> UInt8[np.ndarray, " K"]:
    """Return the number of the colour that each colour is a shade of; else its own."""
    count = len(palette)
    contacts = np.zeros((count + 1, count + 1), np.int64)
    for line, some in zip(lines, parts, strict=True):
        numbered = np.where(line >= INK_LEVEL, some, np.uint8(count))
        for one, other in neighbours(numbered):
            contacts += np.bincount(
                one.astype(np.int64).ravel() * (count + 1) + other.ravel(),
                minlength=(count + 1) ** 2,
            ).reshape(count + 1, -1)
    contacts = contacts + contacts.T
    np.fill_diagonal(contacts, 0)
    outlines = contacts.sum(axis=1)[:count]
    chroma = _to_lab(palette[np.newaxis])[0][:, 1:]
    length = np.linalg.norm(chroma, axis=1).clip(1e-6)
    has_same_hue = chroma @ chroma.T >= SAME_HUE * length[:, np.newaxis] * length
    share = contacts[:count, :count] / np.maximum(outlines, 1)[:, np.newaxis]
    areas = count_colors(parts, count)
    bases = np.arange(count)
    for number in np.argsort(-areas, kind="stable"):
        is_base = has_same_hue[number] & (share[number] >= SHADE_SHARE) & (areas > areas[number])
        is_base[0] = False
        if number and is_base.any():
            bases[number] = bases[np.where(is_base, share[number], 0).argmax()]
    return bases.astype(np.uint8)


def find_palette(lines: Sequence[Line], colors: Sequence[Frame]) -> Colors:
    """Return the colours of flat pixels away from lines, the most frequent first, and white.

    The most frequent colour takes those within `MERGED_DE` of it, then the most frequent of the
    rest, and so on; colours of less than `SMALLEST_SHARE` of the pixels are left out.
    """
    counts: dict[int, int] = {}
    for line, color in zip(lines, colors, strict=True):
        codes = pack_colors(color[_is_far(line) & _find_flat(color, FLAT_LEVELS)])
        for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
            counts[int(code)] = counts.get(int(code), 0) + int(count)
    codes = np.array(sorted(counts, key=lambda one: (-counts[one], one)), np.int64)
    areas = np.array([counts[int(one)] for one in codes], np.int64)
    colors_found = unpack_colors(codes)
    palette = [np.array(WHITE, np.uint8)]
    is_left = _differences(colors_found, palette[0]) >= MERGED_DE
    while is_left.any() and len(palette) < MAX_COLORS:
        # The commonest single level stands for its cluster.
        first = colors_found[is_left.argmax()]
        is_near = _differences(colors_found, first) < MERGED_DE
        if areas[is_near & is_left].sum() >= SMALLEST_SHARE * areas.sum():
            palette.append(first)
        is_left &= ~is_near
    return np.array(palette, np.uint8)


def number_pixels(line: Line, color: Frame, palette: Colors) -> Truth:
    """Return the number of the nearest colour of each pixel; lines have the colours beside them."""
    return fill_from_nearest(_nearest_entries(color, palette), _is_far(line))


def _is_far(line: Line) -> Mask:
    """Return which pixels are paper without a line beside it."""
    is_far: Mask = cv2.erode((line >= PAPER_LEVEL).view(np.uint8), NEIGHBOURHOOD) > 0
    return is_far


def _find_flat(color: Frame, levels: int) -> Mask:
    """Return the pixels around which no channel changes by more than `levels`."""
    change = cv2.subtract(cv2.dilate(color, NEIGHBOURHOOD), cv2.erode(color, NEIGHBOURHOOD))
    is_flat: Mask = change.max(axis=2) <= levels
    return is_flat


def _nearest_entries(color: Frame, palette: Colors) -> Truth:
    codes, places = np.unique(pack_colors(color), return_inverse=True)
    labs = [_to_lab(one[np.newaxis])[0] for one in (unpack_colors(codes), palette)]
    distances = [((labs[0] - one) ** 2).sum(axis=1) for one in labs[1]]
    nearest: Truth = np.argmin(distances, axis=0).astype(np.uint8)[places].reshape(color.shape[:2])
    return nearest


def _purify(truth: Truth, line: Line) -> Truth:
    """Give closed regions away from the border the colour that most of their pixels have."""
    regions = find_regions(line)
    count = int(truth.max()) + 1
    areas = np.bincount(
        (regions.astype(np.int64) * count + truth).ravel(),
        minlength=(int(regions.max()) + 1) * count,
    ).reshape(-1, count)
    is_pure = areas.max(axis=1) >= PURE_SHARE * areas.sum(axis=1)
    rim = np.concatenate((regions[0], regions[-1], regions[:, 0], regions[:, -1]))
    is_pure[rim] = False
    is_pure[0] = False
    most = areas.argmax(axis=1).astype(np.uint8)
    cleaned = np.where(is_pure[regions], most[regions], truth)
    return fill_from_nearest(cleaned, regions > 0)


# Drawings whose flat colours are known.

MIN_EXACT = 4
"""Pixels, in all pictures, that an exact colour of the palette has away from edges of colours."""


def flatten_exact(
    inks: Sequence[Line], flats: Sequence[Frame], *, shaded: bool = True
) -> FlatTruth:
    """Turn drawings by code and their flat colours into truth.

    Pixels at anti-aliased edges of colours take the nearest exact colour.

    Args:
        inks: Lines.
        flats: Colours without lines.
        shaded: Colours whose border no line follows join, such as shading and bands of a sky.
            False: `flats` are the truth as they are.
    """
    inside = [
        pack_colors(flat[(ink >= INK_LEVEL) & _find_flat(flat, 0)])
        for ink, flat in zip(inks, flats, strict=True)
    ]
    codes, counts = np.unique(np.concatenate(inside), return_counts=True)
    order = np.lexsort((codes, -counts))[:MAX_COLORS]
    codes = np.sort(codes[order][counts[order] >= MIN_EXACT])
    parts = []
    for flat in flats:
        found = pack_colors(flat)
        places = np.searchsorted(codes, found).clip(0, len(codes) - 1)
        parts.append(fill_from_nearest(places.astype(np.uint8), codes[places] == found))
    areas = count_colors(parts, len(codes))
    if shaded:
        parts = [merge_unlined(one, ink, areas) for ink, one in zip(inks, parts, strict=True)]
    return drop_unused(FlatTruth(np.stack(inks), np.stack(parts), unpack_colors(codes)))
