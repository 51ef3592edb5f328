"""Axes of a chart: where a value lies, and round numbers to read it by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

TICKS = 5
LOG_RATIO = 30
"""Values that are all positive and differ by more get a logarithmic axis."""
ROUND = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Axis:
    """A range of values, and those that are written beside it."""

    low: float
    high: float
    """Ends of the axis; the logarithms of the ends where it is logarithmic."""
    ticks: tuple[float, ...]
    is_log: bool = False

    def place(self, values: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
        """Give the places of values on the axis, 0..1; NaN stays NaN."""
        lengths = np.log10(values) if self.is_log else values
        return (lengths - self.low) / (self.high - self.low)

    def labels(self) -> list[str]:
        """Write the ticks; on an even axis all with as many decimals."""
        return [*map(format_value, self.ticks)] if self.is_log else label_values(self.ticks)


def span(low: float, high: float) -> Axis:
    """Make an axis from `low` to `high` exactly, with ticks between them."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = low - (abs(low) / 10 or 1.0), high + (abs(high) / 10 or 1.0)
    step = round_step((high - low) / TICKS)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(low, high, tuple(number * step for number in range(first, last + 1)))


def fit(low: float, high: float, *, from_zero: bool = False, may_log: bool = False) -> Axis:
    """Make an axis that holds all of `low` to `high` and ends at round numbers.

    Args:
        low: Smallest value.
        high: Largest value.
        from_zero: Zero is on the axis; it is anyway where positive values differ twofold.
        may_log: Positive values that differ a lot get a logarithmic axis.
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
    """Make a logarithmic axis; its ticks are powers of ten, and more where those are few."""
    margin = (high - low) / 30
    low, high = low - margin, high + margin
    factors = (1, 2, 5) if high - low < 2.3 else (1, 3) if high - low < 3.5 else (1,)
    every = max(1, math.ceil((high - low) / (TICKS + 1))) if len(factors) == 1 else 1
    powers = range(math.floor(low), math.ceil(high) + 1)
    ticks = [factor * 10.0**power for power in powers if power % every == 0 for factor in factors]
    return Axis(low, high, tuple(t for t in ticks if low <= math.log10(t) <= high), is_log=True)


def round_step(length: float) -> float:
    """Give the smallest of 1, 2, 2.5, 5 times a power of ten that is not below `length`."""
    power = 10.0 ** math.floor(math.log10(length))
    return next(factor * power for factor in ROUND if factor * power >= length * (1 - 1e-9))


def label_values(ticks: Sequence[float]) -> list[str]:
    """Write the ticks of an axis, all with as many decimals as they need."""
    largest = max((abs(tick) for tick in ticks), default=0.0)
    if largest >= 1e5 or 0 < largest < 1e-3:
        return [format_value(tick) for tick in ticks]
    texts = [f"{tick:.8f}".rstrip("0") for tick in ticks]
    decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
    return [f"{tick + 0.0:,.{decimals}f}" for tick in ticks]


def format_value(value: float) -> str:
    """Write a value with four digits at most, of any size: `0.0812`, `12,345`, `2e-5`."""
    if not math.isfinite(value):
        return "not finite"
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.3g}" if abs(value) < 1 else f"{value:.4g}"
    if 1e3 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    digits, _, power = f"{value:.2e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"


def format_images(images: float) -> str:
    """Write a number of images short: `500`, `24k`, `17.9M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(images) >= size:
            return f"{images / size:.3g}{letter}"
    return f"{images:.4g}"
