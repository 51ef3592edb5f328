"""Motions of regions, fitted to flows of known motions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lineart.keys.region_motion import FAR_PX, MIN_AGREEING, fit_motions

SIZE = (200, 300)
LABELS = np.ones(SIZE, np.int32)
LABELS[:, 180:] = 2
NEAR = np.ones(SIZE, np.float32)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]


def move(start: tuple[float, float], slope: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Return the flow of an affine motion: where it moves the corner, and its change to x and y."""
    to_right, down = (np.array(one) for one in slope)
    moved = start + COLUMNS[..., np.newaxis] * to_right + ROWS[..., np.newaxis] * down
    return moved.astype(np.float32)


def flow_of(motion: np.ndarray) -> np.ndarray:
    """Return the flow of a motion as `fit_motions` returns it."""
    return move(tuple(motion[0]), (tuple(motion[1]), tuple(motion[2])))


STILL = ((0.0, 0.0), (0.0, 0.0))


def test_each_region_has_its_translation() -> None:
    """Regions without samples have none, and no motion that serves."""
    flow = move((3.5, -2.0), STILL)
    flow[LABELS == 2] = (-8.0, 1.0)
    motions, explained = fit_motions(flow, LABELS, NEAR, 4)
    assert_allclose(motions[1], [(3.5, -2.0), (0, 0), (0, 0)], atol=1e-3)
    assert_allclose(motions[2], [(-8.0, 1.0), (0, 0), (0, 0)], atol=1e-3)
    assert_allclose(explained, [0, 1, 1, 0])


def test_a_region_that_turns_and_grows() -> None:
    """An affine motion is found nearly whole: a little of its change is held back."""
    flow = move((-4.0, 6.0), ((0.05, 0.03), (-0.03, 0.04)))
    motions, explained = fit_motions(flow, LABELS, NEAR, 3)
    assert_allclose(explained[1:], 1)
    for region in (1, 2):
        apart = np.abs(flow_of(motions[region]) - flow)[region == LABELS]
        assert apart.max() < 0.25


@pytest.mark.parametrize("slope", [STILL, ((0.05, 0.03), (-0.03, 0.04))])
def test_what_moves_otherwise_counts_little(slope: tuple[tuple[float, float], ...]) -> None:
    """30 % of a region follow things before it; without weights, they drag it by pixels."""
    true = move((3.0, -2.0), slope)
    flow = true.copy()
    flow[np.random.default_rng(1).random(SIZE) < 0.3] += (14.0, 9.0)
    motions, explained = fit_motions(flow, LABELS, NEAR, 3)
    assert_allclose(explained[1:], 0.7, atol=0.05)
    for region in (1, 2):
        apart = np.abs(flow_of(motions[region]) - true)[region == LABELS]
        assert apart.max() < 0.6


def test_a_motion_that_explains_little_does_not_serve() -> None:
    """Neither does one of a region that is far from all lines."""
    flow = np.random.default_rng(3).uniform(-20, 20, (*SIZE, 2)).astype(np.float32)
    depth = NEAR.copy()
    depth[LABELS == 2] = FAR_PX
    _, explained = fit_motions(flow, LABELS, NEAR, 3)
    assert (explained < MIN_AGREEING).all()
    motions, explained = fit_motions(move((3.0, -2.0), STILL), LABELS, depth, 3)
    assert_allclose(explained, [0, 1, 0])
    assert not motions[2].any()
