"""Check of TIFF tags before Pillow reads them: it makes a Python object of each tag value."""

import struct

_MOST_TAGS = 4096
_MOST_VALUES = 100_000
"""Maximum number of values of a tag; the longest list strips or tiles, one value for each."""
_BYTES = (1, 2, 6, 7)
"""Tag types whose values Pillow keeps together as bytes."""


def check_tiff(data: bytes, _max_pixels: int) -> bytes:
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
