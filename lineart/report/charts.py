"""Charts of curves as inline SVG, drawn by matplotlib in the colours of the page."""

import io
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from markupsafe import Markup, escape

from lineart.report.html import as_text, format_images, format_value

WIDTH_PX, HEIGHT_PX = 440, 226
PLOT_AREA = 0.125, 0.13, 0.855, 0.83
"""Left, bottom, width and height of the axes as shares of the chart."""
STEPS = (1, 2, 2.5, 5, 10)
"""Factors of powers of ten between ticks."""
TONES = 6
"""Number of curve colours; further curves reuse them with dashed lines."""
VARIABLES = (
    *(f"tone-{tone + 1}" for tone in range(TONES)),
    "ink",
    "paper",
    "quiet",
    "rule",
    "failed",
)
COLORS = {name: f"#0000{number:02x}" for number, name in enumerate(VARIABLES, 1)}
"""CSS variable of the page -> colour that stands for it until the SVG is written."""
LOG_RATIO = 30
"""Ratio of largest to smallest value above which an axis of positive values is logarithmic."""
DOTTED_TO = 24
"""Maximum number of points of a curve whose points are drawn as dots."""
READINGS = 60
"""Maximum number of positions of a chart that have a tooltip."""
MARKS = 200
"""Maximum number of marks for values that are not finite."""
POINTS_SMOOTHED = 200
"""Maximum number of points of a smoothed curve."""
SMOOTHED_FROM = 30
"""Number of points below which a curve is not smoothed."""
SMOOTHNESS = 60
"""The Gaussian's standard deviation is the curve's number of points / `SMOOTHNESS`, at least 1."""
SMALLEST, LARGEST = 1e-30, 1e30
"""Bounds of magnitudes: larger values mean a failed training, and arithmetic beyond the bounds
overflows or underflows."""
SETTINGS: dict[Any, Any] = {
    "axes.unicode_minus": False,
    "font.size": 12.5,
    "path.simplify_threshold": 1.0,  # A long curve has about a thousand points.
    "svg.fonttype": "none",  # Text stays text.
    "svg.hashsalt": "lineart",  # Equal charts have equal bytes.
    "text.usetex": False,
}

Values = Float64[np.ndarray, " N"]


@dataclass(frozen=True)
class Curve:
    """Values over the number of images seen, in ascending order; NaN marks a gap."""

    images: Values
    values: Values

    @property
    def is_finite(self) -> Bool[np.ndarray, " N"]:
        """Mask of the values that can be drawn."""
        is_finite: Bool[np.ndarray, " N"] = np.isfinite(self.values)
        return is_finite


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
    """Use a logarithmic y axis if positive values differ by more than `LOG_RATIO`."""
    is_smoothed: bool = False
    """Draw smoothed curves, with the recorded values in a pale tone behind them."""
    best: str = ""
    """`lowest` or `highest`: the value of the first curve to mark; empty for none."""
    x_label: str = "images seen"


def make_curve(images: Values, values: Values) -> Curve:
    """Build a curve sorted by images; magnitudes >= `LARGEST` become NaN, < `SMALLEST` 0."""
    order = np.argsort(images, kind="stable")
    size = np.abs(values[order])
    # NaN stays NaN, because a comparison with NaN is false.
    finite = np.where(size < LARGEST, values[order], np.nan)
    return Curve(images[order], np.where(size < SMALLEST, 0.0, finite))


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


def smooth(curve: Curve) -> Curve:
    """Smooth a curve with a Gaussian, after averaging it to at most `POINTS_SMOOTHED` points.

    Averaged points without a finite value stay gaps. The curve keeps the image counts of its ends.
    A curve of fewer than `SMOOTHED_FROM` points is returned unchanged.
    """
    count = len(curve.values)
    if count < SMOOTHED_FROM:
        return curve
    # Imported here, because most charts are not smoothed.
    from scipy.ndimage import gaussian_filter1d

    parts = min(POINTS_SMOOTHED, count)
    starts = np.linspace(0, count, parts, endpoint=False).astype(np.int64)
    weights = np.add.reduceat(curve.is_finite.astype(np.float64), starts)
    sums = np.add.reduceat(np.where(curve.is_finite, curve.values, 0.0), starts)
    images = np.add.reduceat(curve.images, starts) / np.diff(starts, append=count)
    images[[0, -1]] = curve.images[[0, -1]]
    sigma = max(1.0, parts / SMOOTHNESS)
    sum_near, weight_near = (
        gaussian_filter1d(part, sigma, mode="constant") for part in (sums, weights)
    )
    means = sum_near / np.maximum(weight_near, 1e-9)
    return Curve(images, np.where(weights > 0, means, np.nan))


