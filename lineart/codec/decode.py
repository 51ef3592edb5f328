"""Decoding of picture files of all supported formats to 8-bit samples."""

import io
import re
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

from lineart.codec.png import PNG_SIGNATURE, check_size, rewrap_png

Samples = UInt8[np.ndarray, "H W _"]
"""Decoded picture, 0..255, of 1 to 4 channels: grey, grey + alpha, RGB or RGBA."""

Finish = Callable[[Samples], Samples]
"""Converts pixels row by row; keeps height and width, may change the channels.

A strip of one channel beside strips of three is grey.
"""


# JPEG. Pillow takes quadratic time for many EXIF segments and minutes for long padding; libjpeg
# passes over all pixels once for each scan, even an empty one.

_SCAN, _END = b"\xda", b"\xd9"
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
"""Marker that ends the data of a scan: neither a stuffed byte nor a restart marker."""
_MOST_SCANS = 100
"""Maximum number of scans; encoders write about ten, and each costs a pass over all pixels."""

_NEXT_PART = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_STAND_ALONE = {b"\x01", *(bytes([kind]) for kind in range(0xD0, 0xDA))}
"""Markers without content; none is valid between the start of the file and its first scan."""

_MOST_PARTS = 100
"""Maximum number of kept segments before the first scan; encoders write about ten."""


def _trim_jpeg(data: bytes, _max_pixels: int) -> bytes:
    """Return a JPEG without comments, profiles, previews and padding before its pixels.

    Raises:
        ValueError: its header is damaged, or it has too many segments or scans.
    """
    kept: list[bytes | memoryview] = [data[:2]]
    position = 2
    while (marker := _NEXT_PART.match(data, position)) and marker[1] not in _STAND_ALONE:
        if marker[1] == _SCAN:
            _check_scans(data, marker.start())
            return b"".join((*kept, memoryview(data)[marker.start() :]))
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
        if _is_needed(marker[1], data[marker.end() + 2 : position]):
            kept.append(b"\xff" + data[marker.start(1) : position])
        if len(kept) > _MOST_PARTS:
            raise ValueError(f"it has more than {_MOST_PARTS} parts before its pixels")
    raise ValueError("its header is damaged")


