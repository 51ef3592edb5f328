"""Reads all doubts of a film from its manifest, worst first; alike ones of a shot are one entry."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int64

from lineart.imaging.paint.doubts import Doubt, weigh_doubts


class ListedDoubt(NamedTuple):
    """A doubt of a frame."""

    row: int
    """Place of the frame's row in the manifest."""
    number: int
    """Place among the doubts of the frame."""
    doubt: Doubt


class DoubtList:
    """The doubts of a manifest, those that weigh most first; of equal ones, in film order.

    Alike are, in each frame of a shot, the worst, or the second, ... of a colour and reason. They
    are one entry, whose place is that of the worst of them.

    Args:
        rows: The manifest, in film order.
    """

    def __init__(self, rows: pa.Table) -> None:
        self._doubts = pc.list_flatten(rows["doubts"])
        if isinstance(self._doubts, pa.ChunkedArray):
            self._doubts = self._doubts.combine_chunks()
        self._rows = np.asarray(pc.list_parent_indices(rows["doubts"]), np.int64)
        confidence, area = (self._column(name) for name in ("confidence", "area"))
        order = np.argsort(-weigh_doubts(confidence, area.astype(np.int64)), kind="stable")
        looks = _number(*(_codes(pc.struct_field(self._doubts, one)) for one in ("color", "why")))
        turns = _count_before(_number(self._rows, looks)[order])
        groups = _number(_codes(rows["shot"])[self._rows], looks)[order]
        self._members = _group(order, _number(groups, turns))
        self._entries = np.empty(len(order), np.int64)
        sizes = np.diff(self._members.starts)
        self._entries[self._members.flat] = np.repeat(np.arange(len(sizes)), sizes)

    def __len__(self) -> int:
        return len(self._members.starts) - 1

    @property
    def count(self) -> int:
        """Number of doubts."""
        return len(self._rows)

    @property
    def leaders(self) -> Int64[np.ndarray, " E"]:
        """Row of the worst doubt of each entry."""
        return self._rows.take(self._members.firsts)

    @property
    def areas(self) -> Int64[np.ndarray, " E"]:
        """Area of the worst doubt of each entry, in pixels."""
        return self._column("area").astype(np.int64).take(self._members.firsts)

    def entry(self, place: int) -> list[ListedDoubt]:
        """Return the doubts of an entry: the worst, then the others in film order."""
        first, *others = self._members.of(place)
        return self._list([first, *sorted(others, key=lambda one: (self._rows[one], one))])

    def worst(self, place: int) -> tuple[ListedDoubt, int]:
        """Return the worst doubt of an entry, and the number of the others."""
        first, *others = self._members.of(place)
        return self._list([first])[0], len(others)

    def _list(self, chosen: list[int]) -> list[ListedDoubt]:
        values: list[dict[str, Any]] = self._doubts.take(pa.array(chosen, pa.int64())).to_pylist()
        rows = self._rows[chosen]
        numbers = np.array(chosen) - np.searchsorted(self._rows, rows)
        places = zip(rows.tolist(), numbers.tolist(), strict=True)
        return [ListedDoubt(*at, Doubt(**one)) for at, one in zip(places, values, strict=True)]

    def find(self, row: int, number: int) -> int:
        """Return the place of the entry of a row's doubt, `number` in the row, from 0."""
        return int(self._entries[np.searchsorted(self._rows, row) + number])

    def _column(self, name: str) -> np.ndarray:
        return np.asarray(pc.struct_field(self._doubts, name))


class _Members(NamedTuple):
    """Doubts of each entry, the worst first."""

    flat: Int64[np.ndarray, " D"]
    starts: Int64[np.ndarray, " _"]

    @property
    def firsts(self) -> Int64[np.ndarray, " E"]:
        """The worst doubt of each entry."""
        return self.flat.take(self.starts[:-1])

    def of(self, place: int) -> list[int]:
        found: list[int] = self.flat[self.starts[place] : self.starts[place + 1]].tolist()
        return found


def _codes(values: pa.Array | pa.ChunkedArray) -> Int64[np.ndarray, " N"]:
    """Number the distinct texts; null has a number, too."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return np.asarray(pc.fill_null(values, "").dictionary_encode().indices, np.int64)


def _number(one: np.ndarray, other: np.ndarray) -> Int64[np.ndarray, " N"]:
    """Number the distinct pairs."""
    pairs = one * (int(other.max(initial=0)) + 1) + other
    number: Int64[np.ndarray, " N"] = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
    return number


def _count_before(keys: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
    """Count for each key how often it appears before."""
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    is_first = np.append(True, sorted_keys[1:] != sorted_keys[:-1])[: len(keys)]
    starts = np.maximum.accumulate(np.where(is_first, np.arange(len(keys)), 0))
    counts = np.empty(len(keys), np.int64)
    counts[order] = np.arange(len(keys)) - starts
    return counts


def _group(order: Int64[np.ndarray, " N"], groups: Int64[np.ndarray, " N"]) -> _Members:
    """Gather the members of each group, groups in the order of their first members."""
    _, first, number = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    ranked = rank[number]
    counts = np.bincount(ranked, minlength=len(first))
    return _Members(order[np.argsort(ranked, kind="stable")], np.append(0, np.cumsum(counts)))
