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
        `shot`, `frame` and `confidence` of each, the mean confidence of its regions by their area;
        in the order in which they were chosen. Drawings without a doubt are left out.
    """
    found = rows.filter(pc.greater(pc.fill_null(rows["asked"], 0), 0))
    shots, frames = (found[name].to_pylist() for name in ("shot", "frame"))
    numbers = np.asarray(found["number"], np.float64)
    confidence = np.asarray(found["mean_confidence"], np.float64)
    return [
        {"shot": shots[n], "frame": frames[n], "confidence": round(float(confidence[n]), 3)}
        for n in _choose(np.array(shots, object), numbers, confidence, most)
    ]


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
