"""Spreading of marks along paper."""

import numpy as np

from lineart.imaging.spreading import Paper, spread_marks


def test_marks_spread_evenly_over_shallow_paper_and_slowly_over_deep() -> None:
    """Two marks meet half-way; one of a smaller reach comes less far; barriers are passed last."""
    marks = np.zeros((5, 41), np.int32)
    marks[2, 0], marks[2, 40] = 1, 2
    is_open = np.ones(marks.shape, bool)
    is_open[0] = False
    no_barriers = np.zeros(marks.shape, np.uint8)
    paper = Paper(is_open, np.full(marks.shape, 16, np.float32), no_barriers)
    reach = np.full(marks.shape, np.inf, np.float32)
    even = spread_marks(marks, reach, paper)
    assert (even[0] == 0).all()
    assert (even[1:, :20] == 1).all()
    assert (even[1:, 21:] == 2).all()
    for slow, length in ((16, 20), (8, 20), (4, 10), (1, 10)):
        reach[2, 0] = slow
        found = spread_marks(marks, reach, paper)
        assert abs(np.count_nonzero(found[2] == 1) - length) <= 1
    no_barriers[:, 30] = 1
    found = spread_marks(marks, reach, paper)
    assert (found[1:, :30] == 1).all()
    assert (found[1:, 31:] == 2).all()
    # A room with one mark is filled through its barriers, a closed one not at all.
    is_open[:, 35] = False
    marks[2, 40] = 0
    assert (spread_marks(marks, reach, paper)[1:] == 1).all(axis=0).tolist() == [
        column < 35 for column in range(41)
    ]
