"""Flat colours for the regions of a drawing, from hints and a picture that fills in the rest."""

from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8

from lineart.image import Frame, Size, fit_short_side
from lineart.imaging.hints import HintPixels
from lineart.imaging.paint_map import look_up
from lineart.imaging.regions import (
    RegionMap,
    fill_from_neighbours,
    find_passages,
    spread_regions,
)

Guess = UInt8[np.ndarray, "GuessH GuessW 3"]
"""sRGB picture of the whole drawing at a size of its own."""

Colors = UInt8[np.ndarray, "N 3"]


class Source(IntEnum):
    """Where the colour of a region is from, best first."""

    HINT = 1
    """Hints inside it, which agree."""
    SPLIT = 2
    """A hint, in a region whose hints have several colours and which is divided among them."""
    NEIGHBOUR = 3
    """A hint of a region beside it, or white: whichever is nearest to the guess."""
    GUESS = 4
    """The guess."""


CONFIDENCE = {Source.HINT: 0.98, Source.SPLIT: 0.87, Source.NEIGHBOUR: 0.35, Source.GUESS: 0.25}
"""Share of regions that are right, of 4,300 on 30 pairs with a dab in half of their regions."""
SURE_NEIGHBOUR, SURE_DISTANCE = 0.65, 10
"""The same for a colour beside a region that differs by at most this from the guess, in sRGB."""
OUTSIDE = 0.95
"""The same for white at a border of the picture without hints."""


class Paint(NamedTuple):
    """Colours of the regions of a drawing."""

    labels: RegionMap
    """Regions; a region whose hints disagree has become several, with numbers above the others."""
    spread: RegionMap
    """Regions that meet below the lines, for paint there; the same numbers."""
    colors: Colors
    """Colour of each region number; that of number 0, ink, is not used."""
    sources: UInt8[np.ndarray, " N"]
    """`Source` of each colour."""
    confidence: Float32[np.ndarray, " N"]
    """Probability that each colour is right, 0..1; see `CONFIDENCE`."""

    def fill(self) -> Frame:
        """Return the picture of the paint, without lines."""
        return look_up(self.colors, self.spread)


def paint_regions(labels: RegionMap, hints: HintPixels, guess: Guess) -> Paint:
    """Choose one colour for each region.

    - Hints that agree give their colour, exactly.
    - A region whose hints disagree is divided among them, half-way along the paper or at a narrow
      passage, such as a gap of a line.
    - If a drawing has hints, a region without any takes the colour of a hinted region beside it or
      white, whichever is nearest to the guess. At the border of the picture it is white, if most
      of the border has no hints.
    - If a drawing has no hints, the guess decides.

    Args:
        labels: Regions of the drawing.
        hints: Hints at the drawing's size. Those on ink count for no region.
        guess: Picture of any size.
    """
    depth = cv2.distanceTransform((labels > 0).view(np.uint8), cv2.DIST_L2, 3)
    given = collect_hints(labels, hints, depth)
    labels, colors = divide_regions(labels, given)
    spread = spread_regions(labels)
    sources = np.full(len(colors), Source.GUESS, np.uint8)
    sources[given.owners] = Source.HINT
    sources[given.highest + 1 :] = Source.SPLIT
    is_open = sources == Source.GUESS
    is_open[0] = False
    confidence = np.array([0, *CONFIDENCE.values()], np.float32)[sources]
    if is_open.any():
        guessed = region_medians(labels, guess)
        colors[is_open] = guessed[is_open]
        if given.owners.size:
            _ask_neighbours(labels, spread, colors, is_open)
            sources[is_open] = Source.NEIGHBOUR
            confidence[is_open] = _trust_neighbours(labels, colors, guessed, is_open)[is_open]
    return Paint(labels, spread, colors, sources, confidence)


