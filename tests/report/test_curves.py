import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lineart.report.curves import POINTS, Curve, make_curve, smooth, thin


def make_noise(count: int, seed: int = 0) -> Curve:
    """Give a curve of noise."""
    values = np.random.default_rng(seed).standard_normal(count)
    return make_curve(np.arange(count, dtype=np.float64), values)


def test_a_curve_is_ordered_and_finite() -> None:
    """Rows come in order of images; infinite, NaN and absurd values are NaN, tiny ones zero."""
    values = np.array([np.inf, 1.0, np.nan, -1e300, 1e-300])
    curve = make_curve(np.array([5.0, 1.0, 2.0, 4.0, 3.0]), values)
    assert_array_equal(curve.images, [1, 2, 3, 4, 5])
    assert_array_equal(curve.values, [1, np.nan, 0, np.nan, np.nan])


@pytest.mark.parametrize("count", [401, 1000, 1_000_000])
def test_thinning_keeps_ends_and_extremes(count: int) -> None:
    """A long curve keeps at most 400 points: real ones, with both ends and both extremes."""
    curve = make_noise(count)
    short = thin(curve)
    assert POINTS / 2 < len(short.values) <= POINTS
    assert_array_equal(short.values, curve.values[short.images.astype(int)])
    assert (np.diff(short.images) > 0).all()
    assert short.images[[0, -1]].tolist() == [0, count - 1]
    assert (short.values.min(), short.values.max()) == (curve.values.min(), curve.values.max())


@pytest.mark.parametrize("count", [1, 2, POINTS])
def test_a_short_curve_is_not_thinned(count: int) -> None:
    """Up to 400 points stay as they are."""
    curve = make_noise(count)
    assert thin(curve) is curve


def test_thinning_keeps_gaps() -> None:
    """A single missing value in 100,000 is still missing after thinning; so are all of them."""
    curve = make_noise(100_000)
    curve.values[54_321] = np.nan
    short = thin(curve)
    assert short.images[~short.is_finite].tolist() == [54_321]
    assert not thin(Curve(curve.images, np.full(100_000, np.nan))).is_finite.any()


@pytest.mark.parametrize("count", [30, 31, 200, 5000])
def test_smoothing_keeps_a_constant_and_calms_noise(count: int) -> None:
    """A constant stays, up to both ends; noise gets smaller; the ends stay in place."""
    noise = make_noise(count)
    flat = smooth(Curve(noise.images, np.full(count, 0.25)))
    assert_allclose(flat.values, 0.25, rtol=1e-12)
    calm = smooth(noise)
    assert calm.values.std() < 0.8 * noise.values.std()
    assert calm.images[[0, -1]].tolist() == [0, count - 1]
    assert len(calm.values) <= 200


def test_smoothing_leaves_gaps_open() -> None:
    """What is missing in a whole part stays missing, and does not spoil its neighbours."""
    curve = Curve(np.arange(100.0), np.ones(100))
    curve.values[40:50] = np.nan
    calm = smooth(curve)
    assert (~calm.is_finite).nonzero()[0].tolist() == [*range(40, 50)]
    assert_allclose(calm.values[calm.is_finite], 1, rtol=1e-12)


def test_a_short_curve_is_not_smoothed() -> None:
    """Below 30 points nothing is averaged."""
    curve = make_noise(29)
    assert smooth(curve) is curve
