"""Candidate matches of each region among a key's regions, their features and neighbours."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Int32
from scipy.special import softmax

from lineart.keys.border_matrix import BorderMatrix
from lineart.keys.drawing import Drawing
from lineart.keys.flow import Flow, target_positions
from lineart.keys.patches import Patches, compare_turned
from lineart.keys.runs import SmallMap, count_pairs, find_row_runs

CANDIDATES = 32
"""Most regions of a key that a region is compared with."""
FEATURES = 48
"""Features of a region and a candidate; see `_features`."""
BLOCK = 4_000_000
"""Most pairs of regions that are compared at once, so that memory is bounded."""
MAX_COMPARED, LARGEST = 2048, 512
"""Most regions of a key among which the candidates of a region are chosen, so that time is bounded:
so many of the largest, and the nearest to where the flow leads."""
TOGETHER = 256
"""Regions beside each other that are compared with the same ones of a key with more regions."""
SHAPE_WEIGHTS = np.array([1.0, 0.6, 0.6, 0.5, 0.4, 0.3, 0.5, 1.0, 1.5], np.float32)
"""Weight of each property of the shape in the costs that choose candidates."""


LOOK_WEIGHTS = (1.5, 1.0, 1.0)
"""Weight of each similarity of patches in these costs."""
LOOKS = 38
"""First of the features that compare patches."""


class PairFeatures(NamedTuple):
    """A drawing and a key, as matching sees them; row r is region r + 1 of the drawing."""

    candidates: Int32[np.ndarray, "T C"]
    """The likeliest regions of the key, by row of its arrays, in rising order."""
    features: Float32[np.ndarray, "T C 48"]
    displacement: Float32[np.ndarray, "T C 2"]
    """From the centre of each region to that of the candidate, by the diagonal; 0 for a sheet."""
    area: Float32[np.ndarray, " T"]
    """Area of each region in pixels of the working size."""
    key_area: Float32[np.ndarray, " K"]
    """The same of the key's regions."""
    neighbours: BorderMatrix
    """Shares of each region's outline that lie beside others of the drawing."""
    openings: BorderMatrix
    """Shares of the outline without a line beside others, of `Drawing.open_borders`; shards of
    pairs have this name."""
    key_neighbours: BorderMatrix
    """Shares of the outlines of the key's regions."""
    colors: Int32[np.ndarray, " K"]
    """Number of the colour of each region of the key, or -1 if it is unknown."""


def compare(
    drawing: Drawing,
    key: Drawing,
    colors: Int32[np.ndarray, " K"],
    flow: Flow | None,
    most_candidates: int = CANDIDATES,
) -> PairFeatures:
    """Compare the regions of a drawing with those of a key.

    Args:
        drawing: The drawing.
        key: The key, of the same size if there is a flow.
        colors: Number of the colour of each of the key's regions.
        flow: Flow from the drawing to the key; None for a sheet: positions say nothing.
        most_candidates: Most regions of the key that a region is compared with.
    """
    neighbours, key_neighbours = drawing.borders.shares(), key.borders.shares()
    pairs = _Pairs(
        drawing,
        key,
        neighbours.times(drawing.shape_features),
        key_neighbours.times(key.shape_features),
        None if flow is None else _find_motion(drawing, key, flow),
        most_candidates,
    )
    blocks = [
        (rows, *_compare_block(pairs, rows, columns)) for rows, columns in _find_blocks(pairs)
    ]
    order, candidates, features = (np.concatenate(arrays) for arrays in zip(*blocks, strict=True))
    if len(blocks) > 1:
        place = np.argsort(order)
        candidates, features = candidates[place], features[place]
    displacement = np.zeros((*candidates.shape, 2), np.float32)
    if flow is not None:
        scale = np.float32(0.5 * (drawing.diagonal + key.diagonal))
        displacement = (key.center[candidates] - drawing.center[:, np.newaxis]) / scale
    return PairFeatures(
        candidates,
        features,
        displacement,
        drawing.area,
        key.area,
        neighbours,
        drawing.open_borders.shares(),
        key_neighbours,
        colors,
    )


