"""Photoshop documents, written byte by byte: with channels that psd-tools does not write."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

GRAY, RGB, CMYK, LAB = 1, 3, 4, 9
"""Colour modes."""


class PsdPart(NamedTuple):
    """Layer, or the start or end of a group."""

    name: str
    pixels: np.ndarray | None = None
    """H x W x C, 0..255, with transparency as the last channel; None for a group."""
    left: int = 0
    top: int = 0
    opacity: int = 255
    is_clipped: bool = False
    is_visible: bool = True
    mask: np.ndarray | None = None
    """H x W from the corner of the canvas, 0..255; outside it is 0."""
    blocks: bytes = b""
    """Further blocks of the record."""
    section: int | None = None
    """Of a group: 1 is its own record, above its layers, 3 its end, below them."""


def group(name: str, parts: Sequence[PsdPart], **more: object) -> list[PsdPart]:
    """Return the parts of a group, from bottom to top."""
    return [PsdPart("", section=3), *parts, PsdPart(name, section=1)._replace(**more)]


def resource(number: int, data: bytes) -> bytes:
    """Return an image resource."""
    head = b"8BIM" + struct.pack(">H", number) + b"\0\0" + struct.pack(">I", len(data))
    return head + data + b"\0" * (len(data) % 2)


def photoshop(
    merged: np.ndarray,
    parts: Sequence[PsdPart] = (),
    *,
    mode: int | None = None,
    depth: int = 8,
    resources: bytes = b"",
    is_transparent: bool = False,
) -> bytes:
    """Return a document.

    Args:
        merged: Merged picture, 0..255, with its further channels.
        parts: Layers and groups, from bottom to top.
        mode: Colour mode; by default grey or RGB.
        depth: 8 or 16.
        resources: Image resources.
        is_transparent: Whether the layers say that the first further channel is transparency.
    """
    height, width, channels = merged.shape
    mode = mode or (RGB if channels >= 3 else GRAY)
    records, planes = (
        zip(*(_part(part, depth) for part in parts), strict=True) if parts else ((), ())
    )
    count = -len(parts) if is_transparent else len(parts)
    info = struct.pack(">h", count) + b"".join(records) + b"".join(planes)
    info += b"\0" * (-len(info) % 4)
    body = b""
    if parts and depth == 16:
        body = struct.pack(">II", 0, 0) + b"8BIMLr16" + struct.pack(">I", len(info)) + info
    elif parts:
        body = struct.pack(">I", len(info)) + info + struct.pack(">I", 0)
    return b"".join(
        (
            b"8BPS" + struct.pack(">H6xHIIHH", 1, channels, height, width, depth, mode),
            struct.pack(">II", 0, len(resources)),
            resources,
            struct.pack(">I", len(body)),
            body,
            _planes(merged, depth)[0],
            *(plane[2:] for plane in _planes(merged, depth)[1:]),
        )
    )


def _planes(pixels: np.ndarray, depth: int) -> list[bytes]:
    """Return the channels of a picture as they are stored, each with its compression: none."""
    values = pixels.astype(">u2") * np.array(257, ">u2") if depth == 16 else pixels
    return [
        b"\0\0" + values[..., one].astype(values.dtype).tobytes() for one in range(values.shape[2])
    ]


def _part(part: PsdPart, depth: int) -> tuple[bytes, bytes]:
    """Return the record of a layer, and its pixels."""
    pixels = np.zeros((0, 0, 4), np.uint8) if part.pixels is None else part.pixels
    height, width, channels = pixels.shape
    stored = dict(zip([*range(channels - 1), -1], _planes(pixels, depth), strict=True))
    mask = b""
    if part.mask is not None:
        (stored[-2],) = _planes(part.mask[..., np.newaxis], depth)
        mask = struct.pack(">iiiiBBH", 0, 0, *part.mask.shape, 0, 0, 0)
    name = part.name.encode()
    extra = struct.pack(">I", len(mask)) + mask + struct.pack(">I", 0)
    extra += (bytes([len(name)]) + name).ljust((len(name) + 4) // 4 * 4, b"\0")
    extra += part.blocks
    if part.section is not None:
        extra += b"8BIMlsct" + struct.pack(">II", 4, part.section)
    box = part.top, part.left, part.top + height, part.left + width
    flags = 0 if part.is_visible else 2
    return b"".join(
        (
            struct.pack(">iiiiH", *box, len(stored)),
            *(struct.pack(">hI", number, len(data)) for number, data in stored.items()),
            b"8BIMnorm",
            struct.pack(">BBBBI", part.opacity, part.is_clipped, flags, 0, len(extra)),
            extra,
        )
    ), b"".join(stored.values())