def _trust_neighbours(
    labels: RegionMap, colors: Colors, guessed: Colors, is_open: Bool[np.ndarray, " N"]
) -> Float32[np.ndarray, " N"]:
    """Return the confidence of regions whose colour is that of a neighbour, or white."""
    distance = np.linalg.norm(guessed.astype(np.float32) - colors, axis=1)
    trust = np.where(
        distance <= SURE_DISTANCE, SURE_NEIGHBOUR, CONFIDENCE[Source.NEIGHBOUR]
    ).astype(np.float32)
    trust[outside(labels, is_open)] = OUTSIDE
    return trust


def outside(labels: RegionMap, is_open: Bool[np.ndarray, " N"]) -> Int32[np.ndarray, " R"]:
    """Return the open regions at the border of the picture, if most of the border is theirs."""
    rim = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    rim = rim[rim > 0]
    if not rim.size or is_open[rim].mean() < 0.5:
        return np.zeros(0, np.int32)
    return np.unique(rim[is_open[rim]])


def _ask_neighbours(
    labels: RegionMap, spread: RegionMap, colors: Colors, is_open: Bool[np.ndarray, " N"]
) -> None:
    """Replace the guess of each open region by the nearest colour beside it, or white."""
    first, second = find_contacts(spread)
    beside = is_open[first] & ~is_open[second]
    first, second = first[beside], second[beside]
    guess = colors.astype(np.int64)
    distance = ((guess[first] - guess[second]) ** 2).sum(axis=1)
    to_white = ((guess - 255) ** 2).sum(axis=1)
    colors[is_open] = 255
    # The last write to a region remains, so write its nearest colour last.
    order = np.argsort(-distance, kind="stable")
    order = order[distance[order] < to_white[first[order]]]
    colors[first[order]] = guess[second[order]].astype(np.uint8)
    colors[outside(labels, is_open)] = 255


def agreed_colors(labels: RegionMap, hints: HintPixels) -> UInt8[np.ndarray, "N 4"]:
    """Return the colour of each region whose hints agree, with alpha 255; others have alpha 0."""
    depth = cv2.distanceTransform((labels > 0).view(np.uint8), cv2.DIST_L2, 3)
    given = collect_hints(labels, hints, depth)
    colors = np.zeros((given.highest + 1, 4), np.uint8)
    is_agreed = np.bincount(given.owners, minlength=given.highest + 1)[given.owners] == 1
    colors[given.owners[is_agreed], :3] = given.colors[is_agreed]
    colors[given.owners[is_agreed], 3] = 255
    return colors


# Hints in regions.

TOLERANCE = 6
"""Hints of a region whose channels differ by at most this are one colour: the most frequent."""
EDGE_PX = 1.5
"""Hints nearer to a line may be mixed with its colour."""
SPILL_PX = 3.0
"""A dab that reaches less deep than this over a line into a region was not meant for it."""


class RegionHints(NamedTuple):
    """Hints by region."""

    rows: Int64[np.ndarray, " P"]
    columns: Int64[np.ndarray, " P"]
    """Pixels of hints."""
    regions: Int32[np.ndarray, " P"]
    """Region of each pixel."""
    seeds: Int32[np.ndarray, " P"]
    """Index of each pixel's colour in its region, among all colours of all regions."""
    colors: Colors
    """Colours, sorted by region."""
    owners: Int32[np.ndarray, " N"]
    """Region of each colour."""
    highest: int
    """Highest number of a region of the drawing."""


