"""Flat colours for the regions of a drawing, from hints and a picture that fills in the rest."""

from enum import IntEnum
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64, UInt8

from lineart.image import Frame, fit_short_side, pack_colors, unpack_colors
from lineart.imaging.compositing.frequency import ColorMap
from lineart.imaging.hints.by_region import Colors, collect_hints
from lineart.imaging.hints.pixels import HintPixels
from lineart.imaging.paint.dividing import Borders, divide_regions
from lineart.imaging.paint.fills import cut_fills
from lineart.imaging.paint.map import color_numbers
from lineart.imaging.region_maps import (
    RegionContacts,
    RegionMap,
    count_pixels,
    find_region_contacts,
    find_runs,
    spread_regions,
)


class Guess(NamedTuple):
    """Colours and borders of a drawing, as networks predict them."""

    colors: ColorMap
    """At a size of their own."""
    borders: Borders | None = None
    """Where colours meet on bare paper; None: unknown."""


class ColorSource(IntEnum):
    """Where the colour of a region is from."""

    HINT = 1
    """Hints inside it, which agree."""
    SPLIT = 2
    """A hint, in a region whose hints have several colours and which is divided among them."""
    NEIGHBOUR = 3
    """White, or a hint of a region beside it: see `paint_regions`."""
    GUESS = 4
    """The guess."""
    KEY = 5
    """A key of the drawing's shot."""
    NETWORK = 6
    """The guess, in a region whose colour no key has."""
    BLANK = 7
    """None: no key has the colour of the region, and it is left to a person."""


CONFIDENCE = {
    ColorSource.HINT: 0.97,
    ColorSource.SPLIT: 0.59,
    ColorSource.NEIGHBOUR: 0.53,
    ColorSource.GUESS: 0.25,
}
"""Share of regions that are right; that of `NEIGHBOUR` is their mean, see `NeighbourWeights`.

Measured on 48 drawn pairs and 6 Synfig frames with flat colours, in which 10, 30, 50 or 80 % of the
true regions had a dab, the largest or random ones; that of `GUESS` without any dab. A region of a
drawing is right if at least half of its pixels have their true colour within 8 levels; it may hold
several true colours.
"""
BACKGROUND_CONFIDENCE = 0.92
"""The same for white at a border of the picture without hints, on other pictures measured before;
of 110 such regions of these, 0.87 are right."""
THROUGH_GAP = 0.77
"""The same for the colour of a larger region, through a closed gap."""


class NeighbourWeights(NamedTuple):
    """Weights of a logistic regression: is a region with a colour beside it, or white, right?

    Fitted to 3,100 regions of the pictures of `CONFIDENCE`; a picture has the weight of the root of
    its regions. On pictures that were held out, in five parts, the area under the ROC curve is
    0.72, that of the distance alone 0.65, and the expected calibration error 0.06.
    """

    constant: float = 0.75
    white: float = 0.91
    """For white."""
    distance: float = -0.51
    """For the logarithm of 1 + the distance of colour and guess, in levels of sRGB."""
    alone: float = 0.86
    """For regions whose hinted neighbours, if any, are white."""
    beside_white: float = -0.21
    """For regions with a hinted white region beside them."""


NEARLY_WHITE = 246
"""Least level of the channels of hints that count as white."""


class Paint(NamedTuple):
    """Colours of the regions of a drawing."""

    labels: RegionMap
    """Regions; a region whose hints disagree has become several, with numbers above the others."""
    spread: RegionMap
    """Regions that meet below the lines, for paint there; the same numbers."""
    colors: Colors
    """Colour of each region number; that of number 0, ink, is not used."""
    sources: UInt8[np.ndarray, " N"]
    """`ColorSource` of each colour."""
    confidence: Float32[np.ndarray, " N"]
    """Probability that each colour is right, 0..1; see `CONFIDENCE`."""
    second: UInt8[np.ndarray, "N 4"] | None = None
    """Second best colour of each region, of alpha 0 if there is none; None: of no region."""
    key_threshold: float = 1.0
    """Confidence from which colours of keys are no doubt."""

    def fill(self) -> Frame:
        """Return the picture of the paint, without lines."""
        return color_numbers(self.colors, self.spread)


