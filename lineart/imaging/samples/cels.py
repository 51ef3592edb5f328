"""Augmentation of pictures as film cels: flat colours, recoloured regions, paper and hues."""

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.image import Frame, Line
from lineart.imaging.lines.paper import PAPER_FROM
from lineart.imaging.nearest import find_nearest

SMALLEST_REGION = 0.002
"""Fraction of the picture's area below which regions are not recoloured."""

GROWTH_PX = 2
"""Pixels by which recoloured regions reach below the lines."""

TOUCHES = 128
"""Mark of white areas that touch the border; white is 255, all else 0."""

LEVELS = np.arange(4, 256, 8, dtype=np.float32)
"""Centres of the bins of a channel, of 8 levels each."""


def flatten(color: Frame, num_colors: int, rng: np.random.Generator) -> Frame:
    """Reduce a picture to at most `num_colors` of its own colours, drawn at random."""
    smooth = cv2.medianBlur(color, 5)
    pixels = smooth.reshape(-1, 3)
    palette = pixels[rng.choice(len(pixels), num_colors)]
    # |p - c|^2 of all bins without |p|^2, which does not affect the nearest c. All are whole
    # numbers that float32 holds. No matrix product: NumPy's would start a thread for each core.
    colors = palette.astype(np.float32)
    red, green, blue = (-2 * LEVELS[:, None] * channel for channel in colors.T)
    distance = red[:, None, None] + green[:, None] + blue + (colors**2).sum(1)
    nearest = distance.reshape(-1, num_colors).argmin(1)
    # Red, green and blue from the highest bit of a number on, five bits each.
    index = cv2.cvtColor(smooth, cv2.COLOR_RGB2BGR555).view(np.uint16)[..., 0]
    # Numbers of four bytes are looked up several times as fast as colours of three.
    shades = np.zeros((num_colors, 4), np.uint8)
    shades[:, :3] = palette
    table = shades.view(np.uint32)[:, 0].take(nearest)
    found = table.take(index).view(np.uint8)
    flat: Frame = cv2.cvtColor(found.reshape(*index.shape, 4), cv2.COLOR_RGBA2RGB)
    return flat


def find_white(color: Frame) -> UInt8[np.ndarray, "H W"]:
    """Return the mask, 0 or 255, of pixels that are nearly white: all channels at least 246."""
    white: UInt8[np.ndarray, "H W"] = cv2.inRange(color, (246, 246, 246), (255, 255, 255))
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
    target = rng.uniform(20, 255, (count, 3))
    labels = labels.astype(np.uint16 if count <= 2**16 else np.float32)
    # Dilate the regions over the lines, so that colours meet below them.
    grown = cv2.dilate(labels, np.ones((2 * GROWTH_PX + 1,) * 2, np.uint8))
    cv2.copyTo(labels, (labels > 0).view(np.uint8), grown)
    recolored = color.copy()
    for label in np.flatnonzero(chosen).tolist():
        left, top, width, height, area = stats[label].tolist()
        own = slice(top, top + height), slice(left, left + width)
        mean = cv2.mean(color[own], cv2.inRange(labels[own], label, label))[:3]
        mean = np.rint(np.array(mean) * area) / area  # of whole sums, as exact as can be
        gain = (target[label] / np.maximum(mean, 16)).astype(np.float32)
        table = np.clip(np.arange(256, dtype=np.uint8)[:, None] * gain, 0, 255).astype(np.uint8)
        box = (
            slice(max(top - GROWTH_PX, 0), top + height + GROWTH_PX),
            slice(max(left - GROWTH_PX, 0), left + width + GROWTH_PX),
        )
        is_region = cv2.inRange(grown[box], label, label)
        cv2.copyTo(cv2.LUT(color[box], table[None]), is_region, recolored[box])
    return recolored


def repaint_paper(color: Frame, rng: np.random.Generator) -> Frame:
    """Fill white areas that touch the picture's border with one random colour."""
    # A white frame joins these areas, so that one fill finds all of them.
    white = cv2.copyMakeBorder(find_white(color), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=255)
    cv2.floodFill(white, None, (0, 0), TOUCHES)
    touches = cv2.inRange(white[1:-1, 1:-1], TOUCHES, TOUCHES)
    paint = rng.integers(0, 256, 3, dtype=np.uint8).tolist()
    filled = cv2.rectangle(np.empty_like(color), (0, 0), color.shape[1::-1], paint, cv2.FILLED)
    repainted: Frame = cv2.copyTo(filled, touches, color.copy())
    return repainted


def remove_lines(color: Frame, line: Line) -> Frame:
    """Replace the colour of ink by that of the nearest paper pixel."""
    # Dilate the ink by one pixel to include its soft edge.
    is_ink = cv2.erode(line, np.ones((3, 3), np.uint8)) < PAPER_FROM
    if is_ink.all():
        return color
    paper, ink, nearest = np.flatnonzero(~is_ink), np.flatnonzero(is_ink), find_nearest(~is_ink)
    # Pixels of four bytes are moved as numbers, several times as fast as those of three.
    pixels = cv2.cvtColor(color, cv2.COLOR_RGB2RGBA).view(np.uint32).reshape(-1)
    pixels[ink] = pixels.take(paper.take(nearest.reshape(-1).take(ink)))
    painted: Frame = cv2.cvtColor(pixels.view(np.uint8).reshape(*line.shape, 4), cv2.COLOR_RGBA2RGB)
    return painted


def fade(line: Line, rng: np.random.Generator) -> Line:
    """Scale the darkness of the lines by a random factor of 0.7 to 1."""
    strength = rng.uniform(0.7, 1.0)
    levels = (255 - (255 - np.arange(256, dtype=np.float32)) * strength).astype(np.uint8)
    faded: Line = cv2.LUT(line, levels)
    return faded


def jitter(color: Frame, rng: np.random.Generator) -> Frame:
    """Change brightness and contrast by up to 10 %, and hue by up to 0.03 of a full circle."""
    contrast, brightness = rng.uniform(0.9, 1.1), rng.uniform(0.9, 1.1)
    mean = cv2.mean(cv2.mean(color)[:3])[0]
    levels = ((np.arange(256) - mean) * contrast + mean) * brightness
    changed = cv2.LUT(color, np.clip(levels, 0, 255).astype(np.uint8))
    # Paper stays white.
    cv2.copyTo(color, find_white(color), changed)
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
