"""Number of pages of a picture file: pages of a TIFF, frames of an animation."""

import struct

from lineart.codec.apng import count_png_frames
from lineart.codec.limits import MAX_PAGES
from lineart.codec.png import PNG_SIGNATURE
from lineart.codec.tiff import count_tiff_pages

_CUT_OFF = "the file is cut off: its last page is not complete"


def count_pages(data: bytes) -> int:
    """Return the number of pages that a picture file has for a viewer, at least 1.

    Those are the pages of a TIFF, without smaller copies and masks, and the frames of GIF,
    animated PNG and animated WebP. Nothing is decoded.

    Args:
        data: Content of a file of any kind; what is no picture has one page.

    Raises:
        ValueError: the file is cut off or damaged, or has more than `MAX_PAGES` pages.
    """
    if data.startswith(PNG_SIGNATURE):
        return count_png_frames(data)
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return count_tiff_pages(data)
    if data.startswith(b"GIF8"):
        return _bounded(_count_gif_frames(data))
    if data.startswith(b"RIFF"):
        return _bounded(_count_webp_frames(data))
    return 1


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
