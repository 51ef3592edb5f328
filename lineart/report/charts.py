"""Template variables of charts: SVG paths, ticks and tooltips.

Ticks and tooltips are positioned in percent of the plot area, paths in 0..1000.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lineart.report.axes import Axis, fit, format_images, format_value, span
from lineart.report.curves import Curve, Values, smooth, thin
from lineart.report.text import as_text

TONES = 6
"""Number of curve colours; further curves reuse them with dashed lines."""
DOTTED_TO = 24
"""Maximum number of points of a curve whose points are drawn as dots."""
READINGS = 60
"""Maximum number of positions of a chart that have a tooltip."""
MARKS = 200
"""Maximum number of marks for values that are not finite."""


@dataclass(frozen=True, kw_only=True)
class ChartStyle:
    """Heading, unit and drawing options of a kind of chart."""

    heading: str
    unit: str = ""
    scale: float = 1.0
    """Factor by which values are multiplied."""
    from_zero: bool = False
    """Include zero on the y axis."""
    may_log: bool = False
    """Use a logarithmic y axis if positive values differ by more than `axes.LOG_RATIO`."""
    is_smoothed: bool = False
    """Draw smoothed curves, with the recorded values in a pale tone behind them."""
    best: str = ""
    """`lowest` or `highest`: the value of the first curve to mark; empty for none."""
    is_wide: bool = False
    across: str = "images seen"
    """Label of the x axis."""


def draw_chart(given: Mapping[str, Curve], manner: ChartStyle) -> dict[str, Any]:
    """Build the template variables of a chart of curves over the images seen.

    Args:
        given: Name -> curve, at least one; each has at least one point, whose value may be NaN.
        manner: Heading and drawing options.
    """
    curves = {name: _scale(curve, manner.scale) for name, curve in given.items()}
    thinned = {name: thin(curve) for name, curve in curves.items()}
    lines = {
        name: smooth(curve) if manner.is_smoothed else thinned[name]
        for name, curve in curves.items()
    }
    x, y = _axis_of_images(curves), _axis_of_values(thinned, manner)
    return {
        "heading": manner.heading,
        "unit": manner.unit,
        "across": manner.across,
        "is_log": y.is_log,
        "is_wide": manner.is_wide,
        "is_smoothed": any(_is_smoothed(lines[name], thinned[name]) for name in curves),
        "x_ticks": _ticks(x, [format_images(tick) for tick in x.ticks]),
        "y_ticks": _ticks(y, y.labels()),
        "curves": [
            {"name": as_text(name), "last": format_value(float(curve.values[-1]))}
            | {"tone": number % TONES + 1, "is_dashed": number % (2 * TONES) >= TONES}
            | _draw_curve(thinned[name], lines[name], x, y)
            for number, (name, curve) in enumerate(curves.items())
        ],
        "best": _draw_best(curves, manner.best, x, y),
        "gaps": _draw_gaps(curves, x),
        "readings": _readings(lines, x),
    }


def best_of(curve: Curve, which: str) -> int:
    """Return the index of the best value, the first of equal ones.

    Args:
        curve: Values to compare; NaN is ignored.
        which: `lowest` or `highest`.

    Raises:
        ValueError: no value is finite.
    """
    if not curve.is_finite.any():
        raise ValueError("none of the values is finite, so none is the best; ask `is_finite` first")
    return int(np.nanargmin(curve.values if which == "lowest" else -curve.values))


def _scale(curve: Curve, factor: float) -> Curve:
    return curve if factor == 1 else Curve(curve.images, curve.values * factor)


def _axis_of_images(curves: Mapping[str, Curve]) -> Axis:
    """Build the x axis from zero images to the last point of any curve."""
    first = min(float(curve.images[0]) for curve in curves.values())
    last = max(float(curve.images[-1]) for curve in curves.values())
    return span(min(first, 0.0), last if last > min(first, 0.0) else 1.0)


def _axis_of_values(curves: Mapping[str, Curve], manner: ChartStyle) -> Axis:
    """Build the y axis, which contains all finite values."""
    values = np.concatenate([curve.values[curve.is_finite] for curve in curves.values()])
    if not len(values):
        values = np.array([0.0, 1.0])
    low, high = float(values.min()), float(values.max())
    return fit(low, high, from_zero=manner.from_zero, may_log=manner.may_log)


def _ticks(axis: Axis, labels: list[str]) -> list[tuple[float, str]]:
    """Return the position in percent and the label of each tick."""
    places = axis.place(np.array(axis.ticks, np.float64))
    return [(_percent(place), label) for place, label in zip(places, labels, strict=True)]


def _percent(place: float) -> float:
    return round(float(place) * 100, 2)


def _draw_curve(thinned: Curve, line: Curve, x: Axis, y: Axis) -> dict[str, str]:
    """Build the paths of a curve: its line, recorded values behind a smoothed line, and dots."""
    is_short = len(line.values) <= DOTTED_TO
    return {
        "line": _path(line, x, y),
        "pale": _path(thinned, x, y) if _is_smoothed(line, thinned) else "",
        "dots": _dots(line, x, y) if is_short else "",
    }


def _is_smoothed(line: Curve, thinned: Curve) -> bool:
    return line is not thinned


def _points(curve: Curve, x: Axis, y: Axis) -> list[tuple[str, bool]]:
    """Return each point's SVG coordinates (0..1000 from the top left) and whether it is finite."""
    across, down = x.place(curve.images) * 1000, (1 - y.place(curve.values)) * 1000
    places = zip(across.round(1), np.nan_to_num(down).round(1), strict=True)
    return [
        (f"{a:g} {d:g}", bool(there)) for (a, d), there in zip(places, curve.is_finite, strict=True)
    ]


