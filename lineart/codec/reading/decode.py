"""Decoding of picture files of all supported formats to 8-bit samples."""

import io
from collections.abc import Callable
from functools import partial
from importlib import import_module

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageOps,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PcxImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    SgiImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.Image import Image
from PIL.ImageFile import ImageFile

from lineart.codec.colors.alpha import drop_empty_alpha
from lineart.codec.colors.samples import Finish, Samples, to_rgba, to_samples
from lineart.codec.documents.archive import MERGED, Archive
from lineart.codec.documents.krita import warn_of_animation
from lineart.codec.errors import reading
from lineart.codec.formats.apng import is_first_frame_hidden, png_frame
from lineart.codec.formats.jpeg import trim_jpeg
from lineart.codec.formats.png import read_png_color, rewrap_png
from lineart.codec.formats.table import WAY_OUT, find_format
from lineart.codec.formats.tga import is_tga
from lineart.codec.formats.tiff import TiffPage, first_directory, tiff_page
from lineart.codec.limits import check_size
from lineart.image import Hint

_MAX_RLE_BYTES = 2**23
"""Maximum size of a run-length encoded BMP; Pillow decodes those in Python, at 4 MB/s."""


def _check_bmp(data: bytes) -> bytes:
    """Return a BMP unchanged; raise ValueError if it is large and run-length encoded."""
    header, compression = data[14:18], data[30:34]
    has_runs = header != b"\x0c\0\0\0" and compression in (b"\1\0\0\0", b"\2\0\0\0")
    if has_runs and len(data) > _MAX_RLE_BYTES:
        raise ValueError("it is compressed and above 8 MiB; save it without compression, or as PNG")
    return data


_ORIENTATION = 274
"""Tag of TIFF and EXIF."""

Read = Callable[[bytes, int, int], Image]
"""Decodes one page of a file: content, number of the page from 0, maximum number of pixels."""


def _read_png(data: bytes, page: int, max_pixels: int) -> Image:
    image: Image
    if page or is_first_frame_hidden(data):
        image = png_frame(data, page, max_pixels, partial(_still, max_pixels))
    else:
        image = _load(PngImagePlugin.PngImageFile, rewrap_png(data, max_pixels), max_pixels)
    image.info.update(read_png_color(data))
    return image


def _still(max_pixels: int, data: bytes) -> Hint:
    """Decode a PNG that is no animation to RGBA."""
    return to_rgba(_read_png(data, 0, max_pixels))


def _read_tiff(data: bytes, page: int, max_pixels: int) -> Image:
    if data.startswith(b"MM\0+"):
        raise ValueError("it is a big-endian BigTIFF; save it as TIFF")
    found = tiff_page(data, page)
    if found.is_deep_gray_alpha:
        check_size(found.size, max_pixels)
        image = _read_deep_gray_alpha(found)
    else:
        try:
            image = _load(TiffImagePlugin.TiffImageFile, found.data, max_pixels)
        except (SyntaxError, ValueError) as error:
            if " mode" not in str(error):
                raise
            raise ValueError(found.refusal) from error
    return image if found.is_alpha_sure else drop_empty_alpha(image)


def _read_deep_gray_alpha(page: TiffPage) -> Image:
    """Decode grey and alpha with 16 bits by FFmpeg, which leaves all other tags out."""
    from lineart.codec.formats.ffmpeg import read_deep_gray_alpha

    if b"+" in page.data[2:4]:
        raise ValueError("it is a BigTIFF of grey and alpha with 16 bits; save it as TIFF")
    file = io.BytesIO(page.data)
    tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
    file.seek(first_directory(page.data))
    tags.load(file)
    if TiffImagePlugin.TILEWIDTH in tags:
        raise ValueError("it has grey and alpha with 16 bits in tiles; save it in strips")
    image = read_deep_gray_alpha(page.data, is_premultiplied=page.is_premultiplied)
    image.info["icc_profile"] = tags.get(TiffImagePlugin.ICCPROFILE)
    image.getexif()[_ORIENTATION] = tags.get(_ORIENTATION, 1)
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _read_jpeg(data: bytes, page: int, max_pixels: int) -> Image:
    return _load(JpegImagePlugin.JpegImageFile, trim_jpeg(data), max_pixels, page)


def _read_bmp(data: bytes, page: int, max_pixels: int) -> Image:
    image = _load(BmpImagePlugin.BmpImageFile, _check_bmp(data), max_pixels, page)
    return drop_empty_alpha(image)


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


