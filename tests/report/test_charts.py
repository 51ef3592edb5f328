"""Charts: their curves, axes, marks and tooltips."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lineart.report.charts import (
    HEIGHT_PX,
    PLOT_AREA,
    WIDTH_PX,
    ChartStyle,
    Curve,
    best_of,
    draw_chart,
    draw_figure,
    make_curve,
    read_out,
    smooth,
)

PLAIN = ChartStyle(heading="Some")
ENDS = st.floats(-1e12, 1e12, allow_subnormal=False)


def make_noise(count: int) -> Curve:
    """Return a curve of noise."""
    values = np.random.default_rng(0).standard_normal(count)
    return make_curve(np.arange(count, dtype=np.float64), values)


def draw(curve: Curve, **options: Any) -> Any:
    """Draw one curve and return the axes."""
    style = ChartStyle(heading="", **options)
    return draw_figure({"a": curve}, {"a": curve}, style).axes[0]


def ticks_of(axis: Any) -> list[str]:
    """Return the texts of the ticks within an axis."""
    low, high = sorted(axis.get_view_interval())
    labels = axis.get_major_formatter().format_ticks(axis.get_majorticklocs())
    places = zip(axis.get_majorticklocs(), labels, strict=True)
    return [text for place, text in places if low - 1e-9 <= place <= high + 1e-9]


# Curves.


def test_a_curve_is_ordered_and_finite() -> None:
    """Rows come in order of images; infinite, NaN and absurd values are NaN, tiny ones zero."""
    values = np.array([np.inf, 1.0, np.nan, -1e300, 1e-300])
    curve = make_curve(np.array([5.0, 1.0, 2.0, 4.0, 3.0]), values)
    assert_array_equal(curve.images, [1, 2, 3, 4, 5])
    assert_array_equal(curve.values, [1, np.nan, 0, np.nan, np.nan])


@pytest.mark.parametrize("count", [30, 31, 200, 5000])
def test_smoothing_keeps_a_constant_and_reduces_noise(count: int) -> None:
    """A constant stays, up to both ends; noise gets smaller; the ends stay in place."""
    noise = make_noise(count)
    flat = smooth(Curve(noise.images, np.full(count, 0.25)))
    assert_allclose(flat.values, 0.25, rtol=1e-12)
    smoothed = smooth(noise)
    assert smoothed.values.std() < 0.8 * noise.values.std()
    assert smoothed.images[[0, -1]].tolist() == [0, count - 1]
    assert len(smoothed.values) <= 200


def test_smoothing_leaves_gaps_open() -> None:
    """A whole missing part stays missing and leaves its neighbours unchanged."""
    curve = Curve(np.arange(100.0), np.ones(100))
    curve.values[40:50] = np.nan
    smoothed = smooth(curve)
    assert (~smoothed.is_finite).nonzero()[0].tolist() == [*range(40, 50)]
    assert_allclose(smoothed.values[smoothed.is_finite], 1, rtol=1e-12)


def test_a_short_curve_is_not_smoothed() -> None:
    """Below 30 points nothing is averaged."""
    curve = make_noise(29)
    assert smooth(curve) is curve


def test_only_noisy_curves_are_smoothed() -> None:
    """If asked for, a long curve is smoothed, with the recorded values in a pale tone behind it."""
    noise = make_noise(100)
    style = ChartStyle(heading="", is_smoothed=True)
    assert draw_chart({"a": noise}, style)["is_smoothed"]
    assert not draw_chart({"a": noise}, PLAIN)["is_smoothed"]
    assert not draw_chart({"a": make_noise(9)}, style)["is_smoothed"]
    pale, line = draw_figure({"a": noise}, {"a": smooth(noise)}, style).axes[0].lines
    assert line.get_ydata().std() < pale.get_ydata().std() / 2
    assert pale.get_alpha() < 0.5


# Axes.


@settings(max_examples=40, deadline=None)
@given(ENDS, ENDS, st.booleans(), st.booleans())
def test_an_axis_contains_its_values(first: float, second: float, zero: bool, log: bool) -> None:
    """Any two values lie between the ends of their axis, with 2 to 12 ticks."""
    curve = make_curve(np.arange(2.0), np.array([first, second]))
    axes = draw(curve, from_zero=zero, may_log=log)
    low, high = axes.get_ylim()
    margin = 1e-6 * (high - low)
    assert low - margin <= curve.values.min() <= curve.values.max() <= high + margin
    assert 2 <= len(ticks_of(axes.yaxis)) <= 12


def test_the_x_axis_ends_with_the_last_image() -> None:
    """It starts at zero and ends with the last point; its ticks are round."""
    axes = draw(make_curve(np.array([16.0, 23_456.0]), np.ones(2)))
    assert axes.get_xlim() == (0, 23_456)
    assert ticks_of(axes.xaxis) == ["0", "5k", "10k", "15k", "20k"]


def test_the_y_axis_ends_at_round_numbers() -> None:
    """Values that differ little have an axis of their own range; zero is on it if asked for.

    All labels have the decimals that one of them needs.
    """
    curve = make_curve(np.arange(2.0), np.array([0.081, 0.094]))
    near, from_zero = draw(curve), draw(curve, from_zero=True)
    assert_allclose(near.get_ylim(), (0.08, 0.095), atol=1e-9)
    assert_allclose(from_zero.get_ylim(), (0, 0.1), atol=1e-9)
    assert ticks_of(from_zero.yaxis) == ["0.00", "0.02", "0.04", "0.06", "0.08", "0.10"]
    rates = draw(make_curve(np.arange(2.0), np.array([0.0, 2e-5])))
    assert ticks_of(rates.yaxis) == ["0", "5e-6", "1e-5", "1.5e-5", "2e-5"]


def test_the_y_axis_is_logarithmic_if_values_differ_much() -> None:
    """Positive values that differ more than thirtyfold get powers of ten; a zero prevents it."""

    def scale(low: float, high: float) -> Any:
        return draw(make_curve(np.arange(2.0), np.array([low, high])), may_log=True)

    axes = scale(1e-5, 1.0)
    assert axes.get_yscale() == "log"
    assert ticks_of(axes.yaxis) == ["1e-5", "1e-4", "0.001", "0.01", "0.1", "1"]
    assert ticks_of(scale(0.02, 1.0).yaxis) == ["0.02", "0.05", "0.1", "0.2", "0.5", "1"]
    assert scale(0.0, 1.0).get_yscale() == scale(0.5, 1.0).get_yscale() == "linear"
    assert draw_chart(
        {"a": make_curve(np.arange(2.0), np.array([1e-5, 1.0]))},
        ChartStyle(heading="", may_log=True),
    )["is_log"]


# Marks.


def test_gaps_are_marked_and_counted() -> None:
    """Missing values split the line, and are marked at the foot; a lone point is a dot."""
    values = np.array([1.0, 2.0, np.nan, 4.0, np.inf, 3.0])
    curve = make_curve(np.arange(6.0), values)
    chart = draw_chart({"a": curve}, PLAIN)
    assert chart["gaps"] == {"values": 2, "points": 6, "first": "2"}
    assert chart["svg"].count("stroke: var(--failed)") == 2
    long = make_curve(np.arange(40.0), np.r_[np.ones(20), np.nan, 1.0, np.nan, np.ones(17)])
    assert draw(long).lines[0].get_markevery().tolist() == [21]


@pytest.mark.parametrize("count", [20_000, 200_000])
def test_a_long_curve_is_simplified(count: int) -> None:
    """It has at most 1,500 points, with both ends and both extremes; one lost value is marked."""
    curve = make_noise(count)
    svg = draw_chart({"a": curve}, PLAIN)["svg"]
    path = max(re.findall(r' d="([^"]*)"', svg), key=len)
    points = np.array(re.findall(r"([-\d.]+) ([-\d.]+)", path), float)
    assert 300 < len(points) <= 1_500
    width, height = PLOT_AREA[2] * WIDTH_PX, PLOT_AREA[3] * HEIGHT_PX
    share = np.ptp(curve.values) / np.ptp(draw(curve).get_ylim())
    assert_allclose(np.ptp(points, axis=0), (width, share * height), atol=1.5)
    curve.values[count // 2] = np.nan
    chart = draw_chart({"a": curve}, PLAIN)
    assert chart["gaps"] == {"values": 1, "points": count, "first": f"{count // 2:,}"}
    assert chart["svg"].count("stroke: var(--failed)") == 1


def test_the_best_value_is_marked() -> None:
    """The lowest or the highest finite value has a ring where it is."""
    curve = make_curve(np.array([0.0, 500.0, 1000.0]), np.array([3.0, np.nan, 2.0]))
    style = ChartStyle(heading="", best="lowest")
    assert draw_chart({"a": curve}, style)["best"] == {"value": "2", "images": "1,000"}
    ring = draw(curve, best="lowest").lines[-1]
    assert (ring.get_xdata().tolist(), ring.get_ydata().tolist()) == ([1000], [2])
    assert best_of(curve, "highest") == 0
    with pytest.raises(ValueError, match="none of the values is finite"):
        best_of(make_curve(np.zeros(1), np.array([np.nan])), "lowest")


def test_tooltips_cover_the_chart() -> None:
    """Adjacent bands have tooltips with the nearest value of each curve, also those of a gap.

    The second curve has no value at 30, so its value at 25 is shown.
    """
    curves = {
        "a": make_curve(np.array([0.0, 30.0, 100.0]), np.array([1.0, np.nan, 3.0])),
        "b<": make_curve(np.array([25.0, 95.0]), np.array([5.0, 6.0])),
    }
    bands = read_out(curves, "images seen")
    assert [(left, right) for left, right, _ in bands] == [(0, 15), (15, 65), (65, 100)]
    assert bands[1][2] == "30 images seen\na: not finite\nb<: 5"
    titles = re.findall(
        r'<g class="reading"><title>(.*?)</title>', draw_chart(curves, PLAIN)["svg"], re.DOTALL
    )
    assert titles[2] == "100 images seen\na: 3\nb&lt;: 6"
    assert len(read_out({"a": make_noise(10_000)}, "")) == 60


def test_many_curves_differ() -> None:
    """Twelve curves differ in colour or in dashes; values are scaled if asked for."""
    curve = make_curve(np.arange(2.0), np.array([0.5, 0.25]))
    chart = draw_chart({str(n): curve for n in range(12)}, ChartStyle(heading="", scale=100.0))
    assert len({(tone, is_dashed) for _, _, tone, is_dashed in chart["keys"]}) == 12
    assert chart["keys"][0][:2] == ("0", "25")
    assert chart["svg"].count("stroke-dasharray") == 6


def test_a_chart_is_one_element_in_the_colours_of_the_page() -> None:
    """The SVG has no style sheet, no address and no colour of its own; equal charts are equal."""
    curve = make_noise(50)
    svg = draw_chart({"a": curve}, ChartStyle(heading="", best="lowest"))["svg"]
    assert svg == draw_chart({"a": curve}, ChartStyle(heading="", best="lowest"))["svg"]
    assert svg.startswith("<svg")
    assert "<style" not in svg
    assert set(re.findall(r'"(http[^"]*)"', svg)) == {
        "http://www.w3.org/1999/xlink",
        "http://www.w3.org/2000/svg",
    }
    assert set(re.findall(r"(?:fill|stroke): ([^;\"]*)", svg)) == {
        "none",
        *(f"var(--{name})" for name in ("tone-1", "ink", "paper", "quiet", "rule")),
    }
