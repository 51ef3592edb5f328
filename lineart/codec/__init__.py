"""Picture files to and from arrays: decoding of common formats, fast encoding of PNG."""

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.codec.colors.samples import Samples
from lineart.codec.errors import PictureWarning
from lineart.codec.limits import MAX_PIXELS
from lineart.codec.reading.decode import read_samples
from lineart.codec.reading.pages import count_pages, extract_page, may_have_pages
from lineart.codec.writing.png import encode_png
from lineart.image import Frame, Hint, Line, is_gray

__all__ = [
    "MAX_PIXELS",
    "PictureWarning",
    "count_pages",
    "decode_cel",
    "decode_color",
    "decode_drawing",
    "decode_line",
    "decode_line_art",
    "encode_png",
    "extract_page",
    "may_have_pages",
]


def decode_line(data: bytes, *, page: int = 0, max_pixels: int = MAX_PIXELS) -> Line:
    """Decode a line drawing; colours become luminance, transparency becomes white paper.

    Args:
        data: Content of the file.
        page: Number of the page of a TIFF, or of the frame of an animation, from 0.
        max_pixels: Maximum number of pixels of the picture.

    Raises:
        ValueError: `data` is not a complete picture of a known format, has no such page, or is
            above `max_pixels`.
    """
    return read_samples(data, max_pixels, _to_line, page=page)[:, :, 0]


def decode_drawing(data: bytes, *, page: int = 0, max_pixels: int = MAX_PIXELS) -> Line | Frame:
    """Decode a line drawing with the colours of its lines; transparency becomes white paper.

    Returns:
        H x W if all pixels are grey, else H x W x 3.

    Raises:
        ValueError: as for `decode_line`.
    """
    samples = read_samples(data, max_pixels, _to_drawing, page=page)
    return samples[:, :, 0] if samples.shape[2] == 1 else samples


def decode_line_art(
    data: bytes, *, page: int = 0, max_pixels: int = MAX_PIXELS
) -> UInt8[np.ndarray, "H W *C"]:
    """Decode a line drawing with the colours of its lines and its alpha channel.

    Returns:
        As `decode_drawing`, or H x W x 4 if the file has an alpha channel: the drawing on white
        paper, and its alpha.

    Raises:
        ValueError: as for `decode_line`.
    """
    samples = read_samples(data, max_pixels, _to_line_art, page=page)
    return samples[:, :, 0] if samples.shape[2] == 1 else samples


def decode_color(data: bytes, *, page: int = 0, max_pixels: int = MAX_PIXELS) -> Frame:
    """Decode a colour picture; transparency becomes white.

    Raises:
        ValueError: as for `decode_line`.
    """
    return read_samples(data, max_pixels, _to_color, page=page)


def decode_cel(data: bytes, *, page: int = 0, max_pixels: int = MAX_PIXELS) -> Hint:
    """Decode a cel, or a hint picture: colours with their alpha, which is 255 if it has none.

    Returns:
        H x W x 4.

    Raises:
        ValueError: as for `decode_line`.
    """
    return read_samples(data, max_pixels, _to_cel, page=page)


def _to_line(samples: Samples) -> Samples:
    if samples.shape[2] >= 3:
        to_gray = cv2.COLOR_RGB2GRAY if samples.shape[2] == 3 else cv2.COLOR_RGBA2GRAY
        samples = np.dstack((cv2.cvtColor(samples, to_gray), samples[:, :, 3:]))
    return _on_white(samples)


def _to_drawing(samples: Samples) -> Samples:
    """Composite over white; strips whose pixels are all grey get one channel."""
    samples = _on_white(samples)
    if samples.shape[2] == 1:
        return samples
    return cv2.extractChannel(samples, 0)[:, :, np.newaxis] if is_gray(samples) else samples


def _to_line_art(samples: Samples) -> Samples:
    if samples.shape[2] in (1, 3):
        return _to_drawing(samples)
    cel: Samples = cv2.merge((*cv2.split(_to_color(samples)), samples[:, :, -1]))
    return cel


def _to_cel(samples: Samples) -> Samples:
    channels = samples.shape[2]
    if channels == 4:
        return samples
    alpha = samples[:, :, 1:] if channels == 2 else np.full_like(samples[:, :, :1], 255)
    color = samples if channels == 3 else np.repeat(samples[:, :, :1], 3, axis=2)
    return np.dstack((color, alpha))


def _to_color(samples: Samples) -> Samples:
    samples = _on_white(samples)
    return cv2.cvtColor(samples, cv2.COLOR_GRAY2RGB) if samples.shape[2] == 1 else samples


def _on_white(samples: Samples) -> Samples:
    """Composite samples with alpha over white: `255 - (255 - c) * alpha / 255`, rounded."""
    channels = samples.shape[2]
    if channels in (1, 3):
        return samples
    color, alpha = samples[:, :, :-1], samples[:, :, -1:]
    if alpha.min() == 255:
        return np.ascontiguousarray(color)
    dark = cv2.bitwise_not(np.ascontiguousarray(color)).reshape(color.shape)
    opacity = np.ascontiguousarray(np.broadcast_to(alpha, color.shape))
    white: Samples = cv2.bitwise_not(cv2.multiply(dark, opacity, scale=1 / 255))
    return white.reshape(color.shape)
