"""Flat colours for the regions of a drawing, from hints and a picture that fills in the rest."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Int32, UInt8

from lineart.image import Hint
from lineart.imaging.regions import RegionMap, fill_from_neighbours

Guess = UInt8[np.ndarray, "GuessH GuessW 3"]
"""sRGB picture of the whole drawing at a size of its own."""

HINT_ALPHA = 128
"""Least alpha of a hint."""


class Paint(NamedTuple):
    """Colours of the regions of a drawing."""

    labels: RegionMap
    """Regions; those whose hints disagree are split, so there may be more than were given."""
    colors: UInt8[np.ndarray, "N 3"]
    """Colour of each region number; that of number 0, ink, is not used."""
    sources: UInt8[np.ndarray, " N"]
    """Where each colour is from: `HINT`, `SPLIT` or `GUESS`."""


HINT, SPLIT, GUESS = 1, 2, 3


def paint_regions(labels: RegionMap, hint: Hint, guess: Guess) -> Paint:
    """Choose one colour for each region.

    Args:
        labels: Regions of the drawing.
        hint: Hints at the drawing's size. Those on ink count for no region.
        guess: Picture of any size; a region without hints gets the median of its colours.

    Returns:
        The regions and their colours: that of its hints where they agree. A region whose hints
        have several colours is divided among them: each pixel belongs to the hint that is nearest
        along the paper.
    """
    rows, columns = np.nonzero(hint[:, :, 3] >= HINT_ALPHA)
    region = labels[rows, columns]
    rows, columns, region = rows[region > 0], columns[region > 0], region[region > 0]
    packed = _pack(hint[rows, columns, :3])
    labels = labels.copy()
    pairs = np.unique(np.stack((region, packed)), axis=1)
    found, how_many = np.unique(pairs[0], return_counts=True)
    sources = np.full(labels.max() + 1, GUESS, np.uint8)
    colors = np.zeros((len(sources), 3), np.uint8)
    is_split = np.isin(region, found[how_many > 1])
    if is_split.any():
        places = rows[is_split], columns[is_split]
        more = _split(labels, places, packed[is_split])
        colors = np.concatenate((colors, more))
        sources = np.concatenate((sources, np.full(len(more), SPLIT, np.uint8)))
    agreeing = found[how_many == 1]
    colors[agreeing] = _unpack(pairs[1][np.isin(pairs[0], agreeing)])
    sources[agreeing] = HINT
    rest = sources == GUESS
    colors[rest] = region_medians(labels, guess)[rest]
    return Paint(labels, colors, sources)


BINS, BIN_BITS = 64, 2
"""Medians are exact to a bin of four levels, of whose pixels they are the mean."""


def region_medians(labels: RegionMap, picture: Guess) -> UInt8[np.ndarray, "N 3"]:
    """Return the median of a picture's channels in each region, and white where it has no pixel.

    The regions are sampled at the size of the picture, and the small ones that this loses, at
    their own size.
    """
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


def _split(
    labels: RegionMap, places: tuple[np.ndarray, np.ndarray], packed: Int32[np.ndarray, " P"]
) -> UInt8[np.ndarray, "M 3"]:
    """Divide the regions of hints among them, in place; return the colours of the new regions."""
    numbers = labels[places]
    parts, index = np.unique(np.stack((numbers, packed)), axis=1, return_inverse=True)
    is_open = np.zeros(int(labels.max()) + 1, bool)
    is_open[numbers] = True
    # Watershed floods flat colours first, all at the same speed, and steps in colour last.
    seeds = np.zeros(labels.shape, np.int32)
    seeds[places] = index.ravel() + 1
    opened = is_open[labels]
    walls = np.where(opened, np.uint8(0), np.uint8(255))
    cv2.watershed(cv2.merge((walls, walls, walls)), seeds)
    seeds[~opened] = 0
    is_rim = (seeds <= 0) & opened
    seeds[is_rim] = 0
    fill_from_neighbours(seeds, is_rim)
    first = len(is_open)
    labels[:] = np.where(seeds > 0, seeds + np.int32(first - 1), labels)
    return _unpack(parts[1])


def _pack(colors: UInt8[np.ndarray, "P 3"]) -> Int32[np.ndarray, " P"]:
    return colors.astype(np.int32) @ np.array([65536, 256, 1], np.int32)


def _unpack(packed: Int32[np.ndarray, " P"]) -> UInt8[np.ndarray, "P 3"]:
    return np.stack((packed >> 16, packed >> 8 & 255, packed & 255), axis=1).astype(np.uint8)
