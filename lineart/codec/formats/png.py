"""Checks of PNG files before Pillow decodes them; their frames, if they are animations.

This module inflates with ISA-L; Pillow reverses the filters later.
"""

import struct
from collections.abc import Container, Iterator
from functools import reduce
from typing import Any, NamedTuple

from isal import igzip_lib, isal_zlib

from lineart.codec.limits import MAX_PROFILE_BYTES, check_size
from lineart.codec.writing.png import PNG_SIGNATURE, png_chunk


class PngHeader(NamedTuple):
    """Content of the IHDR chunk."""

    width: int
    height: int
    depth: int
    color_type: int
    compression: int
    filtering: int
    interlace: int

    @property
    def scan_lines_length(self) -> int:
        """Number of bytes of all scan lines."""
        bits = self.depth * _PNG_CHANNELS.get(self.color_type, 1)
        return _scan_lines_length(self.width, self.height, bits, interlaced=self.interlace == 1)


_HEADER = struct.Struct(">IIBBBBB")


def read_png_header(content: bytes | memoryview) -> PngHeader:
    """Return the content of an IHDR chunk; raise ValueError if it is damaged."""
    if len(content) != _HEADER.size:
        raise ValueError("its header is damaged")
    return PngHeader(*_HEADER.unpack(content))


def rewrap_png(data: bytes, max_pixels: int) -> bytes:
    """Check a PNG and return it with its pixels uncompressed, and without an animation.

    Pillow alone silently accepts a partial picture if the compressed stream ends early, and never
    verifies the checksum of the pixels. ISA-L inflates three times as fast as Pillow, so decoding
    is faster despite the checks.

    Raises:
        ValueError: the file is truncated or damaged, or the picture is too large.
    """
    kept: dict[bytes, list[memoryview]] = {kind: [] for kind in _PNG_PARTS}
    for kind, content in png_chunks(data, _CHECKED_PARTS):
        if kind in kept:
            kept[kind].append(content)
        if len(kept.get(kind, ())) > 1 and kind != b"IDAT":
            raise ValueError(f"it has its part {kind.decode()} twice")
    header = read_png_header(b"".join(kept[b"IHDR"]))
    check_size((header.width, header.height), max_pixels)
    kept[b"tRNS"] = [_scale_key(key, header.depth, header.color_type) for key in kept[b"tRNS"]]
    pixels = _inflate(b"".join(kept.pop(b"IDAT")), header.scan_lines_length)
    before = [png_chunk(kind, part) for kind, parts in kept.items() for part in parts]
    # Joined once: every copy of a large picture's pixels may take a gigabyte.
    return b"".join((PNG_SIGNATURE, *before, *_store(pixels), png_chunk(b"IEND", b"")))


