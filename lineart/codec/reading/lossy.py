"""Whether a picture file lost details when it was compressed."""

from collections.abc import Iterator

from lineart.codec.formats.table import find_format

_RIFF_HEADER, _CHUNK_HEADER, _FRAME_HEADER = 12, 8, 16
"""Bytes before the chunks of a WebP, before the content of one, and before those of a frame."""


def is_lossy(data: bytes) -> bool:
    """Return whether a file is a JPEG, an AVIF or a lossy WebP, which change colours at edges."""
    found = find_format(data)
    if found is None or found.name not in ("JPEG", "AVIF", "WebP"):
        return False
    return found.name != "WebP" or b"VP8 " in _webp_chunks(data, _RIFF_HEADER, len(data))


def _webp_chunks(data: bytes, start: int, stop: int) -> Iterator[bytes]:
    """Yield the names of the chunks of a WebP, and of those in the frames of an animation."""
    while start + _CHUNK_HEADER <= stop:
        name = data[start : start + 4]
        size = int.from_bytes(data[start + 4 : start + _CHUNK_HEADER], "little")
        start += _CHUNK_HEADER
        yield name
        if name == b"ANMF":
            yield from _webp_chunks(data, start + _FRAME_HEADER, min(stop, start + size))
        start += size + size % 2
