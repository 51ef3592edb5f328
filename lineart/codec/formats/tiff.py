"""Pages of TIFF files, and checks of them before Pillow decodes them.

Pillow makes a Python object of each value of a tag.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from PIL.TiffImagePlugin import COMPRESSION_INFO

from lineart.codec.limits import MAX_PAGES

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of a TIFF, of either byte order; + is a BigTIFF."""
_MAX_TAGS = 4096
_MAX_VALUES = 100_000
"""Maximum number of values of a tag; the longest list strips or tiles, one value for each."""
_BYTES = (1, 2, 6, 7)
"""Tag types whose values Pillow keeps together as bytes."""
_SUBFILE_TYPE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION = 254, 256, 257, 258, 259
_MEANING, _SAMPLES, _PLANES = 262, 277, 284
_UNREAD_COMPRESSIONS = {
    **dict.fromkeys((33003, 33004, 33005, 34712), "JPEG 2000"),
    **dict.fromkeys((22610, 34934), "JPEG XR"),
    **dict.fromkeys((50002, 52546), "JPEG XL"),
    32908: "PIXTIFF",
    34661: "JBIG",
    34887: "LERC",
}
"""Values of the tag for the compression -> names."""
_EXTRA_SAMPLES = 338
_UNSPECIFIED, _PREMULTIPLIED, _STRAIGHT = 0, 1, 2
"""Values of ExtraSamples."""
_BLACK_IS_ZERO = 1
"""Value of the photometric interpretation."""
_MEANINGS = {0: "grey, white is zero", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 8: "Lab"}
_APART = 2
"""Value of the planar configuration: each channel has strips of its own."""
_READ_APART = 1, 3, 4
"""Numbers of such channels that Pillow reads, up to 8 bits; of compressed grey and alpha it makes
zeros."""
_WAY_OUT = "save it as grey, RGB or RGBA with interleaved channels of 8 or 16 bits"
_THUMBNAIL_OR_MASK = 1 | 4
"""Bits of the subfile type of directories that are no pages: smaller copies, and masks."""
_INTEGERS = {3: ("H", 2), 4: ("I", 4)}
"""Tag types of integers -> their struct format and size."""


class TiffLayout(NamedTuple):
    """Struct formats of the byte order and size of a TIFF."""

    pointer: str
    counter: str
    entry: str
    first_at: int
    """Position of the pointer to the first directory."""
    value_bytes: int
    """Size of the values that an entry holds itself, and of a pointer to others."""

    @property
    def order(self) -> str:
        """Byte order as in struct formats."""
        return self.pointer[0]


class TiffPage(NamedTuple):
    """Page of a TIFF as a file of its own."""

    data: bytes
    """The file, whose first directory is that of the page."""
    size: tuple[int, int]
    """Width and height."""
    is_alpha_sure: bool
    """Whether it has no further channel, or one that the file itself calls alpha."""
    is_premultiplied: bool
    is_deep_gray_alpha: bool
    """Whether it holds grey and alpha with 16 bits, which Pillow does not decode."""
    refusal: str
    """Sentence for a kind that Pillow does not decode."""


def tiff_page(data: bytes, page: int) -> TiffPage:
    """Return a page of a TIFF, with its tags counted.

    A further channel of unspecified meaning becomes alpha.

    Args:
        data: Content of the file.
        page: Number of the page, from 0.

    Raises:
        ValueError: it has fewer pages, too many tags or values, or is of a kind that Pillow
            misreads.
        struct.error: the file is truncated.
    """
    layout = tiff_layout(data)
    first, start = first_directory(data), find_directory(data, page)
    tags = {tag: number for tag, number, _ in _numbers(data, start, layout)}
    alpha = tags.get(_EXTRA_SAMPLES)
    if alpha == _UNSPECIFIED:
        at = next(at for tag, _, at in _numbers(data, start, layout) if tag == _EXTRA_SAMPLES)
        data = _write(data, at, struct.pack(f"{layout.order}H", _STRAIGHT))
    if start != first:
        data = with_first_directory(data, start)
    _check_compression(tags.get(_COMPRESSION, 1))
    kind = tags.get(_BITS), tags.get(_SAMPLES), tags.get(_MEANING)
    refusal = _refusal(tags)
    is_read_apart = tags.get(_SAMPLES, 1) in _READ_APART and tags.get(_BITS, 1) <= 8
    if tags.get(_PLANES) == _APART and not is_read_apart:
        raise ValueError(refusal)
    return TiffPage(
        data,
        (tags.get(_WIDTH, 0), tags.get(_HEIGHT, 0)),
        alpha != _UNSPECIFIED,
        alpha == _PREMULTIPLIED,
        kind == (16, 2, _BLACK_IS_ZERO),
        refusal,
    )


def _refusal(tags: dict[int, int]) -> str:
    meaning = _MEANINGS.get(tags.get(_MEANING, -1), "unknown colours")
    apart = ", each apart" if tags.get(_PLANES) == _APART else ""
    samples, bits = tags.get(_SAMPLES, 1), tags.get(_BITS, 1)
    channels = "channel" if samples == 1 else f"{samples} channels"
    return f"its {channels} of {bits} bits ({meaning}{apart}) cannot be read; {_WAY_OUT}"


def first_directory(data: bytes) -> int:
    """Return the position of the first directory of a TIFF.

    Raises:
        struct.error: the file is truncated.
    """
    layout = tiff_layout(data)
    (first,) = struct.unpack_from(layout.pointer, data, layout.first_at)
    return int(first)


