"""The colours of keys, carried to another drawing region by region."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8
from scipy.special import softmax

from lineart.image import Frame, Line, pack_colors, unpack_colors
from lineart.imaging.lines.ink import darken_lines
from lineart.imaging.region_maps import RegionMap
from lineart.imaging.regions import GAP
from lineart.keys.adjacent import ColorShares, Matched, join_adjacent
from lineart.keys.align import align
from lineart.keys.background import color_background
from lineart.keys.contacts import find_contacts, join_contacts
from lineart.keys.key import PreparedKey
from lineart.keys.key_colors import UNKNOWN
from lineart.keys.key_drawing import is_key_drawing, key_drawing_colors
from lineart.keys.messages import whole_colors
from lineart.keys.network import Network, color_scores, included_network
from lineart.keys.shot import AnyKey, ShotKeys, find_finished_keys, prepare_keys


@dataclass(frozen=True)
class CarriedColors:
    """Colours of the N - 1 regions of a drawing: entry r of an array is that of region r, 0 ink."""

    labels: RegionMap
    """Regions, from 1. A region of the drawing that a key shows to be several is divided."""
    palette: UInt8[np.ndarray, "K 3"]
    """The keys' colours, each once, in order of first appearance."""
    index: Int32[np.ndarray, " N"]
    """Number of the colour of each region; -1 for ink and for regions whose colour no key has."""
    confidence: Float32[np.ndarray, " N"]
    """Probability that the colour is right, or that no key has it, 0..1."""
    second: Int32[np.ndarray, " N"]
    """Number of the second best colour; -1: none."""


SURE, ABOUT_SURE = 0.98, 0.6
"""Probabilities from which a key is sure of the colour of a region, and about sure."""
FITS_TIMES, FITS_LEVELS = 2.0, 5.0
"""A key fits around a region if its misfit there is at most so many times that of the best key, and
so many levels more."""

Scores = Float32[np.ndarray, "T P"]
"""Logarithm of the weight of each colour for each region of a drawing.

T is the number of regions: row r is region r + 1. P is that of the palette's colours and one more:
the last column stands for none of them.
"""


def carry(
    drawing: Line | Frame,
    keys: Sequence[AnyKey] | ShotKeys,
    *,
    adjacent: Sequence[Line | Frame | Matched] = (),
    matched: Matched | None = None,
    gap: float = GAP,
    network: Network | None = None,
) -> CarriedColors:
    """Carry the colours of coloured drawings to another drawing of the shot.

    A drawing equal to a key's has the colours of that key, pixel by pixel; regions that this key
    leaves open have those of the other keys, of its own drawing first. Sheets, which are keys of no
    shot, count only as far as no other key has the colour of a region.

    Args:
        drawing: Drawing to colour, on white paper.
        keys: Keys, at least one, the nearest in time first: of those that are sure of the colour of
            a region, the first one counts alone.
        adjacent: Drawings of the shot just before and after this one, whose regions vote, or what
            `match` makes of them with the same keys, so that each is matched once.
        matched: What `match` makes of the drawing itself, if that is known.
        gap: Largest gap in the drawing's lines that is closed, in pixels of 1080 lines; keys have
            their own.
        network: Matching network; default: the included one.

    Raises:
        ValueError: as for `prepare_keys`.
    """
    keys = prepare_keys(keys)
    network = network or included_network()
    is_own = [is_key_drawing(drawing, one.key) for one in keys.keys]
    exact = labels = None
    if any(is_own):
        others = [one for one, skip in zip(keys.keys, is_own, strict=True) if not skip]
        # Keys of the shot, then sheets.
        first, *more = sorted(compress(keys.keys, is_own), key=lambda one: not one.key.same_shot)
        if (first.index == UNKNOWN).any() and find_finished_keys(others):
            matched = matched or _match_with_others(drawing, keys, gap, network)
            labels = matched.labels
        exact = _take_exactly(first, keys, labels)
        while more and _is_open(exact).any():
            exact = _fill_open(exact, _take_exactly(more.pop(0), keys, labels))
        if not others or not _is_open(exact).any():
            return exact
    matched = matched or _match_with_others(drawing, keys, gap, network)
    matched_adjacent = (
        one if isinstance(one, Matched) else match(one, keys, gap=gap, network=network)
        for one in adjacent
    )
    voters = [one for one in matched_adjacent if one is not None]
    contacts = find_contacts(keys.keys, matched.palette)
    shares = join_contacts(join_adjacent(matched, voters, network), matched.drawing, contacts)
    carried = _choose_most_probable(matched.labels, matched.palette, shares)
    return carried if exact is None else _fill_open(exact, carried)