def draw_chart(given: Mapping[str, Curve], style: ChartStyle) -> dict[str, Any]:
    """Draw curves over the images seen, and return the template variables of their chart.

    Args:
        given: Name -> curve, at least one; each has at least one point, whose value may be NaN.
        style: Heading and drawing options.
    """
    curves = {
        as_text(name): Curve(curve.images, curve.values * style.scale)
        for name, curve in given.items()
    }
    lines = {name: smooth(c) if style.is_smoothed else c for name, c in curves.items()}
    figure = draw_figure(curves, lines, style)
    return {
        "heading": style.heading,
        "unit": style.unit,
        "x_label": style.x_label,
        "is_log": figure.axes[0].get_yscale() == "log",
        "is_smoothed": any(lines[name] is not curves[name] for name in curves),
        "keys": [
            (name, format_value(float(curve.values[-1])), tone(number), is_dashed(number))
            for number, (name, curve) in enumerate(curves.items())
        ],
        "best": describe_best(curves, style.best),
        "gaps": describe_gaps(curves),
        "svg": to_svg(figure, [text for _, _, text in read_out(lines, style.x_label)]),
    }


def tone(number: int) -> str:
    """Return the CSS variable of a curve's colour."""
    return VARIABLES[number % TONES]


def is_dashed(number: int) -> bool:
    """Return whether a curve is dashed, because others have its colour."""
    return number % (2 * TONES) >= TONES


def draw_figure(curves: Mapping[str, Curve], lines: Mapping[str, Curve], style: ChartStyle) -> Any:
    """Draw a matplotlib figure of curves.

    Args:
        curves: Name -> curve with the recorded values.
        lines: Name -> the same curve as it is drawn: smoothed, or equal to that in `curves`.
        style: Drawing options.
    """
    # Imported here, because it takes most of a second. Where its cache cannot be written, it warns.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SETTINGS):
        figure = Figure((WIDTH_PX / 72, HEIGHT_PX / 72))
        figure.patch.set_visible(False)
        axes = figure.add_axes(PLOT_AREA)
        for number, (name, line) in enumerate(lines.items()):
            color = COLORS[tone(number)]
            if line is not curves[name]:
                _plot(axes, curves[name], color=color, linewidth=0.7, alpha=0.34, zorder=2)
            dashes = "--" if is_dashed(number) else "-"
            _plot(axes, line, color=color, linewidth=1.8, linestyle=dashes, zorder=4 - number / 99)
        _mark(axes, curves, style.best)
        _set_axes(axes, curves, style)
        for number, (left, right, _) in enumerate(read_out(lines, style.x_label)):
            band = axes.axvspan(left, right, gid=f"reading-{number}", zorder=9, linewidth=0)
            band.set(color=COLORS["quiet"], clip_on=False)
    return figure


def _plot(axes: Any, curve: Curve, **options: Any) -> None:
    """Draw a curve, with dots where it is short and at points between gaps."""
    is_there = np.pad(curve.is_finite, 1)
    is_alone = is_there[1:-1] & ~is_there[:-2] & ~is_there[2:]
    dots = np.flatnonzero(curve.is_finite if len(curve.values) <= DOTTED_TO else is_alone)
    axes.plot(
        curve.images, curve.values, marker="o", markersize=4, markevery=dots, clip_on=False,
        solid_capstyle="round", **options,
    )  # fmt: skip


def _mark(axes: Any, curves: Mapping[str, Curve], best: str) -> None:
    """Draw a ring at the best value of the first curve, and ticks where values are not finite."""
    first = next(iter(curves.values()))
    if best and first.is_finite.any():
        at = best_of(first, best)
        (ring,) = axes.plot(first.images[[at]], first.values[[at]], "o", zorder=5, clip_on=False)
        ring.set(markersize=8, markeredgewidth=2)
        ring.set(markerfacecolor=COLORS["paper"], markeredgecolor=COLORS["ink"])
    images = _gaps(curves)
    marked = images[np.linspace(0, len(images) - 1, min(len(images), MARKS)).astype(int)]
    foot = {"transform": axes.get_xaxis_transform(), "clip_on": False, "zorder": 5}
    axes.vlines(marked, 0, 0.06, color=COLORS["failed"], **foot)