def _is_needed(kind: bytes, content: bytes) -> bool:
    """Return whether a segment affects the pixels or, as EXIF or XMP, the orientation."""
    if kind == b"\xe1":
        return content.startswith((b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"))
    is_note = b"\xe0" <= kind <= b"\xef" or kind == b"\xfe"
    return not is_note or kind in (b"\xe0", b"\xee")


def _check_scans(data: bytes, position: int) -> None:
    scans = 0
    while (marker := _MARKER.search(data, position)) and marker[1] != _END:
        scans += marker[1] == _SCAN
        if scans > _MOST_SCANS:
            raise ValueError(f"it has more than {_MOST_SCANS} scans")
        length = int.from_bytes(data[marker.end() : marker.end() + 2])
        position = marker.end() + max(2, length)


# TIFF. Pillow makes a Python object of each tag value.

_MOST_TAGS = 4096
_MOST_VALUES = 100_000
"""Maximum number of values of a tag; the longest list strips or tiles, one value for each."""
_BYTES = (1, 2, 6, 7)
"""Tag types whose values Pillow keeps together as bytes."""


def _check_tiff(data: bytes, _max_pixels: int) -> bytes:
    """Return a TIFF unchanged after counting the tags of its first directory and their values.

    Raises:
        ValueError: there are too many.
        struct.error: the file is truncated.
    """
    order, is_big = "<" if data[:2] == b"II" else ">", b"+" in data[2:4]
    start_at, number, entry = (8, "Q", "HHQ8s") if is_big else (4, "I", "HHI4s")
    (start,) = struct.unpack_from(order + number, data, start_at)
    (count,) = struct.unpack_from(order + ("Q" if is_big else "H"), data, start)
    first = start + (8 if is_big else 2)
    if count > _MOST_TAGS:
        raise ValueError(f"it has {count} tags and {_MOST_TAGS} are the most")
    for index in range(count):
        at = first + index * struct.calcsize(order + entry)
        tag, kind, values, _ = struct.unpack_from(order + entry, data, at)
        if values > _MOST_VALUES and kind not in _BYTES:
            raise ValueError(f"its tag {tag} has {values} values and {_MOST_VALUES} are the most")
    return data


# BMP, and the table of formats.


def _as_it_is(data: bytes, _max_pixels: int) -> bytes:
    """Return the data unchanged: Pillow does all checks."""
    return data


_MOST_RLE_BYTES = 2**23
"""Maximum size of a run-length encoded BMP; Pillow decodes those in Python, at 4 MB/s."""


def _check_bmp(data: bytes, _max_pixels: int) -> bytes:
    """Return a BMP unchanged; raise ValueError if it is large and run-length encoded."""
    header, compression = data[14:18], data[30:34]
    has_runs = header != b"\x0c\0\0\0" and compression in (b"\1\0\0\0", b"\2\0\0\0")
    if has_runs and len(data) > _MOST_RLE_BYTES:
        raise ValueError("it is compressed and above 8 MiB; save it without compression, or as PNG")
    return data


class _Format(NamedTuple):
    """File format: its signature, Pillow's class for it, and checks before decoding."""

    name: str
    signature: bytes
    open: Callable[[io.BytesIO], ImageFile]
    prepare: Callable[[bytes, int], bytes] = _as_it_is


# Pillow's classes instead of `Image.open`, whose global limit of 179 megapixels is below ours
# (for TIFF and WebP it applies in any case).
# TGA is last: it has no signature, so any file matches it.
_FORMATS = (
    _Format("PNG", PNG_SIGNATURE, PngImagePlugin.PngImageFile, rewrap_png),
    _Format("JPEG", b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile, _trim_jpeg),
    _Format("TIFF", b"II*\0", TiffImagePlugin.TiffImageFile, _check_tiff),
    _Format("TIFF", b"MM\0*", TiffImagePlugin.TiffImageFile, _check_tiff),
    _Format("TIFF", b"II+\0", TiffImagePlugin.TiffImageFile, _check_tiff),
    _Format("TIFF", b"MM\0+", TiffImagePlugin.TiffImageFile, _check_tiff),
    _Format("WebP", b"RIFF", WebPImagePlugin.WebPImageFile),
    _Format("BMP", b"BM", BmpImagePlugin.BmpImageFile, _check_bmp),
    _Format("TGA", b"", TgaImagePlugin.TgaImageFile),
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
    data: bytes, max_pixels: int, finish: Finish, *, strip_pixels: int = STRIP_PIXELS
) -> Samples:
    """Decode a picture of any supported format and convert it in strips of rows.

    Args:
        data: Content of the file.
        max_pixels: Maximum number of pixels of the picture.
        finish: Conversion applied to each strip.
        strip_pixels: Maximum number of pixels of a strip, above 0; a strip has at least one row.

    Returns:
        The converted picture.

    Raises:
        ValueError: `data` is not a complete picture of a known format, or is above `max_pixels`.
    """
    form = next(form for form in _FORMATS if data.startswith(form.signature))
    # Pillow warns of unusual metadata, which are not used here.
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


# Conversion of Pillow's pixel modes to 8 bits per channel.

_MODES = dict.fromkeys(("RGB", "RGBX", "P", "CMYK", "YCbCr"), "RGB")
_MODES |= dict.fromkeys(("RGBA", "RGBa", "PA"), "RGBA")
_MODES |= dict.fromkeys(("L", "1"), "L") | dict.fromkeys(("LA", "La"), "LA")
"""Pillow's pixel modes -> the 8-bit mode that holds the same."""

_TIFF_BITS, _TIFF_MEANING, _TIFF_PLANAR, _TIFF_NUMBERS = 258, 262, 284, 339
"""TIFF tags: bits per sample, photometric (0: white is zero), planar layout, sample format."""


def _samples(image: ImageFile, finish: Finish, strip_pixels: int) -> Samples:
    """Return the converted samples of a loaded picture."""
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
        if strip.shape[2] > samples.shape[2]:
            samples = np.repeat(samples, strip.shape[2], axis=2)
        samples[index * rows :][: len(strip)] = strip
    return samples


def _strip(image: Image, is_inverted: bool) -> Samples:
    """Return the samples of some rows, without loss except for depths above 8 bits."""
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
    """Convert 16-bit grey to 8 bits, rounded."""
    values = np.asarray(image).astype(np.uint32)[:, :, np.newaxis]
    samples = ((values + 128) // 257).astype(np.uint8)
    if is_inverted:
        return 255 - samples
    key = image.info.get("transparency")
    return samples if key is None else _cut_out(samples, values[:, :, 0] == key)


def _is_inverted(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Return whether 16-bit samples must be inverted; raise for samples that Pillow misreads."""
    bits = image.tag_v2.get(_TIFF_BITS, (1,))
    is_planar = image.tag_v2.get(_TIFF_PLANAR, 1) == 2
    is_unsigned = set(image.tag_v2.get(_TIFF_NUMBERS, (1,))) == {1}
    if set(bits) - {1, 2, 4, 8, 16} or not is_unsigned or (is_planar and 16 in bits):
        raise ValueError("its samples are of an unusual kind; save it with 8 bits a channel")
    # Pillow inverts "white is zero" for 8 bits but not for 16.
    return bool(image.tag_v2.get(_TIFF_MEANING) == 0)


def _cut_out(samples: Samples, is_clear: Bool[np.ndarray, "H W"]) -> Samples:
    """Add an alpha channel that is 0 where `is_clear`."""
    return np.dstack((samples, np.where(is_clear, np.uint8(0), np.uint8(255))))
