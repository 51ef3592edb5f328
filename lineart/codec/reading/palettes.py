"""Palettes: pictures of swatches, and files of GIMP (GPL), Adobe (ACO) and Krita (KPL)."""

import colorsys
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from xml.etree import ElementTree

import numpy as np
from jaxtyping import UInt8

from lineart.codec import decode_cel
from lineart.codec.documents.archive import Archive
from lineart.codec.errors import PictureWarning, reading
from lineart.codec.formats.table import find_format
from lineart.codec.reading.lossy import is_lossy

Colors = UInt8[np.ndarray, "N 3"]
"""sRGB colours, 0..255."""

MAX_COLORS = 4096
"""Most colours of a palette."""
READ_FORMATS = "PNG and other pictures of swatches, GPL, ACO and KPL"


def read_palette(data: bytes) -> Colors:
    """Return the colours of a palette file, in its order.

    The colours of a picture are those of its opaque pixels, each once, in the order in which they
    appear row by row. Other files have an entry a colour, and may have one twice. The file's
    content decides what it is, not its name. Of a picture whose format changes colours, such as
    JPEG, a `PictureWarning` is issued.

    Raises:
        ValueError: it is no palette, has no colour, more than `MAX_COLORS`, or one of a colour
            space that is not read.
    """
    name, read = _reader_of(data)
    with reading(name, "palette"):
        colors = read(data)
        if not len(colors):
            raise ValueError("it has no colour")
        if len(colors) > MAX_COLORS:
            raise ValueError(
                f"it has {len(colors)} colours and {MAX_COLORS} are the most; swatches of a "
                "picture must be flat, without soft edges"
            )
    if name == "JPEG 2000" or is_lossy(data):
        warnings.warn(
            f"the colours of a {name} are not exact, those of PNG, GPL, ACO and KPL are",
            PictureWarning,
            stacklevel=2,
        )
    return colors


def _reader_of(data: bytes) -> tuple[str, Callable[[bytes], Colors]]:
    """Return the name of a file's format and the function that reads it."""
    if data.removeprefix(_BOM).startswith(_GPL):
        return "GPL", _read_gpl
    if data.startswith(b"PK") and _KPL_MEMBER.encode() in data:
        return "KPL", _read_kpl
    if data[:2] in (b"\0\1", b"\0\2") and find_format(data) is None:
        return "ACO", _read_aco
    form = find_format(data)
    if form is not None:
        return form.name, _read_swatches
    raise ValueError(
        f"unknown palette format, the file begins with {data[:8]!r}; {READ_FORMATS} are read"
    )


def _to_colors(entries: Iterator[tuple[float, ...]]) -> Colors:
    """Return colours given as red, green and blue of 0..1, which are cut off there."""
    levels = np.array([*entries], np.float64).reshape(-1, 3)
    return np.rint(np.clip(levels, 0, 1) * 255).astype(np.uint8)


def _from_cmyk(cyan: float, magenta: float, yellow: float, black: float) -> tuple[float, ...]:
    """Convert ink of 0..1 as pictures without a profile are."""
    return tuple((1 - ink) * (1 - black) for ink in (cyan, magenta, yellow))


# Pictures.


def _read_swatches(data: bytes) -> Colors:
    pixels = decode_cel(data)
    packed = pixels.view("<u4")[pixels[:, :, 3] == 255]
    colors, first = np.unique(packed, return_index=True)
    if len(colors) <= MAX_COLORS:
        colors = colors[np.argsort(first)]
    return colors.view(np.uint8).reshape(-1, 4)[:, :3]


# GIMP.

_BOM = b"\xef\xbb\xbf"
_GPL = b"GIMP Palette"
_GPL_HEADER = re.compile(r"(Name|Columns|Channels):")
_GPL_ENTRY = re.compile(r"(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})(\s|$)")


