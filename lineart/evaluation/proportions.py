"""Proportions of answers with 95 % intervals, of one participant and of several."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Proportion:
    """Share of answers that prefer the second set, 0..1, with its 95 % interval."""

    share: float
    low: float
    high: float
    number: int
    """Number of answers."""

    @classmethod
    def of(cls, preferred: int, number: int) -> "Proportion":
        """Return the share of independent answers, with Wilson's interval."""
        return cls(preferred / number, *_wilson(preferred / number, number), number)

    @classmethod
    def among(cls, people: Sequence["Proportion"]) -> "Proportion":
        """Return the mean of participants' shares, with an interval over participants.

        Every participant has the same weight, whatever the number of answers. The interval is
        Student's t, clipped to 0..1, and includes Wilson's for as many answers as participants:
        the t interval of a few participants who agree would have no width. One participant's
        proportion is returned as it is.
        """
        if len(people) == 1:
            return people[0]
        shares = [one.share for one in people]
        mean = statistics.mean(shares)
        error = statistics.stdev(shares) / math.sqrt(len(shares))
        reach = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, len(shares) - 1))
        low, high = _wilson(mean, len(shares))
        return cls(
            mean,
            min(low, max(0.0, mean - reach)),
            max(high, min(1.0, mean + reach)),
            sum(one.number for one in people),
        )


def _wilson(share: float, number: int) -> tuple[float, float]:
    """Return Wilson's interval; `share * number` need not be whole.

    Source:
        Wilson, "Probable inference", Journal of the American Statistical Association 22, 1927.
    """
    z = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    centre = share + z**2 / (2 * number)
    reach = z * math.sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2)
    scale = 1 + z**2 / number
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)