def _set_axes(axes: Any, curves: Mapping[str, Curve], style: ChartStyle) -> None:
    """Set the scales: x from zero to the last image, y around all values with round ends."""
    from matplotlib import ticker

    axes.patch.set_visible(False)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(COLORS["quiet"])
    axes.tick_params(left=False, bottom=False, pad=6, labelcolor=COLORS["quiet"])
    axes.grid(axis="y", color=COLORS["rule"], linewidth=0.8)
    axes.set_axisbelow(True)
    first = min(0.0, *(float(curve.images[0]) for curve in curves.values()))
    last = max(float(curve.images[-1]) for curve in curves.values())
    axes.set_xlim(first, last if last > first else first + 1)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5, steps=STEPS))
    axes.xaxis.set_major_formatter(lambda value, _: format_images(value))
    values = np.concatenate([curve.values[curve.is_finite] for curve in curves.values()])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    brief = ticker.FuncFormatter(lambda value, _: format_value(value))
    if style.may_log and 0 < low * LOG_RATIO < high:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.2, high * 1.2)
        ratio = high / low
        factors = (1.0, 2.0, 5.0) if ratio < 200 else (1.0, 3.0) if ratio < 3000 else (1.0,)
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=factors, numticks=6))
        axes.yaxis.set_major_formatter(brief)
        axes.yaxis.set_minor_locator(ticker.NullLocator())
        return
    if style.from_zero or 0 < low < high / 2:
        low, high = min(low, 0.0), max(high, 0.0)
    locator = ticker.MaxNLocator(5, steps=STEPS)
    ticks = locator.tick_values(*(low, high) if high > low else (low - 1, low + 1))
    axes.set_ylim(ticks[0], ticks[-1])
    axes.yaxis.set_major_locator(locator)
    if not 1e-2 <= np.abs(ticks).max() < 1e4:
        axes.yaxis.set_major_formatter(brief)


def read_out(lines: Mapping[str, Curve], x_label: str) -> list[tuple[float, float, str]]:
    """Divide a chart into vertical bands; return the ends and the tooltip of each.

    A tooltip has the images seen, and for each curve the value that is nearest to them.
    """
    images = np.unique(max((line.images for line in lines.values()), key=len))
    images = images[np.linspace(0, len(images) - 1, min(len(images), READINGS)).astype(int)]
    edges = np.concatenate((images[:1], (images[1:] + images[:-1]) / 2, images[-1:]))
    bands = []
    for left, right, at in zip(edges, edges[1:], images, strict=False):
        values = {name: c.values[np.abs(c.images - at).argmin()] for name, c in lines.items()}
        texts = [f"{name}: {format_value(float(value))}" for name, value in values.items()]
        bands.append((float(left), float(right), "\n".join([f"{at:,.0f} {x_label}", *texts])))
    return bands


def describe_best(curves: Mapping[str, Curve], which: str) -> dict[str, str] | None:
    """Return value and images seen of the first curve's best value; None if there is none."""
    curve = next(iter(curves.values()))
    if not which or not curve.is_finite.any():
        return None
    at = best_of(curve, which)
    return {"value": format_value(float(curve.values[at])), "images": f"{curve.images[at]:,.0f}"}


def describe_gaps(curves: Mapping[str, Curve]) -> dict[str, Any] | None:
    """Return counts and first place of values that are not finite; None if there are none."""
    images = _gaps(curves)
    if not len(images):
        return None
    points = sum(len(curve.values) for curve in curves.values())
    return {
        "values": points - sum(int(curve.is_finite.sum()) for curve in curves.values()),
        "points": points,
        "first": f"{images[0]:,.0f}",
    }


def _gaps(curves: Mapping[str, Curve]) -> Values:
    return np.unique(np.concatenate([curve.images[~curve.is_finite] for curve in curves.values()]))


def to_svg(figure: Any, tooltips: list[str]) -> Markup:
    """Write a figure as an SVG element without ids and style sheet, in the page's colours.

    Args:
        figure: Figure from `draw_figure`.
        tooltips: Text of each element whose id is `reading-` and its number.
    """
    import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context(SETTINGS):
        # None leaves out the creator, whose address would be the only one on the page.
        none = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=none)
    svg = file.getvalue().partition("<svg")[2]
    svg = re.sub(r"<defs>\s*<style.*?</defs>", "", f"<svg{svg}", flags=re.DOTALL)
    svg = re.sub(r" font-family: [^;]+;", "", svg)
    svg = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path[0]), svg)
    svg = re.sub(r"\s*\n\s*", " ", re.sub(r' id="[\w.]+_\d+"', "", svg))
    for name, color in COLORS.items():
        svg = svg.replace(color, f"var(--{name})")
    return Markup(
        re.sub(
            r'<g id="reading-(\d+)">',
            lambda found: f'<g class="reading"><title>{escape(tooltips[int(found[1])])}</title>',
            svg,
        )
    )
