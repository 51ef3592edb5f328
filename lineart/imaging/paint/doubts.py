"""Doubts: the regions of a painted drawing whose colour may be wrong, for a person to look at."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from lineart.image import to_hex
from lineart.imaging.paint.region_colors import ColorSource, Paint
from lineart.imaging.region_maps import Runs, count_pixels, find_boxes, find_runs

MAX_DOUBTS = 20
"""Maximum number of doubts of a drawing."""
NO_DOUBT = 0.9
"""Colours of at least this confidence are no doubt; for those of keys see `Paint.key_threshold`."""
MIN_AREA = 10
"""Area of a region in pixels below which nobody sees it."""

REASONS = {
    ColorSource.SPLIT: "its hints have several colours, and it was divided among them",
    ColorSource.NEIGHBOUR: (
        "there is no hint in it; it is white or has the colour of a region beside it"
    ),
    ColorSource.GUESS: "there is no hint in the drawing; the colour is the network's",
    ColorSource.KEY: "the keys leave its colour in doubt",
    ColorSource.NETWORK: "no key has its colour; the colour is the network's",
    ColorSource.BLANK: "no key has its colour, and it was left open",
}


class Doubt(NamedTuple):
    """A region whose colour may be wrong."""

    region: int
    """Number of the region in its drawing."""
    left: int
    top: int
    right: int
    bottom: int
    """Box in pixels; right and bottom are exclusive."""
    area: int
    """Number of pixels."""
    color: str
    """Colour as `#rrggbb`."""
    confidence: float
    """Probability that the colour is right, 0..1."""
    why: str
    second: str | None = None
    """Second best colour; None: there is none."""

    def scaled(self, scale: float) -> "Doubt":
        """Return it with the box that it has in a picture of `scale` times the size."""
        corners = (self.left, self.top, self.right, self.bottom)
        left, top, right, bottom = (round(one * scale) for one in corners)
        return self._replace(left=left, top=top, right=right, bottom=bottom)


class Certainty(NamedTuple):
    """How sure the carried colours of a drawing are."""

    asked: float
    """Share of its regions that a person should look at, 0..1."""
    lowest_confidence: float
    """Lowest confidence of a region, 0..1; 0 for one whose colour no key has."""
    mean_confidence: float
    """Mean of the regions' confidence by their area."""


def weigh_doubts(
    confidence: Float[np.ndarray, " N"], area: Int64[np.ndarray, " N"]
) -> Float64[np.ndarray, " N"]:
    """Return how much doubts weigh: the probability of a wrong colour times the side of the region.

    On held-out sequences with one key, the first 25 of some 130 doubts have 72 % of the wrong
    pixels (cycles; by confidence alone 34 %), and 59 % of them are wrong (62 %).
    """
    weights: Float64[np.ndarray, " N"] = (1 - confidence.astype(np.float64)) * np.sqrt(area)
    return weights


def find_doubts(paint: Paint) -> tuple[Doubt, ...]:
    """Return the doubts of a painted drawing that weigh most, in that order."""
    runs, areas, numbers = _find_doubtful(paint)
    order = np.argsort(-weigh_doubts(paint.confidence[numbers], areas[numbers]), kind="stable")
    return _describe(paint, runs, areas, numbers[order[:MAX_DOUBTS]])


def find_least_sure(paint: Paint) -> Doubt | None:
    """Return the doubt of the lowest confidence; of several, the largest."""
    runs, areas, numbers = _find_doubtful(paint)
    order = np.lexsort((-areas[numbers], paint.confidence[numbers]))
    return next(iter(_describe(paint, runs, areas, numbers[order[:1]])), None)


def _find_doubtful(
    paint: Paint,
) -> tuple[Runs, Int64[np.ndarray, " N"], Int64[np.ndarray, " D"]]:
    """Return the runs and areas of all regions, and the numbers of doubtful ones that are seen."""
    runs = find_runs(paint.labels)
    areas = _areas(paint, runs)
    return runs, areas, np.flatnonzero(_is_doubt(paint) & (areas > 0))


def _describe(
    paint: Paint,
    runs: Runs,
    areas: Int64[np.ndarray, " N"],
    chosen: Int64[np.ndarray, " D"],
) -> tuple[Doubt, ...]:
    boxes = find_boxes(runs, paint.labels.shape[1], len(areas)).tolist()
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
            REASONS[ColorSource(paint.sources[number])],
            _second(paint, int(number)),
        )
        for number in chosen
    )


def _areas(paint: Paint, runs: Runs) -> Int64[np.ndarray, " N"]:
    """Return the areas of regions; 0 for ink, and for those that nobody sees."""
    areas = count_pixels(runs, len(paint.colors))
    areas[0] = 0
    seen: Int64[np.ndarray, " N"] = np.where(areas < MIN_AREA, 0, areas)
    return seen


def _is_doubt(paint: Paint) -> Bool[np.ndarray, " N"]:
    sure = np.where(paint.sources == ColorSource.KEY, paint.key_threshold, NO_DOUBT)
    is_doubt: Bool[np.ndarray, " N"] = paint.confidence < sure
    return is_doubt


def _second(paint: Paint, number: int) -> str | None:
    """Return the second best colour of a region whose colour is carried, unless it has that one."""
    if paint.second is None or not paint.second[number, 3]:
        return None
    second = paint.second[number, :3]
    return None if (second == paint.colors[number]).all() else to_hex(second)


def find_certainty(paint: Paint) -> Certainty:
    """Return how sure the colours of a drawing are, most of which were carried."""
    areas = _areas(paint, find_runs(paint.labels))
    seen = areas > 0
    if not seen.any():
        return Certainty(0.0, 1.0, 1.0)
    is_unknown = np.isin(paint.sources, (ColorSource.NETWORK, ColorSource.BLANK))
    confidence = np.where(is_unknown, np.float32(0), paint.confidence)[seen]
    return Certainty(
        round(float(_is_doubt(paint)[seen].mean()), 4),
        round(float(confidence.min()), 4),
        round(float(np.average(confidence, weights=areas[seen])), 4),
    )