def _read_gpl(data: bytes) -> Colors:
    lines = data.removeprefix(_BOM).decode("utf-8", "replace").splitlines()
    entries = []
    for number, text in enumerate(lines[1:], 2):
        line = text.strip()
        if not line or line.startswith("#") or _GPL_HEADER.match(line):
            continue
        found = _GPL_ENTRY.match(line)
        levels = [int(level) for level in found.groups()[:3]] if found else []
        if not levels or max(levels) > 255:
            raise ValueError(f"its line {number} is no colour of three levels of 0..255: {line!r}")
        entries.append(levels)
    return np.array(entries, np.uint8).reshape(-1, 3)


# Adobe.

_ACO_ENTRY = struct.Struct(">5H")


def _read_aco(data: bytes) -> Colors:
    """Read version 1 or, if the file has nothing else, version 2, which adds names."""
    version, count = struct.unpack_from(">2H", data)
    entries, at = [], 4
    for number in range(1, count + 1):
        space, *values = _ACO_ENTRY.unpack_from(data, at)
        at += _ACO_ENTRY.size
        if version == 2:
            (letters,) = struct.unpack_from(">I", data, at)
            at += 4 + 2 * letters
        if space not in _ACO_SPACES:
            raise ValueError(
                f"its colour {number} is in Adobe's colour space {space}; RGB, HSB, CMYK and grey "
                "are read, so convert it to RGB"
            )
        entries.append(_ACO_SPACES[space](*values))
    return _to_colors(iter(entries))


_ACO_SPACES: dict[int, Callable[[int, int, int, int], tuple[float, ...]]] = {
    0: lambda r, g, b, _: (r / 65535, g / 65535, b / 65535),
    1: lambda h, s, v, _: colorsys.hsv_to_rgb(h / 65535, s / 65535, v / 65535),
    # 0 is full ink.
    2: lambda c, m, y, k: _from_cmyk(*(1 - ink / 65535 for ink in (c, m, y, k))),
    # Programs disagree on which end is black; Adobe's word for the number is "gray value".
    8: lambda gray, *_: (gray / 10000,) * 3,
    9: lambda c, m, y, k: _from_cmyk(*(ink / 10000 for ink in (c, m, y, k))),
}
"""Number of a colour space -> function that returns red, green and blue of 0..1."""


# Krita.

_KPL_MEMBER = "colorset.xml"
_KPL_SPACES: dict[str, Callable[..., tuple[float, ...]]] = {
    "RGB": lambda r, g, b: (r, g, b),
    "sRGB": lambda r, g, b: (r, g, b),
    "Gray": lambda g: (g, g, g),
    "CMYK": _from_cmyk,
}
_KPL_LEVELS = {"RGB": "rgb", "sRGB": "rgb", "Gray": "g", "CMYK": "cmyk"}


def _read_kpl(data: bytes) -> Colors:
    """Read the entries of all groups, each group row by row."""
    root = Archive(data).read_xml(_KPL_MEMBER)
    groups = [[*root.findall("ColorSetEntry")]]
    groups += [[*group.iter("ColorSetEntry")] for group in root.findall("Group")]
    entries = [entry for group in groups for entry in sorted(group, key=_kpl_place)]
    return _to_colors(_kpl_color(entry) for entry in entries)


def _kpl_place(entry: ElementTree.Element) -> tuple[int, int]:
    place = entry.find("Position")
    return (0, 0) if place is None else (int(place.get("row", 0)), int(place.get("column", 0)))


def _kpl_color(entry: ElementTree.Element) -> tuple[float, ...]:
    name = entry.get("name", "")
    swatch = next((one for one in entry if one.tag in _KPL_SPACES), None)
    if swatch is None:
        tags = ", ".join(one.tag for one in entry if one.tag != "Position") or "none"
        raise ValueError(
            f"its colour {name!r} is in the colour space {tags}; RGB, grey and CMYK are read, so "
            "convert it to RGB"
        )
    profile = swatch.get("space", "sRGB")
    is_linear = "g10" in profile or "linear" in profile.lower()
    if swatch.tag == "RGB" and ("srgb" not in profile.lower() or is_linear):
        raise ValueError(f"its colour {name!r} has the profile {profile!r}; convert it to sRGB")
    levels = _KPL_LEVELS[swatch.tag]
    return _KPL_SPACES[swatch.tag](*(float(swatch.attrib[level]) for level in levels))
