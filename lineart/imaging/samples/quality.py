"""Quality measurements and perceptual hash of pictures, for the filters of datasets."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

from lineart.image import Frame, resize

SIDE_PX = 256
"""Long side to which larger pictures are shrunk for the measurements."""

COLORED = 24
"""A pixel is coloured if its largest channel exceeds its smallest by more than this, of 255."""

DARK, BRIGHT = 40, 215
"""Luminance below which a pixel is dark, and above which it is bright."""

PAPER = 245
"""A pixel is paper if all its channels are at least this."""

TONE_WINDOW = 32
"""Width of a tone in levels of luminance, of 256."""

HUE_WINDOW = 15
"""Width of a hue in steps of 2 degrees."""


@dataclass(frozen=True)
class Measured:
    """Measurements of a picture; shares are 0..1 of all pixels, luminance is 0..255."""

    short_side_px: int
    colored_share: float
    """Share of coloured pixels."""
    bright_share: float
    dark_share: float
    deepest: float
    """2nd percentile of luminance."""
    highest: float
    """98th percentile of luminance."""
    tone_share: float
    """Largest share of pixels in a window of 32 levels of luminance, without paper."""
    hue_share: float
    """Largest share of coloured pixels in a window of 30 degrees of hue."""


def measure(color: Frame) -> Measured:
    """Measure a picture; all but its short side on a copy of at most 256 pixels a side."""
    small = shrink(color)
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    deepest, highest = np.percentile(gray, (2, 98))
    return Measured(
        short_side_px=min(color.shape[:2]),
        colored_share=float(_is_colored(small).mean()),
        bright_share=float((gray > BRIGHT).mean()),
        dark_share=float((gray < DARK).mean()),
        deepest=float(deepest),
        highest=float(highest),
        tone_share=tone_share(small),
        hue_share=hue_share(small),
    )


def shrink(color: Frame) -> UInt8[np.ndarray, "NewH NewW 3"]:
    """Shrink to a long side of 256 pixels; return smaller pictures unchanged."""
    height, width = color.shape[:2]
    scale = SIDE_PX / max(height, width)
    if scale >= 1:
        return color
    return resize(color, (max(1, round(height * scale)), max(1, round(width * scale))))


def tone_share(color: Frame) -> float:
    """Compute the share of the most frequent tone: 1 for fog, low for a drawing on white paper."""
    gray = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY)
    counts = np.bincount(gray[color.min(axis=2) < PAPER], minlength=256)
    return float(_fullest(counts, TONE_WINDOW) / gray.size)


def hue_share(color: Frame) -> float:
    """Compute the share of the most frequent hue: 1 for sepia, low for a drawing on paper."""
    hue = cv2.cvtColor(color, cv2.COLOR_RGB2HSV)[..., 0]
    counts = np.bincount(hue[_is_colored(color)], minlength=180)
    circle = np.concatenate((counts, counts[: HUE_WINDOW - 1]))
    return float(_fullest(circle, HUE_WINDOW) / hue.size)


def perceptual_hash(color: Frame) -> int:
    """Compute a hash of 64 bits, nearly equal for pictures that look the same.

    Each bit compares one of the lowest 8 x 8 DCT coefficients of the luminance at 32 x 32 pixels
    with the median of all but the first. Enlarging, compressing and slight changes of brightness
    change few bits; hue has no effect. Normally half of the bits are set, so distances are even.

    Source:
        Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
    """
    gray = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hamming(first: int, second: int) -> int:
    """Return the number of bits in which two hashes differ."""
    return (first ^ second).bit_count()


def _is_colored(color: Frame) -> Bool[np.ndarray, "H W"]:
    is_colored: Bool[np.ndarray, "H W"] = np.ptp(color, axis=2) > COLORED
    return is_colored


def _fullest(counts: Int[np.ndarray, " N"], width: int) -> int:
    """Return the largest sum of `width` adjacent counts."""
    totals = np.concatenate(([0], np.cumsum(counts)))
    return int((totals[width:] - totals[:-width]).max())
