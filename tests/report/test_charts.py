import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lineart.report.charts import ChartStyle, best_of, draw_chart
from lineart.report.curves import make_curve

PLAIN = ChartStyle(heading="Some")


def read(path: str) -> list[tuple[float, float]]:
    """Give the points of a path."""
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([-\d.e]+) ([-\d.e]+)", path)]


def test_points_lie_where_their_axes_say() -> None:
    """A line goes through its points: images from the left, values from the foot, in thousandths.

    The ticks beside it are in percent from the same corner.
    """
    curve = make_curve(np.array([0.0, 50.0, 200.0]), np.array([0.0, 1.0, 0.25]))
    chart = draw_chart({"a": curve}, PLAIN)
    assert read(chart["curves"][0]["line"]) == [(0, 1000), (250, 0), (1000, 750)]
    assert chart["x_ticks"][1:3] == [(25.0, "50"), (50.0, "100")]
    assert chart["y_ticks"][0] == (0.0, "0.0")
    assert chart["y_ticks"][-1] == (100.0, "1.0")


def test_a_gap_parts_the_line() -> None:
    """A missing value ends the line, is marked at the foot, and counted."""
    values = np.array([1.0, 2.0, np.nan, 4.0, np.inf, 3.0])
    chart = draw_chart({"a": make_curve(np.arange(6.0), values)}, PLAIN)
    assert chart["curves"][0]["line"].count("M") == 3
    assert chart["curves"][0]["dots"].count("M") == 4
    marks = {"marks": "M400 1000v-60M800 1000v-60", "values": 2, "points": 6, "first": "2"}
    assert chart["gaps"] == marks


def test_only_noisy_curves_are_smoothed() -> None:
    """Where asked for, a long curve is smoothed with what was recorded behind it."""
    noise = make_curve(np.arange(100.0), np.random.default_rng(0).random(100))
    smoothed = draw_chart({"a": noise}, ChartStyle(heading="", is_smoothed=True))
    heights = {name: np.std(read(smoothed["curves"][0][name]), axis=0)[1] for name in PATHS}
    assert heights["line"] < heights["pale"] / 2
    assert smoothed["is_smoothed"]
    plain = draw_chart({"a": noise}, PLAIN)
    assert not plain["is_smoothed"]
    assert plain["curves"][0]["pale"] == ""


PATHS = ("line", "pale")


def test_the_best_value_is_marked() -> None:
    """The lowest or the highest finite value is marked where it stands."""
    curve = make_curve(np.array([0.0, 500.0, 1000.0]), np.array([3.0, np.nan, 2.0]))
    best = draw_chart({"a": curve}, ChartStyle(heading="", best="lowest"))["best"]
    assert best == {"dot": "M1000 1000h.01", "value": "2", "images": "1,000"}
    assert best_of(curve, "highest") == 0
    with pytest.raises(ValueError, match="none of the values is finite"):
        best_of(make_curve(np.zeros(1), np.array([np.nan])), "lowest")


def test_readings_cover_the_chart() -> None:
    """The bands that can be pointed at lie side by side and tell the nearest value of each curve.

    The second curve has no value at 30, so it tells that of 25.
    """
    curves = {
        "a": make_curve(np.array([0.0, 30.0, 100.0]), np.array([1.0, 2.0, 3.0])),
        "b": make_curve(np.array([25.0, 95.0]), np.array([5.0, 6.0])),
    }
    readings = draw_chart(curves, PLAIN)["readings"]
    assert [reading["values"] for reading in readings] == [["1", "5"], ["2", "5"], ["3", "6"]]
    assert [reading["images"] for reading in readings] == ["0", "30", "100"]
    assert_allclose(np.cumsum([r["width"] for r in readings])[:-1], [15, 65])
    assert_allclose(sum(reading["width"] for reading in readings), 100)


def test_many_curves_differ() -> None:
    """Twelve curves differ in colour or in dashes; shares are drawn in percent where asked for."""
    curve = make_curve(np.arange(2.0), np.array([0.5, 0.25]))
    chart = draw_chart({str(n): curve for n in range(12)}, ChartStyle(heading="", scale=100.0))
    assert len({(c["tone"], c["is_dashed"]) for c in chart["curves"]}) == 12
    assert chart["curves"][0]["last"] == "25"
