"""The colours of keys, carried to another drawing region by region."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from lineart.image import Frame, Line, darkest_channel
from lineart.imaging.frequency import whiten_paper
from lineart.imaging.regions import RegionMap, find_regions
from lineart.keys.colors import UNKNOWN, pack, unpack
from lineart.keys.cut import cut_regions, enlarge_cut
from lineart.keys.drawing import Drawing, find_paper, measure, measure_small
from lineart.keys.flow import Flow, find_flow
from lineart.keys.key import Key, PreparedKey, find_colors, prepare_key
from lineart.keys.matching import match_colors
from lineart.keys.pairs import compare
from lineart.keys.scaling import fit_key


@dataclass(frozen=True)
class CarriedColors:
    """Colours of the regions of a drawing; entry r of the arrays is region r, entry 0 ink."""

    labels: RegionMap
    """Regions; one that a key shows to be several is several."""
    palette: UInt8[np.ndarray, "K 3"]
    """The keys' colours, each once, in order of first appearance."""
    index: Int32[np.ndarray, " N"]
    """Number of the colour of each region; -1 for ink and for regions whose colour no key has."""
    confidence: Float32[np.ndarray, " N"]
    """Probability that the colour is right, or that no key has it, 0..1."""
    second: Int32[np.ndarray, " N"]
    """Number of the second best colour; -1: none."""


Shares = Float32[np.ndarray, "T P"]
"""Probability of each colour of the palette for each region; the last column stands for none."""

AnyKey = Key | PreparedKey | tuple[Line | Frame, UInt8[np.ndarray, "H W C"]]


def carry(drawing: Line | Frame, keys: Sequence[AnyKey]) -> CarriedColors:
    """Carry the colours of coloured drawings to another drawing of the shot.

    A drawing equal to a key's has the colours of that key, pixel by pixel.

    Args:
        drawing: Drawing to colour, on white paper.
        keys: Keys, at least one; their order matters for the numbers of colours alone.

    Raises:
        ValueError: There is no key, or `prepare_key` refuses one.
    """
    if not keys:
        raise ValueError("no key; carry needs at least one coloured drawing")
    prepared = [one if isinstance(one, PreparedKey) else prepare_key(Key(*one)) for one in keys]
    palette, numbers = _join_palettes(prepared)
    same = next((one for one in prepared if _is_same(drawing, one.key)), None)
    if same is not None:
        return _repeat(same.key, palette)
    labels = find_regions(whiten_paper(drawing))
    target = measure(whiten_paper(drawing), labels)
    fitted = [fit_key(one, target.size) for one in prepared]
    flows = [_flow(target, one) for one in fitted]
    labels, target = _cut(drawing, labels, target, fitted, flows)
    votes = [
        _match(target, one, flow, number, len(palette))
        for one, flow, number in zip(fitted, flows, numbers, strict=True)
    ]
    return _decide(labels, palette, _join(votes))


def _is_same(drawing: Line | Frame, key: Key) -> bool:
    same: bool = key.drawing.shape[:2] == drawing.shape[:2] and np.array_equal(
        darkest_channel(drawing), darkest_channel(key.drawing)
    )
    return same and key.motion


def _join_palettes(
    keys: Sequence[PreparedKey],
) -> tuple[UInt8[np.ndarray, "K 3"], list[Int32[np.ndarray, " N"]]]:
    """Return the colours of all keys, and the number in it of each key's colours."""
    packed = [pack(one.palette) for one in keys]
    values, first, inverse = np.unique(
        np.concatenate(packed), return_index=True, return_inverse=True
    )
    order = np.argsort(first)
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order))
    numbers = np.split(rank[inverse], np.cumsum([len(one) for one in packed])[:-1])
    return unpack(values[order]), numbers


def _flow(target: Drawing, key: PreparedKey) -> tuple[Flow, float] | None:
    if not key.key.motion or key.drawing.size != target.size:
        return None
    return find_flow(target.ink, key.drawing.ink)