class _Overlaps(NamedTuple):
    """How many pixels of the drawing's regions lie in the key's; sorted pairs of rows."""

    rows: np.ndarray
    columns: np.ndarray
    pixels: np.ndarray

    def dense(self, rows: np.ndarray, columns: np.ndarray) -> Float32[np.ndarray, "B K"]:
        """Return some rows and columns; columns are in rising order, without gaps or few."""
        first, last = np.searchsorted(self.rows, (rows, rows + 1))
        number = last - first
        entry = np.arange(number.sum()) + np.repeat(last - np.cumsum(number), number)
        place = np.searchsorted(columns, self.columns[entry])
        is_there = columns[place.clip(max=len(columns) - 1)] == self.columns[entry]
        block = np.zeros((len(rows), len(columns)), np.float32)
        row = np.repeat(np.arange(len(rows)), number)
        block[row[is_there], place[is_there]] = self.pixels[entry[is_there]]
        return block


class _Motion(NamedTuple):
    carried: _Overlaps
    """Pixels along the flow."""
    still: _Overlaps
    """Pixels where they are."""
    landing: Float32[np.ndarray, "T 2"]
    """Mean place, x and y, to which the flow carries each region."""


class _Pairs(NamedTuple):
    drawing: Drawing
    key: Drawing
    beside: Float32[np.ndarray, "T 9"]
    """Mean shape of each region's neighbours."""
    key_beside: Float32[np.ndarray, "K 9"]
    motion: _Motion | None
    most_candidates: int

    def take(self, columns: np.ndarray) -> "_Pairs":
        """Return the same with only some of the key's regions; votes keep all."""
        if len(columns) == self.key.total:
            return self
        key = self.key
        few = key._replace(
            area=key.area[columns],
            center=key.center[columns],
            relative_center=key.relative_center[columns],
            shape_features=key.shape_features[columns],
            direction=key.direction[columns],
            patches=Patches(*(patch[columns] for patch in key.patches)),
        )
        return self._replace(key=few, key_beside=self.key_beside[columns])


def _find_blocks(pairs: _Pairs) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield regions of the drawing and those of the key to compare them with, in rising order."""
    drawing, key = pairs.drawing, pairs.key
    count = min(key.total, MAX_COMPARED)
    rows = np.arange(drawing.total)
    by_area = np.argsort(-key.area, kind="stable")
    if pairs.motion is None or count == key.total:
        step = max(1, BLOCK // max(count, 1))
        for first in range(0, max(len(rows), 1), step):
            yield rows[first : first + step], np.sort(by_area[:count])
        return
    largest, others = by_area[:LARGEST], by_area[LARGEST:]
    for block in _split(rows, pairs.motion.landing):
        low, high = (side(pairs.motion.landing[block], axis=0) for side in (np.min, np.max))
        center = key.center[others]
        away = np.maximum(np.maximum(low - center, center - high), 0)
        nearest = np.argsort((away**2).sum(axis=1), kind="stable")[: count - LARGEST]
        yield block, np.sort(np.concatenate((largest, others[nearest])))


def _split(rows: np.ndarray, places: Float32[np.ndarray, "N 2"]) -> Iterator[np.ndarray]:
    """Yield regions in groups of at most `TOGETHER`, halved across the longer side of their box."""
    if len(rows) <= TOGETHER:
        yield rows
        return
    axis = int(np.ptp(places[rows], axis=0).argmax())
    half = len(rows) // 2
    order = rows[np.argsort(places[rows, axis], kind="stable")]
    yield from _split(order[:half], places)
    yield from _split(order[half:], places)


def _find_motion(drawing: Drawing, key: Drawing, flow: Flow) -> _Motion:
    places = target_positions(flow)
    carried = cv2.remap(
        key.spread.astype(np.float32), places, None, cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    runs = find_row_runs(drawing.labels, drawing.total)
    sums = [runs.sum_pixels(np.ascontiguousarray(places[:, :, axis])) for axis in (0, 1)]
    landing = np.stack(sums, axis=1) / np.maximum(runs.sum(runs.lengths), 1)[:, np.newaxis]
    return _Motion(
        _count_overlaps(drawing.labels, carried.astype(np.int32), key.total),
        _count_overlaps(drawing.labels, key.spread, key.total),
        landing.astype(np.float32),
    )


def _count_overlaps(labels: SmallMap, other: SmallMap, count: int) -> _Overlaps:
    found = count_pairs(labels, other, count + 1)
    is_both = (found.rows > 0) & (found.columns > 0)
    return _Overlaps(found.rows[is_both] - 1, found.columns[is_both] - 1, found.counts[is_both])


def _compare_block(
    pairs: _Pairs, rows: np.ndarray, columns: np.ndarray
) -> tuple[Int32[np.ndarray, "B C"], Float32[np.ndarray, "B C 48"]]:
    """Choose the candidates of some regions among some of the key's, and compute their features."""
    pairs = pairs.take(columns)
    looks = [
        one[rows] @ other.T
        for one, other in zip(
            pairs.drawing.patches.upright(), pairs.key.patches.upright(), strict=True
        )
    ]
    votes = own = None
    if pairs.motion is not None:
        votes = pairs.motion.carried.dense(rows, columns)
    chosen = _choose(pairs, rows, votes, looks)
    at = np.arange(len(rows))[:, np.newaxis]
    if pairs.motion is not None and votes is not None:
        still = pairs.motion.still.dense(rows, columns)
        own = _CandidateOverlaps(votes[at, chosen], still[at, chosen], votes.max(axis=1, initial=0))
    features = _features(pairs, rows, chosen, own)
    turned = compare_turned(pairs.drawing.patches, rows, pairs.key.patches)
    for number, look in enumerate((*looks, *turned)):
        best = look.max(axis=1, keepdims=True, initial=-1)
        features[..., LOOKS + 2 * number] = look[at, chosen]
        features[..., LOOKS + 2 * number + 1] = (look - best)[at, chosen]
    return columns[chosen].astype(np.int32), features


