"""Bytes of any known format -> samples of 8 bits."""

import io
import struct
import warnings
from collections.abc import Callable
from itertools import chain
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import (
    BmpImagePlugin,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.Image import DecompressionBombError, Image
from PIL.ImageFile import ImageFile

from lineart.codec.jpeg import trim_jpeg
from lineart.codec.png import PNG_SIGNATURE, check_size, rewrap_png
from lineart.codec.tiff import check_tiff

Samples = UInt8[np.ndarray, "H W _"]
"""Decoded picture, 0..255: grey, grey + alpha, RGB or RGBA, 1 to 4 channels."""

Finish = Callable[[Samples], Samples]
"""What is done to each row of pixels by itself; gives as many rows of as many pixels."""


def _as_it_is(data: bytes, _max_pixels: int) -> bytes:
    """Leave the checks to the decoder."""
    return data


_MOST_RLE_BYTES = 2**23
"""Largest BMP with runs, which Pillow reads in Python, four million bytes a second."""


def _check_bmp(data: bytes, _max_pixels: int) -> bytes:
    """Refuse a large BMP with runs."""
    header, compression = data[14:18], data[30:34]
    has_runs = header != b"\x0c\0\0\0" and compression in (b"\1\0\0\0", b"\2\0\0\0")
    if has_runs and len(data) > _MOST_RLE_BYTES:
        raise ValueError("it is compressed and above 8 MiB; save it without compression, or as PNG")
    return data


class _Format(NamedTuple):
    """How to know and to open a file format."""

    name: str
    signature: bytes
    open: Callable[[io.BytesIO], ImageFile]
    prepare: Callable[[bytes, int], bytes] = _as_it_is


# Pillow's classes and not `Image.open`: that one has a limit of its own, global and below ours
# (179 megapixels; for TIFF and WebP it holds all the same).
# TGA has no signature, so it comes last and may be anything.
_FORMATS = (
    _Format("PNG", PNG_SIGNATURE, PngImagePlugin.PngImageFile, rewrap_png),
    _Format("JPEG", b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile, trim_jpeg),
    _Format("TIFF", b"II*\0", TiffImagePlugin.TiffImageFile, check_tiff),
    _Format("TIFF", b"MM\0*", TiffImagePlugin.TiffImageFile, check_tiff),
    _Format("TIFF", b"II+\0", TiffImagePlugin.TiffImageFile, check_tiff),
    _Format("TIFF", b"MM\0+", TiffImagePlugin.TiffImageFile, check_tiff),
    _Format("WebP", b"RIFF", WebPImagePlugin.WebPImageFile),
    _Format("BMP", b"BM", BmpImagePlugin.BmpImageFile, _check_bmp),
    _Format("TGA", b"", TgaImagePlugin.TgaImageFile),
)

# What Pillow raises for files that are not as they should be.
_BROKEN: tuple[type[Exception], ...] = (
    *(OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, EOFError),
    *(AttributeError, MemoryError, RuntimeError, AssertionError, struct.error),
    DecompressionBombError,
)


STRIP_PIXELS = 2**20
"""Pixels that are finished together. Each step on a whole picture would be a further copy of it."""


def read_samples(
    data: bytes, max_pixels: int, finish: Finish, *, strip_pixels: int = STRIP_PIXELS
) -> Samples:
    """Read a picture of any known format and finish it, some rows at a time.

    Args:
        data: The file.
        max_pixels: Most pixels that are decoded.
        finish: What is done to each row.
        strip_pixels: Most pixels that are finished together, above 0; one row in any case.

    Returns:
        What `finish` made of the picture.

    Raises:
        ValueError: `data` is no whole picture of a known format, or is above `max_pixels`.
    """
    form = next(form for form in _FORMATS if data.startswith(form.signature))
    # Pillow warns of odd metadata, which do not matter here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = form.open(io.BytesIO(form.prepare(data, max_pixels)))
            check_size(image.size, max_pixels)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return _samples(image, finish, strip_pixels)
        except _BROKEN as error:
            raise ValueError(_complaint(data, form, error)) from error


def _complaint(data: bytes, form: _Format, error: BaseException) -> str:
    """Say what is wrong with a file."""
    if not data:
        return "the file is empty"
    # What has no signature and does not open as TGA is something else.
    if not form.signature and isinstance(error, SyntaxError):
        return (
            f"unknown picture format, the file begins with {data[:8]!r}; "
            "give PNG, TIFF, TGA, BMP, WebP or JPEG"
        )
    return f"cannot read this {form.name} picture: {error or type(error).__name__}"


# From Pillow's kinds of pixels to 8 bits a channel.

_MODES = dict.fromkeys(("RGB", "RGBX", "P", "CMYK", "YCbCr"), "RGB")
_MODES |= dict.fromkeys(("RGBA", "RGBa", "PA"), "RGBA")
_MODES |= dict.fromkeys(("L", "1"), "L") | dict.fromkeys(("LA", "La"), "LA")
"""Pillow's kinds of pixels -> the one of 8 bits that holds the same."""

_TIFF_BITS, _TIFF_MEANING, _TIFF_PLANAR, _TIFF_NUMBERS = 258, 262, 284, 339
"""TIFF tags: bits a sample; what it means (0: white is zero); planes; kind of number."""


def _samples(image: ImageFile, finish: Finish, strip_pixels: int) -> Samples:
    """Give the samples of a loaded picture, finished."""
    is_inverted = isinstance(image, TiffImagePlugin.TiffImageFile) and _is_inverted(image)
    rows = max(1, strip_pixels // image.width)
    strips = (
        finish(
            _strip(image.crop((0, top, image.width, min(image.height, top + rows))), is_inverted)
        )
        for top in range(0, image.height, rows)
    )
    first = next(strips)
    samples = np.empty((image.height, *first.shape[1:]), np.uint8)
    for index, strip in enumerate(chain([first], strips)):
        samples[index * rows :][: len(strip)] = strip
    return samples


def _strip(image: Image, is_inverted: bool) -> Samples:
    """Give some rows, without loss but for depths above 8 bits."""
    if image.mode.startswith("I;16"):
        return _samples_16_bit(image, is_inverted)
    if image.mode not in _MODES:
        raise ValueError(
            f"it has pixels of the kind {image.mode!r}; save it with 8 or 16 bits a channel"
        )
    if image.mode == "P" and image.has_transparency_data:
        return np.asarray(image.convert("RGBA"))
    mode = _MODES[image.mode]
    samples = np.asarray(image if image.mode == mode else image.convert(mode))
    samples = samples.reshape(*samples.shape[:2], -1)
    key = image.info.get("transparency")
    return samples if key is None else _cut_out(samples, (samples == key).all(axis=2))


def _samples_16_bit(image: Image, is_inverted: bool) -> Samples:
    """Scale grey of 16 bits to 8, to the nearest."""
    values = np.asarray(image).astype(np.uint32)[:, :, np.newaxis]
    samples = ((values + 128) // 257).astype(np.uint8)
    if is_inverted:
        return 255 - samples
    key = image.info.get("transparency")
    return samples if key is None else _cut_out(samples, values[:, :, 0] == key)


def _is_inverted(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether 16 bits must be turned round; refuse what Pillow takes for something else."""
    bits = image.tag_v2.get(_TIFF_BITS, (1,))
    is_planar = image.tag_v2.get(_TIFF_PLANAR, 1) == 2
    is_unsigned = set(image.tag_v2.get(_TIFF_NUMBERS, (1,))) == {1}
    if set(bits) - {1, 2, 4, 8, 16} or not is_unsigned or (is_planar and 16 in bits):
        raise ValueError("its samples are of an unusual kind; save it with 8 bits a channel")
    # Pillow turns "white is zero" round for 8 bits and forgets it for 16.
    return bool(image.tag_v2.get(_TIFF_MEANING) == 0)


def _cut_out(samples: Samples, is_clear: Bool[np.ndarray, "H W"]) -> Samples:
    """Add an alpha channel that is 0 where `is_clear`."""
    return np.dstack((samples, np.where(is_clear, np.uint8(0), np.uint8(255))))
