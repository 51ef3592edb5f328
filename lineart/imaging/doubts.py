"""Doubts: the regions of a painted drawing whose colour may be wrong, for a person to look at."""

from typing import NamedTuple

import numpy as np

from lineart.image import to_hex
from lineart.imaging.paint import Paint, Source

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
    areas = np.bincount(paint.labels.ravel(), minlength=len(paint.colors))
    is_doubt = (paint.confidence < SURE) & (areas >= LEAST_AREA)
    is_doubt[0] = False
    numbers = np.flatnonzero(is_doubt)
    order = np.lexsort((-areas[numbers], paint.confidence[numbers]))
    chosen = numbers[order[:most]]
    # Imported here, because all film processes import this module.
    from scipy import ndimage

    boxes = ndimage.find_objects(paint.labels) if chosen.size else []
    return tuple(
        Doubt(
            int(number),
            boxes[number - 1][1].start,
            boxes[number - 1][0].start,
            boxes[number - 1][1].stop,
            boxes[number - 1][0].stop,
            int(areas[number]),
            to_hex(paint.colors[number]),
            round(float(paint.confidence[number]), 3),
            REASONS[Source(paint.sources[number])],
        )
        for number in chosen
    )
