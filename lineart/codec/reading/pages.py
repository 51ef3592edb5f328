"""Pages of a picture file: pages of a TIFF, frames of an animation."""

import io
import struct
from collections.abc import Callable

from PIL import AvifImagePlugin

from lineart.codec.errors import reading
from lineart.codec.formats.apng import count_png_frames
from lineart.codec.formats.tiff import TIFF_SIGNATURES, count_tiff_pages, next_directory
from lineart.codec.formats.tiff_pages import extract_tiff_page
from lineart.codec.limits import MAX_PAGES, MAX_PIXELS
from lineart.codec.reading.decode import read_image
from lineart.codec.writing.png import PNG_SIGNATURE

_CUT_OFF = "the file is cut off: its last page is not complete"


def count_pages(data: bytes) -> int:
    """Return the number of pages that a picture file has for a viewer, at least 1.

    Those are the pages of a TIFF, without smaller copies and masks, and the frames of GIF,
    animated PNG, animated WebP and AVIF sequences. Nothing is decoded.

    Args:
        data: Content of a file of any kind; what is no picture has one page.

    Raises:
        ValueError: the file is cut off or damaged, or has more than `MAX_PAGES` pages.
    """
    if data.startswith(PNG_SIGNATURE):
        return count_png_frames(data)
    if data.startswith(TIFF_SIGNATURES):
        return count_tiff_pages(data)
    if data.startswith(b"GIF8"):
        return _bounded(_count_gif_frames(data))
    if data.startswith(b"RIFF"):
        return _bounded(_count_webp_frames(data))
    if data[4:12] == b"ftypavis":
        with reading("AVIF"):
            return _bounded(AvifImagePlugin.AvifImageFile(io.BytesIO(data)).n_frames)
    return 1


ReadRange = Callable[[int, int], bytes]
"""Reads a part of a file: first byte and length -> bytes, fewer at the end of the file."""

_STARTS = (4096, 2**18)
"""Sizes of the start of a PNG in which its first pixels are looked for, in bytes."""


def may_have_pages(read: ReadRange) -> bool:
    """Return whether a file may have several pages, from as few of its bytes as possible.

    Args:
        read: Reads a part of the file.

    Raises:
        struct.error: the file is cut off.
        OverflowError: a position in it is larger than `read` takes.
    """
    start = read(0, _STARTS[0])
    if start.startswith(PNG_SIGNATURE):
        if b"IDAT" not in start and len(start) == _STARTS[0]:
            start = read(0, _STARTS[1])
        return b"acTL" in start
    if start.startswith(TIFF_SIGNATURES):
        return next_directory(start, read) != 0
    is_animated_webp = start[12:16] == b"VP8X" and start[20:21] and start[20] & 2
    return start.startswith(b"GIF8") or (start.startswith(b"RIFF") and bool(is_animated_webp))


def extract_page(data: bytes, page: int, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return one page of a file as a file of its own, with equal pixels.

    A page of a TIFF stays as it is encoded, with its tags. A frame of an animation becomes a PNG
    without compression: it is equal on every machine.

    Args:
        data: Content of the file.
        page: Number of the page, from 0.
        max_pixels: Maximum number of pixels of a frame of an animation.

    Raises:
        ValueError: it has no such page, or the page is damaged.
    """
    if data.startswith(TIFF_SIGNATURES):
        return extract_tiff_page(data, page)
    image = read_image(data, max_pixels, page=page)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        # Animations are composited as RGBA, whether or not their file has an alpha channel.
        is_opaque = image.getchannel("A").getextrema() == (255, 255)
        if is_opaque and not _has_alpha_channel(data):
            image = image.convert("RGB")
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=0)
    return encoded.getvalue()


def _has_alpha_channel(data: bytes) -> bool:
    """Return whether an animated PNG or WebP says that it has an alpha channel."""
    if data.startswith(PNG_SIGNATURE):
        return data[25] in (4, 6)
    return data.startswith(b"RIFF") and bool(data[20] & 16)


def _bounded(count: int) -> int:
    if count > MAX_PAGES:
        raise ValueError(f"it has {count} pages and {MAX_PAGES} are the most")
    return max(1, count)


_GIF_EXTENSION, _GIF_IMAGE, _GIF_END = 0x21, 0x2C, 0x3B


def _count_gif_frames(data: bytes) -> int:
    """Count the image descriptors of a GIF (GIF89a specification, CompuServe 1990)."""
    try:
        position, count = 13 + _color_table_size(data[10]), 0
        while (block := data[position]) != _GIF_END:
            if block == _GIF_IMAGE:
                count += 1
                # The descriptor, its colour table and the least size of its codes.
                position += 11 + _color_table_size(data[position + 9])
            elif block == _GIF_EXTENSION:
                position += 2
            else:
                raise ValueError("its list of frames is damaged")
            while length := data[position]:
                position += 1 + length
            position += 1
    except IndexError:
        raise ValueError(_CUT_OFF) from None
    return count


def _color_table_size(flags: int) -> int:
    return 3 * 2 ** (1 + (flags & 7)) if flags & 0x80 else 0


def _count_webp_frames(data: bytes) -> int:
    """Count the chunks ANMF of a WebP (RFC 9649)."""
    position, count = 12, 0
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise ValueError(_CUT_OFF)
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        count += kind == b"ANMF"
        position += 8 + length + length % 2
    return count
