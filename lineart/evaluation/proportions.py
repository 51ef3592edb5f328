"""Shares of answers, with the intervals in which they may lie: of one person, and of people."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Proportion:
    """How often the second set was preferred, and where that share may lie."""

    share: float
    low: float
    high: float
    number: int
    """Answers."""

    @classmethod
    def of(cls, preferred: int, number: int) -> "Proportion":
        """Give a share of answers that do not depend on each other, by Wilson's interval."""
        return cls(preferred / number, *_wilson(preferred / number, number), number)

    @classmethod
    def among(cls, people: Sequence["Proportion"]) -> "Proportion":
        """Give the mean share of people: an interval over people, however much each answered.

        It is Student's, within 0..1, and never narrower than Wilson's over as many answers as
        there are people: of few who agree, Student's says that all do.
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
    """Give Wilson's interval, also of a share that is no whole number of answers.

    Source:
        Wilson, "Probable inference", Journal of the American Statistical Association 22, 1927.
    """
    z = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    centre = share + z**2 / (2 * number)
    reach = z * math.sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2)
    scale = 1 + z**2 / number
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)
