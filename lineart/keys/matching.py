"""Matching of a drawing's regions with a key's by hand-set weights."""

import numpy as np
from jaxtyping import Float32

from lineart.keys.messages import Colors, agree, candidate_colors, stray, sum_by_color
from lineart.keys.pairs import SHAPE_WEIGHTS, PairFeatures

ROUNDS = 4
NONE, SHEET_NONE = -6.0, -6.0
"""Score of no match, in the units of the candidates' scores."""


def match_colors(pairs: PairFeatures) -> tuple[Float32[np.ndarray, "T K"], Colors]:
    """Return the probability of each colour of the key for each region; the last is none."""
    features = pairs.features
    score = 3 * features[..., 0] + features[..., 2] - 2 * features[..., 5] - 0.3 * features[..., 6]
    score -= 0.4 * (features[..., 11:20] @ SHAPE_WEIGHTS)
    is_sheet = not features[..., :10].any()
    none = np.full((len(score), 1), SHEET_NONE if is_sheet else NONE, np.float32)
    shares = _softmax(np.concatenate((2 * score, 2 * none), axis=1))
    for _ in range(ROUNDS):
        found = shares[:, :-1]
        across, _ = agree(pairs, found)
        total = score + 4 * across - 6 * stray(pairs, found)
        shares = _softmax(np.concatenate((2 * total, 2 * none), axis=1))
    colors = candidate_colors(pairs)
    sums = sum_by_color(shares[:, :-1], colors)
    sums[:, -1] += shares[:, -1]
    return sums, colors


def _softmax(logits: np.ndarray) -> Float32[np.ndarray, "T C"]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Float32[np.ndarray, "T C"]
    shares = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares
