"""Decoding of picture files of all supported formats to 8-bit samples."""

import io
import struct
import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.Image import DecompressionBombError, Image
from PIL.ImageFile import ImageFile

from lineart.codec.apng import is_first_frame_hidden, png_frame
from lineart.codec.jpeg import trim_jpeg
from lineart.codec.limits import check_size
from lineart.codec.png import PNG_SIGNATURE
from lineart.codec.png_reading import rewrap_png
from lineart.codec.samples import Finish, Samples, to_samples
from lineart.codec.tiff import tiff_page

_MOST_RLE_BYTES = 2**23
"""Maximum size of a run-length encoded BMP; Pillow decodes those in Python, at 4 MB/s."""


def _check_bmp(data: bytes) -> bytes:
    """Return a BMP unchanged; raise ValueError if it is large and run-length encoded."""
    header, compression = data[14:18], data[30:34]
    has_runs = header != b"\x0c\0\0\0" and compression in (b"\1\0\0\0", b"\2\0\0\0")
    if has_runs and len(data) > _MOST_RLE_BYTES:
        raise ValueError("it is compressed and above 8 MiB; save it without compression, or as PNG")
    return data


Read = Callable[[bytes, int, int], Image]
"""Decodes one page of a file: content, number of the page from 0, maximum number of pixels."""


def _read_png(data: bytes, page: int, max_pixels: int) -> Image:
    if page or is_first_frame_hidden(data):
        return png_frame(data, page, max_pixels, partial(_still, max_pixels))
    return _load(PngImagePlugin.PngImageFile, rewrap_png(data, max_pixels), max_pixels)


def _still(max_pixels: int, data: bytes) -> Samples:
    """Decode a PNG to RGBA."""
    image = _load(PngImagePlugin.PngImageFile, rewrap_png(data, max_pixels), max_pixels)
    samples = to_samples(image, lambda strip: strip, STRIP_PIXELS)
    if samples.shape[2] in (1, 2):
        samples = np.repeat(samples, [3] + [1] * (samples.shape[2] - 1), axis=2)
    if samples.shape[2] == 3:
        samples = np.dstack((samples, np.full(samples.shape[:2], 255, np.uint8)))
    return samples


def _read_tiff(data: bytes, page: int, max_pixels: int) -> Image:
    return _load(TiffImagePlugin.TiffImageFile, tiff_page(data, page), max_pixels)


def _read_jpeg(data: bytes, page: int, max_pixels: int) -> Image:
    return _load(JpegImagePlugin.JpegImageFile, trim_jpeg(data), max_pixels, page)


def _read_bmp(data: bytes, page: int, max_pixels: int) -> Image:
    return _load(BmpImagePlugin.BmpImageFile, _check_bmp(data), max_pixels, page)


def _by_pillow(kind: Callable[[io.BytesIO], ImageFile]) -> Read:
    def read(data: bytes, page: int, max_pixels: int) -> Image:
        return _load(kind, data, max_pixels, page)

    return read


def _load(
    kind: Callable[[io.BytesIO], ImageFile], data: bytes, max_pixels: int, page: int = 0
) -> Image:
    """Decode a file with one of Pillow's classes."""
    image = kind(io.BytesIO(data))
    check_size(image.size, max_pixels)
    if page:
        try:
            image.seek(page)
        except EOFError:
            raise ValueError(f"it has no page {page + 1}") from None
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    return image


class _Format(NamedTuple):
    """File format: its signature and its decoder."""

    name: str
    signature: bytes
    read: Read


# Pillow's classes instead of `Image.open`, whose global limit of 179 megapixels is below ours
# (for TIFF and WebP it applies in any case).
# TGA is last: it has no signature, so any file matches it.
_FORMATS = (
    _Format("PNG", PNG_SIGNATURE, _read_png),
    _Format("JPEG", b"\xff\xd8\xff", _read_jpeg),
    *(_Format("TIFF", start, _read_tiff) for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    _Format("WebP", b"RIFF", _by_pillow(WebPImagePlugin.WebPImageFile)),
    _Format("BMP", b"BM", _read_bmp),
    _Format("GIF", b"GIF8", _by_pillow(GifImagePlugin.GifImageFile)),
    _Format("TGA", b"", _by_pillow(TgaImagePlugin.TgaImageFile)),
)

# Exceptions that Pillow raises for malformed files.
_BROKEN: tuple[type[Exception], ...] = (
    *(OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, EOFError),
    *(AttributeError, MemoryError, RuntimeError, AssertionError, struct.error),
    DecompressionBombError,
)


STRIP_PIXELS = 2**20
"""Pixels converted at once; steps on the whole picture would each need a further copy of it."""


def read_samples(
    data: bytes,
    max_pixels: int,
    finish: Finish,
    *,
    page: int = 0,
    strip_pixels: int = STRIP_PIXELS,
) -> Samples:
    """Decode a picture of any supported format and convert it in strips of rows.

    Args:
        data: Content of the file.
        max_pixels: Maximum number of pixels of the picture.
        finish: Conversion applied to each strip.
        page: Number of the page of a TIFF, or of the frame of an animation, from 0.
        strip_pixels: Maximum number of pixels of a strip, above 0; a strip has at least one row.

    Returns:
        The converted picture.

    Raises:
        ValueError: `data` is not a complete picture of a known format, has no such page, or is
            above `max_pixels`.
    """
    form = next(form for form in _FORMATS if data.startswith(form.signature))
    # Pillow warns of unusual metadata, which are not used here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return to_samples(form.read(data, page, max_pixels), finish, strip_pixels)
        except _BROKEN as error:
            raise ValueError(_complaint(data, form, error)) from error


def _complaint(data: bytes, form: _Format, error: BaseException) -> str:
    """Describe what is wrong with a file."""
    if not data:
        return "the file is empty"
    # No signature matched, and it is not TGA either.
    if not form.signature and isinstance(error, SyntaxError):
        return (
            f"unknown picture format, the file begins with {data[:8]!r}; "
            "give PNG, TIFF, TGA, BMP, WebP or JPEG"
        )
    return f"cannot read this {form.name} picture: {error or type(error).__name__}"
