"""Sequences and training pairs of colour keys, drawn by code."""

from collections.abc import Sequence

import cv2
import numpy as np

from lineart.datasets.key_pairs import KeyPair, make_pairs
from lineart.datasets.sequences import TrueSequence

PALETTE = np.array(
    [[255, 255, 255], [200, 40, 40], [40, 160, 60], [50, 70, 200], [230, 200, 60]], np.uint8
)


def draw_truth(place: int, size: tuple[int, int] = (120, 160)) -> np.ndarray:
    """Draw a face of four colours, moved to the right by `place` pixels."""
    truth = np.zeros(size, np.uint8)
    x = 50 + place
    cv2.circle(truth, (x, 60), 36, 1, cv2.FILLED)
    cv2.circle(truth, (x - 14, 50), 8, 2, cv2.FILLED)
    cv2.circle(truth, (x + 14, 50), 8, 3, cv2.FILLED)
    cv2.rectangle(truth, (x - 16, 70), (x + 16, 82), 4, cv2.FILLED)
    return truth


def line_of(truth: np.ndarray) -> np.ndarray:
    """Draw a line around each colour."""
    change = cv2.morphologyEx(truth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.where(change > 0, np.uint8(0), np.uint8(255))


def draw_sequence(name: str = "face", count: int = 5) -> TrueSequence:
    """Draw a face that moves 6 pixels from one drawing to the next."""
    truth = np.stack([draw_truth(6 * number) for number in range(count)])
    return TrueSequence(name, "cycle", np.stack([line_of(one) for one in truth]), truth, PALETTE)


class ListedPairs:
    """Pairs in memory, as the training reads them."""

    def __init__(self, pairs: Sequence[KeyPair]) -> None:
        self.pairs = pairs
        self.sources = ["cycle"] * len(pairs)

    def read(self, index: int) -> KeyPair:
        """Return a pair."""
        return self.pairs[index]


def list_pairs() -> ListedPairs:
    """Make six pairs that are shown."""
    return ListedPairs(list(make_pairs(draw_sequence(), 6, 0, is_training=False)))
