"""What the neighbours of regions say about their matches."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32

from lineart.keys.pairs import BLOCK, PairFeatures

CandidateShares = Float32[np.ndarray, "T C"]
"""Probability of each candidate of each region."""


class CandidateColors(NamedTuple):
    """Colours of the candidates; the last number stands for unknown colours."""

    number: Int32[np.ndarray, "T C"]
    total: int


def candidate_colors(pairs: PairFeatures) -> CandidateColors:
    """Return the colour of each candidate, numbers without gaps in rising order."""
    count = int(pairs.colors.max(initial=-1)) + 1
    number = np.where(pairs.colors < 0, count, pairs.colors).astype(np.int32)
    return CandidateColors(number[pairs.candidates], count + 1)


def whole_colors(
    pairs: PairFeatures, parent: Int32[np.ndarray, " K"], is_part: Bool[np.ndarray, " T"]
) -> CandidateColors:
    """Return the colour of each candidate for a region that may be all of what it is a part of.

    Where the key shows parts without lines between them, the drawing may have a region that is too
    small to be cut. If its area is nearer to that of all parts than to the candidate's, its colour
    is that of the largest part.

    Args:
        pairs: A drawing and a key.
        parent: The region of the key's drawing that each region of the key is a part of.
        is_part: Which regions of the drawing were cut off as parts: they are not all of it.
    """
    colors = candidate_colors(pairs)
    area = np.bincount(parent, pairs.key_area)
    order = np.argsort(pairs.key_area, kind="stable")
    largest = np.zeros(len(area), np.int64)
    largest[parent[order]] = order
    chosen, own = pairs.candidates, np.log(pairs.area)[:, np.newaxis]
    to_whole, to_part = (
        np.abs(own - np.log(sizes[chosen])) for sizes in (area[parent], pairs.key_area)
    )
    chief = pairs.colors[largest[parent]][chosen]
    chief = np.where(chief < 0, colors.total - 1, chief)
    is_whole = (to_whole < to_part) & ~is_part[:, np.newaxis]
    number = np.where(is_whole, chief, colors.number).astype(np.int32)
    return colors._replace(number=number)


def sum_by_color(shares: CandidateShares, colors: CandidateColors) -> Float32[np.ndarray, "T K"]:
    """Return the probability of each colour: the sum over candidates of that colour."""
    rows = len(shares)
    places = np.arange(rows)[:, np.newaxis] * colors.total + colors.number
    sums = np.bincount(places.ravel(), shares.ravel(), rows * colors.total)
    return sums.reshape(rows, colors.total).astype(np.float32)


def neighbour_matches(
    pairs: PairFeatures, shares: CandidateShares
) -> tuple[CandidateShares, CandidateShares]:
    """Return how far the neighbours of a region match those of the candidate.

    Returns:
        Share of the outline beside regions whose matches are beside the candidate; and share of
        the open borders beside regions that match the candidate itself.
    """
    across = np.zeros_like(shares)
    through = np.zeros_like(shares)
    count = pairs.key_neighbours.size
    step = max(1, BLOCK // max(count, 1))
    for first in range(0, len(shares), step):
        rows = np.arange(first, min(first + step, len(shares)))
        chosen = pairs.candidates[rows]
        at = np.arange(len(rows))[:, np.newaxis]
        matches = _neighbour_matches(pairs, shares, rows, count)
        across[rows] = pairs.key_neighbours.gather(matches, chosen)
        if pairs.openings.rows.size:
            through[rows] = _neighbour_matches(
                pairs._replace(neighbours=pairs.openings), shares, rows, count
            )[at, chosen]
    return across, through


def _neighbour_matches(
    pairs: PairFeatures, shares: CandidateShares, rows: np.ndarray, count: int
) -> Float32[np.ndarray, "B K"]:
    """Return what the neighbours of some regions, which follow each other, match in the key."""
    near = pairs.neighbours
    first, last = np.searchsorted(near.rows, (rows[0], rows[-1] + 1))
    own = slice(first, last)
    places = (near.rows[own] - rows[0]).astype(np.int64)[:, np.newaxis] * count
    places = places + pairs.candidates[near.columns[own]]
    weights = near.lengths[own][:, np.newaxis] * shares[near.columns[own]]
    sums = np.bincount(places.ravel(), weights.ravel(), len(rows) * count)
    return sums.reshape(len(rows), count).astype(np.float32)


def deviations(pairs: PairFeatures, shares: CandidateShares) -> CandidateShares:
    """Return how far each match would move against the neighbours, by the diagonal, up to 0.5.

    Neighbours count by their area's root and by how sure their match is.
    """
    moves = (shares[..., np.newaxis] * pairs.displacement).sum(axis=1)
    weight = shares.max(axis=1, initial=0) * np.sqrt(pairs.area)
    weighted = np.concatenate((moves * weight[:, np.newaxis], weight[:, np.newaxis]), axis=1)
    sums = pairs.neighbours.times(weighted.astype(np.float32))
    mean = sums[:, :2] / np.maximum(sums[:, 2:], 1e-6)
    apart = np.linalg.norm(pairs.displacement - mean[:, np.newaxis], axis=2)
    found: CandidateShares = np.minimum(apart, 0.5).astype(np.float32)
    return found


def claim_regions(pairs: PairFeatures, shares: CandidateShares) -> CandidateShares:
    """Return how much more area each candidate is given than it has; see `claims`."""
    weights = shares * pairs.area[:, np.newaxis]
    sums = np.bincount(pairs.candidates.ravel(), weights.ravel(), len(pairs.key_area))
    values: CandidateShares = claims(sums, pairs.key_area)[pairs.candidates]
    return values


def claim_colors(
    pairs: PairFeatures, sums: Float32[np.ndarray, "T K"]
) -> Float32[np.ndarray, " K"]:
    """Return how much more area each colour is given than it has in the key; see `claims`."""
    count = sums.shape[1]
    number = np.where(pairs.colors < 0, count - 1, pairs.colors)
    there = np.bincount(number, pairs.key_area, count)
    return claims(pairs.area @ sums, there)


def claims(claimed: np.ndarray, there: np.ndarray) -> Float32[np.ndarray, " n"]:
    """Return the logarithm of the area claimed over the area in the key, -2 to 2."""
    values: Float32[np.ndarray, " n"]
    values = np.clip(np.log((claimed + 1) / (there + 1)), -2, 2).astype(np.float32)
    return values


def color_similarities(
    pairs: PairFeatures, sums: Float32[np.ndarray, "T K"]
) -> tuple[CandidateShares, CandidateShares]:
    """Return how alike the colours around each region and around each candidate are, 0 to 1.

    Args:
        pairs: A drawing and a key.
        sums: Probability of each colour of each region; the last is none.

    Returns:
        Cosines of the colours of the neighbours, and of the neighbours' neighbours.
    """
    count = sums.shape[1]
    around = sums
    key_around = np.eye(count, dtype=np.float32)[np.where(pairs.colors < 0, -1, pairs.colors)]
    found = []
    for _ in range(2):
        around = pairs.neighbours.times(around)
        key_around = pairs.key_neighbours.times(key_around)
        found.append(_cosines(pairs.candidates, around, key_around))
    return found[0], found[1]


def _cosines(
    candidates: Int32[np.ndarray, "T C"],
    one: Float32[np.ndarray, "T K"],
    other: Float32[np.ndarray, "_ K"],
) -> CandidateShares:
    one, other = (
        rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
        for rows in (one, other)
    )
    cosines = np.empty(candidates.shape, np.float32)
    step = max(1, BLOCK // max(len(other), 1))
    for first in range(0, len(one), step):
        block = slice(first, first + step)
        cosines[block] = np.take_along_axis(one[block] @ other.T, candidates[block], axis=1)
    return cosines