def collect_hints(
    labels: RegionMap, hints: HintPixels, depth: Float32[np.ndarray, "H W"]
) -> RegionHints:
    """Collect the hints of each region, without those on ink and those that spill over a line.

    Args:
        labels: Regions.
        hints: Hints at the drawing's size.
        depth: Distance of each pixel to the nearest ink.
    """
    hints = hints.select(labels[hints.rows, hints.columns] > 0)
    if hints.rows.size:
        region = labels[hints.rows, hints.columns]
        deep = depth[hints.rows, hints.columns]
        hints = hints.select(~_is_spill(hints.dabs, region, deep) & ~_is_edge(region, deep))
    rows, columns = hints.rows, hints.columns
    regions = labels[rows, columns]
    # Region and colour as one number, which sorts several times as fast as a pair.
    pairs = (regions.astype(np.int64) << 24) + _pack(hints.values[:, :3])
    pairs, index, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    owners, shades = (pairs >> 24).astype(np.int32), _unpack((pairs & 0xFFFFFF).astype(np.int32))
    chiefs, seed_of = np.unique(_merge_similar(owners, shades, counts), return_inverse=True)
    seeds = seed_of.astype(np.int32)[index]
    highest = int(labels.max(initial=0))
    return RegionHints(rows, columns, regions, seeds, shades[chiefs], owners[chiefs], highest)


def _is_spill(
    dabs: Int32[np.ndarray, " P"], regions: Int32[np.ndarray, " P"], deep: Float32[np.ndarray, " P"]
) -> Bool[np.ndarray, " P"]:
    """Return which pixels of dabs lie in a region that their dab barely reaches."""
    parts, part = np.unique(
        dabs.astype(np.int64) * (int(regions.max()) + 1) + regions, return_inverse=True
    )
    deepest = np.zeros(len(parts), np.float32)
    np.maximum.at(deepest, part, deep)
    of_dab = np.zeros(int(dabs.max()) + 1, np.float32)
    np.maximum.at(of_dab, dabs, deep)
    spills: Bool[np.ndarray, " P"] = (deepest[part] < SPILL_PX) & (of_dab[dabs] >= 2 * SPILL_PX)
    return spills


def _is_edge(
    regions: Int32[np.ndarray, " P"], deep: Float32[np.ndarray, " P"]
) -> Bool[np.ndarray, " P"]:
    """Return which hints lie at the soft edge of a line, in regions that have deeper ones."""
    is_shallow = deep < EDGE_PX
    has_deep = np.zeros(int(regions.max()) + 1, bool)
    has_deep[regions[~is_shallow]] = True
    edges: Bool[np.ndarray, " P"] = is_shallow & has_deep[regions]
    return edges


def _merge_similar(
    regions: Int32[np.ndarray, " K"],
    colors: UInt8[np.ndarray, "K 3"],
    counts: Int64[np.ndarray, " K"],
) -> Int64[np.ndarray, " K"]:
    """Return for each colour of a region the index of the colour that stands for it."""
    chief = np.arange(len(regions))
    starts = np.flatnonzero(np.diff(regions, prepend=-1))
    for start, stop in pairwise([*starts, len(regions)]):
        if stop - start < 2:
            continue
        found: list[int] = []
        for place in start + np.argsort(-counts[start:stop], kind="stable"):
            distance = np.abs(colors[found].astype(np.int16) - colors[place]).max(axis=1)
            near = np.flatnonzero(distance <= TOLERANCE)
            if near.size:
                chief[place] = found[near[0]]
            else:
                found.append(int(place))
    return chief


# Regions whose hints disagree.

DIVIDE_SIDE_PX = 540
"""Short side at which the regions of larger drawings are divided, unless that loses a colour."""
LEAST_PAPER = 192
"""Share of paper, of 255, from which a pixel of the smaller size is paper."""
MOST_LOST_PX = 24
"""Parts of a region that are lost at the smaller size are divided up to this distance from it."""
PASSAGES = (8 / 1080, 16 / 1080, 32 / 1080)
"""Widths of passages that part the colours of a region, as shares of the short side."""


