"""Spreading of numbered marks along the paper of a drawing, as paint runs."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, Integer, UInt8

SLOWEST = 4
"""Most steps that a mark takes to the next pixel."""
CLASSES = 2
"""Classes of depth in each power of two."""
LATE_STEPS = 2**20
"""Steps that a barrier takes: more than any way across a drawing."""


class Paper(NamedTuple):
    """What marks spread over."""

    is_open: Bool[np.ndarray, "H W"]
    """Where marks are and spread."""
    depth: Float32[np.ndarray, "H W"]
    """Distance to the nearest line in pixels."""
    barriers: UInt8[np.ndarray, "H W"]
    """Number of barriers at a pixel; one is passed when nothing else is left."""


class _Front(NamedTuple):
    """Pixels that marks are about to enter."""

    places: np.ndarray
    """In the flat picture with a wall around it."""
    numbers: np.ndarray
    reach: np.ndarray
    """Class of the depth up to which each mark is not slowed."""


def spread_marks(
    marks: Int32[np.ndarray, "H W"], reach: Float32[np.ndarray, "H W"], paper: Paper
) -> Int32[np.ndarray, "H W"]:
    """Give each pixel of the paper the number of the mark that reaches it first.

    A mark takes one step to each of the four pixels beside it, but two, three or `SLOWEST` where
    the paper is so many times deeper than the mark reaches.

    Args:
        marks: Numbers from 1; 0 = no mark.
        reach: Depth in pixels up to which each mark is not slowed.
        paper: Where, and how fast, they spread.

    Returns:
        Numbers; 0 where no mark comes.
    """
    height, width = marks.shape
    owner = _wall(np.where(paper.is_open, marks, np.int32(-1)), -1)
    depth, reach = (_wall(_classify(one), 0) for one in (paper.depth, reach))
    barriers = _wall(paper.barriers, 0)
    offsets = np.array([[-width - 2], [-1], [1], [width + 2]])
    index = np.zeros(owner.size, np.int32)
    is_rim = cv2.dilate((paper.is_open & (marks == 0)).view(np.uint8), np.ones((3, 3), np.uint8))
    places = np.flatnonzero((owner > 0) & (_wall(is_rim, 0) > 0))
    queue = {0: [_Front(places, owner[places], reach[places])]}
    while queue:
        now = min(queue)
        front = _settle(queue.pop(now), owner, index) if now else queue.pop(now)[0]
        beside = (front.places + offsets).ravel()
        free = np.flatnonzero(owner[beside] == 0)
        if free.size:
            source, places = free % front.places.size, beside[free]
            moved = _Front(places, front.numbers[source], front.reach[source])
            _queue_steps(queue, now, moved, _steps(moved, depth, barriers))
    spread: Int32[np.ndarray, "H W"]
    spread = np.maximum(owner, 0).reshape(height + 2, width + 2)[1:-1, 1:-1]
    return spread


_STEPS = np.rint(2.0 ** (np.arange(64) / CLASSES)).clip(max=SLOWEST).astype(np.int64)
"""Steps to a pixel whose class of depth is higher by 0, 1, ..."""


def _classify(depth: Float32[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W"]:
    classes: UInt8[np.ndarray, "H W"]
    classes = np.rint(CLASSES * np.log2(depth.clip(1, 2**31))).astype(np.uint8)
    return classes


def _wall(picture: Integer[np.ndarray, "H W"], level: int) -> Integer[np.ndarray, " P"]:
    """Return the flat picture with a border of one pixel."""
    walled: Integer[np.ndarray, "h w"]
    walled = cv2.copyMakeBorder(picture, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=level)
    return walled.ravel()


def _settle(fronts: list[_Front], owner: np.ndarray, index: np.ndarray) -> _Front:
    """Enter the pixels that are still free, each once, and return them."""
    places, numbers, reach = (np.concatenate(part) for part in zip(*fronts, strict=True))
    order = np.arange(places.size, dtype=np.int32)
    index[places] = order
    new = np.flatnonzero((index[places] == order) & (owner[places] == 0))
    places, numbers = places[new], numbers[new]
    owner[places] = numbers
    return _Front(places, numbers, reach[new])


def _steps(front: _Front, depth: np.ndarray, barriers: np.ndarray) -> np.ndarray:
    deeper = np.maximum(depth[front.places], front.reach) - front.reach
    steps: np.ndarray = _STEPS[deeper] + barriers[front.places] * np.int64(LATE_STEPS)
    return steps


def _queue_steps(
    queue: dict[int, list[_Front]], now: int, front: _Front, steps: np.ndarray
) -> None:
    for wait in range(1, SLOWEST + 1):
        chosen = np.flatnonzero(steps == wait)
        if chosen.size == steps.size:
            queue.setdefault(now + wait, []).append(front)
            return
        if chosen.size:
            queue.setdefault(now + wait, []).append(_Front(*(part[chosen] for part in front)))
    late = np.flatnonzero(steps > SLOWEST)
    for wait in np.unique(steps[late]).tolist():
        chosen = late[steps[late] == wait]
        queue.setdefault(now + wait, []).append(_Front(*(part[chosen] for part in front)))
