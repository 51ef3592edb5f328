"""Augmentation of pictures as film cels: flat colours, recoloured regions, paper and hues."""

import cv2
import numpy as np
from jaxtyping import Bool

from lineart.image import Frame, Line

SMALLEST_REGION = 0.002
"""Fraction of the picture's area below which regions are not recoloured."""

PAPER_FROM = 190
"""Least grey level of paper in a drawing."""

CUBE = np.stack(np.meshgrid(*[np.arange(4, 256, 8, dtype=np.float32)] * 3, indexing="ij"), -1)
CUBE = CUBE.reshape(-1, 3)
"""Centres of all colour bins of 8 levels, one row per bin."""


def flatten(color: Frame, num_colors: int, rng: np.random.Generator) -> Frame:
    """Reduce a picture to at most `num_colors` of its own colours, drawn at random."""
    smooth = cv2.medianBlur(color, 5)
    pixels = smooth.reshape(-1, 3)
    palette = pixels[rng.choice(len(pixels), num_colors)]
    # |p - c|^2 without |p|^2, which does not affect the nearest c.
    colors = palette.astype(np.float32)
    nearest = ((colors**2).sum(1) - 2 * CUBE @ colors.T).argmin(1)
    coarse = (smooth >> 3).astype(np.int32)
    index = (coarse[..., 0] << 10) | (coarse[..., 1] << 5) | coarse[..., 2]
    flat: Frame = palette[nearest][index]
    return flat


def is_paper_colored(color: Frame) -> Bool[np.ndarray, "H W"]:
    """Return the mask of pixels that are nearly white: all channels at least 246."""
    white: Bool[np.ndarray, "H W"] = cv2.inRange(color, (246, 246, 246), (255, 255, 255)) > 0
    return white


def turn_hue(color: Frame, turn: float) -> Frame:
    """Rotate all hues by `turn` of a full circle; greys stay."""
    hsv = cv2.cvtColor(color, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] += np.uint8(round(turn * 256) % 256)
    turned: Frame = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)
    return turned


def recolor_regions(color: Frame, line: Line, rng: np.random.Generator) -> Frame:
    """Change the colour of about half of the regions between lines, and keep their shading."""
    ink = cv2.erode(line, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (ink > 160).astype(np.uint8), None, 4
    )
    big = stats[:, cv2.CC_STAT_AREA] > SMALLEST_REGION * line.size
    chosen = big & (rng.random(count) < 0.5)
    chosen[0] = False
    index = labels.ravel()
    area = np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    mean = np.stack([np.bincount(index, color[..., c].ravel(), count) / area for c in range(3)], 1)
    target = rng.uniform(20, 255, (count, 3))
    gain = np.where(chosen[:, None], target / np.maximum(mean, 16), 1.0).astype(np.float32)
    # Dilate the regions over the lines, so that colours meet below them.
    grown = cv2.dilate(labels.astype(np.float32), np.ones((5, 5), np.uint8)).astype(np.int32)
    grown = np.where(labels > 0, labels, grown)
    recolored: Frame = np.clip(color * gain[grown], 0, 255).astype(np.uint8)
    return recolored


def repaint_paper(color: Frame, rng: np.random.Generator) -> Frame:
    """Fill white areas that touch the picture's border with one random colour."""
    count, labels = cv2.connectedComponents(is_paper_colored(color).astype(np.uint8), None, 4)
    border = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    touches = np.zeros(count, bool)
    touches[border] = True
    touches[0] = False
    paint = rng.integers(0, 256, 3, dtype=np.uint8)
    return np.where(touches[labels][..., None], paint, color)


def remove_lines(color: Frame, line: Line) -> Frame:
    """Replace the colour of ink by that of the nearest paper pixel."""
    # Dilate the ink by one pixel to include its soft edge.
    is_ink = (cv2.erode(line, np.ones((3, 3), np.uint8)) < PAPER_FROM).astype(np.uint8)
    if is_ink.all():
        return color
    _, nearest = cv2.distanceTransformWithLabels(
        is_ink, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # OpenCV numbers the paper pixels in raster order, from 1.
    paper, ink = np.flatnonzero(is_ink == 0), np.flatnonzero(is_ink)
    painted: Frame = color.copy()
    pixels = painted.reshape(-1, 3)
    pixels[ink] = pixels[paper[nearest.ravel()[ink] - 1]]
    return painted


def fade(line: Line, rng: np.random.Generator) -> Line:
    """Scale the darkness of the lines by a random factor of 0.7 to 1."""
    strength = rng.uniform(0.7, 1.0)
    return (255 - (255 - line.astype(np.float32)) * strength).astype(np.uint8)


def jitter(color: Frame, rng: np.random.Generator) -> Frame:
    """Change brightness and contrast by up to 10 %, and hue by up to 0.03 of a full circle."""
    contrast, brightness = rng.uniform(0.9, 1.1), rng.uniform(0.9, 1.1)
    mean = cv2.mean(cv2.mean(color)[:3])[0]
    levels = ((np.arange(256) - mean) * contrast + mean) * brightness
    changed = cv2.LUT(color, np.clip(levels, 0, 255).astype(np.uint8))
    # Paper stays white.
    changed = np.where(is_paper_colored(color)[..., None], color, changed)
    return turn_hue(changed, rng.uniform(-0.03, 0.03))


def disguise(color: Frame, line: Line, rng: np.random.Generator) -> Frame:
    """Replace colours at random: turn all hues, recolour regions, repaint the background."""
    if rng.random() < 0.5:
        color = turn_hue(color, rng.uniform(0, 1))
    if rng.random() < 0.4:
        color = recolor_regions(color, line, rng)
    if rng.random() < 0.6:
        color = repaint_paper(color, rng)
    return color