def paint_regions(labels: RegionMap, hints: HintPixels, guess: Guess) -> Paint:
    """Choose one colour for each region.

    - Hints that agree give their colour, exactly.
    - A fill that ends where a line is open is a region of its own; see `cut_fills`.
    - A region whose hints disagree is divided among them: at a gap of a line, at a border on bare
      paper, or where they meet along the paper; see `divide_regions`.
    - If a drawing has hints, a region without any takes the colour of a hinted region beside it or
      white, whichever is nearest to the guess; in a painted scene, such colours pass on from region
      to region. On white paper, which most of the border shows, only a region beside a hinted white
      one takes a colour beside it; the others are white. A part that a closed gap cuts off has the
      colour of the larger region behind the gap. At the border of the picture all is white, if most
      of the border has no hints.
    - If a drawing has no hints, the guess decides.

    Args:
        labels: Regions of the drawing.
        hints: Hints at the drawing's size. Those on ink count for no region.
        guess: What networks say of the drawing.
    """
    labels = cut_fills(labels, hints)
    given = collect_hints(labels, hints)
    labels, colors = divide_regions(labels, given, guess.borders)
    spread = spread_regions(labels)
    sources = np.full(len(colors), ColorSource.GUESS, np.uint8)
    sources[given.color_regions] = ColorSource.HINT
    sources[given.highest_region + 1 :] = ColorSource.SPLIT
    is_open = sources == ColorSource.GUESS
    is_open[0] = False
    by_source = np.zeros(max(ColorSource) + 1, np.float32)
    for source, share in CONFIDENCE.items():
        by_source[source] = share
    paint = Paint(labels, spread, colors, sources, by_source[sources])
    fill_open(paint, is_open, guess.colors, uses_neighbours=bool(given.color_regions.size))
    return paint


def fill_open(
    paint: Paint, is_open: Bool[np.ndarray, " N"], guess: ColorMap, *, uses_neighbours: bool
) -> None:
    """Give open regions the colour of the guess or of a neighbour, as `paint_regions` says.

    Args:
        paint: Changed in place: the `colors` of open regions and, if neighbours are used, their
            `sources` and `confidence`, which otherwise stay as the caller has set them.
        is_open: Which of the N regions are open.
        guess: The network's colours, at a size of their own.
        uses_neighbours: Whether open regions take white or the colour of a region beside them.
    """
    if not is_open.any():
        return
    labels, colors = paint.labels, paint.colors
    guessed = region_medians(labels, guess, is_open)
    colors[is_open] = guessed[is_open]
    if uses_neighbours:
        contacts = find_region_contacts(labels, paint.spread)
        on_paper = _is_on_paper(labels, colors, is_open)
        beside = _take_neighbour_colors(contacts, colors, is_open, on_paper=on_paper)
        paint.sources[is_open] = ColorSource.NEIGHBOUR
        distance = np.linalg.norm(guessed.astype(np.float32) - colors, axis=1)
        values = _neighbour_confidence(colors, distance, beside)
        values[_copy_through_gaps(labels, contacts, colors, is_open)] = THROUGH_GAP
        around = find_open_border_regions(labels, is_open)
        colors[around], values[around] = 255, BACKGROUND_CONFIDENCE
        paint.confidence[is_open] = values[is_open]


class _NeighbourColors(NamedTuple):
    """Colours of the neighbours of each region."""

    is_alone: Bool[np.ndarray, " N"]
    """No hinted neighbour has a colour other than white."""
    is_white: Bool[np.ndarray, " N"]
    """A hinted neighbour is white."""