def _check_page(page: int) -> None:
    if page:
        raise ValueError(f"it has no page {page + 1}")


def _single(module: str, name: str) -> Read:
    """Return a decoder of files of one page, imported with its libraries when it is needed.

    Each takes as long to import as all others here together.
    """

    def read(data: bytes, page: int, max_pixels: int) -> Image:
        _check_page(page)
        image: Image = getattr(import_module(f"lineart.codec.{module}"), name)(data, max_pixels)
        return image

    return read


def _read_merged(data: bytes, page: int, max_pixels: int) -> Image:
    """Decode the merged picture of an OpenRaster or Krita file."""
    _check_page(page)
    archive = Archive(data)
    if MERGED not in archive.names:
        raise ValueError("it holds no merged picture; save it again in Krita, or as PNG")
    warn_of_animation(archive)
    return _read_png(archive.read_png(MERGED, max_pixels), 0, max_pixels)


def _read_clip(data: bytes, page: int, max_pixels: int) -> Image:
    from lineart.codec.documents.clip import read_clip

    _check_page(page)
    picture = read_clip(data, max_pixels)
    return _read_png(picture, 0, max_pixels) if isinstance(picture, bytes) else picture


# Pillow's classes instead of `Image.open`, whose global limit of 179 megapixels is below ours
# (for TIFF and WebP it applies in any case).
_READERS: dict[str, Read] = {
    "PNG": _read_png,
    "JPEG": _read_jpeg,
    "TIFF": _read_tiff,
    "WebP": _by_pillow(WebPImagePlugin.WebPImageFile),
    "BMP": _read_bmp,
    "TGA": _single("formats.tga", "read_tga"),
    "GIF": _by_pillow(GifImagePlugin.GifImageFile),
    "AVIF": _by_pillow(AvifImagePlugin.AvifImageFile),
    "JPEG 2000": _by_pillow(Jpeg2KImagePlugin.Jpeg2KImageFile),
    "SGI": _by_pillow(SgiImagePlugin.SgiImageFile),
    "PCX": _by_pillow(PcxImagePlugin.PcxImageFile),
    "PNM": _by_pillow(PpmImagePlugin.PpmImageFile),
    "DPX": _single("formats.dpx", "read_dpx"),
    "OpenEXR": _single("formats.exr", "read_exr"),
    "Photoshop": _single("documents.psd", "read_psd"),
    "Krita": _read_merged,
    "OpenRaster": _read_merged,
    "Clip Studio Paint": _read_clip,
}
"""Names of the formats in `FORMATS` that are read -> their decoders."""


def read_samples(
    data: bytes,
    max_pixels: int,
    finish: Finish,
    *,
    page: int = 0,
) -> Samples:
    """Decode a picture of any supported format and convert it in strips of rows.

    Args:
        data: Content of the file.
        max_pixels: Maximum number of pixels of the picture.
        finish: Conversion applied to each strip.
        page: Number of the page of a TIFF, or of the frame of an animation, from 0.

    Returns:
        The converted picture.

    Raises:
        ValueError: `data` is not a complete picture of a known format, has no such page, or is
            above `max_pixels`.
    """
    name, read = _decoder(data)
    with reading(name):
        return to_samples(read(data, page, max_pixels), finish)


def read_image(data: bytes, max_pixels: int, *, page: int = 0) -> Image:
    """Decode a picture of any supported format to one of Pillow's.

    Args:
        data: Content of the file.
        max_pixels: Maximum number of pixels of the picture.
        page: Number of the page of a TIFF, or of the frame of an animation, from 0.

    Returns:
        The loaded picture, of any of Pillow's modes.

    Raises:
        ValueError: as for `read_samples`.
    """
    name, read = _decoder(data)
    with reading(name):
        return read(data, page, max_pixels)


def _decoder(data: bytes) -> tuple[str, Read]:
    """Return the name of a file's format and its decoder; its name and suffix do not matter."""
    if not data:
        raise ValueError("the file is empty")
    form = find_format(data)
    if form is not None and not form.is_read:
        raise ValueError(f"{form.name} files cannot be read; {WAY_OUT}")
    if form is not None:
        return form.name, _READERS[form.name]
    # TGA has no signature.
    if not is_tga(data):
        raise ValueError(f"unknown picture format, the file begins with {data[:8]!r}; {WAY_OUT}")
    return "TGA", _READERS["TGA"]
