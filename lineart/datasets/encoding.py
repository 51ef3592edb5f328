"""Encoding of pictures for shards: original files, or shrunk and encoded as WebP or PNG."""

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
"""OpenCV's quality value for lossless WebP."""

WEBP_SIDE_PX = 16383
"""Maximum side of a WebP picture."""

COMPACT = (b"RIFF", b"\xff\xd8\xff")
"""Signatures of file formats that are compact already: WebP, JPEG."""


@dataclass(frozen=True)
class Shrinking:
    """Settings for shrinking pictures."""

    short_side: int
    """Short side in pixels to which larger pictures are shrunk."""
    quality: int = 95
    """WebP quality, 1 to 100."""


class Stored(NamedTuple):
    """Encoded picture of a shard."""

    image: bytes
    line: bytes | None
    size: Size
    segmentation: bytes | None = None
    depth: bytes | None = None


def store(cut: Crop, shrinking: Shrinking | None) -> Stored:
    """Encode a picture with its line drawing and maps, all at the same size.

    Files are kept unchanged where possible; those that OpenCV decodes differently are encoded anew.
    Line drawings and maps are encoded without loss.

    Args:
        cut: The picture.
        shrinking: Pictures that are too large, and files that are not compact, become WebP. None
            keeps the size and all files; pictures without a file, from boxes, become PNG.
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
    """Return height and width with which a picture is stored."""
    size = cut.color.shape[0], cut.color.shape[1]
    if shrinking is None or min(size) <= shrinking.short_side:
        return size
    return fit_short_side(size, shrinking.short_side)


def estimate(cut: Crop, shrinking: Shrinking | None) -> int:
    """Estimate the bytes of a stored picture without encoding it."""
    size = stored_size(cut, shrinking)
    maps = int(size[0] * size[1] * (0.1 * (cut.segmentation is not None) + (cut.depth is not None)))
    if cut.data is not None and size == cut.color.shape[:2]:
        return len(cut.data) + len(cut.line_data or b"") + maps
    bytes_per_pixel = 1.2 if shrinking is None else 0.2
    return maps + int(size[0] * size[1] * (bytes_per_pixel + (0.1 if cut.line is not None else 0)))


def _reads_right(data: bytes, image: Frame | Line) -> bool:
    """Return whether OpenCV decodes a file to `image`, within 2 levels; it drops alpha, for one."""
    try:
        read = decode(data) if image.ndim == 3 else decode_gray(data)
    except (ValueError, cv2.error):
        return False
    if read.shape != image.shape:
        return False
    return int(cv2.absdiff(read, image).max()) <= 2


def _encode(image: Frame | Line, quality: int | None) -> bytes:
    """Encode as WebP, or as PNG if `quality` is None or a side is above WebP's maximum."""
    if quality is None or max(image.shape) > WEBP_SIDE_PX:
        return encode_png(image)
    pixels = np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image
    data: bytes = cv2.imencode(".webp", pixels, (cv2.IMWRITE_WEBP_QUALITY, quality))[1].tobytes()
    return data
