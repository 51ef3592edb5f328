"""Maps of a photograph, regions and depth: read, resized, kept in shards without loss."""

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
from lineart.codec.png import PNG_SIGNATURE, rewrap_png
from lineart.image import Depth, Labels, Size

GRAY, PALETTE = 0, 3
KINDS = {
    GRAY: "grey",
    2: "colour",
    PALETTE: "palette",
    4: "grey with alpha",
    6: "colour with alpha",
}
"""Colour types in the header of a PNG."""

KITTI_METRE = 256
"""Steps of KITTI's depth maps in a metre."""

TOP = 65534
"""Steps from the farthest to the nearest in a shard."""


# Files -> maps.


def read_labels(data: bytes) -> Labels:
    """Read regions: the numbers as they are; of a palette the index, not the colour.

    Raises:
        ValueError: It is no PNG, or not of one number of up to 8 bits in each pixel.
    """
    bits, kind = _header(data)
    # Pillow would spread grey of fewer bits over 0..255.
    if (bits, kind) != (8, GRAY) and kind != PALETTE:
        raise ValueError(
            "labels are PNG with the number of a class in each pixel, grey of 8 bits or a palette; "
            f"this one is {bits}-bit {KINDS.get(kind, 'of an unknown kind')}"
        )
    labels: Labels = np.array(_open(data))
    return labels


def read_nearness(data: bytes) -> Depth:
    """Read depth as depth networks and their tools save it: black = farthest, white = nearest.

    Raises:
        ValueError: It is no grey PNG of 8 or 16 bits.
    """
    levels, top = _read_levels(data)
    return (levels / np.float32(top)).astype(np.float32)


def read_metres(data: bytes) -> Depth:
    """Read a depth map of KITTI: 1/256 m a step, 0 = unknown.

    Depth networks like MiDaS tell inverse depth up to scale and shift, and so do the pseudo-labels
    that stand beside these maps. Distances therefore become their inverses, and those are brought
    to 0..1 by the farthest and the nearest of the picture. Where all is equally far, all is 0.

    Raises:
        ValueError: It is no grey PNG of 16 bits.

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
    """Read a grey PNG; give the levels and the highest that there can be."""
    bits, kind = _header(data)
    if kind != GRAY or bits not in (8, 16):
        raise ValueError(
            "depth is PNG, grey of 8 or 16 bits; "
            f"this one is {bits}-bit {KINDS.get(kind, 'of an unknown kind')}"
        )
    return np.asarray(_open(data)), 2**bits - 1


def _header(data: bytes) -> tuple[int, int]:
    """Give bits a sample and colour type of a PNG."""
    if not data.startswith(PNG_SIGNATURE) or len(data) < 26:
        raise ValueError(f"maps are PNG files, this one begins with {data[:8]!r}")
    bits, kind = struct.unpack_from("BB", data, 24)
    return bits, kind


def _open(data: bytes) -> PngImageFile:
    """Open a whole PNG."""
    try:
        image = PngImageFile(io.BytesIO(rewrap_png(data, MAX_PIXELS)))
        image.load()
    except (OSError, SyntaxError, struct.error) as error:
        raise ValueError(f"cannot read this PNG: {error}") from error
    return image


# To another size.


def resize_labels(labels: Labels, size: Size) -> UInt8[np.ndarray, "NewH NewW"]:
    """Resize regions; numbers of classes are never mixed."""
    if labels.shape == size:
        return labels
    resized: UInt8[np.ndarray, "NewH NewW"]
    resized = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return resized


def resize_depth(depth: Depth, size: Size) -> Float32[np.ndarray, "NewH NewW"]:
    """Resize depth, by area when it shrinks: the mean of what is known, if anything is."""
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
class Kind:
    """What the numbers of a map mean."""

    read: Callable[[bytes], Any]
    resize: Callable[[Any, Size], Any]


LABELS: Final = Kind(read_labels, resize_labels)

DEPTHS: Final = {
    "nearness": Kind(read_nearness, resize_depth),
    "metres": Kind(read_metres, resize_depth),
}


def fit(kind: Kind, data: bytes, size: Size) -> Any:
    """Read a map, and bring it to the size of its photograph.

    Raises:
        ValueError: It cannot be read, or has another aspect than rounding to whole pixels explains.
    """
    image = kind.read(data)
    (height, width), (own_height, own_width) = size, image.shape
    rounding = max(height, own_height) + max(width, own_width)
    if abs(own_height * width - own_width * height) > rounding:
        raise ValueError(
            f"it has {own_width}x{own_height} pixels, which is another aspect than {width}x{height}"
        )
    return kind.resize(image, size)


# In shards.


def encode_depth(depth: Depth) -> bytes:
    """Encode depth as grey PNG of 16 bits: 0 = unknown, else 1 + 65534 times the depth."""
    is_known = np.isfinite(depth)
    levels: UInt16[np.ndarray, "H W"]
    levels = np.where(is_known, 1 + np.rint(np.where(is_known, depth, 0) * TOP), 0).astype("u2")
    data: bytes = cv2.imencode(".png", levels)[1].tobytes()
    return data


def decode_depth(data: bytes) -> Depth:
    """Decode depth of a shard.

    Raises:
        ValueError: It is no such picture.
    """
    levels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if levels is None or levels.dtype != np.uint16 or levels.ndim != 2:
        raise ValueError(f"depth of a shard is grey PNG of 16 bits, this begins with {data[:8]!r}")
    depth = (levels.astype(np.float32) - 1) / np.float32(TOP)
    return np.where(levels > 0, depth, np.float32(np.nan))
