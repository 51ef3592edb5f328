"""Hashes and sizes of a film's files, or the reasons why they cannot be read."""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lineart.film.frames import Source, read_picture
from lineart.sandbox import CallEndedError, run_isolated, step
from lineart.storage import Storage


class Failure(NamedTuple):
    """Stage, exception type and message of a failed frame."""

    stage: str
    error: str
    message: str

    @classmethod
    def of(cls, stage: str, error: BaseException) -> "Failure":
        """Build a failure from an exception; the step of a `CallEndedError` replaces `stage`."""
        if isinstance(error, CallEndedError):
            stage = error.step or stage
        return cls(stage, type(error).__name__, str(error) or repr(error))


class HashedFile(NamedTuple):
    """Hashes of a picture's file and of its pixels, and its size in pixels."""

    source_sha256: str
    pixels_sha256: str
    width: int
    height: int


Decode = Callable[[bytes], np.ndarray]
"""Decodes a file to pixels."""


def hash_pictures(
    pictures: Storage,
    decode: Decode,
    limit_s: float | None,
    items: Sequence[tuple[Source, HashedFile | None]],
) -> dict[str, HashedFile | Failure]:
    """Return hashes and sizes of pictures, or failures, by name.

    A file whose hash equals that of its known result is not decoded again.
    """
    found: dict[str, HashedFile | Failure] = {}
    try:
        found = run_isolated(limit_s, _index_pictures, pictures, decode, items)
    except Exception as error:  # noqa: BLE001 - any error fails its frame alone
        if len(items) == 1:
            return {items[0][0].name: Failure.of("decode", error)}
        # Hash each by itself to find the one that ended the process.
        for item in items:
            found |= hash_pictures(pictures, decode, limit_s, [item])
    return found


def _index_pictures(
    pictures: Storage, decode: Decode, items: Sequence[tuple[Source, HashedFile | None]]
) -> dict[str, HashedFile | Failure]:
    return {source.name: _index_picture(pictures, decode, source, known) for source, known in items}


def _index_picture(
    pictures: Storage, decode: Decode, source: Source, known: HashedFile | None
) -> HashedFile | Failure:
    stage = step("read")
    try:
        data = read_picture(pictures, source)
        digest = hashlib.sha256(data).hexdigest()
        if known is not None and known.source_sha256 == digest:
            return known
        stage = step("decode")
        picture = decode(data)
    except Exception as error:  # noqa: BLE001 - any error fails its frame alone
        return Failure.of(stage, error)
    height, width = picture.shape[:2]
    pixels = hashlib.sha256(f"{height}x{width}:".encode())
    pixels.update(np.ascontiguousarray(picture).data)
    return HashedFile(digest, pixels.hexdigest(), width, height)


def hash_hints(
    hints: Storage, limit_s: float | None, sources: Sequence[Source]
) -> dict[str, str | Failure]:
    """Return SHA-256 hashes of hint files, or failures, by name."""
    found: dict[str, str | Failure] = {}
    for source in sources:
        try:
            found[source.name] = run_isolated(limit_s, _hash_hint, hints, source)
        except Exception as error:  # noqa: BLE001 - as above
            found[source.name] = Failure.of("hint", error)
    return found


def _hash_hint(hints: Storage, source: Source) -> str:
    return hashlib.sha256(read_picture(hints, source)).hexdigest()