def match(
    drawing: Line | Frame,
    keys: Sequence[AnyKey] | ShotKeys,
    *,
    gap: float = GAP,
    network: Network | None = None,
) -> Matched | None:
    """Match a drawing with its keys; None if it is the drawing of one that colours all of it.

    The drawing of a key that colours parts is matched with the other keys, if there are any.
    Arguments are as for `carry`.
    """
    keys = prepare_keys(keys)
    own = [one for one in keys.keys if is_key_drawing(drawing, one.key)]
    if len(own) == len(keys.keys) or not all(one.is_partial for one in own):
        return None
    return _match_with_others(drawing, keys, gap, network or included_network())


def _match_with_others(
    drawing: Line | Frame, keys: ShotKeys, gap: float, network: Network
) -> Matched:
    """Match a drawing with the keys of other drawings, at least one."""
    palette, numbers = _join_palettes([one.palette for one in keys.keys])
    others = [
        (key, number)
        for key, number in zip(keys.keys, numbers, strict=True)
        if not is_key_drawing(drawing, key.key)
    ]
    aligned = align(darken_lines(drawing), [key for key, _ in others], gap)
    scores = []
    for place, (key, number) in enumerate(others):
        pairs = aligned.compare(place)
        colors = whole_colors(pairs, key.parent, aligned.is_part)
        found = color_scores(pairs, network, colors)
        scores.append(_score_whole_palette(found, number, len(palette)))
    shares = _join_all(scores, [key for key, _ in others], aligned.misfits)
    of_shot = [(key, number) for key, number in others if key.key.same_shot]
    shares = color_background(shares, aligned.drawing, of_shot)
    return Matched(aligned.labels, aligned.drawing, palette, shares)


def _is_open(carried: CarriedColors) -> Bool[np.ndarray, " N"]:
    """Return which regions have no colour; entry 0 is ink, which is none."""
    is_open: Bool[np.ndarray, " N"] = carried.index == UNKNOWN
    is_open[0] = False
    return is_open


def _fill_open(exact: CarriedColors, carried: CarriedColors) -> CarriedColors:
    """Return a key's colours for its own drawing, with others where it has none."""
    is_open, count = _is_open(exact), len(exact.index)
    palette, (_, number) = _join_palettes((exact.palette, carried.palette))
    number = np.append(number, np.int32(UNKNOWN))
    carried = replace(carried, index=number[carried.index], second=number[carried.second])
    labels = np.where(
        is_open[exact.labels] & (carried.labels > 0), carried.labels + count - 1, exact.labels
    )
    is_used = np.bincount(labels.ravel(), minlength=count + len(carried.index) - 1) > 0
    is_used[0] = True
    closed = np.cumsum(is_used, dtype=np.int32) - 1
    index, confidence, second = (
        np.concatenate((of_key, of_others[1:]))[is_used]
        for of_key, of_others in (
            (exact.index, carried.index),
            (exact.confidence, carried.confidence),
            (exact.second, carried.second),
        )
    )
    return CarriedColors(closed[labels], palette, index, confidence, second)


def _join_palettes(
    palettes: Sequence[UInt8[np.ndarray, "_ 3"]],
) -> tuple[UInt8[np.ndarray, "K 3"], list[Int32[np.ndarray, " _"]]]:
    """Return all colours once, in order of appearance, and the number of each one's colours."""
    packed = [pack_colors(one) for one in palettes]
    values, first, inverse = np.unique(
        np.concatenate(packed), return_index=True, return_inverse=True
    )
    order = np.argsort(first)
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    numbers = np.split(rank[inverse], np.cumsum([len(one) for one in packed])[:-1])
    return unpack_colors(values[order]), numbers


def _score_whole_palette(
    scores: Float32[np.ndarray, "T K"], numbers: Int32[np.ndarray, " _"], count: int
) -> Scores:
    """Return the scores of a key's colours as those of the whole palette.

    Args:
        scores: Scores of the key's colours, and of none in the last column.
        numbers: Number of each of the key's colours in the palette.
        count: Number of the palette's colours; those that the key lacks weigh nothing.
    """
    whole = np.full((len(scores), count + 1), -np.inf, np.float32)
    whole[:, numbers[: scores.shape[1] - 1]] = scores[:, :-1]
    whole[:, -1] = scores[:, -1]
    return whole


