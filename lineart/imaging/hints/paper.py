"""Paper of hint pictures that were scanned: its level and its grain."""

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.image import Frame
from lineart.imaging.hints.cleaning import WHITE_FROM, flatten_paper
from lineart.imaging.lines.paper import MIN_PAPER

MIN_GRAIN = 0.25
"""Paper has grain if this share of its pixels differs from the pixel beside it."""
MIN_WHITE = 0.1
"""A picture of which this share is white has white paper."""
SCANNED_FROM = 240
"""Level from which the most frequent one of each channel of a picture with grain is paper's."""
PAPER_TINT = 32
"""Largest difference of two channels of paper."""
PAPER_RANGE = 12
"""Levels around the paper's that are paper, too."""
PAPER_SHARE = 0.3
"""Share of a picture that its paper covers."""


def even_paper(picture: Frame) -> Frame:
    """Return a hint picture with white paper without grain; one made on a computer stays as is."""
    has_grain = _has_grain(picture)
    if has_grain:
        picture = flatten_paper(picture)
    paper = _find_paper(picture)
    is_scanned = has_grain and paper.min() >= SCANNED_FROM
    is_white = (picture.min(axis=2) >= WHITE_FROM).mean() >= MIN_WHITE
    if is_white and not is_scanned:
        return picture
    is_paper = np.abs(picture.astype(np.int16) - paper).max(axis=2) <= PAPER_RANGE
    if paper.min() < MIN_PAPER or np.ptp(paper) > PAPER_TINT or is_paper.mean() < PAPER_SHARE:
        return picture
    white: Frame = np.minimum(picture * (255 / paper), 255).round().astype(np.uint8)
    white[is_paper] = 255
    return white


def _has_grain(picture: Frame) -> bool:
    """Return whether the light pixels of a picture mostly differ from one another."""
    is_light = picture.min(axis=2) >= MIN_PAPER
    both = is_light[:, 1:] & is_light[:, :-1]
    differs = (picture[:, 1:] != picture[:, :-1]).any(axis=2)
    return bool(both.any() and differs[both].mean() > MIN_GRAIN)


def _find_paper(picture: Frame) -> UInt8[np.ndarray, " 3"]:
    """Return the most frequent level of each channel."""
    counts = [cv2.calcHist([picture], [n], None, [256], [0, 256]).ravel() for n in range(3)]
    paper: UInt8[np.ndarray, " 3"] = np.argmax(counts, axis=1).astype(np.uint8)
    return paper
