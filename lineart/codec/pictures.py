"""Bytes of any known format -> samples of 8 bits."""

import io
import struct
import warnings
from collections.abc import Callable
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
from PIL.Image import DecompressionBombError
from PIL.ImageFile import ImageFile

from lineart.codec.png import PNG_SIGNATURE, check_size, rewrap_png

Samples = UInt8[np.ndarray, "H W _"]
"""Decoded picture, 0..255: grey, grey + alpha, RGB or RGBA, 1 to 4 channels."""


def _as_it_is(data: bytes, _max_pixels: int) -> bytes:
    """Leave the checks to the decoder."""
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
    _Format("JPEG", b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    _Format("TIFF", b"II*\0", TiffImagePlugin.TiffImageFile),
    _Format("TIFF", b"MM\0*", TiffImagePlugin.TiffImageFile),
    _Format("TIFF", b"II+\0", TiffImagePlugin.TiffImageFile),
    _Format("TIFF", b"MM\0+", TiffImagePlugin.TiffImageFile),
    _Format("WebP", b"RIFF", WebPImagePlugin.WebPImageFile),
    _Format("BMP", b"BM", BmpImagePlugin.BmpImageFile),
    _Format("TGA", b"", TgaImagePlugin.TgaImageFile),
)

# What Pillow raises for files that are not as they should be.
_BROKEN: tuple[type[Exception], ...] = (
    *(OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, EOFError),
    *(AttributeError, MemoryError, RuntimeError, AssertionError, struct.error),
    DecompressionBombError,
)


def read_samples(data: bytes, max_pixels: int) -> Samples:
    """Read a picture of any known format as it is: grey or RGB, with alpha or without."""
    form = next(form for form in _FORMATS if data.startswith(form.signature))
    # Pillow warns of odd metadata, which do not matter here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = form.open(io.BytesIO(form.prepare(data, max_pixels)))
            check_size(image.size, max_pixels)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return _samples(image)
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


def _samples(image: ImageFile) -> Samples:
    """Give the samples of a loaded picture, without loss but for depths above 8 bits."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _check_tiff(image)
    if image.mode.startswith("I;16"):
        return _samples_16_bit(image)
    if image.mode not in _MODES:
        raise ValueError(
            f"it has pixels of the kind {image.mode!r}; save it with 8 or 16 bits a channel"
        )
    if image.mode == "P" and image.has_transparency_data:
        return np.array(image.convert("RGBA"))
    mode = _MODES[image.mode]
    samples = np.array(image if image.mode == mode else image.convert(mode))
    samples = samples.reshape(*samples.shape[:2], -1)
    key = image.info.get("transparency")
    return samples if key is None else _cut_out(samples, (samples == key).all(axis=2))


def _samples_16_bit(image: ImageFile) -> Samples:
    """Scale grey of 16 bits to 8, to the nearest."""
    values = np.asarray(image).astype(np.uint32)[:, :, np.newaxis]
    samples = ((values + 128) // 257).astype(np.uint8)
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(_TIFF_MEANING) == 0:
        # Pillow turns "white is zero" round for 8 bits and forgets it for 16.
        return 255 - samples
    key = image.info.get("transparency")
    return samples if key is None else _cut_out(samples, values[:, :, 0] == key)


def _check_tiff(image: TiffImagePlugin.TiffImageFile) -> None:
    """Refuse what Pillow takes for something else without a word."""
    bits = image.tag_v2.get(_TIFF_BITS, (1,))
    is_planar = image.tag_v2.get(_TIFF_PLANAR, 1) == 2
    is_unsigned = set(image.tag_v2.get(_TIFF_NUMBERS, (1,))) == {1}
    if set(bits) - {1, 2, 4, 8, 16} or not is_unsigned or (is_planar and 16 in bits):
        raise ValueError("its samples are of an unusual kind; save it with 8 bits a channel")


def _cut_out(samples: Samples, is_clear: Bool[np.ndarray, "H W"]) -> Samples:
    """Add an alpha channel that is 0 where `is_clear`."""
    return np.dstack((samples, np.where(is_clear, np.uint8(0), np.uint8(255))))
