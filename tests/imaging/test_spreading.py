"""Spreading of marks along paper."""

import numpy as np

from lineart.imaging.spreading import LATE_STEPS, Paper, spread_marks


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
