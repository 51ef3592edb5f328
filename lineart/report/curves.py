"""Curves for charts: thinning and smoothing, with NaN at gaps."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64, Int64

POINTS = 400
"""Approximate maximum number of points of a drawn curve."""
POINTS_SMOOTHED = 200
"""Maximum number of points of a smoothed curve."""
SMOOTHED_FROM = 30
"""Number of points below which a curve is not smoothed."""
SMOOTHNESS = 60
"""The Gaussian's standard deviation is the curve's number of points / `SMOOTHNESS`, at least 1."""
LARGEST = 1e30
SMALLEST = 1e-30
"""Bounds of magnitudes: larger values mean a failed training, and arithmetic beyond the bounds
overflows or underflows."""

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


def make_curve(images: Values, values: Values) -> Curve:
    """Build a curve sorted by images; magnitudes >= `LARGEST` become NaN, < `SMALLEST` 0."""
    order = np.argsort(images, kind="stable")
    size = np.abs(values[order])
    # NaN stays NaN, because a comparison with NaN is false.
    finite = np.where(size < LARGEST, values[order], np.nan)
    return Curve(images[order], np.where(size < SMALLEST, 0.0, finite))


def thin(curve: Curve, points: int = POINTS) -> Curve:
    """Reduce a curve to about `points` points, with its extremes and gaps.

    The first and the last point are kept. The points between them are divided into equal parts; of
    each part, the smallest, the largest and the first value that is not finite are kept.
    """
    count = len(curve.values)
    if count <= points:
        return curve
    edges = np.linspace(1, count - 1, max(1, (points - 2) // 3) + 1).astype(np.int64)
    kept = {0, count - 1}
    for start, end in pairwise(edges):
        kept |= {int(start) + place for place in _extremes(curve.values[start:end])}
    chosen = np.array(sorted(kept))
    return Curve(curve.images[chosen], curve.values[chosen])


def _extremes(values: Values) -> set[int]:
    """Return the indices of the smallest, the largest and the first non-finite value."""
    is_finite = np.isfinite(values)
    places = set() if is_finite.all() else {int(np.argmin(is_finite))}
    if is_finite.any():
        places |= {int(np.nanargmin(values)), int(np.nanargmax(values))}
    return places


def smooth(curve: Curve) -> Curve:
    """Smooth a curve with a Gaussian, after averaging it to at most `POINTS_SMOOTHED` points.

    Averaged points without a finite value stay gaps. The curve keeps the image counts of its ends.
    A curve of fewer than `SMOOTHED_FROM` points is returned unchanged.
    """
    if len(curve.values) < SMOOTHED_FROM:
        return curve
    short = _average(curve, POINTS_SMOOTHED)
    sigma = max(1.0, len(short.values) / SMOOTHNESS)
    reach = np.arange(-int(3 * sigma) - 1, int(3 * sigma) + 2)
    kernel = np.exp(-0.5 * (reach / sigma) ** 2)
    weights = _filter(short.is_finite.astype(np.float64), kernel)
    sums = _filter(np.where(short.is_finite, short.values, 0.0), kernel)
    smoothed = sums / np.where(short.is_finite, weights, 1.0)
    return Curve(short.images, np.where(short.is_finite, smoothed, np.nan))


def _filter(values: Values, kernel: Float64[np.ndarray, " K"]) -> Values:
    """Convolve with zero padding; the result has the length of `values`."""
    reach = len(kernel) // 2
    return np.convolve(values, kernel)[reach:-reach]


def _average(curve: Curve, parts: int) -> Curve:
    """Average equal parts of a curve; its ends keep their image counts."""
    parts = min(parts, len(curve.values))
    starts: Int64[np.ndarray, " P"] = np.linspace(0, len(curve.values), parts + 1)[:-1].astype(int)
    finite = np.add.reduceat(curve.is_finite.astype(np.float64), starts)
    sums = np.add.reduceat(np.where(curve.is_finite, curve.values, 0.0), starts)
    sizes = np.diff(np.append(starts, len(curve.values)))
    images = np.add.reduceat(curve.images, starts) / sizes
    images[0], images[-1] = curve.images[0], curve.images[-1]
    return Curve(images, np.where(finite > 0, sums / np.maximum(finite, 1), np.nan))
