"""How pictures lie in shards: as their files, or shrunk and encoded anew."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from lineart.codec import encode_png
from lineart.datasets.items import Crop
from lineart.datasets.maps import encode_depth, resize_depth, resize_labels
from lineart.datasets.shards import decode, decode_gray
from lineart.image import Frame, Line, Size, fit_short_side, resize

LOSSLESS = 101
"""WebP quality without loss, as OpenCV counts it."""

WEBP_SIDE_PX = 16383
"""Longest side that WebP knows."""

COMPACT = (b"RIFF", b"\xff\xd8\xff")
"""How files begin that are small already: WebP, JPEG."""


@dataclass(frozen=True)
class Shrinking:
    """How small pictures are made."""

    short_side: int
    """Larger pictures are shrunk to this, in pixels."""
    quality: int = 95
    """Of the WebP that they become, 1 to 100."""


class Stored(NamedTuple):
    """A picture as a shard holds it."""

    image: bytes
    line: bytes | None
    size: Size
    segmentation: bytes | None = None
    depth: bytes | None = None


def store(cut: Crop, shrinking: Shrinking | None) -> Stored:
    """Encode a picture, and its line drawing and maps alike.

    Args:
        cut: The picture.
        shrinking: What is too large is shrunk and becomes WebP, and so do files that are not
            compact. None keeps files as they are; boxes are stored without loss. Maps always are.
    """
    size = stored_size(cut, shrinking)
    is_whole = size == cut.color.shape[:2]
    image, line = (cut.data, cut.line_data) if is_whole else (None, None)
    if shrinking is not None and image is not None and not image.startswith(COMPACT):
        image = None
    if image is None or not _reads_right(image, cut.color):
        image = _encode(resize(cut.color, size), shrinking.quality if shrinking else None)
    if cut.line is not None and (line is None or not _reads_right(line, cut.line)):
        line = _encode(resize(cut.line, size), LOSSLESS if shrinking else None)
    segmentation, depth = cut.segmentation, cut.depth
    return Stored(
        image=image,
        line=line,
        size=size,
        segmentation=None
        if segmentation is None
        else encode_png(resize_labels(segmentation, size)),
        depth=None if depth is None else encode_depth(resize_depth(depth, size)),
    )


def stored_size(cut: Crop, shrinking: Shrinking | None) -> Size:
    """Give height and width that a picture is stored with."""
    size = cut.color.shape[0], cut.color.shape[1]
    if shrinking is None or min(size) <= shrinking.short_side:
        return size
    return fit_short_side(size, shrinking.short_side)


def estimate(cut: Crop, shrinking: Shrinking | None) -> int:
    """Guess the bytes that a picture will take, without encoding it."""
    size = stored_size(cut, shrinking)
    maps = int(size[0] * size[1] * (0.1 * (cut.segmentation is not None) + (cut.depth is not None)))
    if cut.data is not None and size == cut.color.shape[:2]:
        return len(cut.data) + len(cut.line_data or b"") + maps
    bytes_per_pixel = 1.2 if shrinking is None else 0.2
    return maps + int(size[0] * size[1] * (bytes_per_pixel + (0.1 if cut.line is not None else 0)))


def _reads_right(data: bytes, image: Frame | Line) -> bool:
    """Tell whether OpenCV reads a file as our decoder does: no alpha, no odd kinds of pixels."""
    try:
        read = decode(data) if image.ndim == 3 else decode_gray(data)
    except (ValueError, cv2.error):
        return False
    if read.shape != image.shape:
        return False
    return int(cv2.absdiff(read, image).max()) <= 2


def _encode(image: Frame | Line, quality: int | None) -> bytes:
    """Encode as WebP of a quality, or as PNG."""
    if quality is None or max(image.shape) > WEBP_SIDE_PX:
        return encode_png(image)
    pixels = np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image
    data: bytes = cv2.imencode(".webp", pixels, (cv2.IMWRITE_WEBP_QUALITY, quality))[1].tobytes()
    return data