_COLOR_PARTS = frozenset((b"IHDR", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP"))
_CICP: dict[bytes, dict[str, Any]] = {
    bytes((1, 13, 0, 1)): {"srgb": 0},
    bytes((12, 13, 0, 1)): {"chromaticity": (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)},
}
"""Content of the chunk cICP for sRGB and Display P3 (ITU-T H.273) -> what it says."""


def read_png_color(data: bytes) -> dict[str, Any]:
    """Return what a PNG says about its colours, as Pillow's `info`; nothing if that is damaged.

    A profile above `MAX_PROFILE_BYTES` is not unpacked.
    """
    found: dict[bytes, memoryview] = {}
    try:
        for kind, content in png_chunks(data, _COLOR_PARTS):
            if kind == b"IDAT":
                break
            if kind in _COLOR_PARTS:
                found[kind] = content
        return _describe_color(found)
    except (ValueError, struct.error, igzip_lib.IsalError):  # type: ignore[misc]  # as below
        return {}


def _describe_color(found: dict[bytes, memoryview]) -> dict[str, Any]:
    """Describe colours by the chunk that has precedence: cICP, iCCP, sRGB, or gAMA and cHRM."""
    if bytes(found.get(b"cICP", b"")) in _CICP:
        return dict(_CICP[bytes(found[b"cICP"])])
    if b"iCCP" in found:
        stream = bytes(found[b"iCCP"]).partition(b"\0")[2][1:]
        profile = isal_zlib.decompressobj().decompress(stream, MAX_PROFILE_BYTES + 1)
        return {"icc_profile": profile}
    if b"sRGB" in found:
        return {"srgb": found[b"sRGB"][0]}
    color: dict[str, Any] = {}
    if b"gAMA" in found:
        color["gamma"] = struct.unpack(">I", found[b"gAMA"])[0] / 100_000
    if b"cHRM" in found:
        color["chromaticity"] = tuple(n / 100_000 for n in struct.unpack(">8I", found[b"cHRM"]))
    return color


_PNG_PARTS = (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT")
"""Kept chunks, in order. Others (texts, animation frames) are dropped; see `read_png_color`."""

_CHECKED_PARTS = frozenset(_PNG_PARTS)

_MAX_PARTS = 300_000
"""Maximum number of chunks; the largest pictures have half as many, of 8 KiB each."""

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Colour type in the PNG header -> samples per pixel."""

_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Passes of an interlaced PNG: first column, first row, column step, row step."""


def _scale_key(key: memoryview, depth: int, color_type: int) -> memoryview:
    """Convert the transparent colour of a tRNS chunk to 8 bits, as Pillow does with the pixels."""
    if color_type == 0 and depth in (2, 4) and len(key) == 2:
        return memoryview(bytes([0, key[1] * 255 // (2**depth - 1)]))
    if color_type == 2 and depth == 16 and len(key) == 6:
        return memoryview(bytes([0, key[0], 0, key[2], 0, key[4]]))
    return key


def png_chunks(data: bytes, checked: Container[bytes]) -> Iterator[tuple[bytes, memoryview]]:
    """Yield type and content of a PNG's chunks up to IEND.

    Args:
        data: Content of the file.
        checked: Types of chunks whose checksums are verified.

    Raises:
        ValueError: the file is truncated, or one of those chunks is damaged.
    """
    view, position = memoryview(data), len(PNG_SIGNATURE)
    for _ in range(_MAX_PARTS):
        if position + 12 > len(data):
            raise ValueError("the file is cut off")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise ValueError("the file is cut off")
        (checksum,) = struct.unpack_from(">I", data, end)
        if kind in checked and checksum != isal_zlib.crc32(view[position + 4 : end]):
            raise ValueError(f"the checksum of its part {kind.decode()} is wrong: it is damaged")
        if kind == b"IEND":
            return
        yield kind, view[position + 8 : end]
        position = end + 4
    raise ValueError(f"it has more than {_MAX_PARTS} parts")


def _scan_lines_length(width: int, height: int, bits: int, *, interlaced: bool) -> int:
    """Return the number of bytes of all scan lines, for `bits` per pixel."""
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    total = 0
    for column, row, column_step, row_step in passes:
        columns = max(0, -(-(width - column) // column_step))
        rows = max(0, -(-(height - row) // row_step))
        total += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    return total


def _inflate(stream: bytes, length: int) -> bytes:
    """Return the first `length` bytes of a zlib stream; raise ValueError if it holds fewer."""
    try:
        pixels: bytes = isal_zlib.decompressobj().decompress(stream, length + 1)
    except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub lacks the type
        raise ValueError(f"its compressed pixels are damaged ({error})") from error
    if len(pixels) < length:
        raise ValueError(f"it holds {len(pixels)} bytes of pixels where {length} are needed")
    return pixels[:length]


def _store(pixels: bytes) -> Iterator[bytes | memoryview]:
    """Yield the pieces of an IDAT chunk with an uncompressed zlib stream."""
    view, blocks = memoryview(pixels), -(-len(pixels) // 0xFFFF)
    yield struct.pack(">I", 2 + 5 * blocks + len(pixels) + 4)
    pieces: list[bytes | memoryview] = [b"IDAT\x78\x01"]
    for start in range(0, len(pixels), 0xFFFF):
        block = view[start : start + 0xFFFF]
        is_last = start + 0xFFFF >= len(pixels)
        pieces += [struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF), block]
    pieces.append(struct.pack(">I", isal_zlib.adler32(pixels)))
    yield from pieces
    yield struct.pack(
        ">I", reduce(lambda checksum, piece: isal_zlib.crc32(piece, checksum), pieces, 0)
    )
