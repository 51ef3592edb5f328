"""ICC profiles made by code (ICC.1:2001), as the files of artists carry them."""

import struct
from collections.abc import Sequence

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
"""Red, green and blue of Display P3 as XYZ, adapted to D50."""
ADOBE = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
"""Red, green and blue of Adobe RGB (1998) as XYZ, adapted to D50."""
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))
"""Red, green and blue of sRGB as XYZ, adapted to D50."""


def rgb_profile(corners: Sequence[Sequence[float]], gamma: float | None) -> bytes:
    """Return a display profile; without `gamma` its curve is that of sRGB."""
    curve = _curve(gamma)
    tags = {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve, b"wtpt": _xyz(D50)}
    for name, corner in zip((b"rXYZ", b"gXYZ", b"bXYZ"), corners, strict=True):
        tags[name] = _xyz(corner)
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def gray_profile(gamma: float) -> bytes:
    """Return a profile of grey."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(gamma), b"wtpt": _xyz(D50)})


def cmyk_profile(cyan: Sequence[float]) -> bytes:
    """Return a press on which cyan has a Lab colour, other inks darken, and black is black."""
    grid = np.zeros((2, 2, 2, 2, 3))
    grid[..., 0] = 100
    grid[1, ...] = cyan
    grid[:, 1, :, :, 0] *= 0.5
    grid[:, :, 1, :, 0] *= 0.5
    grid[:, :, :, 1] = 0
    levels = np.rint(grid * (2.55, 1, 1) + (0, 128, 128)).astype(np.uint8)
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = (
        b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + ramp * 4 + levels.tobytes() + ramp * 3
    )
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table, b"A2B1": table, b"wtpt": _xyz(D50)})


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    levels = np.linspace(0, 1, 1024)
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    values = np.rint(linear * 65535).astype(">u2").tobytes()
    return b"curv" + bytes(4) + struct.pack(">I", 1024) + values


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"none\0", **tags}
    table, content = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    white = struct.pack(">3i", *(round(value * 65536) for value in D50))
    header = struct.pack(
        ">I4sI4s4s4s", start + len(content), b"lcms", 0x02400000, kind, space, connection
    )
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + table + content
