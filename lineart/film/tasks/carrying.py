"""Carried colours of a drawing: from the files of its keys to what is kept between stages."""

import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

import numpy as np

from lineart.film.tasks import Files
from lineart.film.tasks.roles import (
    ADJACENT,
    HINT_KEY,
    KEY,
    KEY_LINE,
    LINED_SHEET,
    SHEET,
    SHEET_LINE,
)
from lineart.image import Frame, Line, Size
from lineart.imaging.lines.ink import darken_lines
from lineart.imaging.paint.carried import KnownColors, without_colors
from lineart.imaging.paint.region_colors import ColorSource
from lineart.imaging.regions import find_regions, scale_gap
from lineart.keys import Matched, PreparedKey, ShotKeys, carry, match, prepare_keys
from lineart.runtime.sandbox_process import step

KEPT_KEYS = 8
"""Prepared keys that a worker keeps, unless a drawing has more."""


Digest = tuple[bytes, ...]
"""What tells a key from others; small."""


class KeyFiles(NamedTuple):
    """Files of a key or sheet."""

    drawing: bytes | None
    """The line drawing; None: it is in the picture."""
    colors: bytes
    role: str
    """What its colours are, see `roles`."""

    @property
    def digest(self) -> Digest:
        """What tells it from others."""
        files = (self.drawing or b"", self.colors)
        return *(sha256(file).digest() for file in files), self.role.encode()


class KeyCache:
    """Prepared keys by the content of their files; keeps those of the last drawings.

    Args:
        prepare: Decodes and prepares a key; None if it says nothing.
        opens_paper: Whether paper that none has coloured is unknown for drawings with hints and
            without a key of a whole drawing, as it is where hints were set: it is no white that a
            person has chosen.
    """

    def __init__(
        self, prepare: Callable[[KeyFiles], PreparedKey | None], *, opens_paper: bool = False
    ) -> None:
        self._prepare, self._opens_paper = prepare, opens_paper
        self._known: dict[Digest, PreparedKey | None] = {}
        self._together: tuple[bool, dict[Digest, PreparedKey]] = False, {}
        """The keys of the last drawing, prepared together; whether it has hints."""

    def of(self, files: Files) -> ShotKeys | None:
        """Return the keys of a drawing; None if none says anything.

        Hints that are carried are first, whatever their time, then pictures, then sheets; the
        nearest in time is the first of each.
        """
        keys = {key.digest: key for key in _pair(files)}
        for digest, key in keys.items():
            # What is put in again is the newest.
            is_known = digest in self._known
            self._known[digest] = self._known.pop(digest) if is_known else self._prepare(key)
        while len(self._known) > max(KEPT_KEYS, len(keys)):
            del self._known[next(iter(self._known))]
        alone = {one: found for one in keys if (found := self._known[one]) is not None}
        if not alone:
            return None
        is_hinted, together = self._together
        if is_hinted != has_hints(files) or together.keys() != alone.keys():
            is_hinted = has_hints(files)
            # In an order of their own: what a worker keeps must not depend on the frame before.
            digests = sorted(alone)
            shot = prepare_keys([alone[digest] for digest in digests])
            if self._opens_paper and is_hinted and shot.is_partial:
                shot = shot.without_paper()
            together = dict(zip(digests, shot.keys, strict=True))
            self._together = is_hinted, together
        return ShotKeys(tuple(together[digest] for digest in alone))


def _pair(files: Files) -> list[KeyFiles]:
    """Return the keys of a drawing, hints before pictures, then its sheets."""
    colors = [(one, role) for role in (KEY, HINT_KEY) for one in files.get(role, ())]
    lined = [(one, LINED_SHEET) for one in files.get(LINED_SHEET, ())]
    drawings = (*files.get(KEY_LINE, ()), *files.get(SHEET_LINE, ()))
    keys = [KeyFiles(line, *one) for line, one in zip(drawings, colors + lined, strict=True)]
    sheets = [KeyFiles(None, one, SHEET) for one in files.get(SHEET, ())]
    return sorted(keys, key=lambda one: one.role != HINT_KEY) + sheets


