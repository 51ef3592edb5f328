"""Means, deviations and bootstrap intervals of values that come one by one and are not kept."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, UInt8

REPLICATES = 1000
CONFIDENCE = 0.95
FEWEST_GROUPS = 5
"""With fewer the interval of a mean would be no more than their least and greatest."""

Weights = UInt8[np.ndarray, " R"]
"""How often a group is drawn, in each replicate."""

Replicates = Float64[np.ndarray, " R"]


@dataclass(frozen=True)
class Estimate:
    """A mean, how much single values differ, and where the true mean may lie."""

    mean: float
    number: int
    deviation: float | None = None
    """Standard deviation of the values; one value has none."""
    low: float | None = None
    high: float | None = None
    """Ends of the 95 % interval; fewer than `FEWEST_GROUPS` groups have none."""
    over_subsets: float | None = None
    """Standard deviation over subsets of pictures, where the score is of a whole set."""


@lru_cache(maxsize=4096)
def draw_weights(group: str, seed: int) -> Weights:
    """Draw how often a group is in each bootstrap replicate: it depends on (seed, group) alone.

    A draw of n groups with replacement takes each about Poisson(1) times. Drawn like that, groups
    need neither be counted before nor kept.

    Source:
        Chamandy, Muralidharan, Najmi, Naidu, "Estimating Uncertainty for Massive Data Streams",
        Google technical report, 2012.
    """
    digest = hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()
    rng = np.random.default_rng((seed, int.from_bytes(digest[:8], "big")))
    return rng.poisson(1.0, REPLICATES).astype(np.uint8)


class StreamingMean:
    """Values of one cell of a table, as their estimate needs them: memory does not grow."""

    def __init__(self, seed: int) -> None:
        self.number = 0
        self._seed = seed
        self._mean, self._squares, self._total = 0.0, 0.0, 0.0
        self._first_group: str | None = None
        self._groups: set[str] = set()
        self._sums: Replicates | None = None
        self._counts: Replicates | None = None

    def add(self, value: float, group: str) -> None:
        """Take a value of a picture; values of one group are drawn together."""
        if self._first_group is None:
            self._first_group = group
        if len(self._groups) < FEWEST_GROUPS:
            self._groups.add(group)
        if self._sums is None and group != self._first_group:
            # Only now is there anything to draw from: many sets hold one group alone.
            first = draw_weights(self._first_group, self._seed).astype(np.float64)
            self._sums, self._counts = first * self._total, first * self.number
        if self._sums is not None and self._counts is not None:
            weights = draw_weights(group, self._seed)
            self._sums += weights * value
            self._counts += weights
        self.number += 1
        self._total += value
        # Welford: no sum of large squares.
        step = value - self._mean
        self._mean += step / self.number
        self._squares += step * (value - self._mean)

    def estimate(self) -> Estimate:
        """Give the mean of what came; with a percentile interval if groups are not too few.

        Raises:
            ValueError: nothing came.
        """
        if not self.number:
            raise ValueError("there is no mean of no values")
        deviation = np.sqrt(self._squares / (self.number - 1)) if self.number > 1 else None
        low = high = None
        is_enough = len(self._groups) >= FEWEST_GROUPS
        if is_enough and self._sums is not None and self._counts is not None:
            drawn = self._counts > 0
            tail = 50 * (1 - CONFIDENCE)
            means = self._sums[drawn] / self._counts[drawn]
            low, high = (float(end) for end in np.percentile(means, (tail, 100 - tail)))
        return Estimate(
            self._mean, self.number, None if deviation is None else float(deviation), low, high
        )