def divide_regions(labels: RegionMap, hints: RegionHints) -> tuple[RegionMap, Colors]:
    """Divide each region with hints of several colours into one region for each colour.

    Hints spread along the paper at an even speed, and late through narrow passages, such as gaps.

    Returns:
        Regions, the new ones with numbers above the others, and the colour of each region with
        hints; the others are white.
    """
    colors = np.full((hints.highest + 1, 3), 255, np.uint8)
    colors[hints.owners] = hints.colors
    how_many = np.bincount(hints.owners, minlength=hints.highest + 1)
    is_shared = how_many > 1
    if not is_shared.any():
        return labels, colors
    parts = np.flatnonzero(is_shared[hints.owners])
    number = np.zeros(len(hints.owners), np.int32)
    number[parts] = hints.highest + 1 + np.arange(len(parts), dtype=np.int32)
    is_seed = is_shared[hints.regions]
    places = hints.rows[is_seed], hints.columns[is_seed]
    seeds = number[hints.seeds[is_seed]]
    size = _small_size((labels.shape[0], labels.shape[1]), places, seeds)
    found = _flood_seeds(labels, is_shared, (places, seeds), size)
    divided = labels.copy()
    is_divided = is_shared[labels]
    divided[is_divided] = found[is_divided]
    return divided, np.concatenate((colors, hints.colors[parts]))


