"""Hints at a drawing's size for training: random pixels, strokes, and dabs in regions."""

import numpy as np

from lineart.image import Frame, Hint, Line
from lineart.imaging.hints.cleaning import drop_ink_hints
from lineart.imaging.hints.pixels import (
    STROKE_TOLERANCE,
    Stroke,
    find_hints,
    no_hints,
    sample_hints,
    sample_strokes,
)
from lineart.imaging.lines.paper import PAPER_FROM
from lineart.imaging.regions import find_regions

MOST = 140
"""Largest number of random pixels; paper 002 tests with it."""
SMALLEST_PX = 20
"""Smallest area of a region that gets a dab."""
WAYS = ("none", "pixels", "strokes", "dabs")
SHARES = (0.05, 0.4, 0.1, 0.45)
"""Probability of each way."""


def draw_way(rng: np.random.Generator) -> str:
    """Draw a way of giving hints at random."""
    return WAYS[rng.choice(len(WAYS), p=SHARES)]


def draw_artist_hints(color: Frame, line: Line, way: str, rng: np.random.Generator) -> Hint:
    """Draw hints as an artist gives them, without those that belong to the ink.

    Args:
        color: Colours, with lines or without.
        line: Drawing of the same size.
        way: "none"; "pixels": 1 to 140 anywhere, few more often than many; "strokes" on paper;
            "dabs": one in each of a random share of the regions.
        rng: Source of randomness.
    """
    if way == "none":
        return no_hints(line.shape)
    if way == "dabs":
        hint = dab_regions(color, line, rng)
    elif way == "pixels":
        hint = sample_hints(color, draw_count(MOST, rng), rng)
    else:
        stroke = Stroke(int(rng.integers(4, 40)), int(rng.integers(2, 9)))
        count = draw_count(40, rng)
        hint = sample_strokes(color, line >= PAPER_FROM, count, stroke=stroke, rng=rng)
    return drop_ink_hints(find_hints(hint), line).picture()


def draw_count(most: int, rng: np.random.Generator) -> int:
    """Draw a number from 1 to `most`, its logarithm uniform."""
    return int(np.exp(rng.uniform(0, np.log(most + 0.99))))


def dab_regions(color: Frame, line: Line, rng: np.random.Generator) -> Hint:
    """Dab the colour of a random pixel into each of a random share of the regions."""
    labels = find_regions(line)
    hint = no_hints(line.shape)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    regions = np.flatnonzero(areas >= SMALLEST_PX)
    share = np.exp(rng.uniform(np.log(0.03), 0))
    chosen = rng.permutation(regions)[: max(1, round(share * len(regions)))]
    order = np.argsort(labels.ravel(), kind="stable")
    starts = np.cumsum(areas) - areas + np.count_nonzero(labels == 0)
    radius = int(rng.integers(1, 7))
    for region in chosen:
        place = int(order[starts[region] + rng.integers(areas[region])])
        y, x = divmod(place, line.shape[1])
        area = slice(max(0, y - radius), y + radius + 1), slice(max(0, x - radius), x + radius + 1)
        near = np.abs(color[area].astype(np.int16) - color[y, x]).max(axis=2) <= STROKE_TOLERANCE
        hint[area][near & (labels[area] == region)] = (*color[y, x], 255)
    return hint
