"""Checks of JPEG files before Pillow decodes them.

Pillow takes quadratic time for many EXIF segments and minutes for long padding; libjpeg passes over
all pixels once for each scan, even an empty one.
"""

import re

from lineart.codec.limits import MAX_PROFILE_BYTES

_SCAN, _END = b"\xda", b"\xd9"
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
"""Marker that ends the data of a scan: neither a stuffed byte nor a restart marker."""
_MAX_SCANS = 100
"""Maximum number of scans; encoders write about ten, and each costs a pass over all pixels."""

_NEXT_PART = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_STAND_ALONE = {b"\x01", *(bytes([kind]) for kind in range(0xD0, 0xDA))}
"""Markers without content; none is valid between the start of the file and its first scan."""

_PROFILE = b"ICC_PROFILE\0"
"""Start of a segment with a part of the colour profile; there are up to 255."""

_MAX_PARTS = 100
"""Maximum number of kept segments before the first scan; encoders write about ten."""


def trim_jpeg(data: bytes) -> bytes:
    """Return a JPEG without comments, previews and padding before its pixels.

    A profile above `MAX_PROFILE_BYTES` is left out, too.

    Raises:
        ValueError: its header is damaged, or it has too many segments or scans.
    """
    kept: list[bytes] = []
    profile: list[bytes] = []
    position = 2
    while (marker := _NEXT_PART.match(data, position)) and marker[1] not in _STAND_ALONE:
        if marker[1] == _SCAN:
            _check_scans(data, marker.start())
            if sum(map(len, profile)) > MAX_PROFILE_BYTES:
                profile = []
            # Pillow looks for the profile before the size of the picture.
            return b"".join((data[:2], *profile, *kept, memoryview(data)[marker.start() :]))
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
        content = data[marker.end() + 2 : position]
        if marker[1] == b"\xe2" and content.startswith(_PROFILE) and len(profile) < 256:
            profile.append(b"\xff" + data[marker.start(1) : position])
        elif _is_needed(marker[1], content):
            kept.append(b"\xff" + data[marker.start(1) : position])
        if len(kept) >= _MAX_PARTS:
            raise ValueError(f"it has more than {_MAX_PARTS} parts before its pixels")
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
        if scans > _MAX_SCANS:
            raise ValueError(f"it has more than {_MAX_SCANS} scans")
        length = int.from_bytes(data[marker.end() : marker.end() + 2])
        position = marker.end() + max(2, length)
