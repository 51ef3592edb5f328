"""What a data filter has to know of a picture; measured on a copy of at most 256 pixels a side."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

from lineart.image import Frame, resize

SIDE_PX = 256

COLORED = 24
"""A pixel has a colour when its largest channel is this far above its smallest, of 255."""

DARK, BRIGHT = 40, 215
"""Luminance below and above which a pixel is dark and bright."""

PAPER = 245
"""A pixel is paper when all its channels are at least this."""

TONE_WINDOW = 32
"""Levels of luminance, of 256, that count as one tone."""

HUE_WINDOW = 15
"""Steps of 2 degrees on the wheel of hues that count as one colour."""


@dataclass(frozen=True)
class Measured:
    """What a picture is like; shares are 0..1 of all its pixels, luminance is 0..255."""

    short_side_px: int
    colored_share: float
    """Pixels that have a colour."""
    bright_share: float
    dark_share: float
    deepest: float
    """Luminance below which the darkest 2 % lie."""
    highest: float
    """Luminance above which the brightest 2 % lie."""
    tone_share: float
    """Pixels in the fullest window of 32 levels of luminance; paper is in none."""
    hue_share: float
    """Coloured pixels in the fullest window of 30 degrees of hue."""


def measure(color: Frame) -> Measured:
    """Measure a picture."""
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
    """Bring the long side to 256 pixels; smaller pictures stay."""
    height, width = color.shape[:2]
    scale = SIDE_PX / max(height, width)
    if scale >= 1:
        return color
    return resize(color, (max(1, round(height * scale)), max(1, round(width * scale))))


def tone_share(color: Frame) -> float:
    """Tell how much of a picture is one tone: 1 for fog, little for a drawing on white paper."""
    gray = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY)
    counts = np.bincount(gray[color.min(axis=2) < PAPER], minlength=256)
    return float(_fullest(counts, TONE_WINDOW) / gray.size)


def hue_share(color: Frame) -> float:
    """Tell how much of a picture is one colour: 1 for sepia, little for a drawing on paper."""
    hue = cv2.cvtColor(color, cv2.COLOR_RGB2HSV)[..., 0]
    counts = np.bincount(hue[_is_colored(color)], minlength=180)
    circle = np.concatenate((counts, counts[: HUE_WINDOW - 1]))
    return float(_fullest(circle, HUE_WINDOW) / hue.size)


def perceptual_hash(color: Frame) -> int:
    """Give 64 bits that are nearly the same for pictures that look the same.

    The signs of the lowest 8 x 8 frequencies of the luminance at 32 x 32 pixels, against their
    median. Enlarging, compressing and slight changes of brightness turn few of them; hues do not
    count. Half of the bits are set, so that distances are even.

    Source:
        Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
    """
    gray = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hamming(first: int, second: int) -> int:
    """Count the bits in which two hashes differ."""
    return (first ^ second).bit_count()


def _is_colored(color: Frame) -> Bool[np.ndarray, "H W"]:
    is_colored: Bool[np.ndarray, "H W"] = np.ptp(color, axis=2) > COLORED
    return is_colored


def _fullest(counts: Int[np.ndarray, " N"], width: int) -> int:
    """Give the largest sum of `width` neighbours."""
    totals = np.concatenate(([0], np.cumsum(counts)))
    return int((totals[width:] - totals[:-width]).max())
