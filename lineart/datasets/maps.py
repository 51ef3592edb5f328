"""Region labels and depth of photographs: reading, resizing, lossless encoding in shards."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8, UInt16
from PIL.PngImagePlugin import PngImageFile

from lineart.codec import MAX_PIXELS
from lineart.codec.formats.png import rewrap_png
from lineart.codec.writing.png import PNG_SIGNATURE
from lineart.image import Depth, Labels, Size

GRAY, PALETTE = 0, 3
KINDS = {
    GRAY: "grey",
    2: "colour",
    PALETTE: "palette",
    4: "grey with alpha",
    6: "colour with alpha",
}
"""Names of the colour types in a PNG header."""

KITTI_METRE = 256
"""Levels per metre in KITTI's depth maps."""

TOP = 65534
"""Number of steps from farthest (0) to nearest (1) in the depth of a shard."""


# Reading files.


def read_labels(data: bytes) -> Labels:
    """Read region labels: pixel values, for a palette the index and not the colour.

    Raises:
        ValueError: The data is no intact PNG, or neither 8-bit grey nor a palette.
    """
    bits, kind = _header(data)
    # Pillow would scale grey of fewer bits to 0..255.
    if (bits, kind) != (8, GRAY) and kind != PALETTE:
        raise ValueError(
            "labels are PNG with the number of a class in each pixel, grey of 8 bits or a palette; "
            f"this one is {bits}-bit {KINDS.get(kind, 'of an unknown kind')}"
        )
    labels: Labels = np.array(_open(data))
    return labels


def read_nearness(data: bytes) -> Depth:
    """Read depth as tools of depth networks save it: black = farthest, white = nearest.

    Raises:
        ValueError: The data is no intact grey PNG of 8 or 16 bits.
    """
    levels, top = _read_levels(data)
    return (levels / np.float32(top)).astype(np.float32)


def read_metres(data: bytes) -> Depth:
    """Read a depth map of KITTI: 1/256 m per level, 0 = unknown.

    Depth networks like MiDaS predict inverse depth up to scale and shift, and so are the
    pseudo-labels used alongside these maps. Therefore distances are inverted, then scaled linearly
    so that the farthest known pixel is 0 and the nearest 1. If all are equally far, all are 0.

    Raises:
        ValueError: The data is no intact grey PNG of 16 bits.

    Source:
        Development kit of KITTI's depth benchmark: `depth = png / 256`, 0 = no measurement.
    """
    levels, top = _read_levels(data)
    if top != 65535:
        raise ValueError("KITTI's depth maps have 16 bits, this one has 8")
    with np.errstate(divide="ignore"):
        inverse = np.where(levels > 0, KITTI_METRE / levels.astype(np.float32), np.float32(np.nan))
    if np.isnan(inverse).all():
        return inverse
    farthest, nearest = np.nanmin(inverse), np.nanmax(inverse)
    depth: Depth = (inverse - farthest) / (nearest - farthest or np.float32(1))
    return depth


def _read_levels(data: bytes) -> tuple[np.ndarray, int]:
    """Read a grey PNG; return its levels and the maximum level of its bit depth."""
    bits, kind = _header(data)
    if kind != GRAY or bits not in (8, 16):
        raise ValueError(
            "depth is PNG, grey of 8 or 16 bits; "
            f"this one is {bits}-bit {KINDS.get(kind, 'of an unknown kind')}"
        )
    return np.asarray(_open(data)), 2**bits - 1


def _header(data: bytes) -> tuple[int, int]:
    """Return the bits per sample and the colour type of a PNG."""
    if not data.startswith(PNG_SIGNATURE) or len(data) < 26:
        raise ValueError(f"maps are PNG files, this one begins with {data[:8]!r}")
    bits, kind = struct.unpack_from("BB", data, 24)
    return bits, kind


def _open(data: bytes) -> PngImageFile:
    """Decode a PNG; raise ValueError if it is damaged, incomplete or too large."""
    try:
        image = PngImageFile(io.BytesIO(rewrap_png(data, MAX_PIXELS)))
        image.load()
    except (OSError, SyntaxError, struct.error) as error:
        raise ValueError(f"cannot read this PNG: {error}") from error
    return image


# Resizing.


def resize_labels(labels: Labels, size: Size) -> UInt8[np.ndarray, "NewH NewW"]:
    """Resize region labels by nearest neighbour, which never mixes class numbers."""
    if labels.shape == size:
        return labels
    resized: UInt8[np.ndarray, "NewH NewW"]
    resized = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return resized


def resize_depth(depth: Depth, size: Size) -> Float32[np.ndarray, "NewH NewW"]:
    """Resize depth: to fewer pixels the area mean of the known ones, else nearest neighbour."""
    if depth.shape == size:
        return depth
    shrinks = size[0] * size[1] < depth.size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST_EXACT
    is_known = np.isfinite(depth)
    known = cv2.resize(is_known.astype(np.float32), size[::-1], interpolation=how)
    total = cv2.resize(np.where(is_known, depth, np.float32(0)), size[::-1], interpolation=how)
    mean = total / np.maximum(known, np.float32(1e-6))
    return np.where(known > 1e-6, np.clip(mean, 0, 1), np.float32(np.nan))


@dataclass(frozen=True)
class MapKind:
    """Functions that read and resize one kind of map."""

    read: Callable[[bytes], Any]
    resize: Callable[[Any, Size], Any]


LABELS: Final = MapKind(read_labels, resize_labels)

DEPTHS: Final = {
    "nearness": MapKind(read_nearness, resize_depth),
    "metres": MapKind(read_metres, resize_depth),
}


def fit(kind: MapKind, data: bytes, size: Size) -> Any:
    """Read a map and resize it to the size of its photograph.

    Raises:
        ValueError: It cannot be read, or its aspect ratio differs by more than rounding the sides
            to whole pixels explains.
    """
    image = kind.read(data)
    (height, width), (own_height, own_width) = size, image.shape
    rounding = max(height, own_height) + max(width, own_width)
    if abs(own_height * width - own_width * height) > rounding:
        raise ValueError(
            f"it has {own_width}x{own_height} pixels, which is another aspect than {width}x{height}"
        )
    return kind.resize(image, size)


# Encoding for shards.


def encode_depth(depth: Depth) -> bytes:
    """Encode depth as a grey PNG of 16 bits: 0 = unknown, else 1 + 65534 times the depth."""
    is_known = np.isfinite(depth)
    levels: UInt16[np.ndarray, "H W"]
    levels = np.where(is_known, 1 + np.rint(np.where(is_known, depth, 0) * TOP), 0).astype("u2")
    data: bytes = cv2.imencode(".png", levels)[1].tobytes()
    return data


def decode_depth(data: bytes) -> Depth:
    """Decode the result of `encode_depth`.

    Raises:
        ValueError: The data is no grey picture of 16 bits.
    """
    levels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if levels is None or levels.dtype != np.uint16 or levels.ndim != 2:
        raise ValueError(f"depth of a shard is grey PNG of 16 bits, this begins with {data[:8]!r}")
    depth = (levels.astype(np.float32) - 1) / np.float32(TOP)
    return np.where(levels > 0, depth, np.float32(np.nan))
