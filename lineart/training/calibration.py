"""Calibration of the matching network: temperature, and threshold by precision.

Scores count each pair as much as the others, and in it each region of 10 pixels or more that has
one true colour.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lineart.datasets.key_pairs import KeyPair
from lineart.metrics import auroc, ece
from lineart.models import Matching
from lineart.models.matching import Logits, RegionPair, color_probabilities

MIN_PX = 10
"""Area of the smallest region that counts."""
PRECISION = 0.98
"""Share of right colours among those with a confidence from the threshold on."""
TEMPERATURES = np.geomspace(0.4, 2.5, 75)


class Vote(NamedTuple):
    """Result for a pair of drawings, of the regions that count."""

    pair: RegionPair
    logits: Logits
    right: Bool[Tensor, "N colors"]
    """Which of the key's colours is the true one; the last: none of them."""
    counts: Bool[Tensor, " N"]


class Scores(NamedTuple):
    """Scores of calibrated probabilities; shares 0..1."""

    right: float
    """Share of the regions whose most probable colour, or "none", is right."""
    auroc: float | None
    """Probability that a right colour is more confident than a wrong one; None if all are alike."""
    ece: float
    """Expected calibration error: mean difference of confidence and share of right colours."""
    coverage: float
    """Share of the regions that are coloured with a confidence from the threshold on."""
    precision: float
    """Share of right colours among them."""
    missing_found: float
    """Share of the regions whose colour the key lacks for which "none" is the answer."""


@torch.no_grad()
def vote(network: nn.Module, pair: RegionPair, sample: KeyPair) -> Vote:
    """Run a network on a pair."""
    logits = network(pair)[-1].cpu()
    pair = pair.to(torch.device("cpu"))
    counts = torch.from_numpy(sample.is_pure) & (pair.area >= MIN_PX)
    return Vote(pair, logits, torch.from_numpy(sample.right), counts)


def calibrate(votes: Sequence[Vote]) -> tuple[Matching, Scores]:
    """Find the temperature of the highest likelihood, and the threshold of `PRECISION`.

    Where even the highest confidence is not precise enough, the threshold is 1.
    """
    losses = [sum(_loss(one, temperature) for one in votes) for temperature in TEMPERATURES]
    temperature = float(TEMPERATURES[int(np.argmin(losses))])
    found = collect(votes, temperature)
    order = np.argsort(-found.confidence[found.is_colored], kind="stable")
    right, weight = (one[found.is_colored][order] for one in (found.is_right, found.weight))
    precision = np.cumsum(right * weight) / np.maximum(np.cumsum(weight), 1e-12)
    enough = np.flatnonzero(precision >= PRECISION)
    confidence = found.confidence[found.is_colored][order]
    threshold = float(confidence[enough[-1]]) if enough.size else 1.0
    return Matching(temperature=temperature, threshold=threshold), score(found, threshold)


def _loss(one: Vote, temperature: float) -> float:
    """Return the mean negative logarithm of the probability of the true colour."""
    probability = (color_probabilities(one.pair, one.logits / temperature) * one.right).sum(1)
    losses = -probability[one.counts].clamp(min=1e-6).log()
    return float(losses.mean()) if len(losses) else 0.0


class Answers(NamedTuple):
    """Answers for the regions of all pairs."""

    confidence: Float[np.ndarray, " R"]
    is_right: Bool[np.ndarray, " R"]
    is_colored: Bool[np.ndarray, " R"]
    """Whether the answer is a colour, not "none"."""
    is_missing: Bool[np.ndarray, " R"]
    """Whether the key lacks the true colour."""
    weight: Float[np.ndarray, " R"]
    """Sums to 1 over each pair."""


def collect(votes: Sequence[Vote], temperature: float) -> Answers:
    """Return the answers for all regions that count."""
    parts: list[Answers] = []
    for one in votes:
        confidence, best = color_probabilities(one.pair, one.logits / temperature).max(1)
        is_right = one.right.gather(1, best[:, None])[:, 0]
        weight = torch.full_like(confidence, 1 / max(1, int(one.counts.sum())))
        answers = confidence, is_right, best < one.pair.num_colors, one.right[:, -1], weight
        parts.append(Answers(*(answer[one.counts].numpy() for answer in answers)))
    return Answers(*(np.concatenate(same) for same in zip(*parts, strict=True)))


def score(found: Answers, threshold: float) -> Scores:
    """Compute the scores of answers."""
    answers = found.confidence, found.is_right, found.weight
    alone = found.is_colored & (found.confidence >= threshold)
    return Scores(
        right=_share(found.is_right, found.weight),
        auroc=auroc(*answers),
        ece=ece(*answers),
        coverage=_share(alone, found.weight),
        precision=_share(found.is_right[alone], found.weight[alone]),
        missing_found=_share(~found.is_colored[found.is_missing], found.weight[found.is_missing]),
    )


def _share(is_so: Bool[np.ndarray, " R"], weight: Float[np.ndarray, " R"]) -> float:
    return float((is_so * weight).sum() / weight.sum()) if weight.sum() else 1.0