def _neighbour_confidence(
    colors: Colors, distance: Float32[np.ndarray, " N"], beside: _NeighbourColors
) -> Float32[np.ndarray, " N"]:
    """Return the confidence of regions whose colour is that of a neighbour, or white."""
    weights = NeighbourWeights()
    score = (
        weights.constant
        + weights.white * (colors == 255).all(axis=1)
        + weights.distance * np.log1p(distance)
        + weights.alone * beside.is_alone
        + weights.beside_white * beside.is_white
    )
    values: Float32[np.ndarray, " N"] = (1 / (1 + np.exp(-score))).astype(np.float32)
    return values


def find_open_border_regions(
    labels: RegionMap, is_open: Bool[np.ndarray, " N"]
) -> Int32[np.ndarray, " R"]:
    """Return the open regions at the picture's border, if together they have half of it or more.

    Half is of the border's pixels without ink.

    `finish.soften` has another rule: there, a single region must have more than half of it.

    Args:
        labels: Regions.
        is_open: Which of the N region numbers have no colour; entry 0, ink, is not used.

    Returns:
        Numbers of R regions, sorted; none if the border is ink or less than half of the rest is
        open.
    """
    rim = border_regions(labels)
    if not rim.size or is_open[rim].mean() < 0.5:
        return np.zeros(0, np.int32)
    return np.unique(rim[is_open[rim]])


def _is_on_paper(labels: RegionMap, colors: Colors, is_open: Bool[np.ndarray, " N"]) -> bool:
    """Return whether most of the border without ink is white or has no hints: no painted scene."""
    rim = border_regions(labels)
    is_paper = is_open | (colors >= NEARLY_WHITE).all(axis=1)
    return bool(is_paper[rim].mean() >= 0.5) if rim.size else True


def border_regions(labels: RegionMap) -> Int32[np.ndarray, " P"]:
    """Return the region of each pixel at the border of the picture, without ink."""
    rim = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    return rim[rim > 0]


def _take_neighbour_colors(
    contacts: RegionContacts, colors: Colors, is_open: Bool[np.ndarray, " N"], *, on_paper: bool
) -> _NeighbourColors:
    """Replace the guess of each open region by a colour beside it, or white.

    In a painted scene this repeats until no colour changes.
    """
    is_pair = is_open[contacts.first] & ~is_open[contacts.second]
    first, second = contacts.first[is_pair], contacts.second[is_pair]
    beside = _NeighbourColors(np.ones(len(colors), bool), np.zeros(len(colors), bool))
    beside.is_alone[first[(colors[second] != 255).any(axis=1)]] = False
    beside.is_white[first[(colors[second] >= NEARLY_WHITE).all(axis=1)]] = True
    guess = colors.astype(np.int64)
    colors[is_open] = 255
    if on_paper:
        _take_nearest(colors, guess, first[beside.is_white[first]], second[beside.is_white[first]])
        return beside
    is_pair = is_open[contacts.first]
    first, second = contacts.first[is_pair], contacts.second[is_pair]
    while _take_nearest(colors, guess, first, second):
        continue
    return beside


def _take_nearest(
    colors: Colors,
    guess: Int64[np.ndarray, "N 3"],
    first: Int32[np.ndarray, " C"],
    second: Int32[np.ndarray, " C"],
) -> bool:
    """Give regions the colour beside them that is nearest to their guess, if it is nearer.

    Returns:
        Whether any colour has changed.
    """
    own, other = (_difference(guess[first], colors[one]) for one in (first, second))
    # The last write to a region remains, so write its nearest colour last.
    order = np.argsort(-other, kind="stable")
    order = order[other[order] < own[order]]
    colors[first[order]] = colors[second[order]]
    return bool(order.size)


def _difference(guess: Int64[np.ndarray, "C 3"], colors: Colors) -> Float64[np.ndarray, " C"]:
    """Return how far guesses are from colours: by the colour itself, and by its hue.

    It is the squared distance to the colour plus that to the nearest mixture of it with white: in a
    region without a hint, the network mixes the colours of hints with white.
    """
    from_white, color = guess - 255.0, colors - 255.0
    length = (color**2).sum(axis=1)
    share = ((from_white * color).sum(axis=1) / np.maximum(length, 1)).clip(0, 1)
    mixture = share[:, np.newaxis] * color
    squares = (from_white - color) ** 2 + (from_white - mixture) ** 2
    difference: Float64[np.ndarray, " C"] = squares.sum(axis=1)
    return difference


