"""Spreading of marks along paper."""

import heapq

import numpy as np
from jaxtyping import Bool, Float64, Int32

from lineart.imaging.paint.spreading import LATE_STEPS, Paper, spread_marks


def test_marks_spread_evenly_and_shallow_ones_keep_their_surroundings() -> None:
    """Two marks meet half-way; one of a small reach comes less far; barriers are passed last."""
    marks = np.zeros((5, 41), np.int32)
    marks[2, 0], marks[2, 40] = 1, 2
    is_open = np.ones(marks.shape, bool)
    is_open[0] = False
    delays = np.zeros(marks.shape, np.int32)
    depth = np.full(marks.shape, 16, np.float32)
    paper = Paper(is_open, depth, delays)
    reach = np.full(marks.shape, np.inf, np.float32)
    even = spread_marks(marks, reach, paper)
    assert (even[0] == 0).all()
    assert (even[1:, :20] == 1).all()
    assert (even[1:, 21:] == 2).all()
    # Ten steps of delay are ten pixels, of which each mark has five.
    delays[:, 10] = 10
    delayed = spread_marks(marks, reach, paper)
    assert (delayed[1:, :15] == 1).all()
    assert (delayed[1:, 16:] == 2).all()
    delays[:] = 0
    # It keeps four times its depth where the paper is as deep, and nothing where it is much deeper.
    for deep, own, length in ((16, 8, 20), (16, 4, 2), (2, 2, 10), (3, 2, 10), (1, 1, 6)):
        depth[:], reach[2, 0] = deep, own
        assert abs(np.count_nonzero(spread_marks(marks, reach, paper)[2] == 1) - length) <= 1
    # Delays everywhere leave it no less: its steps are counted without them.
    depth[:], reach[2, 0], delays[:] = 2, 2, 3
    assert np.count_nonzero(spread_marks(marks, reach, paper)[2] == 1) >= 9
    depth[:], reach[2, 0], delays[:] = 1, 1, 0
    delays[:, 30] = LATE_STEPS
    found = spread_marks(marks, reach, paper)
    assert (found[1:, :30] == 1).all()
    assert (found[1:, 31:] == 2).all()
    # A room with one mark is filled through its barriers, a closed one not at all.
    is_open[:, 35] = False
    marks[2, 40] = 0
    assert (spread_marks(marks, reach, paper)[1:] == 1).all(axis=0).tolist() == [
        column < 35 for column in range(41)
    ]


def test_each_pixel_has_the_mark_that_comes_first() -> None:
    """On random paper every owner is that of a search pixel by pixel, unless two tie."""
    random = np.random.default_rng(1)
    for _ in range(3):
        seeds = random.choice(1500, 12, replace=False)
        marks = np.zeros((30, 50), np.int32)
        marks.ravel()[seeds] = np.arange(1, 13)
        is_open = (random.random(marks.shape) < 0.8) | (marks > 0)
        delays = random.integers(0, 300, marks.shape).astype(np.int32)
        delays[random.random(marks.shape) < 0.1] = LATE_STEPS
        deep = np.full(marks.shape, np.inf, np.float32)
        found = spread_marks(marks, deep, Paper(is_open, deep, delays)).ravel()
        times = np.array([_times_from(int(seed), is_open, delays) for seed in seeds])
        first, second = np.sort(times, axis=0)[:2]
        is_clear = (first < second) & (marks.ravel() == 0)
        assert np.count_nonzero(is_clear) > 900
        np.testing.assert_array_equal(found[is_clear], times.argmin(axis=0)[is_clear] + 1)
        assert (found[np.isinf(first)] == 0).all()


def _times_from(
    seed: int, is_open: Bool[np.ndarray, "H W"], delays: Int32[np.ndarray, "H W"]
) -> Float64[np.ndarray, " P"]:
    """Return when a mark comes to each pixel, by Dijkstra's algorithm; infinite = never."""
    height, width = is_open.shape
    times = np.full(is_open.size, np.inf)
    times[seed] = 0
    queue = [(0, seed)]
    while queue:
        now, place = heapq.heappop(queue)
        y, x = divmod(place, width)
        for row, column in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            beside = row * width + column
            if 0 <= row < height and 0 <= column < width and is_open[row, column]:
                then = now + 1 + int(delays[row, column])
                if then < times[beside]:
                    times[beside] = then
                    heapq.heappush(queue, (then, beside))
    return times