class _CandidateOverlaps(NamedTuple):
    """Votes for the candidates."""

    carried: Float32[np.ndarray, "B C"]
    still: Float32[np.ndarray, "B C"]
    best: Float32[np.ndarray, " B"]
    """Most votes for any region of the key."""


def _choose(
    pairs: _Pairs, rows: np.ndarray, votes: np.ndarray | None, looks: Sequence[np.ndarray]
) -> Int32[np.ndarray, "B C"]:
    """Choose the candidates by two costs: with the flow, and by shape and place alone."""
    drawing, key = pairs.drawing, pairs.key
    size = min(pairs.most_candidates, key.total)
    if size == key.total:
        return np.broadcast_to(np.arange(size, dtype=np.int32), (len(rows), size)).copy()
    cost = np.zeros((len(rows), key.total), np.float32)
    for one in range(len(SHAPE_WEIGHTS)):
        difference = np.abs(
            drawing.shape_features[rows, one][:, np.newaxis] - key.shape_features[:, one]
        )
        cost += np.minimum(difference, 3) * SHAPE_WEIGHTS[one]
    for axis in (0, 1):
        cost += np.abs(drawing.direction[rows, axis][:, np.newaxis] - key.direction[:, axis]) / 3
    for look, weight in zip(looks, LOOK_WEIGHTS, strict=True):
        cost -= weight * look
    if votes is None or pairs.motion is None:
        return _least(cost, size)
    place = np.zeros_like(cost)
    for axis in (0, 1):
        place += np.abs(
            drawing.relative_center[rows, axis][:, np.newaxis] - key.relative_center[:, axis]
        )
    landing = pairs.motion.landing[rows]
    distance = np.hypot(key.center[:, 0] - landing[:, :1], key.center[:, 1] - landing[:, 1:])
    diagonal = 0.5 * (drawing.diagonal + key.diagonal)
    moved = 12 * np.minimum(distance / diagonal, 1) + 0.4 * _by_size(
        distance, drawing.area[rows][:, np.newaxis], key.area
    )
    moved -= 4 * votes / drawing.area[rows][:, np.newaxis]
    # Probabilities, so that the two costs are comparable.
    with_flow = softmax(-1.5 * (cost + moved), axis=1)
    without = softmax(-1.5 * (cost + 4 * place), axis=1)
    return _least(-np.maximum(with_flow, without), size)