def find_directory(data: bytes, page: int) -> int:
    """Return the position of the directory of a page, from 0.

    Raises:
        ValueError: it has fewer pages, or a damaged list of them.
        struct.error: the file is truncated.
    """
    # The first directory may be a smaller copy: an only one is read whatever it is.
    first = first_directory(data)
    pages = page_positions(data) if page else iter([next(page_positions(data), first)])
    start = next((at for number, at in enumerate(pages) if number == page), None)
    if start is None:
        raise ValueError(f"it has no page {page + 1}")
    return start


def with_first_directory(data: bytes, start: int) -> bytes:
    """Return a TIFF whose first directory is that at a position."""
    layout = tiff_layout(data)
    return _write(data, layout.first_at, struct.pack(layout.pointer, start))


def _check_compression(method: int) -> None:
    if method not in COMPRESSION_INFO:
        name = _UNREAD_COMPRESSIONS.get(method, "of an unknown kind")
        raise ValueError(
            f"its compression {method} ({name}) cannot be read; save it with LZW or Deflate"
        )


def count_tiff_pages(data: bytes) -> int:
    """Return the number of pages, without smaller copies and masks.

    Raises:
        ValueError: the chain of its directories is damaged.
    """
    try:
        return max(1, sum(1 for _ in page_positions(data)))
    except struct.error as error:
        raise ValueError("the file is cut off: the list of its pages is not complete") from error


def tiff_layout(data: bytes) -> TiffLayout:
    """Return the struct formats of a TIFF."""
    order, is_big = "<" if data[:2] == b"II" else ">", b"+" in data[2:4]
    if is_big:
        return TiffLayout(f"{order}Q", f"{order}Q", f"{order}HHQ8s", 8, 8)
    return TiffLayout(f"{order}I", f"{order}H", f"{order}HHI4s", 4, 4)


def page_positions(data: bytes) -> Iterator[int]:
    """Yield the positions of the directories of pages."""
    layout, seen = tiff_layout(data), set[int]()
    (start,) = struct.unpack_from(layout.pointer, data, layout.first_at)
    while start:
        if start in seen or len(seen) >= MAX_PAGES:
            raise ValueError(f"its list of pages has no end, or more than {MAX_PAGES} pages")
        seen.add(start)
        count = _count_tags(data, start, layout)
        entries = start + struct.calcsize(layout.counter)
        if not _is_thumbnail_or_mask(data, entries, count, layout):
            yield start
        end = entries + count * struct.calcsize(layout.entry)
        (start,) = struct.unpack_from(layout.pointer, data, end)


def _count_tags(data: bytes, start: int, layout: TiffLayout) -> int:
    (count,) = struct.unpack_from(layout.counter, data, start)
    if count > _MAX_TAGS:
        raise ValueError(f"it has {count} tags and {_MAX_TAGS} are the most")
    return int(count)


def next_directory(start: bytes, read: Callable[[int, int], bytes]) -> int:
    """Return the position of the second directory of a TIFF, 0 if there is none.

    Args:
        start: First bytes of the file.
        read: Reads a part of the file: first byte and length -> bytes.

    Raises:
        struct.error: the file is cut off.
    """
    layout = tiff_layout(start)
    pointer, entry = struct.calcsize(layout.pointer), struct.calcsize(layout.entry)
    (at,) = struct.unpack_from(layout.pointer, start, layout.first_at)
    if not at:
        return 0
    # Most directories have fewer than a hundred tags.
    part = start[at:] if at + 8 < len(start) else read(at, 2048)
    (count,) = struct.unpack_from(layout.counter, part)
    end = struct.calcsize(layout.counter) + min(count, _MAX_TAGS) * entry
    if end + pointer > len(part):
        part = read(at, end + pointer)
    (following,) = struct.unpack_from(layout.pointer, part, end)
    return int(following)


def _is_thumbnail_or_mask(data: bytes, at: int, count: int, layout: TiffLayout) -> bool:
    """Return what the subfile type says, which is the first tag as tags are sorted."""
    if not count:
        return False
    tag, kind, _, value = struct.unpack_from(layout.entry, data, at)
    if tag != _SUBFILE_TYPE or kind not in _INTEGERS:
        return False
    form, size = _INTEGERS[kind]
    (number,) = struct.unpack(layout.order + form, value[:size])
    return bool(number & _THUMBNAIL_OR_MASK)


def _numbers(data: bytes, start: int, layout: TiffLayout) -> Iterator[tuple[int, int, int]]:
    """Yield tag, first value and its place for the integers of a directory, after all checks."""
    count = _count_tags(data, start, layout)
    entries = start + struct.calcsize(layout.counter)
    for index in range(count):
        at = entries + index * struct.calcsize(layout.entry)
        tag, kind, values, _ = struct.unpack_from(layout.entry, data, at)
        check_values(tag, kind, values)
        if kind not in _INTEGERS or not values:
            continue
        form, size = _INTEGERS[kind]
        value_at = at + struct.calcsize(layout.entry) - layout.value_bytes
        if size * values > layout.value_bytes:
            (value_at,) = struct.unpack_from(layout.pointer, data, value_at)
        if value_at + size <= len(data):
            yield tag, *struct.unpack_from(layout.order + form, data, value_at), value_at


def check_values(tag: int, kind: int, values: int) -> None:
    """Raise a ValueError if a tag of a type has more values than any needs."""
    if values > _MAX_VALUES and kind not in _BYTES:
        raise ValueError(f"its tag {tag} has {values} values and {_MAX_VALUES} are the most")


def _write(data: bytes, at: int, value: bytes) -> bytes:
    """Return the data with bytes replaced."""
    return b"".join((data[:at], value, memoryview(data)[at + len(value) :]))
