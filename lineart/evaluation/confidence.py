"""How far a confidence can be trusted: precision and coverage, calibration, order."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

from lineart.evaluation.statistics import Bootstrap
from lineart.evaluation.types import Estimate, ScoreSummary
from lineart.metrics import BINS, auroc, ece

THRESHOLDS = (50, 60, 70, 80, 90, 95, 98)
"""Confidences, in percent, at which precision and coverage are measured."""

PRECISION = 0.98
"""Precision at which the most coverage is given."""


class Confidences(NamedTuple):
    """Confidences of a method on the segments of one drawing."""

    set: str
    method: str
    group: str
    confidence: Float32[np.ndarray, " N"]
    is_right: Bool[np.ndarray, " N"]
    """Whether the colour is right, or no key has it where none was given."""
    is_colored: Bool[np.ndarray, " N"]
    """Whether a colour was given."""


class _Pool(NamedTuple):
    confidence: Float64[np.ndarray, " N"]
    is_right: Bool[np.ndarray, " N"]
    is_colored: Bool[np.ndarray, " N"]
    groups: list[str]


def _pool(judged: Sequence[Confidences]) -> dict[tuple[str, str], _Pool]:
    """Join all drawings of each set and method."""
    parts: dict[tuple[str, str], list[Confidences]] = {}
    for one in judged:
        parts.setdefault((one.set, one.method), []).append(one)
    return {
        name: _Pool(
            np.concatenate([one.confidence for one in some]).astype(np.float64),
            np.concatenate([one.is_right for one in some]),
            np.concatenate([one.is_colored for one in some]),
            [one.group for one in some for _ in range(len(one.is_right))],
        )
        for name, some in parts.items()
    }


def summarize_confidence(judged: Sequence[Confidences], seed: int) -> list[ScoreSummary]:
    """Return precision and coverage at each threshold, and the scores of the confidence itself.

    All segments of a set count together; intervals draw groups. Scores: `coverage`, share of
    segments with a colour from the threshold on; `precision`, share right among them; `ece`,
    expected calibration error over ten bins; `auroc`, probability that a right segment has a
    higher confidence than a wrong one; `coverage_98`, most coverage at a precision of `PRECISION`.
    """
    bootstrap = Bootstrap(seed)
    summaries = []
    for (name, method), pool in _pool(judged).items():
        if not pool.is_right.size:
            continue
        scores = {
            "ece": ece(pool.confidence, pool.is_right),
            "auroc": auroc(pool.confidence, pool.is_right),
            "coverage_98": _find_coverage(pool),
        }
        known = {
            score: Estimate(value, len(pool.is_right))
            for score, value in scores.items()
            if value is not None
        }
        summaries.append(ScoreSummary(name, None, method, known, {}))
        summaries += [
            ScoreSummary(name, one, method, _at_threshold(pool, one / 100, bootstrap), {})
            for one in THRESHOLDS
        ]
    return summaries


def _at_threshold(pool: _Pool, threshold: float, bootstrap: Bootstrap) -> dict[str, Estimate]:
    is_given = pool.is_colored & (pool.confidence >= threshold)
    scores = {"coverage": bootstrap.estimate(is_given.astype(np.float64), pool.groups)}
    if is_given.any():
        groups = [group for group, given in zip(pool.groups, is_given, strict=True) if given]
        right = pool.is_right[is_given].astype(np.float64)
        scores["precision"] = bootstrap.estimate(right, groups)
    return scores


def _find_coverage(pool: _Pool) -> float:
    """Return the largest share of segments, the surest first, with the precision `PRECISION`."""
    order = np.argsort(-np.where(pool.is_colored, pool.confidence, -1), kind="stable")
    order = order[: int(pool.is_colored.sum())]
    shares = np.cumsum(pool.is_right[order]) / np.arange(1, len(order) + 1)
    # A threshold takes all segments of its confidence.
    ends = np.append(np.diff(pool.confidence[order]) != 0, True)[: len(order)]
    precise = np.flatnonzero((shares >= PRECISION) & ends)
    return float((precise[-1] + 1) / len(pool.is_right)) if precise.size else 0.0


def draw_calibration(judged: Sequence[Confidences], method: str) -> list[dict[str, Any]]:
    """Draw the share of right segments over the confidence of each set, for the page."""
    from lineart.report.charts import ChartStyle, Curve, draw_chart

    charts = []
    for (name, one), pool in _pool(judged).items():
        if one != method or not pool.is_right.size:
            continue
        curve = find_curve(pool.confidence, pool.is_right)
        middles = np.array([*curve], np.float64)
        curves = {
            "right": Curve(middles, np.array([*curve.values()], np.float64)),
            "confidence": Curve(middles, middles),
        }
        style = ChartStyle(
            heading=name, unit="share right, in %", from_zero=True, x_label="confidence, in %"
        )
        charts.append(draw_chart(curves, style))
    return charts


def find_curve(
    confidence: Float64[np.ndarray, " N"], is_right: Bool[np.ndarray, " N"]
) -> Mapping[float, float]:
    """Return the share right by mean confidence of each of ten bins, in percent."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    number = np.bincount(bins, minlength=BINS)
    means = np.bincount(bins, confidence, BINS) / np.maximum(number, 1)
    shares = np.bincount(bins, is_right, BINS) / np.maximum(number, 1)
    return {100 * float(means[one]): 100 * float(shares[one]) for one in range(BINS) if number[one]}
