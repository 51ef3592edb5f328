"""Definitions of the scores: heading, meaning, decimals, sign; `lineart.metrics` computes them."""

from collections.abc import Iterable
from typing import Final

from lineart.evaluation.networks import INCEPTION
from lineart.evaluation.types import Score

SCORES: Final[dict[str, Score]] = {
    "psnr": Score("PSNR", "dB, colours below the lines against the painted truth", 1, 1),
    "ssim": Score("SSIM", "colours below the lines against the painted truth", 3, 1),
    "de_hints": Score("dE at hints", "CIEDE2000 at the hints that lie on paper", 1, -1),
    "leakage": Score(
        "leakage", "colour change along lines over all change beside them, 0 to 1", 3, -1
    ),
    "lpips": Score("LPIPS", "colours below the lines against the painted truth", 3, -1),
    "psnr_composed": Score("PSNR composed", "dB, with drawn lines, against the picture", 1, 1),
    "ssim_composed": Score("SSIM composed", "with drawn lines, against the picture", 3, 1),
    "psnr_full": Score("PSNR", "dB, composed at the picture's size, against the picture", 2, 1),
    "ssim_full": Score("SSIM", "composed at the picture's size, against the picture", 3, 1),
    "clip": Score("CLIP score", "probability that CLIP gives the right class", 4, 1),
    "clip_first": Score("right class first", "share of pictures, 0 to 1", 3, 1),
    "flicker": Score(
        "flicker", "change of the low band where the drawing does not change, of 255", 2, -1
    ),
    "held": Score("held", "share of frames whose colours are those of an equal drawing", 3, 0),
}
"""Name -> score of single pictures; `distance_score` defines the distances between sets."""

DISTANCES: Final = {
    "frechet": ("fid", "FID", "Frechet distance", 2),
    "kernel": ("kid", "KID x 100", "kernel distance x 100", 3),
}
"""Kind -> name and heading on Inception, heading on other features, decimals."""


def pick(names: Iterable[str]) -> dict[str, Score]:
    """Return the named scores, in the order given."""
    return {name: SCORES[name] for name in names}


def distance_score(kind: str, features: str) -> tuple[str, Score]:
    """Return name and score of a distance; only on Inception is it called FID or KID."""
    name, heading, general, decimals = DISTANCES[kind]
    about = "of the whole set"
    if features == INCEPTION:
        return name, Score(heading, about, decimals, -1)
    return f"{kind}_{features}", Score(f"{general} on {features}", about, decimals, -1)