def has_keys(files: Files) -> bool:
    """Return whether a drawing has keys, hints that are carried, or sheets."""
    return not files.keys().isdisjoint((KEY, HINT_KEY, SHEET, LINED_SHEET))


def has_hints(files: Files) -> bool:
    """Return whether a drawing has hints, at their pixels or carried."""
    return not files.keys().isdisjoint(("hint", HINT_KEY))


class MatchCache:
    """Drawings matched with their keys, by the content of their files; keeps the last ones.

    Args:
        decode: Decodes a drawing, on white paper.
        gap: Largest gap in lines that is closed, in pixels of a drawing with 1080 lines.
    """

    def __init__(self, decode: Callable[[bytes], Line | Frame], gap: float) -> None:
        self._decode, self._gap = decode, gap
        self._known: dict[bytes, tuple[ShotKeys | None, Matched | None]] = {}

    def of(self, files: Sequence[bytes], keys: ShotKeys) -> list[Matched | None]:
        """Return drawings, matched with the same keys; None for that of a key.

        The first is that of the frame. Another one that cannot be matched is left out: its own
        frame fails, with the reason.
        """
        found = [self._match(file, keys) for file in files[:1]]
        for file in files[1:]:
            step(ADJACENT)
            with suppress(Exception):
                found.append(self._match(file, keys))
        while len(self._known) > len(files):
            del self._known[next(iter(self._known))]
        return found

    def _match(self, file: bytes, keys: ShotKeys) -> Matched | None:
        digest = sha256(file).digest()
        known, matched = self._known.pop(digest, (None, None))
        if known is None or list(map(id, known.keys)) != list(map(id, keys.keys)):
            matched = match(self._decode(file), keys, gap=self._gap)
        # What is put in again is the newest.
        self._known[digest] = keys, matched
        return matched


def carry_colors(
    drawing: Line | Frame,
    keys: ShotKeys | None,
    gap: float,
    matches: Sequence[Matched | None] = (),
) -> KnownColors:
    """Return the colours of a drawing's regions that its keys have.

    Args:
        drawing: The drawing.
        keys: Its keys, if there are any.
        gap: Largest gap in lines that is closed, in pixels of a drawing with 1080 lines.
        matches: The drawing and adjacent ones, matched with the keys; empty: it is matched alone.
    """
    if not keys:
        gap_px = scale_gap(gap, (drawing.shape[0], drawing.shape[1]))
        return without_colors(find_regions(darken_lines(drawing), gap_px=gap_px))
    adjacent = [one for one in matches[1:] if one is not None]
    own = matches[0] if matches else None
    carried = carry(drawing, keys, adjacent=adjacent, matched=own, gap=gap)
    count = int(carried.labels.max()) + 1
    index, second = carried.index[:count], carried.second[:count]
    is_known = index >= 0
    # Number -1 is the last one.
    colors = np.concatenate((carried.palette, np.full((1, 3), 255, np.uint8)))
    opacity = np.where(second >= 0, np.uint8(255), np.uint8(0))
    return KnownColors(
        carried.labels,
        colors[index],
        np.where(is_known, ColorSource.KEY, ColorSource.BLANK).astype(np.uint8),
        np.where(is_known, carried.confidence[:count], np.float32(0)),
        np.column_stack((colors[second], opacity)),
    )


class SmallColors(NamedTuple):
    """Colours of regions between stages: their map is compressed."""

    labels: bytes
    size: Size
    others: tuple[np.ndarray, ...]
    """The other fields of `KnownColors`."""

    @classmethod
    def of(cls, known: KnownColors) -> "SmallColors":
        """Compress the map of regions."""
        labels, *others = known
        size = labels.shape[0], labels.shape[1]
        return cls(zlib.compress(labels.tobytes(), 1), size, tuple(others))

    def open(self) -> KnownColors:
        """Return the colours as they were."""
        labels = np.frombuffer(zlib.decompress(self.labels), np.int32)
        return KnownColors(labels.reshape(self.size), *self.others)
