"""TIFF: refuse tags without end, each value of which Pillow makes a Python object of."""

import struct

_MOST_TAGS = 4096
_MOST_VALUES = 100_000
"""Values of one tag: strips, most often; there is one for each few rows or each tile."""
_BYTES = (1, 2, 6, 7)
"""Types of tags that Pillow keeps as bytes."""


def check_tiff(data: bytes, _max_pixels: int) -> bytes:
    """Give a TIFF as it is, once its tags are known to be few.

    Raises:
        ValueError: they are not, or the file is cut off.
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
