"""Streaming means, standard deviations and bootstrap intervals; values are not stored."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, UInt8

REPLICATES = 1000
CONFIDENCE = 0.95
FEWEST_GROUPS = 5
"""Minimum number of groups for an interval; of fewer it would be their minimum and maximum."""

Weights = UInt8[np.ndarray, " R"]
"""Number of times that a group is drawn in each of R bootstrap replicates."""

Replicates = Float64[np.ndarray, " R"]


@dataclass(frozen=True)
class Estimate:
    """A mean with standard deviation and 95 % interval."""

    mean: float
    number: int
    """Number of values, or of pictures for a distance between sets."""
    deviation: float | None = None
    """Standard deviation of the values; None for a single value."""
    low: float | None = None
    high: float | None = None
    """Ends of the 95 % interval; None for fewer than `FEWEST_GROUPS` groups."""
    over_subsets: float | None = None
    """Standard deviation over random subsets, for kernel distances only."""


@lru_cache(maxsize=4096)
def draw_weights(group: str, seed: int) -> Weights:
    """Draw how often a group is in each bootstrap replicate, from (seed, group) alone.

    A draw of n groups with replacement takes each about Poisson(1) times. With such weights, the
    number of groups need not be known and the groups need not be stored.

    Source:
        Chamandy, Muralidharan, Najmi, Naidu, "Estimating Uncertainty for Massive Data Streams",
        Google technical report, 2012.
    """
    digest = hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()
    rng = np.random.default_rng((seed, int.from_bytes(digest[:8], "big")))
    return rng.poisson(1.0, REPLICATES).astype(np.uint8)


class StreamingMean:
    """Running mean, deviation and bootstrap sums of one table cell, in constant memory."""

    def __init__(self, seed: int) -> None:
        self.number = 0
        self._seed = seed
        self._mean, self._squares, self._total = 0.0, 0.0, 0.0
        self._first_group: str | None = None
        self._groups: set[str] = set()
        self._sums: Replicates | None = None
        self._counts: Replicates | None = None

    def add(self, value: float, group: str) -> None:
        """Add a value; the bootstrap draws all values of a group together."""
        if self._first_group is None:
            self._first_group = group
        if len(self._groups) < FEWEST_GROUPS:
            self._groups.add(group)
        if self._sums is None and group != self._first_group:
            # Allocated at the second group, because many sets hold only one.
            first = draw_weights(self._first_group, self._seed).astype(np.float64)
            self._sums, self._counts = first * self._total, first * self.number
        if self._sums is not None and self._counts is not None:
            weights = draw_weights(group, self._seed)
            self._sums += weights * value
            self._counts += weights
        self.number += 1
        self._total += value
        # Welford's algorithm avoids the cancellation of large sums of squares.
        step = value - self._mean
        self._mean += step / self.number
        self._squares += step * (value - self._mean)

    def estimate(self) -> Estimate:
        """Return mean and deviation, and a percentile interval from `FEWEST_GROUPS` groups.

        Raises:
            ValueError: no value was added.
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
