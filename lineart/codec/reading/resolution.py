"""Resolution that a picture file notes: how many of its pixels are an inch on paper."""

import io
import struct
import warnings

from PIL import Image, UnidentifiedImageError
from PIL.Image import DecompressionBombError
from PIL.PsdImagePlugin import PsdImageFile

from lineart.codec.formats.png import png_chunks
from lineart.codec.writing.png import IN_METRES, METRES_PER_INCH, PNG_SIGNATURE, Dpi

_MIN_DPI, _MAX_DPI = 0.1, 100_000.0
"""Values outside are mistakes, and do not fit in every format."""

_X_RESOLUTION, _Y_RESOLUTION, _UNIT = 282, 283, 296
_PER_INCH = {2: 1.0, 3: 2.54}
"""EXIF tags of the resolution and its unit; unit (inch, centimetre) -> factor to an inch."""

_JFIF = b"\xff\xd8\xff\xe0\0\x10JFIF\0"
_JFIF_PER_INCH = {1: 1.0, 2: 2.54}
"""Units of JFIF (inch, centimetre) -> factor to an inch."""

_PSD_RESOLUTION = 1005
"""Number of the resource in a PSD file: horizontal value in 16.16 bits, units, vertical value."""

_BROKEN = (
    *(UnidentifiedImageError, DecompressionBombError, OSError, SyntaxError, ValueError),
    *(LookupError, TypeError, ArithmeticError, EOFError, AttributeError, struct.error),
)
"""What is raised for files that are damaged or of another kind."""


def read_dpi(data: bytes) -> Dpi | None:
    """Return the resolution that a picture file notes, or None if it notes none.

    It is pHYs of PNG, JFIF's density, and the tags of TIFF, BMP, WebP and PSD. Nothing is decoded;
    call it for files that were decoded before, which refuses malicious ones.
    """
    try:
        dpi = _noted(data)
    except _BROKEN:
        return None
    if dpi is None or not all(_MIN_DPI <= one <= _MAX_DPI for one in dpi):
        return None
    return dpi


def scale_dpi(dpi: Dpi | None, factor: float) -> Dpi | None:
    """Return the resolution of a picture of `factor` times the size that is as large on paper."""
    if dpi is None or not all(_MIN_DPI <= one * factor <= _MAX_DPI for one in dpi):
        return None
    return dpi[0] * factor, dpi[1] * factor


def _noted(data: bytes) -> Dpi | None:
    if data.startswith(PNG_SIGNATURE):
        return _png_dpi(data)
    # Pillow takes quadratic time for JPEGs with many segments; JFIF's is always the first.
    if data.startswith(b"\xff\xd8"):
        return _jfif_dpi(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data))
        if isinstance(image, PsdImageFile):
            return _psd_dpi(image)
        if image.format == "WEBP":
            return _exif_dpi(image.getexif())
    dpi = image.info.get("dpi")
    return None if dpi is None else (float(dpi[0]), float(dpi[1]))


def _png_dpi(data: bytes) -> Dpi | None:
    for kind, content in png_chunks(data, {b"pHYs"}):
        if kind == b"pHYs" and len(content) == 9:
            across, down, unit = struct.unpack(">IIB", content)
            return (_dpi_of(across), _dpi_of(down)) if unit == IN_METRES else None
        if kind == b"IDAT":
            break
    return None


def _dpi_of(per_metre: int) -> float:
    """Return the whole number of pixels per inch that is written so, if there is one."""
    dpi = per_metre * METRES_PER_INCH
    return float(round(dpi)) if round(round(dpi) / METRES_PER_INCH) == per_metre else dpi


def _jfif_dpi(data: bytes) -> Dpi | None:
    if not data.startswith(_JFIF):
        return None
    unit, across, down = struct.unpack_from(">BHH", data, len(_JFIF) + 2)
    factor = _JFIF_PER_INCH.get(unit, 0.0)
    return across * factor, down * factor


def _exif_dpi(exif: Image.Exif) -> Dpi:
    factor = _PER_INCH.get(exif.get(_UNIT, 2), 0.0)
    return float(exif[_X_RESOLUTION]) * factor, float(exif[_Y_RESOLUTION]) * factor


def _psd_dpi(image: PsdImageFile) -> Dpi | None:
    for number, _, content in image.resources:
        if number == _PSD_RESOLUTION:
            across, _, _, down = struct.unpack_from(">iHHi", content)
            return across / 65536, down / 65536
    return None
