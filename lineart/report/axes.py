"""Chart axes with round tick values, and number formatting."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

TICKS = 5
"""Maximum number of intervals between ticks on a linear axis."""
LOG_RATIO = 30
"""Ratio of largest to smallest value above which an axis of positive values is logarithmic."""
ROUND = (1, 2, 2.5, 5, 10)
"""Factors of powers of ten that are used as steps."""


@dataclass(frozen=True)
class Axis:
    """A range of values with its ticks."""

    low: float
    high: float
    """Ends of the axis; their base-10 logarithms if the axis is logarithmic."""
    ticks: tuple[float, ...]
    """Labelled values, not as logarithms."""
    is_log: bool = False

    def place(self, values: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
        """Return the positions of values along the axis, 0..1 from low to high; NaN stays NaN."""
        lengths = np.log10(values) if self.is_log else values
        return (lengths - self.low) / (self.high - self.low)

    def labels(self) -> list[str]:
        """Return the tick labels; on a linear axis, usually with equal numbers of decimals."""
        return [*map(format_value, self.ticks)] if self.is_log else label_values(self.ticks)


def span(low: float, high: float) -> Axis:
    """Build a linear axis from `low` to `high` exactly; equal ends are moved apart first."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = low - (abs(low) / 10 or 1.0), high + (abs(high) / 10 or 1.0)
    step = round_step((high - low) / TICKS)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(low, high, tuple(number * step for number in range(first, last + 1)))


def fit(low: float, high: float, *, from_zero: bool = False, may_log: bool = False) -> Axis:
    """Build an axis that contains `low` to `high`; a linear axis ends at round numbers.

    Args:
        low: Smallest value.
        high: Largest value.
        from_zero: Include zero; it is always included if both are positive and differ more than
            twofold.
        may_log: Use a logarithmic axis if both are positive and differ by more than `LOG_RATIO`.
    """
    if may_log and low > 0 and low * LOG_RATIO < high:
        return _fit_log(math.log10(low), math.log10(high))
    if low == high == 0:
        return span(0.0, 1.0)
    if from_zero or 0 < low < high / 2:
        low, high = min(low, 0.0), max(high, 0.0)
    wide = span(low, high)
    step = round_step((wide.high - wide.low) / TICKS)
    return span(
        math.floor(wide.low / step + 1e-9) * step, math.ceil(wide.high / step - 1e-9) * step
    )


def _fit_log(low: float, high: float) -> Axis:
    """Build a logarithmic axis from base-10 logarithms, with a margin of 1/30 at each end.

    Its ticks are powers of ten; a short axis also has multiples of 3, or of 2 and 5.
    """
    margin = (high - low) / 30
    low, high = low - margin, high + margin
    factors = (1, 2, 5) if high - low < 2.3 else (1, 3) if high - low < 3.5 else (1,)
    every = max(1, math.ceil((high - low) / (TICKS + 1))) if len(factors) == 1 else 1
    powers = range(math.floor(low), math.ceil(high) + 1)
    ticks = [factor * 10.0**power for power in powers if power % every == 0 for factor in factors]
    return Axis(low, high, tuple(t for t in ticks if low <= math.log10(t) <= high), is_log=True)


def round_step(length: float) -> float:
    """Return the smallest 1, 2, 2.5 or 5 times a power of ten that is at least `length`."""
    power = 10.0 ** math.floor(math.log10(length))
    return next(factor * power for factor in ROUND if factor * power >= length * (1 - 1e-9))


def label_values(ticks: Sequence[float]) -> list[str]:
    """Format the ticks of an axis with equal numbers of decimals.

    If the largest magnitude is >= 1e5 or < 1e-3, `format_value` formats each tick on its own.
    """
    largest = max((abs(tick) for tick in ticks), default=0.0)
    if largest >= 1e5 or 0 < largest < 1e-3:
        return [format_value(tick) for tick in ticks]
    texts = [f"{tick:.8f}".rstrip("0") for tick in ticks]
    decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
    return [f"{tick + 0.0:,.{decimals}f}" for tick in ticks]


def format_value(value: float) -> str:
    """Format a value of any magnitude briefly: `0.0812`, `12,345`, `2e-5`."""
    if not math.isfinite(value):
        return "not finite"
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.3g}" if abs(value) < 1 else f"{value:.4g}"
    if 1e3 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    digits, _, power = f"{value:.2e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"


def format_images(images: float) -> str:
    """Format a number of images briefly: `500`, `24k`, `17.9M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(images) >= size:
            return f"{images / size:.3g}{letter}"
    return f"{images:.4g}"
