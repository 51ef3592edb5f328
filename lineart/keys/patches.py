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
Angles = Float32[np.ndarray, " N"]
"""Angles in radians, from the x axis towards the y axis."""


class Patches(NamedTuple):
    """Patches around the centre of each region."""

    mask: Patch
    """The region's pixels, scaled to its spread."""
    near: Patch
    """Ink close to it, without its mean."""
    wide: Patch
    """Ink in a wider window."""
    turned_mask: Patch
    """As `mask`, but turned so that the region's main axis is level; the others are upright."""
    turned_near: Patch
    """As `near`, turned as `turned_mask`."""

    def upright(self) -> tuple[Patch, Patch, Patch]:
        """Return the patches that are not turned."""
        return self.mask, self.near, self.wide


def compare_turned(
    one: Patches, rows: np.ndarray, other: Patches
) -> tuple[Float32[np.ndarray, "B K"], Float32[np.ndarray, "B K"]]:
    """Return how alike the turned patches of some regions are to those of all others.

    A main axis has no direction, and a figure that turns round is mirrored: of the four ways to lay
    one patch on another, the one that fits best counts.

    Returns:
        Similarity of the masks, and of the ink, laid in the same way.
    """
    samples = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    ways = samples, samples[::-1, ::-1], samples[::-1], samples[:, ::-1]
    shape = len(rows), len(other.mask)
    best_mask, best_near = np.full(shape, -1, np.float32), np.full(shape, -1, np.float32)
    for way in ways:
        mask = one.turned_mask[rows] @ other.turned_mask[:, way.ravel()].T
        near = one.turned_near[rows] @ other.turned_near[:, way.ravel()].T
        is_better = mask + near > best_mask + best_near
        np.copyto(best_mask, mask, where=is_better)
        np.copyto(best_near, near, where=is_better)
    return best_mask, best_near


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
    level, turned = np.zeros(len(center), np.float32), moments.angle[rows].astype(np.float32)
    numbers = np.arange(len(moments.long), dtype=np.int32)[rows] + 1
    regions = labels.astype(np.float32)

    def mask(angle: Angles) -> Patch:
        places = _grid(center, REACH * spread, angle)
        found = _sample(regions, places, cv2.INTER_NEAREST)
        return _unit((found == numbers[:, np.newaxis]).astype(np.float32))

    def look(picture: np.ndarray, share: float, angle: Angles) -> Patch:
        reach = np.full(len(center), share * diagonal, np.float32)
        seen = _sample(picture, _grid(center, reach, angle), cv2.INTER_LINEAR).astype(np.float32)
        return _unit(seen - seen.mean(axis=1, keepdims=True))

    return Patches(
        mask(level),
        look(ink.fine, NEAR, level),
        look(ink.coarse, WIDE, level),
        mask(turned),
        look(ink.fine, NEAR, turned),
    )


def _grid(
    center: Float32[np.ndarray, "N 2"], reach: Float32[np.ndarray, " N"], angle: Angles
) -> np.ndarray:
    """Return the places, x and y, of the samples of each patch; its rows have this angle."""
    steps = (np.arange(SIDE, dtype=np.float32) + 0.5) * (2 / SIDE) - 1
    x, y = (one.reshape(1, -1) for one in np.meshgrid(steps, steps))
    cosine, sine = (reach * np.cos(angle))[:, np.newaxis], (reach * np.sin(angle))[:, np.newaxis]
    offsets = np.stack((cosine * x - sine * y, sine * x + cosine * y), axis=-1)
    places: np.ndarray = center[:, np.newaxis] + offsets
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
