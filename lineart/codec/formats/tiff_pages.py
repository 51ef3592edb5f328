"""One page of a TIFF as a file of its own; its pixels stay as they are encoded."""

import struct
from typing import NamedTuple

from lineart.codec.formats.tiff import (
    TiffLayout,
    check_values,
    find_directory,
    tiff_layout,
    with_first_directory,
)

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8}
"""Tag types -> size of a value in bytes."""
_INTEGERS = {3: "H", 4: "I", 16: "Q"}
"""Tag types of positions and lengths -> their struct formats."""
_BLOCKS = {273: 279, 324: 325}
"""Tags of the positions of strips and tiles -> tags of their lengths in bytes."""
_OTHER_DIRECTORIES = {330, 34665, 34853, 40965}
"""Tags that point to further directories: smaller copies, EXIF, GPS, interoperability."""
_OLD_JPEG = 513
"""Tag of files whose tables lie anywhere in the file."""


class _Tag(NamedTuple):
    number: int
    kind: int
    values: int
    content: bytes


def extract_tiff_page(data: bytes, page: int) -> bytes:
    """Return a TIFF of one page, with its tags and encoded pixels.

    It is at most about twice as long as the file: strips at one place there are at one place here.

    Args:
        data: Content of the file.
        page: Number of the page, from 0.

    Raises:
        ValueError: it has no such page, or the page is damaged.
    """
    try:
        layout, start = tiff_layout(data), find_directory(data, page)
        tags = {tag.number: tag for tag in _tags(data, start, layout)}
        at = next((tag for tag in _BLOCKS if tag in tags and _BLOCKS[tag] in tags), None)
        # Without lengths, or with tables elsewhere, the page is what a reader finds in the file.
        if at is None or _OLD_JPEG in tags:
            return with_first_directory(data, start)
        blocks = _blocks(data, tags[at], tags[_BLOCKS[at]], layout)
        return _write(data, tags, at, blocks, layout)
    except (struct.error, KeyError) as error:
        raise ValueError(f"its page {page + 1} is damaged") from error


def _tags(data: bytes, start: int, layout: TiffLayout) -> list[_Tag]:
    """Return the tags of a directory, except those that point elsewhere or are of unknown types."""
    (count,) = struct.unpack_from(layout.counter, data, start)
    first, size = start + struct.calcsize(layout.counter), struct.calcsize(layout.entry)
    tags, room = list[_Tag](), len(data)
    for index in range(count):
        number, kind, values, inline = struct.unpack_from(layout.entry, data, first + index * size)
        if number in _OTHER_DIRECTORIES or kind not in _SIZES:
            continue
        check_values(number, kind, values)
        length = _SIZES[kind] * values
        if length > len(inline):
            (at,) = struct.unpack(layout.pointer, inline)
            inline = data[at : at + length]
            room -= len(inline)
            if room < 0:
                raise ValueError("its tags overlap: together they are longer than the file")
        tags.append(_Tag(number, kind, values, inline[:length]))
    return tags


def _blocks(
    data: bytes, positions: _Tag, lengths: _Tag, layout: TiffLayout
) -> list[tuple[int, int]]:
    """Return position and length of each strip or tile; several may be one place in the file."""
    at, sizes = (
        struct.unpack(f"{layout.pointer[0]}{tag.values}{_INTEGERS[tag.kind]}", tag.content)
        for tag in (positions, lengths)
    )
    if len(at) != len(sizes):
        raise KeyError(positions.number)
    blocks = [*zip(at, sizes, strict=True)]
    if sum(max(0, min(size, len(data) - start)) for start, size in {*blocks}) > len(data):
        raise ValueError("its strips overlap: together they are longer than the file")
    return blocks


def _write(
    data: bytes,
    tags: dict[int, _Tag],
    positions: int,
    blocks: list[tuple[int, int]],
    layout: TiffLayout,
) -> bytes:
    """Write header, blocks, values of tags and, at the end, the only directory."""
    pointer = layout.pointer
    parts, at = list[bytes](), layout.first_at + struct.calcsize(pointer)
    places = dict.fromkeys(blocks, 0)
    for start, size in places:
        block = data[start : start + size]
        parts.append(block + b"\0" * (-len(block) % 8))
        places[start, size] = at
        at += len(parts[-1])
    starts = [places[block] for block in blocks]
    kind, form = (16, "Q") if pointer.endswith("Q") else (4, "I")
    content = struct.pack(f"{pointer[0]}{len(starts)}{form}", *starts)
    tags = {**tags, positions: _Tag(positions, kind, len(starts), content)}
    entries: list[bytes] = []
    for tag in (tags[number] for number in sorted(tags)):
        inline = tag.content.ljust(struct.calcsize(pointer), b"\0")
        if len(tag.content) > struct.calcsize(pointer):
            inline = struct.pack(pointer, at)
            parts.append(tag.content + b"\0" * (-len(tag.content) % 8))
            at += len(parts[-1])
        entries.append(struct.pack(layout.entry, tag.number, tag.kind, tag.values, inline))
    header = data[: layout.first_at] + struct.pack(pointer, at)
    end = struct.pack(layout.counter, len(entries)), *entries, struct.pack(pointer, 0)
    return b"".join((header, *parts, *end))
