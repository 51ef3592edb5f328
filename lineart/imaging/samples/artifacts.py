"""Simulated faults of colour drafts for training: spray, transplant, distortion, bleeding.

The second stage learns to repair drafts, so its training drafts are damaged. A CPU worker draws the
faults at random; the device that computes the draft applies them.

Spray follows a few straight strokes. A transplanted region has a hard edge. Bleeding, which paper
001 names and Zhang et al. do not quantify, is a small smooth random displacement.

Source:
    Paper 001, 3.3, after Zhang, Li, Wong, Ji, Liu, "Two-stage Sketch Colorization", SIGGRAPH Asia
    2018. Lengths are fractions of the picture's side; the paper's are pixels of 512.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from lineart.image import Frame, Size

REFERENCE_PX = 512
"""Side of the picture for which the paper gives its lengths."""

SPRAY_CELLS = 17
"""Side of the coarse grid on which spray is drawn: 1/30 of the paper's picture."""

SPRAY_DECAY = (0.01, 10.0)
"""Range of the exponential decay of spray per grid cell (lambda)."""

SPRAY_PEAK = (0.5, 0.95)
"""Range of the opacity of spray at the stroke, 0..1."""

TRANSPLANT_PX = (64, 384)
"""Range of the side of a transplanted region, in pixels of the paper's picture."""

LARGEST_DISTORTION = 0.1
"""Largest number added to a coefficient of the identity transform."""

FLOW_CELLS = 9
"""Side of the coarse grid of random displacements for bleeding."""

LARGEST_FLOW = 0.04
"""Largest standard deviation of these displacements; the picture's side is 2."""

WHITE_BIN = 511
"""Lightest of the 8 x 8 x 8 colour bins, that of paper, which spray does not use as dominant."""

Field = Float32[np.ndarray, "H W 2"]
Opacity = Float32[np.ndarray, "H W"]


class Chances(NamedTuple):
    """Probability of each fault, 0..1; faults are independent."""

    spray: float = 0.5
    transplant: float = 0.5
    distortion: float = 0.7
    bleeding: float = 0.5


CHANCES = Chances()


@dataclass(frozen=True)
class Artifacts:
    """Faults to apply to a draft of H x W.

    Attributes:
        source: x and y, -1..1, from which each pixel is sampled; -1 and 1 are the outer edges of
            the border pixels (`grid_sample` of PyTorch without `align_corners`).
        spray: Spray that is blended over the draft: sRGB and opacity 0..255.
    """

    source: Field
    spray: UInt8[np.ndarray, "H W 4"]


def draw_artifacts(
    color: Frame, rng: np.random.Generator, *, chances: Chances = CHANCES
) -> Artifacts:
    """Draw random faults for a draft of the size of `color`.

    Sampling coordinates are changed by bleeding, then distortion, then transplants, so bleeding
    also bends the edges of transplanted regions.

    Args:
        color: True colours, from which the colour of spray is taken.
        rng: Random generator.
        chances: Probability of each fault.
    """
    size: Size = color.shape[:2]
    happens = rng.random(len(chances)) < chances
    is_sprayed, is_transplanted, is_distorted, is_bleeding = happens.tolist()
    source = identity(size)
    if is_bleeding:
        source += draw_flow(size, rng)
    if is_distorted:
        source = distort(source, rng)
    if is_transplanted:
        for _ in range(rng.integers(1, 3)):
            source = transplant(source, rng)
    spray = np.zeros((*size, 4), np.uint8)
    if is_sprayed:
        spray[..., :3] = draw_spray_color(color, rng)
        spray[..., 3] = np.rint(255 * draw_spray(size, rng))
    return Artifacts(np.clip(source, -1, 1, out=source), spray)


def identity(size: Size) -> Field:
    """Return the sampling coordinates that leave a picture unchanged."""
    height, width = size
    source = np.empty((height, width, 2), np.float32)
    source[..., 0] = (2 * np.arange(width) + 1) / width - 1
    source[..., 1] = ((2 * np.arange(height) + 1) / height - 1)[:, None]
    return source


