"""Filter by quality bounds, search for near-duplicates, and split into train and validation."""

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from natsort import natsorted
from pyarrow import parquet

from lineart.datasets.filter_bounds import Filter
from lineart.image import Frame
from lineart.imaging.samples.quality import Measured, hamming

HASH_BITS = 64


class Refusal(NamedTuple):
    """Refusal of a picture, with the reason: a row of `refused.parquet`."""

    name: str
    reason: str
    measured: float | None
    threshold: float | None
    message: str


REFUSAL_SCHEMA = pa.schema(
    {
        "name": pa.string(), "reason": pa.string(), "measured": pa.float64(),
        "threshold": pa.float64(), "message": pa.string(),
    }
)  # fmt: skip


def refusals_to_parquet(refusals: Sequence[Refusal]) -> bytes:
    """Encode refusals as a Parquet file, in natural order of their names."""
    rows = [item._asdict() for item in natsorted(refusals, key=lambda item: item.name)]
    sink = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, schema=REFUSAL_SCHEMA), sink)
    return sink.getvalue()


def refusal(name: str, measured: Measured, bounds: Filter) -> Refusal | None:
    """Return the refusal of a picture that violates a bound, or None if it is accepted."""
    m, b = measured, bounds
    below = (
        ("small", m.short_side_px, b.min_short_side, "pixels on the short side"),
        ("monochrome", m.colored_share, b.min_colored, "of the pixels are coloured"),
        ("low key", m.highest, b.min_highest, "is the luminance of the brightest 2 %"),
    )
    above = (
        ("high key", m.bright_share, b.max_bright, "of the pixels are bright"),
        ("high key", m.deepest, b.max_deepest, "is the luminance of the darkest 2 %"),
        ("low key", m.dark_share, b.max_dark, "of the pixels are dark"),
        ("leaning tone", m.tone_share, b.max_tone, "of the pixels are of one tone"),
        ("leaning colour", m.hue_share, b.max_hue, "of the pixels are of one hue"),
    )
    for reason, value, bound, what in below:
        if value < bound:
            text = f"{value:g} {what}, less than {bound:g}"
            return Refusal(name, reason, float(value), float(bound), text)
    for reason, value, bound, what in above:
        if value > bound:
            text = f"{value:g} {what}, more than {bound:g}"
            return Refusal(name, reason, float(value), float(bound), text)
    return None


def blank(name: str, color: Frame, bounds: Filter) -> Refusal | None:
    """Return the refusal of a blank picture, or None if it is accepted.

    Compares the extreme values, not percentiles, so that a picture of a few thin lines is accepted
    although 98 % of its pixels have the same value.
    """
    found, least = int(np.ptp(color)), bounds.min_range
    if found >= least:
        return None
    text = f"{found} levels lie between its darkest and brightest value, less than {least}"
    return Refusal(name, "blank", float(found), float(least), text)


class Twin(NamedTuple):
    """Picture that is a near-duplicate of an earlier one, both by index."""

    copy: int
    original: int
    distance: int
    """Number of differing bits of their hashes."""


def find_twins(hashes: Sequence[int], max_distance: int) -> Iterator[Twin]:
    """Yield pictures whose 64-bit hashes differ in few bits from that of an earlier, kept one.

    Hashes that differ in d bits agree in at least one of d + 1 bands, so only pictures that share a
    band are compared. Pictures are compared only with kept ones, so the first of each family stays.

    Args:
        hashes: Perceptual hashes of the pictures, in order.
        max_distance: Maximum number of differing bits; a negative one finds nothing.
    """
    if max_distance < 0:
        return
    bands = list(_bands(max_distance + 1))
    kept: list[dict[int, list[int]]] = [defaultdict(list) for _ in bands]
    seen: dict[int, int] = {}
    for index, value in enumerate(hashes):
        original = seen.get(value)
        if original is None:
            original = _nearest(value, _neighbors(value, bands, kept), hashes, max_distance)
        if original is not None:
            yield Twin(index, original, hamming(value, hashes[original]))
            continue
        seen[value] = index
        for (shift, mask), table in zip(bands, kept, strict=True):
            table[value >> shift & mask].append(index)


def _bands(count: int) -> Iterator[tuple[int, int]]:
    """Yield shift and mask of `count` bands of about equal width that divide 64 bits."""
    edges = [round(HASH_BITS * i / count) for i in range(count + 1)]
    for low, high in pairwise(edges):
        yield low, (1 << high - low) - 1


def _neighbors(
    value: int, bands: list[tuple[int, int]], kept: list[dict[int, list[int]]]
) -> Iterator[int]:
    """Yield the kept pictures that share a band with `value`, some more than once."""
    for (shift, mask), table in zip(bands, kept, strict=True):
        yield from table.get(value >> shift & mask, ())


def _nearest(
    value: int, candidates: Iterable[int], hashes: Sequence[int], max_distance: int
) -> int | None:
    """Return the nearest candidate within the distance, the first of equally near ones."""
    found = ((hamming(value, hashes[index]), index) for index in candidates)
    near = min((pair for pair in found if pair[0] <= max_distance), default=None)
    return None if near is None else near[1]


def choose_validation(groups: Iterable[str], share: float) -> set[str]:
    """Return the groups for validation: about `share` of all, by a hash of their names.

    Of two or more groups at least one is for validation, and one for training. A larger share adds
    groups to those of a smaller one.

    Args:
        groups: Names of the groups.
        share: From 0, which gives none, to below 1.
    """
    ordered = sorted(set(groups), key=_hash_of)
    if share <= 0 or len(ordered) < 2:
        return set()
    wanted = sum(1 for group in ordered if _hash_of(group) < share * 2**64)
    return set(ordered[: min(max(wanted, 1), len(ordered) - 1)])


def _hash_of(group: str) -> int:
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big")


def divide(sizes: Sequence[int], limit: int) -> list[list[int]]:
    """Divide a list into consecutive runs of about equal size and return the indices of each.

    Args:
        sizes: Size of each item.
        limit: Maximum size of a run, which may be exceeded by less than one item.
    """
    total = sum(sizes)
    count = max(1, -(-total // limit))
    runs: list[list[int]] = [[] for _ in range(count)]
    before = 0
    for index, size in enumerate(sizes):
        # Trailing items of size 0 belong to the last run.
        runs[min(before * count // max(1, total), count - 1)].append(index)
        before += size
    return [run for run in runs if run]
