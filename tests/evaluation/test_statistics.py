import numpy as np
import pytest
from scipy import stats

from lineart.evaluation import statistics
from lineart.evaluation.statistics import REPLICATES, Bootstrap


@pytest.fixture
def bootstrap() -> Bootstrap:
    """Draws of one seed."""
    return Bootstrap(0)


def test_mean_and_deviation_are_numpys(bootstrap: Bootstrap) -> None:
    """Large values lose no digits."""
    values = np.random.default_rng(0).normal(1e6, 3.0, 500)
    found = bootstrap.estimate(values, [f"{i}" for i in range(500)])
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(np.std(values, ddof=1), rel=1e-6)
    assert found.number == 500


@pytest.mark.parametrize("together", [statistics.TOGETHER, 50])
def test_interval_is_the_bootstraps(
    bootstrap: Bootstrap, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ends of the interval are those of scipy's percentile bootstrap, nearly."""
    monkeypatch.setattr(statistics, "TOGETHER", together)
    values = np.random.default_rng(1).gamma(2.0, 5.0, 120)
    found = bootstrap.estimate(values, [f"{i}" for i in range(120)])
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.1 * width)
    assert found.high == pytest.approx(expected.high, abs=0.1 * width)


@pytest.mark.parametrize(("groups", "least"), [(5, 0.84), (8, 0.88), (20, 0.90)])
def test_intervals_of_few_groups_cover_the_mean(groups: int, least: float) -> None:
    """Of 400 samples of a normal distribution, that many intervals hold its mean."""
    values = np.random.default_rng(groups).normal(0, 1, (400, groups))
    names = [f"{i}" for i in range(groups)]
    found = [Bootstrap(seed).estimate(one, names) for seed, one in enumerate(values)]
    assert np.mean([one.low <= 0 <= one.high for one in found]) >= least  # type: ignore[operator]


def test_alike_pictures_count_as_one(bootstrap: Bootstrap) -> None:
    """Ten copies of each picture, in groups, leave the interval; without groups it shrinks."""
    values = np.random.default_rng(2).normal(0.0, 1.0, 60)
    names = [f"{i}" for i in range(60)]
    single = bootstrap.estimate(values, names)
    grouped = bootstrap.estimate(values.repeat(10), [name for name in names for _ in range(10)])
    loose = bootstrap.estimate(values.repeat(10), [f"{i}" for i in range(600)])
    assert (grouped.low, grouped.high) == pytest.approx((single.low, single.high))
    assert grouped.number == 600
    assert loose.high - loose.low < 0.5 * (single.high - single.low)  # type: ignore[operator]


def test_one_value_has_no_deviation_and_few_groups_no_interval(bootstrap: Bootstrap) -> None:
    """What cannot be known is not zero."""
    one = bootstrap.estimate(np.array([3.0]), ["a"])
    assert (one.mean, one.deviation, one.low, one.high) == (3, None, None, None)
    same = bootstrap.estimate(np.array([3.0, 5.0]), ["a", "a"])
    assert (same.deviation, same.low) == (pytest.approx(2**0.5), None)
    names = ["a", "b", "c", "d", "e"]
    few, enough = (
        bootstrap.estimate(np.arange(9.0), [*names[:n]] + ["a"] * (9 - n)) for n in (4, 5)
    )
    assert (few.low, few.high) == (None, None)
    assert enough.low is not None


def test_draws_depend_on_seed_and_group_alone(bootstrap: Bootstrap) -> None:
    """A group is drawn once on average, as often again the next time, and not as another is."""
    weights = bootstrap.draw("a")
    assert weights.shape == (REPLICATES,)
    assert weights.mean() == pytest.approx(1, abs=0.1)
    assert weights.var() == pytest.approx(1, abs=0.15)
    np.testing.assert_array_equal(weights, Bootstrap(0).draw("a"))
    assert (weights != bootstrap.draw("b")).any()
    assert (weights != Bootstrap(1).draw("a")).any()
