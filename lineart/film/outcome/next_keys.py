"""Which drawings of a film to colour next, so that their colours become keys."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

REACH = 8
"""Number of frames from a new key at which half of a drawing's doubt is thought to remain."""


def choose_next(rows: pa.Table, most: int) -> list[dict[str, Any]]:
    """Choose drawings to colour next: those whose carried colours are least certain.

    Drawings of a shot that are near to a chosen one come later, because its colours will help them.

    Args:
        rows: The manifest.
        most: Maximum number of drawings.

    Returns:
        `shot`, `frame`, `doubtful` and `confidence` of each: the share of its regions that are in
        doubt, and the mean confidence of all by their area; in the order in which they were chosen.
        Drawings without a doubt are left out.
    """
    found = rows.filter(pc.greater(pc.fill_null(rows["asked"], 0), 0))
    shots, frames = (found[name].to_pylist() for name in ("shot", "frame"))
    numbers = np.asarray(found["number"], np.float64)
    doubtful, confidence = (
        np.asarray(found[name], np.float64) for name in ("asked", "mean_confidence")
    )
    return [
        {
            "shot": shots[n],
            "frame": frames[n],
            "doubtful": round(float(doubtful[n]), 3),
            "confidence": round(float(confidence[n]), 3),
        }
        for n in _choose(np.array(shots, object), numbers, confidence, most)
    ]


def describe_doubt(chosen: dict[str, Any]) -> str:
    """Return in words how much of a chosen drawing is in doubt, and how sure its colours are.

    Neither is rounded to all or nothing that is not.
    """
    doubtful = max(1, round(100 * chosen["doubtful"]))
    sure = min(99, round(100 * chosen["confidence"]))
    return f"{doubtful}% of its regions are in doubt; by area its colours are {sure}% sure"


def _choose(
    shots: np.ndarray, numbers: np.ndarray, confidence: np.ndarray, most: int
) -> Iterator[int]:
    """Yield the indices of the chosen drawings."""
    doubt = 1 - confidence
    for _ in range(min(most, len(doubt))):
        best = int(doubt.argmax())
        if doubt[best] <= 0:
            return
        yield best
        is_near = shots == shots[best]
        distance = np.abs(numbers[is_near] - numbers[best])
        doubt[is_near] *= 1 - 0.5 ** (distance / REACH)