def _small_size(size: Size, places: tuple[np.ndarray, np.ndarray], seeds: np.ndarray) -> Size:
    """Return a size for dividing at which no colour is lost: small, if that loses none."""
    if min(size) <= DIVIDE_SIDE_PX:
        return size
    small = fit_short_side(size, DIVIDE_SIDE_PX)
    grid = np.zeros(small, np.int32)
    grid[places[0] * small[0] // size[0], places[1] * small[1] // size[1]] = seeds
    return small if np.isin(seeds, grid).all() else size


def _enlarge(parts: Int32[np.ndarray, "h w"], size: Size) -> RegionMap:
    """Enlarge a map of parts, without its steps."""
    height, width = size
    large: RegionMap = cv2.resize(parts, (width, height), interpolation=cv2.INTER_NEAREST)
    before = int(parts[parts > 0].min(initial=2**31 - 1)) - 1
    if parts.shape == size or int(parts.max()) - before >= 2**16:
        return large
    numbers = np.maximum(large - before, 0).astype(np.uint16)
    smooth = cv2.medianBlur(numbers, 5)
    # The median of three parts may be a fourth one's number.
    low = cv2.erode(numbers, np.ones((5, 5), np.uint8))
    high = cv2.dilate(numbers, np.ones((5, 5), np.uint8))
    is_border = (smooth != numbers) & ((smooth == low) | (smooth == high)) & (low > 0)
    np.copyto(large, smooth.astype(np.int32) + before, where=is_border)
    return large


def _flood_seeds(
    labels: RegionMap,
    is_shared: Bool[np.ndarray, " N"],
    marked: tuple[tuple[np.ndarray, np.ndarray], np.ndarray],
    size: Size,
) -> RegionMap:
    """Return the seed to which each pixel of the shared regions belongs; elsewhere 0."""
    # Imported here: it takes longer to import than all else in a worker without paint.
    from skimage.segmentation import watershed

    (rows, columns), seeds = marked
    height, width = labels.shape
    area = (size[1], size[0])
    small = cv2.resize(labels, area, interpolation=cv2.INTER_NEAREST)
    markers = np.zeros(size, np.int32)
    markers[rows * size[0] // height, columns * size[1] // width] = seeds
    paper = cv2.resize(
        (labels > 0).view(np.uint8) * np.uint8(255), area, interpolation=cv2.INTER_AREA
    )
    is_paper = (paper > LEAST_PAPER).view(np.uint8)
    # Hints spread at an even speed; the narrower a passage, the later they pass it.
    late = np.zeros(size, np.uint8)
    for share in PASSAGES:
        late += find_passages(is_paper, max(1, round(share * min(size) / 2)))
    is_open = (is_paper != 0) & is_shared[small] | (markers > 0)
    flooded = watershed(late, markers, mask=is_open)
    large = _enlarge(flooded.astype(np.int32), (height, width))
    # Along lines the small map may have another region, or none.
    large[rows, columns] = seeds
    owner = np.zeros(int(seeds.max()) + 1, np.int32)
    owner[seeds] = labels[rows, columns]
    is_wrong = is_shared[labels] & (owner[large] != labels)
    large[is_wrong | ~is_shared[labels]] = 0
    fill_from_neighbours(large, is_wrong, within=labels, most=MOST_LOST_PX)
    # Parts too thin for the small map, far from all that it shows.
    any_seed = np.zeros(len(is_shared), np.int32)
    any_seed[owner[seeds]] = seeds
    filled: RegionMap = np.where(is_wrong & (large == 0), any_seed[labels], large)
    return filled


# Regions without hints.


def find_contacts(spread: RegionMap) -> tuple[Int32[np.ndarray, " C"], Int32[np.ndarray, " C"]]:
    """Return the pairs of regions that meet below a line, each in both directions."""
    count, found = int(spread.max()) + 1, []
    for one, other in ((spread[:, :-1], spread[:, 1:]), (spread[:-1], spread[1:])):
        differs = one != other
        found.append(one[differs].astype(np.int64) * count + other[differs])
    first, second = np.divmod(np.unique(np.concatenate(found)), count)
    pairs = np.concatenate((first, second)), np.concatenate((second, first))
    return pairs[0].astype(np.int32), pairs[1].astype(np.int32)


MEDIAN_SIDE_PX = 256
"""Largest short side of the sample that medians are taken of."""
BINS, BIN_BITS = 64, 2
"""Medians are exact to a bin of four levels, of whose pixels they are the mean."""


def region_medians(labels: RegionMap, picture: Guess) -> Colors:
    """Return the median of a picture's channels in each region, and white where it has no pixel.

    The regions are sampled at the size of the picture, and the small ones that this loses, at
    their own size.
    """
    if min(picture.shape[:2]) > MEDIAN_SIDE_PX:
        height, width = fit_short_side((picture.shape[0], picture.shape[1]), MEDIAN_SIDE_PX)
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST)
    height, width = picture.shape[:2]
    count = int(labels.max()) + 1
    small = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    medians = np.full((count, 3), 255, np.uint8)
    flat = small.ravel()
    areas = np.bincount(flat, minlength=count)
    missing = np.flatnonzero(areas == 0)
    for channel, values in enumerate(cv2.split(picture)):
        bins = flat * BINS + (values.ravel() >> BIN_BITS)
        pixels = np.bincount(bins, minlength=count * BINS).reshape(count, BINS)
        sums = np.bincount(bins, values.ravel(), count * BINS).reshape(count, BINS)
        middle = (pixels.cumsum(axis=1) * 2 >= areas[:, np.newaxis]).argmax(axis=1)
        cell = np.arange(count), middle
        has = areas > 0
        medians[has, channel] = np.rint(sums[cell][has] / pixels[cell][has])
    if missing.size:
        points = _one_pixel(labels, missing)
        y = points[:, 0] * height // labels.shape[0]
        x = points[:, 1] * width // labels.shape[1]
        medians[missing] = picture[y, x]
    return medians


def _one_pixel(labels: RegionMap, numbers: np.ndarray) -> np.ndarray:
    flat = labels.ravel()
    pixels = np.flatnonzero(np.isin(flat, numbers))
    place = np.zeros(int(labels.max()) + 1, np.int64)
    place[flat[pixels]] = pixels
    return np.stack(np.divmod(place[numbers], labels.shape[1]), axis=1)


def _pack(colors: UInt8[np.ndarray, "P 3"]) -> Int32[np.ndarray, " P"]:
    return colors.astype(np.int32) @ np.array([65536, 256, 1], np.int32)


def _unpack(packed: Int32[np.ndarray, " P"]) -> UInt8[np.ndarray, "P 3"]:
    return np.stack((packed >> 16, packed >> 8 & 255, packed & 255), axis=1).astype(np.uint8)