def _path(curve: Curve, x: Axis, y: Axis) -> str:
    """Build a path that connects neighbouring finite points; a single point becomes a dot."""
    parts, before = [], False
    for place, there in _points(curve, x, y):
        if there:
            parts.append(f"L{place}" if before else f"M{place}h.01")
        before = there
    return "".join(parts)


def _dots(curve: Curve, x: Axis, y: Axis) -> str:
    """Build a path with a very short line at each point, which round line caps make a dot."""
    return "".join(f"M{place}h.01" for place, there in _points(curve, x, y) if there)


def _draw_best(curves: Mapping[str, Curve], which: str, x: Axis, y: Axis) -> dict[str, Any] | None:
    """Return position and text of the first curve's best value; None if there is none to mark."""
    curve = next(iter(curves.values()))
    if not which or not curve.is_finite.any():
        return None
    place = best_of(curve, which)
    one = Curve(curve.images[place : place + 1], curve.values[place : place + 1])
    value, images = format_value(float(one.values[0])), f"{one.images[0]:,.0f}"
    return {"dot": _dots(one, x, y), "value": value, "images": images}


def _draw_gaps(curves: Mapping[str, Curve], x: Axis) -> dict[str, Any] | None:
    """Return marks and counts of values that are not finite; None if there are none."""
    missing = [curve.images[~curve.is_finite] for curve in curves.values()]
    images = np.unique(np.concatenate(missing))
    if not len(images):
        return None
    shown = images[np.linspace(0, len(images) - 1, min(len(images), MARKS)).astype(int)]
    places = (x.place(shown) * 1000).round(1)
    return {
        "marks": "".join(f"M{place:g} 1000v-60" for place in np.unique(places)),
        "values": sum(map(len, missing)),
        "points": sum(len(curve.values) for curve in curves.values()),
        "first": f"{images[0]:,.0f}",
    }


def _readings(lines: Mapping[str, Curve], x: Axis) -> list[dict[str, Any]]:
    """Divide the chart into vertical bands, each with a tooltip of the values at its point."""
    images = max((line.images for line in lines.values()), key=len)
    images = np.unique(
        images[np.linspace(0, len(images) - 1, min(len(images), READINGS)).astype(int)]
    )
    places = x.place(images) * 100
    edges = np.concatenate(([0.0], (places[1:] + places[:-1]) / 2, [100.0]))
    columns = [_nearest(line, images) for line in lines.values()]
    return [
        {
            "left": round(float(edges[band]), 2),
            "width": round(float(edges[band + 1] - edges[band]), 2),
            "place": round(float(places[band]), 2),
            "images": f"{images[band]:,.0f}",
            "values": [format_value(float(column[band])) for column in columns],
        }
        for band in range(len(images))
    ]


def _nearest(curve: Curve, images: Values) -> Values:
    """Return the values of a curve at the points nearest to `images`."""
    after = np.searchsorted(curve.images, images).clip(0, len(curve.images) - 1)
    before = (after - 1).clip(0)
    is_before = images - curve.images[before] < curve.images[after] - images
    return curve.values[np.where(is_before, before, after)]