def _copy_through_gaps(
    labels: RegionMap, contacts: RegionContacts, colors: Colors, is_open: Bool[np.ndarray, " N"]
) -> Bool[np.ndarray, " N"]:
    """Give open regions the only colour of the larger regions behind their closed gaps.

    Returns:
        Which regions have such a colour.
    """
    areas = count_pixels(find_runs(labels), len(colors))
    # Of parts in a row, each counts with the area of the region that gives them its colour.
    sizes = areas.copy()
    first, second = contacts.first[contacts.is_gap], contacts.second[contacts.is_gap]
    is_waiting, found = is_open.copy(), np.zeros(len(colors), bool)
    packed = pack_colors(colors)
    while True:
        is_pair = is_waiting[first] & ~is_waiting[second] & (areas[first] <= sizes[second])
        least, most = np.full(len(colors), 1 << 24), np.full(len(colors), -1)
        np.minimum.at(least, first[is_pair], packed[second[is_pair]])
        np.maximum.at(most, first[is_pair], packed[second[is_pair]])
        one = least == most
        if not one.any():
            return found
        packed[one] = least[one]
        np.maximum.at(sizes, first[is_pair], sizes[second[is_pair]])
        colors[one] = unpack_colors(least[one])
        found |= one
        is_waiting &= ~one


# Regions without hints.


MEDIAN_SIDE_PX = 256
"""Largest short side of the sample that medians are taken of."""
BINS, BIN_BITS = 64, 2
"""Medians are exact to a bin of four levels, of whose pixels they are the mean."""


def region_medians(
    labels: RegionMap, picture: ColorMap, is_asked: Bool[np.ndarray, " N"]
) -> Colors:
    """Return the median of a picture's channels in the asked regions; the others are white.

    The regions are sampled at the size of the picture, and the small ones that this loses, at
    their own size.
    """
    if min(picture.shape[:2]) > MEDIAN_SIDE_PX:
        height, width = fit_short_side((picture.shape[0], picture.shape[1]), MEDIAN_SIDE_PX)
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST)
    height, width = picture.shape[:2]
    asked = np.flatnonzero(is_asked)
    count = len(asked)
    number = np.zeros(len(is_asked), np.int64)
    number[asked] = np.arange(count)
    small = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST).ravel()
    places = np.flatnonzero(is_asked.take(small))
    first_bin = number.take(small.take(places)) * BINS
    areas = np.bincount(first_bin // BINS, minlength=count)
    has = areas > 0
    medians = np.full((len(is_asked), 3), 255, np.uint8)
    for channel, values in enumerate(cv2.split(picture)):
        levels = values.ravel().take(places)
        bins = first_bin + (levels >> BIN_BITS)
        pixels = np.bincount(bins, minlength=count * BINS).reshape(count, BINS)
        sums = np.bincount(bins, levels, count * BINS).reshape(count, BINS)
        middle = (pixels.cumsum(axis=1) * 2 >= areas[:, np.newaxis]).argmax(axis=1)
        cell = np.arange(count)[has], middle[has]
        medians[asked[has], channel] = np.rint(sums[cell] / pixels[cell])
    missing = asked[~has]
    if missing.size:
        points = _last_pixels(labels, len(is_asked))[missing]
        y = points[:, 0] * height // labels.shape[0]
        x = points[:, 1] * width // labels.shape[1]
        medians[missing] = picture[y, x]
    return medians


def _last_pixels(labels: RegionMap, count: int) -> Int64[np.ndarray, "N 2"]:
    """Return row and column of the last pixel of each region."""
    runs = find_runs(labels)
    places = np.zeros(count, np.int64)
    places[runs.numbers] = runs.stops - 1
    return np.stack(np.divmod(places, labels.shape[1]), axis=1)
