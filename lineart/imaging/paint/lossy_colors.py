"""Gives pictures from lossy files, such as JPEG, their flat colours again."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int16, Int64, UInt8

from lineart.image import Frame, pack_colors, unpack_colors

MAX_RANGE = 16
"""Pixels are even if those of a window of 3 x 3 differ by at most so many levels in any channel."""
CLUSTER_LEVELS, PEAK_LEVELS = 12, 6
"""Colours that differ by at most the first number from the most frequent one are a cluster. It is
one flat colour if most of them differ by at most the second from their median."""
MIN_PEAK = 0.8
"""Least share of a cluster within `PEAK_LEVELS`: a gradient is spread more widely."""
MIN_SHARE, MIN_PX = 1e-4, 24
"""Clusters with fewer even pixels, as a share of the picture or as a number, are mixed colours."""
MAX_CLUSTERS = 256
"""Clusters that are looked for: flat pictures have fewer colours."""
MIN_FLAT = 0.8
"""A picture is flat if this share of its even pixels is in clusters of flat colours."""
MAX_CHANGE = 32
"""Compression changes colours by up to about so many levels."""


class _Clusters(NamedTuple):
    """Clusters of colours, the largest first."""

    median: UInt8[np.ndarray, "K 3"]
    is_flat: Bool[np.ndarray, " K"]
    pixels: Int64[np.ndarray, " K"]


def restore_flat_colors(picture: Frame) -> Frame:
    """Return a picture from a lossy file with its flat colours.

    Each pixel takes the nearest of them, but for those that are nearer to something else, or far
    from all. A picture that is not flat, such as a painting, stays as it is.

    Args:
        picture: RGB.
    """
    window = np.ones((3, 3), np.uint8)
    ranges = cv2.subtract(cv2.dilate(picture, window), cv2.erode(picture, window))
    even = pack_colors(picture[ranges.max(axis=2) <= MAX_RANGE])
    found = _find_clusters(even, max(MIN_PX, round(MIN_SHARE * picture.size / 3)))
    if found.pixels[found.is_flat].sum() < MIN_FLAT * max(even.size, 1):
        return picture
    shades, number = np.unique(pack_colors(picture), return_inverse=True)
    values = unpack_colors(shades)
    nearest, apart = _find_nearest(values, found.median)
    is_restored = found.is_flat[nearest] & (apart <= MAX_CHANGE)
    restored = np.where(is_restored[:, np.newaxis], found.median[nearest], values)
    result: Frame = restored[number.reshape(picture.shape[:2])]
    return result


def _find_clusters(colors: Int64[np.ndarray, " P"], least: int) -> _Clusters:
    """Find the clusters of packed colours with at least `least` pixels."""
    shades, counts = np.unique(colors, return_counts=True)
    values = unpack_colors(shades).astype(np.int16)
    medians: list[np.ndarray] = []
    is_flat: list[bool] = []
    pixels: list[int] = []
    while len(shades) and len(pixels) < MAX_CLUSTERS:
        is_near = _differ(values, values[counts.argmax()]) <= CLUSTER_LEVELS
        own, times = values[is_near], counts[is_near]
        if times.sum() >= least:
            median = np.array([_weighted_median(own[:, one], times) for one in range(3)], np.int16)
            is_peak = _differ(own, median) <= PEAK_LEVELS
            medians.append(median)
            is_flat.append(bool(times[is_peak].sum() >= MIN_PEAK * times.sum()))
            pixels.append(int(times.sum()))
        elif counts.max() < MIN_PX:
            break
        shades, values, counts = shades[~is_near], values[~is_near], counts[~is_near]
    return _Clusters(
        np.array(medians, np.uint8).reshape(-1, 3),
        np.array(is_flat, bool),
        np.array(pixels, np.int64),
    )


def _differ(values: Int16[np.ndarray, "U 3"], one: np.ndarray) -> Int16[np.ndarray, " U"]:
    """Return the largest difference in any channel."""
    largest: Int16[np.ndarray, " U"] = np.abs(values - one).max(axis=1)
    return largest


def _weighted_median(values: np.ndarray, counts: np.ndarray) -> int:
    order = np.argsort(values)
    passed = np.cumsum(counts[order])
    return int(values[order][np.searchsorted(passed, passed[-1] / 2)])


def _find_nearest(
    values: UInt8[np.ndarray, "U 3"], palette: UInt8[np.ndarray, "K 3"]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the nearest colour of a palette, and how far it is in any channel."""
    nearest = np.zeros(len(values), np.int64)
    apart = np.full(len(values), 256, np.int16)
    levels = values.astype(np.int16)
    for number, color in enumerate(palette.astype(np.int16)):
        differs = _differ(levels, color)
        is_nearer = differs < apart
        nearest[is_nearer], apart[is_nearer] = number, differs[is_nearer]
    return nearest, apart