def _by_size(distance: np.ndarray, area: np.ndarray, key_area: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = np.minimum(np.log1p(4 * distance / np.sqrt(area + key_area)), 4)
    return scaled


def _least(cost: Float32[np.ndarray, "B K"], size: int) -> Int32[np.ndarray, "B C"]:
    """Return the columns of the least costs of each row, in rising order; of equal ones the first.

    `argpartition` takes others of equal ones on other processors.
    """
    most = np.partition(cost, size - 1, axis=1)[:, size - 1 : size]
    is_less, is_equal = cost < most, cost == most
    left = size - is_less.sum(axis=1, keepdims=True)
    is_chosen = is_less | (is_equal & (np.cumsum(is_equal, axis=1, dtype=np.int32) <= left))
    return np.nonzero(is_chosen)[1].reshape(len(cost), size).astype(np.int32)


def _features(
    pairs: _Pairs,
    rows: np.ndarray,
    chosen: Int32[np.ndarray, "B C"],
    own: _CandidateOverlaps | None,
) -> Float32[np.ndarray, "B C 48"]:
    """Compute the features of each region and each of its candidates.

    0..9 motion, 0 for a sheet: share of the region's pixels that the flow carries into the
    candidate; the same as a share of the candidate; over the union; share and union without the
    flow; distance from the landing place to the candidate by the diagonal and by size; distance
    from the region; differences of the centres in the box, x and y. 10: difference of direction.
    11..19: differences of the shape; 20, 21: those of the area and the largest depth with sign.
    22..26: the region's area, depth, elongation and background, the candidate's area. 27, 28: the
    highest share that the flow carries anywhere, and whether it is here. 29..37: differences of the
    neighbours' mean shapes. The caller adds 38..47: similarity of the patches, mask, near, wide,
    turned mask and turned near, each followed by the same less the highest of any region of the
    key.
    """
    drawing, key = pairs.drawing, pairs.key
    out = np.zeros((*chosen.shape, FEATURES), np.float32)
    area = drawing.area[rows][:, np.newaxis]
    key_area = key.area[chosen]
    if own is not None and pairs.motion is not None:
        diagonal = 0.5 * (drawing.diagonal + key.diagonal)
        out[..., 0] = np.minimum(own.carried / area, 1)
        out[..., 1] = np.minimum(own.carried / key_area, 1)
        out[..., 2] = own.carried / np.maximum(area + key_area - own.carried, 1)
        out[..., 3] = np.minimum(own.still / area, 1)
        out[..., 4] = own.still / np.maximum(area + key_area - own.still, 1)
        center = key.center[chosen]
        landing = pairs.motion.landing[rows][:, np.newaxis]
        distance = np.linalg.norm(center - landing, axis=2)
        raw = np.linalg.norm(center - drawing.center[rows][:, np.newaxis], axis=2)
        out[..., 5] = np.minimum(distance / diagonal, 1) * 4
        out[..., 6] = _by_size(distance, area, key_area)
        out[..., 7] = np.minimum(raw / diagonal, 1) * 4
        out[..., 8:10] = np.abs(
            key.relative_center[chosen] - drawing.relative_center[rows][:, np.newaxis]
        )
        best = own.best[:, np.newaxis]
        out[..., 27] = np.minimum(best / area, 1)
        out[..., 28] = own.carried >= best
    turn = key.direction[chosen] - drawing.direction[rows][:, np.newaxis]
    out[..., 10] = np.linalg.norm(turn, axis=2)
    difference = drawing.shape_features[rows][:, np.newaxis] - key.shape_features[chosen]
    out[..., 11:20] = np.minimum(np.abs(difference), 3)
    out[..., 20:22] = np.clip(difference[..., [0, 2]], -2, 2)
    few = drawing.shape_features[rows][:, np.newaxis, [0, 2, 4, 8]]
    out[..., 22:26] = few * [0.2, 0.3, 0.3, 1]
    out[..., 26] = key.shape_features[chosen, 0] * 0.2
    beside = pairs.beside[rows][:, np.newaxis] - pairs.key_beside[chosen]
    out[..., 29:38] = np.minimum(np.abs(beside), 2)
    return out
