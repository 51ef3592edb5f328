"""Training samples of colour keys; repeatable by seed and index."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

from lineart.datasets.key_pairs import KeyPair
from lineart.datasets.samples import pick

SHARES = {"cycle": 0.6, "drawn": 0.12, "sample": 0.28}
"""Share of the samples by the kind of their sequence."""
OMITTED = 0.1
"""Share of the samples in which some colours of the key are unknown."""
HIDDEN = 0.15
"""Share of the samples in which the key has no regions of some colours."""
SHEETS = 0.1
"""Share of the samples without motion, as for keys that are sheets."""
MOTION = [*range(10), 27, 28]
"""Features of motion, see `keys.pairs`; 0 for a sheet."""

LIKELY = [0, 38]
"""Features by which candidates are likely: votes of the flow, similarity of the masks."""


@runtime_checkable
class KeyPairs(Protocol):
    """Training pairs, read by index; implemented by `datasets.pair_shards.PairShards`."""

    @property
    def sources(self) -> Sequence[str]:
        """Kind of the sequence of each pair."""
        ...

    def read(self, index: int) -> KeyPair:
        """Return the pair with this index."""
        ...


class KeySamples:
    """Endless sequence of samples; the n-th depends only on the seed and n.

    Args:
        pairs: Pairs.
        seed: Seed of the random changes.
        is_training: Whether colours are omitted and motion is; without, pairs are as they are.
    """

    def __init__(self, pairs: KeyPairs, seed: int, *, is_training: bool) -> None:
        self.pairs, self.seed, self.is_training = pairs, seed, is_training
        counts = Counter(pairs.sources)
        weights = [SHARES[kind] / counts[kind] for kind in pairs.sources]
        self.cumulative = np.cumsum(weights) / np.sum(weights)

    def __getitem__(self, index: int) -> KeyPair:
        """Make the sample with this index."""
        rng = np.random.default_rng((self.seed, index))
        pair = self.pairs.read(pick(self.cumulative, rng))
        if self.is_training and rng.random() < OMITTED:
            pair = omit_colors(pair, rng)
        elif self.is_training and rng.random() < HIDDEN:
            pair = hide_colors(pair, rng)
        if self.is_training and rng.random() < SHEETS:
            pair = without_motion(pair)
        return pair


def omit_colors(pair: KeyPair, rng: np.random.Generator) -> KeyPair:
    """Let one or two of the key's colours be unknown, so that regions of them match none."""
    omitted = _pick_colors(pair, rng)
    colors = pair.seen.colors.copy()
    colors[np.isin(colors, omitted)] = -1
    return _without_right(pair._replace(seen=pair.seen._replace(colors=colors)), omitted)


def hide_colors(pair: KeyPair, rng: np.random.Generator) -> KeyPair:
    """Leave the regions of one or two of the key's colours out of the candidates.

    All regions keep as many candidates: where more are left, those that look the likeliest.
    """
    seen = pair.seen
    hidden = _pick_colors(pair, rng)
    is_left = ~np.isin(seen.colors[seen.candidates], hidden)
    count = int(is_left.sum(axis=1).min())
    if not count:
        return pair
    likely = np.where(is_left, seen.features[..., LIKELY].sum(axis=2), -np.inf)
    kept = np.sort(np.argsort(-likely, axis=1, kind="stable")[:, :count], axis=1)
    seen = seen._replace(
        candidates=np.take_along_axis(seen.candidates, kept, axis=1),
        features=np.take_along_axis(seen.features, kept[..., np.newaxis], axis=1),
        displacement=np.take_along_axis(seen.displacement, kept[..., np.newaxis], axis=1),
    )
    return _without_right(pair._replace(seen=seen), hidden)


def _pick_colors(pair: KeyPair, rng: np.random.Generator) -> Int64[np.ndarray, " n"]:
    """Return the numbers of one or two of the key's colours, not of all."""
    count = len(pair.palette)
    few = min(count - 1, int(rng.integers(1, 3)))
    return rng.choice(count, few, replace=False).astype(np.int64)


def _without_right(pair: KeyPair, colors: Int64[np.ndarray, " n"]) -> KeyPair:
    """Return the pair with these colours wrong for every region."""
    right = pair.right.copy()
    right[:, colors] = False
    right[:, -1] = ~right[:, :-1].any(axis=1)
    return pair._replace(right=right)


def without_motion(pair: KeyPair) -> KeyPair:
    """Remove what a flow and positions say, as from a key that is a sheet."""
    features = pair.seen.features.copy()
    features[..., MOTION] = 0
    still = np.zeros_like(pair.seen.displacement)
    return pair._replace(seen=pair.seen._replace(features=features, displacement=still))
