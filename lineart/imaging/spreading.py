"""Spreading of numbered marks along the paper of a drawing, as paint runs."""

from itertools import pairwise
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


# Marks on their way are single numbers, of which NumPy moves one where it would move three: the
# place in the flat picture with a wall around it, the class of the mark's reach, the delays on its
# way, and the mark's own number.
_REACH_BIT, _DELAY_BIT, _NUMBER_BIT = 28, 34, 43
_PLACE, _CLASS = (1 << _REACH_BIT) - 1, (1 << _DELAY_BIT - _REACH_BIT) - 1
_MOST_DELAY = (1 << _NUMBER_BIT - _DELAY_BIT) - 1
"""Largest sum of delays that is known; more are as many."""

Front = Int64[np.ndarray, " _"]
"""Marks that are about to enter a pixel."""


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
    delays = _wall(paper.delays, 0).astype(np.int64)
    offsets = np.array([[-width - 2], [-1], [1], [width + 2]])
    index = np.zeros(owner.size, np.int64)
    span = SPAN * 2.0 ** (np.arange(_CLASS + 1) / CLASSES)
    is_rim = cv2.dilate((paper.is_open & (marks == 0)).view(np.uint8), np.ones((3, 3), np.uint8))
    places = np.flatnonzero((owner > 0) & (_wall(is_rim, 0) > 0))
    numbers = owner[places].astype(np.int64)
    queue = {0: [places | reach[places] << _REACH_BIT | numbers << _NUMBER_BIT]}
    while queue:
        now = min(queue)
        front = _settle(queue.pop(now), owner, index) if now else queue.pop(now)[0]
        beside = (front + offsets).ravel()
        places = beside & _PLACE
        free = (owner.take(places) == 0).nonzero()[0]
        if free.size:
            beside, places = beside.take(free), places.take(free)
            own, waited = beside >> _REACH_BIT & _CLASS, beside >> _DELAY_BIT & _MOST_DELAY
            is_slow = (depth.take(places) >= own + DEEPER) | (now - waited >= span.take(own))
            delay = delays.take(places)
            beside += np.minimum(delay, _MOST_DELAY - waited) << _DELAY_BIT
            steps = np.where(is_slow, SLOW_STEPS, 1) + delay
            _queue_steps(queue, beside, now + steps)
    spread: Int32[np.ndarray, "H W"]
    spread = np.maximum(owner, 0).reshape(height + 2, width + 2)[1:-1, 1:-1]
    return spread


def _classify(depth: Float32[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W"]:
    classes: UInt8[np.ndarray, "H W"]
    classes = np.rint(CLASSES * np.log2(depth.clip(1, 2**31))).astype(np.uint8)
    return classes


def _wall(picture: Integer[np.ndarray, "H W"], level: int) -> Integer[np.ndarray, " P"]:
    """Return the flat picture with a border of one pixel."""
    walled: Integer[np.ndarray, "h w"]
    walled = cv2.copyMakeBorder(picture, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=level)
    return walled.ravel()


def _settle(fronts: list[Front], owner: np.ndarray, index: np.ndarray) -> Front:
    """Enter the pixels that are still free, each once, and return the marks there."""
    front: Front = np.concatenate(fronts)
    places = front & _PLACE
    order = np.arange(front.size)
    index[places] = order
    new = ((index.take(places) == order) & (owner.take(places) == 0)).nonzero()[0]
    front = front.take(new)
    owner[places.take(new)] = front >> _NUMBER_BIT
    return front


def _queue_steps(
    queue: dict[int, list[Front]], front: Front, times: Int64[np.ndarray, " _"]
) -> None:
    order = times.argsort(kind="stable")
    times, front = times.take(order), front.take(order)
    stops = ((times[1:] != times[:-1]).nonzero()[0] + 1).tolist()
    for start, stop in pairwise((0, *stops, times.size)):
        queue.setdefault(int(times[start]), []).append(front[start:stop])
