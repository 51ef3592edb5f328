import numpy as np
import pytest
from scipy import stats

from lineart.evaluation.statistics import REPLICATES, StreamingMean, draw_weights


def tally(values: np.ndarray, groups: list[str]) -> StreamingMean:
    """Give values one by one."""
    found = StreamingMean(0)
    for value, group in zip(values.tolist(), groups, strict=True):
        found.add(value, group)
    return found


def test_mean_and_deviation_are_numpys() -> None:
    """Values that came one by one have the mean and deviation of all of them."""
    values = np.random.default_rng(0).normal(1e6, 3.0, 500)
    found = tally(values, [f"{i}" for i in range(500)]).estimate()
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(np.std(values, ddof=1), rel=1e-6)
    assert found.number == 500


def test_interval_is_the_bootstraps() -> None:
    """The ends of the interval are those of scipy's percentile bootstrap, nearly."""
    values = np.random.default_rng(1).gamma(2.0, 5.0, 120)
    found = tally(values, [f"{i}" for i in range(120)]).estimate()
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.1 * width)
    assert found.high == pytest.approx(expected.high, abs=0.1 * width)


def test_alike_pictures_count_as_one() -> None:
    """Ten copies of each picture, in groups, leave the interval; without groups it shrinks."""
    values = np.random.default_rng(2).normal(0.0, 1.0, 60)
    names = [f"{i}" for i in range(60)]
    single = tally(values, names).estimate()
    grouped = tally(values.repeat(10), [name for name in names for _ in range(10)]).estimate()
    loose = tally(values.repeat(10), [f"{i}" for i in range(600)]).estimate()
    assert (grouped.low, grouped.high) == pytest.approx((single.low, single.high))
    assert grouped.number == 600
    assert loose.high - loose.low < 0.5 * (single.high - single.low)  # type: ignore[operator]


def test_one_value_has_no_deviation_and_few_groups_no_interval() -> None:
    """What cannot be known is not zero; nothing has no mean."""
    one = tally(np.array([3.0]), ["a"]).estimate()
    assert (one.mean, one.deviation, one.low, one.high) == (3, None, None, None)
    same = tally(np.array([3.0, 5.0]), ["a", "a"]).estimate()
    assert (same.deviation, same.low) == (pytest.approx(2**0.5), None)
    names = ["a", "b", "c", "d", "e"]
    few, enough = (tally(np.arange(9.0), [*names[:n]] + ["a"] * (9 - n)).estimate() for n in (4, 5))
    assert (few.low, few.high) == (None, None)
    assert enough.low is not None
    with pytest.raises(ValueError, match="no values"):
        StreamingMean(0).estimate()


def test_draws_depend_on_seed_and_group_alone() -> None:
    """A group is drawn once on average, as often again the next time, and not as another is."""
    weights = draw_weights("a", 0)
    assert weights.shape == (REPLICATES,)
    assert weights.mean() == pytest.approx(1, abs=0.1)
    assert weights.var() == pytest.approx(1, abs=0.15)
    np.testing.assert_array_equal(weights, draw_weights.__wrapped__("a", 0))
    assert (weights != draw_weights("b", 0)).any()
    assert (weights != draw_weights("a", 1)).any()