def join_scores(
    scores: Sequence[Scores],
    *,
    is_correction: Sequence[bool] = (),
    misfits: Float64[np.ndarray, "K T"] | None = None,
) -> ColorShares:
    """Return the probabilities of colours from the scores of all keys of the shot.

    A region has none of the colours if it has none of any key: these probabilities are multiplied,
    so that a key that leaves a region open says nothing against another that shows its colour. A
    colour weighs as much as all candidates of all keys that have it. But of keys that are sure of
    the colour of a region, the first one counts alone, unless another key fits far better there.

    Args:
        scores: Scores by each key, the nearest in time first.
        is_correction: Whether each key may correct what another shows; a region that one corrects
            has the colour of the nearest key that is about sure of it. Default: none does.
        misfits: How badly each key fits around each region; default: all fit alike.
    """
    of_keys = [softmax(one, axis=1) for one in scores]
    shares = _join_evenly(scores)
    least = np.full(len(shares), SURE, np.float32)
    for one in compress(of_keys, is_correction):
        least[one[:, -1] <= 0.5] = ABOUT_SURE
    misfits = np.zeros((len(scores), len(shares))) if misfits is None else misfits
    most = FITS_TIMES * misfits.min(axis=0) + FITS_LEVELS
    for one, misfit in zip(reversed(of_keys), misfits[::-1], strict=True):
        is_sure = (one[:, :-1].max(axis=1) >= least) & (misfit <= most)
        shares[is_sure] = one[is_sure]
    return shares


def _join_evenly(scores: Sequence[Scores]) -> ColorShares:
    """Return the probabilities of colours from the scores of keys, none of which counts alone."""
    is_none = np.prod([softmax(one, axis=1)[:, -1:] for one in scores], axis=0)
    weights = np.logaddexp.reduce([one[:, :-1] for one in scores], axis=0)
    return np.concatenate(((1 - is_none) * softmax(weights, axis=1), is_none), axis=1)


def _join_all(
    scores: Sequence[Scores], keys: Sequence[PreparedKey], misfits: Float64[np.ndarray, "K T"]
) -> ColorShares:
    """Return the probabilities of colours from the scores of keys and sheets.

    Sheets give colours to what no key of the shot has, as far as no key has it: without motion they
    know less, and in one softmax many alike would outvote a key.
    """
    of_keys, of_sheets = (
        [one for one, key in zip(scores, keys, strict=True) if key.key.same_shot == is_key]
        for is_key in (True, False)
    )
    if not of_keys:
        return _join_evenly(of_sheets)
    is_partial = [key.is_partial for key in keys if key.key.same_shot]
    is_key = [key.key.same_shot for key in keys]
    known = join_scores(of_keys, is_correction=is_partial, misfits=misfits[is_key])
    if not of_sheets:
        return known
    shares: ColorShares = known[:, -1:] * _join_evenly(of_sheets)
    shares[:, :-1] += known[:, :-1]
    return shares


def _choose_most_probable(
    labels: RegionMap, palette: UInt8[np.ndarray, "K 3"], shares: ColorShares
) -> CarriedColors:
    """Choose the most probable colour of each region."""
    order = np.argsort(-shares, axis=1, kind="stable")[:, :2]
    best = np.where(order == len(palette), UNKNOWN, order).astype(np.int32)
    confidence = np.take_along_axis(shares, order[:, :1], axis=1)[:, 0]
    return CarriedColors(
        labels,
        palette,
        _after_ink(best[:, 0], UNKNOWN),
        _after_ink(confidence, 0),
        _after_ink(best[:, 1], UNKNOWN),
    )


def _take_exactly(own: PreparedKey, keys: ShotKeys, labels: RegionMap | None) -> CarriedColors:
    """Return the colours of a key for its own drawing; its finest shades join the palette.

    Args:
        own: The key.
        keys: All keys of the shot.
        labels: Regions of the drawing; None: those between its lines.
    """
    colors = key_drawing_colors(own.key, labels, own.palette)
    if own.has_open_paper:
        colors = colors.without_paper()
    palettes = [*(one.palette for one in keys.keys), colors.palette]
    joined, (*_, numbers) = _join_palettes(palettes)
    index = np.where(colors.index == UNKNOWN, UNKNOWN, numbers[colors.index])
    index = _after_ink(index.astype(np.int32), UNKNOWN)
    confidence = _after_ink(np.ones(len(index) - 1, np.float32), 0)
    return CarriedColors(colors.labels, joined, index, confidence, np.full_like(index, UNKNOWN))


def _after_ink(values: np.ndarray, ink: int) -> np.ndarray:
    return np.concatenate((np.array([ink], values.dtype), values))
