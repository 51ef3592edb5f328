"""Frames of animated PNG files, composited as a viewer shows them."""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lineart.codec.formats.png import PngHeader, png_chunks, read_png_header
from lineart.codec.limits import MAX_PAGES, check_size
from lineart.codec.writing.png import PNG_SIGNATURE, png_chunk

_Canvas = UInt8[np.ndarray, "H W 4"]
_Area = UInt8[np.ndarray, "FrameH FrameW 4"]

_HEADER_PARTS = (b"PLTE", b"tRNS")
"""Chunks that each frame needs."""
_TO_BACKGROUND, _TO_PREVIOUS = 1, 2
"""What becomes of a frame's area before the next frame: cleared, or what it was before."""
_OVER = 1
"""Blending of a frame: over what is there; else in place of it."""


class _Control(NamedTuple):
    """Content of an fcTL chunk."""

    number: int
    width: int
    height: int
    left: int
    top: int
    delay: int
    delay_unit: int
    disposal: int
    blending: int


def count_png_frames(data: bytes) -> int:
    """Return the number of frames of an animated PNG, and 1 for any other PNG.

    Raises:
        ValueError: the file is damaged, or has too many frames.
    """
    if not _is_animation(data):
        return 1
    count = sum(kind == b"fcTL" for kind, _ in png_chunks(data, {b"fcTL"}))
    if count > MAX_PAGES:
        raise ValueError(f"it has {count} frames and {MAX_PAGES} are the most")
    return max(1, count)


def is_first_frame_hidden(data: bytes) -> bool:
    """Return whether a PNG is an animation that its first picture is not a part of."""
    return _is_animation(data) and b"fcTL" not in _kinds_before_pixels(data)


def png_frame(
    data: bytes, page: int, max_pixels: int, open_still: Callable[[bytes], _Area]
) -> Image.Image:
    """Return one frame of an animated PNG as a viewer shows it, as RGBA.

    Args:
        data: Content of the file.
        page: Number of the frame, from 0.
        max_pixels: Maximum number of pixels of the picture.
        open_still: Decodes a PNG that is no animation, with all checks.

    Raises:
        ValueError: it has fewer frames, or one of those up to `page` is damaged.

    Source:
        PNG specification, third edition, W3C 2025, section 13.
    """
    header = _header(data)
    check_size((header.width, header.height), max_pixels)
    canvas = np.zeros((header.height, header.width, 4), np.uint8)
    for number, (control, still) in enumerate(_stills(data)):
        area = _area(control, canvas)
        before = area.copy() if control.disposal == _TO_PREVIOUS else None
        _blend(area, open_still(still), control.blending)
        if number == page:
            return Image.fromarray(canvas)
        if control.disposal == _TO_BACKGROUND:
            area[:] = 0
        elif before is not None:
            area[:] = before if number else 0
    raise ValueError(f"it has no frame {page + 1}")


def _header(data: bytes) -> PngHeader:
    kind, content = next(png_chunks(data, {b"IHDR"}))
    if kind != b"IHDR":
        raise ValueError("its header is damaged")
    return read_png_header(content)


def _is_animation(data: bytes) -> bool:
    return b"acTL" in _kinds_before_pixels(data)


def _kinds_before_pixels(data: bytes) -> set[bytes]:
    kinds = set[bytes]()
    for kind, _ in png_chunks(data, set()):
        if kind == b"IDAT":
            break
        kinds.add(kind)
    return kinds


def _stills(data: bytes) -> Iterator[tuple[_Control, bytes]]:
    """Yield the frames of an animation, each as a PNG of its own."""
    header = _header(data)
    shared: dict[bytes, bytes] = {}
    control: _Control | None = None
    pixels: list[memoryview] = []
    for kind, content in png_chunks(data, {*_HEADER_PARTS, b"fcTL", b"IDAT", b"fdAT"}):
        if kind in _HEADER_PARTS:
            shared[kind] = png_chunk(kind, content)
        elif kind == b"fcTL":
            if control:
                yield control, _still(header, control, shared, pixels)
            control, pixels = _read_control(content), []
        elif control and kind in (b"IDAT", b"fdAT"):
            pixels.append(content if kind == b"IDAT" else content[4:])
    if control:
        yield control, _still(header, control, shared, pixels)


def _read_control(content: memoryview) -> _Control:
    if len(content) != 26:
        raise ValueError("the description of a frame is damaged")
    return _Control(*struct.unpack(">IIIIIHHBB", content))


def _still(
    header: PngHeader, control: _Control, shared: dict[bytes, bytes], pixels: list[memoryview]
) -> bytes:
    sized = header._replace(width=control.width, height=control.height)
    start = struct.pack(">IIBBBBB", *sized)
    parts = png_chunk(b"IHDR", start), *shared.values(), png_chunk(b"IDAT", b"".join(pixels))
    return b"".join((PNG_SIGNATURE, *parts, png_chunk(b"IEND", b"")))


def _area(control: _Control, canvas: _Canvas) -> _Area:
    bottom, right = control.top + control.height, control.left + control.width
    if bottom > canvas.shape[0] or right > canvas.shape[1]:
        raise ValueError(f"its frame {control.number} is larger than the picture")
    return canvas[control.top : bottom, control.left : right]


def _blend(area: _Area, frame: _Area, blending: int) -> None:
    """Blend a frame into its area of the canvas, in place."""
    if blending == _OVER:
        below, above = Image.fromarray(area), Image.fromarray(frame)
        frame = np.asarray(Image.alpha_composite(below, above))
    area[:] = frame
