"""Spreading of numbered marks along the paper of a drawing, as paint runs."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, Integer, UInt8

SLOW_STEPS = 20
"""Steps that a slow mark takes to a pixel."""
SPAN = 4.0
"""Steps, in multiples of its reach, from which on a mark is slow."""
CLASSES = 2
"""Classes of depth in each power of two."""
DEEPER = 3
"""Classes by which the paper is much deeper: it is 2.8 times as deep."""
LATE_STEPS = 2**20
"""Steps that a barrier delays: more than any way across a drawing."""


class Paper(NamedTuple):
    """What marks spread over."""

    is_open: Bool[np.ndarray, "H W"]
    """Where marks are and spread."""
    depth: Float32[np.ndarray, "H W"]
    """Distance to the nearest line in pixels."""
    delays: Int32[np.ndarray, "H W"]
    """Steps more that a mark takes to a pixel. `LATE_STEPS` are a barrier, which is passed when
    nothing else is left."""


# The arrival of a mark at a pixel is a single number, of which NumPy compares one where it would
# compare three: the steps of its way, those of them that were delays, and the class of its reach.
_DELAY_BIT, _STEP_BIT = 6, 15
_CLASS = (1 << _DELAY_BIT) - 1
_MAX_DELAY = (1 << _STEP_BIT - _DELAY_BIT) - 1
"""Largest sum of delays that is known; more are as many."""
_NEVER, _WALL = 1 << 62, -1
_SPANS = SPAN * 2.0 ** (np.arange(_CLASS + 1) / CLASSES)
"""Steps from which on a mark of each class is slow."""
_TOGETHER = 16 << _STEP_BIT
"""Arrivals within so many steps are found together, in half of the time of one by one. With more
at a time, a mark that is late and fast passes one that was there first more often."""

Arrivals = Int64[np.ndarray, " _"]
Places = Int64[np.ndarray, " _"]
"""Places in the flat picture with a wall around it."""


def spread_marks(
    marks: Int32[np.ndarray, "H W"], reach: Float32[np.ndarray, "H W"], paper: Paper
) -> Int32[np.ndarray, "H W"]:
    """Give each pixel of the paper the number of the mark that reaches it first.

    A mark takes one step to each of the four pixels beside it, and the delay of that pixel. It is
    slow, `SLOW_STEPS` a pixel, where the paper is much deeper than it reaches, and when it has
    spread to `SPAN` times its reach, delays not counted. So a mark beside a line, as of a shadow,
    keeps its surroundings, and a deep one fills the rest.

    Args:
        marks: Numbers from 1; 0 = no mark.
        reach: Depth in pixels of the paper for which each mark is meant.
        paper: Where, and how fast, they spread.

    Returns:
        Numbers; 0 where no mark comes.
    """
    height, width = marks.shape
    owner = _wall(np.where(paper.is_open, marks, np.int32(-1)), -1)
    depth, reach = (_wall(_classify(one), 0).astype(np.int64) for one in (paper.depth, reach))
    arrivals = np.where(owner > 0, reach, np.where(owner == 0, _NEVER, _WALL))
    ground = _Ground(
        arrivals, depth, _wall(paper.delays, 0).astype(np.int64), np.zeros_like(arrivals)
    )
    sides = np.array([[-width - 2], [-1], [1], [width + 2]])
    is_rim = cv2.dilate((paper.is_open & (marks == 0)).view(np.uint8), np.ones((3, 3), np.uint8))
    front = np.flatnonzero((owner > 0) & (_wall(is_rim, 0) > 0))
    # This search is delta-stepping: https://doi.org/10.1016/S0196-6774(03)00076-2.
    waiting, limit = np.zeros(0, np.int64), _TOGETHER
    later: list[Places] = []
    while front.size:
        places, sources = _enter(ground, *_step(ground, front, sides))
        owner[places] = owner.take(sources)
        is_next = arrivals.take(places) < limit
        front = places[is_next]
        later.append(places[~is_next])
        if not front.size:
            waiting = np.concatenate((waiting, *later))
            later.clear()
            waiting = waiting[arrivals.take(waiting) >= limit]
            limit = int(arrivals.take(waiting).min(initial=_NEVER)) + _TOGETHER
            is_next = arrivals.take(waiting) < limit
            front, waiting = np.unique(waiting[is_next]), waiting[~is_next]
    spread: Int32[np.ndarray, "H W"]
    spread = np.maximum(owner, 0).reshape(height + 2, width + 2)[1:-1, 1:-1]
    return spread


class _Ground(NamedTuple):
    """Flat pictures of the paper, with a wall."""

    arrivals: Arrivals
    """The earliest ones that are found."""
    depth: Int64[np.ndarray, " P"]
    """Class of the depth."""
    delays: Int64[np.ndarray, " P"]
    order: Int64[np.ndarray, " P"]
    """Space for `_enter`."""


def _step(
    ground: _Ground, front: Places, sides: Int64[np.ndarray, "4 1"]
) -> tuple[Places, Places, Arrivals]:
    """Step from the pixels of the front to those beside them that have no earlier arrival.

    Returns:
        Pixels that are reached, those that they are reached from, and the arrivals.
    """
    arrivals, places = ground.arrivals.take(front), front + sides
    reach, waited = arrivals & _CLASS, arrivals >> _DELAY_BIT & _MAX_DELAY
    is_far = (arrivals >> _STEP_BIT) - waited >= _SPANS.take(reach)
    is_slow = is_far | (ground.depth.take(places) >= reach + DEEPER)
    delay = ground.delays.take(places)
    arrivals = arrivals + (np.where(is_slow, SLOW_STEPS, 1) + delay << _STEP_BIT)
    arrivals += np.minimum(delay, _MAX_DELAY - waited) << _DELAY_BIT
    earlier = np.flatnonzero(arrivals < ground.arrivals.take(places))
    return places.take(earlier), front.take(earlier, mode="wrap"), arrivals.take(earlier)


def _enter(
    ground: _Ground, places: Places, sources: Places, arrivals: Arrivals
) -> tuple[Places, Places]:
    """Enter each of the pixels once, by the earliest of its arrivals."""
    np.minimum.at(ground.arrivals, places, arrivals)
    first = (ground.arrivals.take(places) == arrivals).nonzero()[0]
    places, sources = places.take(first), sources.take(first)
    order = np.arange(places.size)
    ground.order[places] = order
    once = (ground.order.take(places) == order).nonzero()[0]
    return places.take(once), sources.take(once)


def _classify(depth: Float32[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W"]:
    classes: UInt8[np.ndarray, "H W"]
    classes = np.rint(CLASSES * np.log2(depth.clip(1, 2**31))).astype(np.uint8)
    return classes


def _wall(picture: Integer[np.ndarray, "H W"], level: int) -> Integer[np.ndarray, " P"]:
    """Return the flat picture with a border of one pixel."""
    walled: Integer[np.ndarray, "h w"]
    walled = cv2.copyMakeBorder(picture, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=level)
    return walled.ravel()