def draw_flow(size: Size, rng: np.random.Generator) -> Field:
    """Draw a small smooth displacement, with which colours bleed over lines."""
    spread = rng.uniform(0, LARGEST_FLOW)
    coarse = rng.normal(0, spread, (FLOW_CELLS, FLOW_CELLS, 2)).astype(np.float32)
    flow: Field = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    return flow


def distort(source: Field, rng: np.random.Generator) -> Field:
    """Apply a random affine transform near the identity to the sampling coordinates."""
    change = rng.uniform(-1, 1, (2, 3)) * rng.uniform(0, LARGEST_DISTORTION)
    distorted: Field = cv2.transform(source, np.eye(2, 3) + change)
    return distorted


def transplant(source: Field, rng: np.random.Generator) -> Field:
    """Paste a random rectangle of the picture, rotated, at a random place, with a hard edge."""
    height, width = source.shape[:2]
    # The picture's side is 2, so a fraction of the side equals half a length.
    half = rng.uniform(*TRANSPLANT_PX, 2) / REFERENCE_PX
    taken_from, pasted_to = rng.uniform(-1, 1, 2) * (1 - half), rng.uniform(-1, 1, 2)
    angle, aspect = rng.uniform(0, 2 * np.pi), height / width
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin * aspect], [sin / aspect, cos]])
    shift = taken_from - turn @ pasted_to
    taken = cv2.transform(source, np.column_stack((turn, shift)))
    is_pasted = cv2.inRange(taken, taken_from - half, taken_from + half)
    pasted: Field = cv2.copyTo(taken, is_pasted, source.copy())
    return pasted


def draw_spray_color(color: Frame, rng: np.random.Generator) -> UInt8[np.ndarray, " 3"]:
    """Return the dominant colour that is not white or, with probability 0.5, a random pixel's."""
    pixels = color.reshape(-1, 3)
    sampled: UInt8[np.ndarray, " 3"] = pixels[rng.integers(len(pixels))]
    if rng.random() < 0.5:
        return sampled
    # Every 16th pixel is enough to find the dominant colour.
    some = color[::4, ::4].reshape(-1, 3)
    level = some.astype(np.intp) >> 5
    bins = level @ (64, 8, 1)
    num_pixels = np.bincount(bins, minlength=512)
    num_pixels[WHITE_BIN] = 0
    if not num_pixels.any():
        return sampled
    dominant: UInt8[np.ndarray, " 3"]
    dominant = some[bins == num_pixels.argmax()].mean(axis=0).astype(np.uint8)
    return dominant


def draw_spray(size: Size, rng: np.random.Generator) -> Opacity:
    """Draw the opacity, 0..1, of one to three strokes of spray; it decays with the distance."""
    clear = np.ones((SPRAY_CELLS, SPRAY_CELLS))
    for _ in range(rng.integers(1, 4)):
        distance = distance_to_stroke(rng.uniform(0, SPRAY_CELLS, (2, 2)))
        decay = np.exp(-rng.uniform(*SPRAY_DECAY) * np.maximum(distance - 0.5, 0))
        clear *= 1 - rng.uniform(*SPRAY_PEAK) * decay
    # Smooth the jagged strokes of the coarse grid.
    soft = cv2.GaussianBlur((1 - clear).astype(np.float32), (3, 3), 0.8)
    opacity: Opacity = cv2.resize(soft, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(opacity, 0, 1, out=opacity)


def distance_to_stroke(ends: Float64[np.ndarray, "2 2"]) -> Float64[np.ndarray, "Cells Cells"]:
    """Return the distance of each cell's centre from the segment between two points, in cells."""
    (y, x), along = ends[0], ends[1] - ends[0]
    centers = np.arange(SPRAY_CELLS) + 0.5
    rows, columns = centers[:, None] - y, centers[None] - x
    share = np.clip((rows * along[0] + columns * along[1]) / max(along @ along, 1e-6), 0, 1)
    distance: Float64[np.ndarray, "Cells Cells"]
    distance = np.hypot(rows - share * along[0], columns - share * along[1])
    return distance
