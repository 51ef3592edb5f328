"""Small pictures of each region and of the lines around it, to compare regions by their look."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32

from lineart.keys.flow import SoftInk
from lineart.keys.runs import Moments, SmallMap

SIDE = 12
"""Side of a patch in samples."""
REACH = 2.0
"""Half the side of a mask's patch, in standard deviations of the region's pixels."""
NEAR, WIDE = 0.08, 0.25
"""Half the sides of the patches of ink, as shares of the drawing's diagonal."""
BLOCK = 2000
"""Regions whose patches are sampled at once."""

Patch = Float32[np.ndarray, "N 144"]
"""Patches of norm 1, so that the product of two is their similarity, or 0 for empty ones."""


class Patches(NamedTuple):
    """Patches around the centre of each region, all upright."""

    mask: Patch
    """The region's pixels, scaled to its spread."""
    near: Patch
    """Ink close to it, without its mean."""
    wide: Patch
    """Ink in a wider window."""


def take_patches(labels: SmallMap, ink: SoftInk, moments: Moments, diagonal: float) -> Patches:
    """Sample the patches of all regions.

    Args:
        labels: Regions at the working size.
        ink: Soft ink at the same size.
        moments: Moments of the regions.
        diagonal: Diagonal of the box around the ink.
    """
    parts = [
        _take_block(labels, ink, moments, diagonal, slice(first, first + BLOCK))
        for first in range(0, max(len(moments.long), 1), BLOCK)
    ]
    return Patches(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def _take_block(
    labels: SmallMap, ink: SoftInk, moments: Moments, diagonal: float, rows: slice
) -> Patches:
    center = moments.center[rows].astype(np.float32)
    spread = np.sqrt(moments.long[rows] + moments.short[rows]).astype(np.float32)
    numbers = np.arange(len(moments.long), dtype=np.int32)[rows] + 1
    places = _grid(center, REACH * spread)
    found = _sample(labels.astype(np.float32), places, cv2.INTER_NEAREST)
    mask = (found == numbers[:, np.newaxis]).astype(np.float32)
    looks = []
    for picture, share in ((ink.fine, NEAR), (ink.coarse, WIDE)):
        reach = np.full(len(center), share * diagonal, np.float32)
        seen = _sample(picture, _grid(center, reach), cv2.INTER_LINEAR).astype(np.float32)
        looks.append(_unit(seen - seen.mean(axis=1, keepdims=True)))
    return Patches(_unit(mask), *looks)


def _grid(center: Float32[np.ndarray, "N 2"], reach: Float32[np.ndarray, " N"]) -> np.ndarray:
    """Return the places, x and y, of the samples of each patch."""
    steps = (np.arange(SIDE, dtype=np.float32) + 0.5) * (2 / SIDE) - 1
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(1, -1, 2)
    places: np.ndarray = center[:, np.newaxis] + reach[:, np.newaxis, np.newaxis] * offsets
    return places


def _sample(picture: np.ndarray, places: np.ndarray, interpolation: int) -> np.ndarray:
    if not places.size:
        return np.zeros(places.shape[:2], picture.dtype)
    sampled: np.ndarray = cv2.remap(
        picture, np.ascontiguousarray(places), None, interpolation, borderValue=0
    )
    return sampled


def _unit(values: np.ndarray) -> Patch:
    norm = np.linalg.norm(values, axis=1, keepdims=True)
    unit: Patch = (values / np.maximum(norm, 1e-6)).astype(np.float32)
    return unit