def _cut(
    drawing: Line | Frame,
    labels: RegionMap,
    target: Drawing,
    keys: Sequence[PreparedKey],
    flows: Sequence[tuple[Flow, float] | None],
) -> tuple[RegionMap, Drawing]:
    """Cut regions by the key that shows them to be several and that the drawing fits best."""
    found = [(flow[1], number) for number, flow in enumerate(flows) if flow is not None]
    for _, number in sorted(found):
        flow = flows[number]
        assert flow is not None
        key = keys[number]
        cut = cut_regions(target, key.drawing, key.parent, flow[0])
        if cut.max(initial=0) > target.total:
            labels = enlarge_cut(labels, target.labels, cut)
            paper = find_paper(whiten_paper(drawing), target.size)
            areas = np.bincount(labels.ravel(), minlength=1)[1:] * (paper.size / labels.size)
            target = measure_small(paper, cut, areas, target.ink)
    return labels, target


def _match(
    target: Drawing,
    key: PreparedKey,
    flow: tuple[Flow, float] | None,
    numbers: Int32[np.ndarray, " N"],
    count: int,
) -> Shares:
    """Return the probability of each colour of the palette, and of none, the last."""
    pairs = compare(target, key.drawing, key.index, None if flow is None else flow[0])
    shares, _ = match_colors(pairs)
    whole = np.zeros((target.total, count + 1), np.float32)
    whole[:, numbers] = shares[:, :-1]
    whole[:, -1] = shares[:, -1]
    return whole


def _join(votes: Sequence[Shares]) -> Shares:
    """Weight the probabilities of each key by the fourth power of its highest one."""
    total = np.zeros_like(votes[0])
    weights = np.zeros((len(total), 1), np.float32)
    for shares in votes:
        weight = shares.max(axis=1, keepdims=True, initial=0) ** 4
        total += weight * shares
        weights += weight
    joined: Shares = total / np.maximum(weights, 1e-12)
    return joined


def _decide(labels: RegionMap, palette: UInt8[np.ndarray, "K 3"], shares: Shares) -> CarriedColors:
    """Choose the most probable colour of each region."""
    none = len(palette)
    order = np.argsort(-shares, axis=1, kind="stable")[:, :2]
    best = np.where(order == none, UNKNOWN, order).astype(np.int32)
    ink = np.array([UNKNOWN], np.int32)
    confidence = np.take_along_axis(shares, order[:, :1], axis=1)[:, 0]
    return CarriedColors(
        labels,
        palette,
        np.concatenate((ink, best[:, 0])),
        np.concatenate((np.zeros(1, np.float32), confidence)),
        np.concatenate((ink, best[:, 1])),
    )


def _repeat(key: Key, palette: UInt8[np.ndarray, "K 3"]) -> CarriedColors:
    """Return the colours of a key for its own drawing."""
    line = whiten_paper(key.drawing)
    colored = find_colors(line, key.colors)
    if key.colors.shape[2] == 3:
        labels = find_regions(line)
        flat = labels.ravel().astype(np.int64) << 24 | pack(key.colors.reshape(-1, 3))
        flat[labels.ravel() == 0] = 0
        pairs, inverse = np.unique(flat, return_inverse=True)
        ink = int(pairs[0] == 0)
        shades = pairs[ink:] & 0xFFFFFF
        split = (inverse + 1 - ink).reshape(labels.shape).astype(np.int32)
    else:
        split = colored.labels
        known = pack(colored.palette)
        shades = np.where(colored.index < 0, -1, known[colored.index])
    values, first = np.unique(
        np.concatenate((pack(palette), shades[shades >= 0])), return_index=True
    )
    ordered = values[np.argsort(first)]
    rank = np.empty(len(values), np.int32)
    rank[np.argsort(first)] = np.arange(len(values))
    index = np.where(
        shades < 0, UNKNOWN, rank[np.searchsorted(values, shades).clip(0, len(values) - 1)]
    )
    index = np.concatenate(([UNKNOWN], index)).astype(np.int32)
    confidence = np.ones(len(index), np.float32)
    confidence[0] = 0
    return CarriedColors(split, unpack(ordered), index, confidence, np.full_like(index, UNKNOWN))
