"""What the drawings just before and after a drawing say about the colours of its regions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from scipy.special import softmax

from lineart.imaging.region_maps import RegionMap
from lineart.keys.drawing import Drawing
from lineart.keys.flow import Flow, SoftInk, find_flow, resize_flow, resize_ink
from lineart.keys.key_colors import UNKNOWN
from lineart.keys.network import Network, candidate_shares
from lineart.keys.pairs import compare

ColorShares = Float32[np.ndarray, "T P"]
"""Probability of each colour of the palette for each region; the last column stands for none."""

VOTE_WEIGHT = 0.5
"""Weight of the logarithm of an adjacent drawing's probability, beside 1 for the drawing's own."""
ERROR_CORRELATION = 0.8
"""Assumed correlation of the drawings' errors, 0 to 1: the sum of the logarithms is divided by this
power of the sum of the weights. On held-out drawings with two votes, of the colours that are surer
than the threshold of the weights, as many are then right as without votes: 99.0 % of cycles."""
LEAST_PROBABILITY = 1e-4
"""Probabilities below this count as this, so that none rules a colour out."""
FLOW_SHRINK = 2
"""Factor by which drawings are shrunk for the flow between them."""
ADJACENT_CANDIDATES = 16
"""Most regions of an adjacent drawing that a region is compared with."""


@dataclass(frozen=True)
class Matched:
    """A drawing that was matched with its keys."""

    labels: RegionMap
    """Regions at full size. One that a key shows to be several is divided."""
    drawing: Drawing
    """The same regions, measured."""
    palette: UInt8[np.ndarray, "K 3"]
    """The keys' colours."""
    shares: ColorShares
    """Probability of each colour for each region, by the keys alone."""


def join_adjacent(matched: Matched, adjacent: Sequence[Matched], network: Network) -> ColorShares:
    """Return the probabilities of a drawing's colours by its keys and by adjacent drawings.

    A region matches those of an adjacent drawing, which move little, and their colours by the keys
    vote for its own: keys that are far away give the two drawings unlike errors. What matches none
    has its own colour. Drawings of another size do not vote.

    Args:
        matched: The drawing.
        adjacent: Drawings of the shot near it, matched with the same keys.
        network: Matching network.
    """
    size = matched.drawing.size
    voting = [one for one in adjacent if one.drawing.size == size and one.drawing.total]
    if not voting:
        return matched.shares
    total = np.log(matched.shares + LEAST_PROBABILITY)
    for one in voting:
        total += VOTE_WEIGHT * np.log(_vote(matched, one, network) + LEAST_PROBABILITY)
    total /= np.float32((1 + VOTE_WEIGHT * len(voting)) ** ERROR_CORRELATION)
    shares: ColorShares = softmax(total, axis=1)
    return shares


def _vote(matched: Matched, other: Matched, network: Network) -> ColorShares:
    """Return the probabilities of a drawing's colours by those of another drawing's regions."""
    best = other.shares.argmax(axis=1).astype(np.int32)
    colors = np.where(best == len(other.palette), np.int32(UNKNOWN), best)
    flow = _find_flow(matched.drawing.ink, other.drawing.ink)
    pairs = compare(matched.drawing, other.drawing, colors, flow, ADJACENT_CANDIDATES)
    likely = candidate_shares(pairs, network)
    votes: ColorShares = likely[:, -1:] * matched.shares
    for place in range(pairs.candidates.shape[1]):
        votes += likely[:, place : place + 1] * other.shares[pairs.candidates[:, place]]
    return votes


def _find_flow(ink: SoftInk, other: SoftInk) -> Flow:
    height, width = ink.fine.shape
    size = -(-height // FLOW_SHRINK), -(-width // FLOW_SHRINK)
    flow, _ = find_flow(resize_ink(ink, size), resize_ink(other, size))
    return resize_flow(flow, (height, width))
