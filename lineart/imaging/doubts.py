"""Doubts: the regions of a painted drawing whose colour may be wrong, for a person to look at."""

from typing import NamedTuple

import numpy as np

from lineart.image import to_hex
from lineart.imaging.paint import Paint, Source
from lineart.imaging.region_maps import count_pixels, find_boxes, find_runs

MOST_DOUBTS = 20
"""Maximum number of doubts of a drawing."""
SURE = 0.9
"""Colours of at least this confidence are no doubt."""
LEAST_AREA = 10
"""Area of a region in pixels below which nobody sees it."""

REASONS = {
    Source.SPLIT: "its hints have several colours, and it was divided among them",
    Source.NEIGHBOUR: "there is no hint in it; the colour is that of a region beside it, or white",
    Source.GUESS: "there is no hint in the drawing; the colour is the network's",
}


class Doubt(NamedTuple):
    """A region whose colour may be wrong."""

    region: int
    """Number of the region in its drawing."""
    left: int
    top: int
    right: int
    bottom: int
    """Box in pixels; right and bottom are outside."""
    area: int
    """Number of pixels."""
    color: str
    """Colour as `#rrggbb`."""
    confidence: float
    """Probability that the colour is right, 0..1."""
    why: str
    second: str | None = None
    """Second best colour; None: there is none."""


class Certainty(NamedTuple):
    """How sure the carried colours of a drawing are."""

    asked: float
    """Share of its regions that a person should look at, 0..1."""
    lowest_confidence: float
    """Lowest confidence of a region, 0..1; 0 for one whose colour no key has."""
    mean_confidence: float
    """Mean of the regions' confidence by their area."""


def find_doubts(paint: Paint, *, most: int = MOST_DOUBTS) -> tuple[Doubt, ...]:
    """Return the doubts of a painted drawing, worst first: by confidence, then by area.

    Args:
        paint: Colours of the regions.
        most: Maximum number of doubts.
    """
    runs, count = find_runs(paint.labels), len(paint.colors)
    areas = count_pixels(runs, count)
    is_doubt = (paint.confidence < SURE) & (areas >= LEAST_AREA)
    is_doubt[0] = False
    numbers = np.flatnonzero(is_doubt)
    order = np.lexsort((-areas[numbers], paint.confidence[numbers]))
    chosen = numbers[order[:most]]
    boxes = find_boxes(runs, paint.labels.shape[1], count).tolist()
    return tuple(
        Doubt(
            int(number),
            boxes[number][0],
            boxes[number][1],
            boxes[number][2],
            boxes[number][3],
            int(areas[number]),
            to_hex(paint.colors[number]),
            round(float(paint.confidence[number]), 3),
            REASONS[Source(paint.sources[number])],
        )
        for number in chosen
    )
