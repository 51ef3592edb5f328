import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lineart.report.axes import (
    fit,
    format_images,
    format_value,
    label_values,
    round_step,
    span,
)

ENDS = st.floats(-1e12, 1e12, allow_subnormal=False)


@given(ENDS, ENDS, st.booleans(), st.booleans())
def test_an_axis_holds_its_values(first: float, second: float, zero: bool, log: bool) -> None:
    """Any two values lie on their axis, the larger not lower, with two to twelve ticks on it."""
    ends = np.array(sorted((first, second)))
    ends[np.abs(ends) < 1e-30] = 0  # as `make_curve` does
    axis = fit(*ends.tolist(), from_zero=zero, may_log=log)
    low, high = axis.place(ends)
    assert -1e-6 <= low <= high <= 1 + 1e-6
    assert 2 <= len(axis.ticks) <= 12
    places = axis.place(np.array(axis.ticks))
    assert places.min() > -1e-6
    assert places.max() < 1 + 1e-6
    assert len(axis.labels()) == len(axis.ticks)


def test_a_span_ends_where_it_is_told() -> None:
    """The axis of images ends with the last image; its ticks are round."""
    axis = span(0.0, 23_456.0)
    assert (axis.low, axis.high) == (0, 23_456)
    assert axis.ticks == (0, 5_000, 10_000, 15_000, 20_000)


def test_an_axis_ends_at_round_numbers() -> None:
    """Values that differ little have an axis of their own range; zero is on it when asked for."""
    near, from_zero = fit(0.081, 0.094), fit(0.081, 0.094, from_zero=True)
    assert_allclose((near.low, near.high), (0.08, 0.095))
    assert_allclose((from_zero.low, from_zero.high), (0, 0.1))


def test_a_logarithmic_axis_where_values_differ_much() -> None:
    """Positive values that differ more than thirtyfold get powers of ten; a zero forbids it."""
    axis = fit(1e-5, 1.0, may_log=True)
    assert axis.is_log
    assert_allclose(axis.place(np.array([1e-5, 1e-2, 1.0])), [1 / 32, 19 / 32, 31 / 32])
    assert axis.labels() == ["1e-5", "1e-4", "0.001", "0.01", "0.1", "1"]
    assert not fit(0.0, 1.0, may_log=True).is_log
    assert not fit(0.5, 1.0, may_log=True).is_log


@pytest.mark.parametrize(
    ("length", "step"), [(1, 1), (1.1, 2), (2.1, 2.5), (0.03, 0.05), (700, 1000), (5e-7, 5e-7)]
)
def test_steps_are_round(length: float, step: float) -> None:
    """A step is 1, 2, 2.5 or 5 times a power of ten, the next above."""
    assert_allclose(round_step(float(length)), step)


def test_labels_have_equal_decimals() -> None:
    """All ticks of an axis have the decimals that one of them needs; tiny ones have powers."""
    assert label_values([0.0, 0.05, 0.1]) == ["0.00", "0.05", "0.10"]
    assert label_values([-0.0, 1000.0]) == ["0", "1,000"]
    assert label_values([0.0, 2e-5]) == ["0", "2e-5"]
    assert label_values([0.3 - 0.1, 0.3]) == ["0.2", "0.3"]


def test_values_are_said_short() -> None:
    """A value has four digits at most, whatever its size."""
    values = [0.0, 0.08123, 12.3456, 12_345.6, 2e-5, -1.5e7, float("nan")]
    said = ["0", "0.0812", "12.35", "12,346", "2e-5", "-1.5e7", "not finite"]
    assert [format_value(value) for value in values] == said


def test_images_are_said_short() -> None:
    """Thousands and millions of images have letters."""
    assert [format_images(n) for n in (0.0, 500.0, 24_000.0, 17.92e6)] == [
        "0",
        "500",
        "24k",
        "17.9M",
    ]
