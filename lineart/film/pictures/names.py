"""What the names of pictures say: their order, their numbers, and their versions."""

import posixpath
import re
import unicodedata
from functools import partial
from typing import Any, NamedTuple

from natsort import natsort_keygen, ns

from lineart.codec.formats.table import FORMAT_NAMES
from lineart.codec.video.container import VIDEO_SUFFIXES

SEPARATORS = r" ._#-"
"""Characters between the parts of a name."""
_NUMBER = re.compile(r"((?:(?<=[._#])|^)-)?\d+")
"""A number; a minus sign begins the name, or follows a point, an underscore or the sign #."""
_VERSION = re.compile(rf"[{SEPARATORS}](v(\d+))(?=$|[{SEPARATORS}])", re.IGNORECASE)
_RESOLUTION = re.compile(
    rf"(?:@[1-9]x|[{SEPARATORS}](?:480|540|720|1080|1440|2160|4320)p)$", re.IGNORECASE
)
"""A resolution at the end of a name, as in `A0001@2x` and `A0001_1080p`."""
_RUN = re.compile(rf"[{SEPARATORS}]+")
_KNOWN_SUFFIXES = FORMAT_NAMES.keys() | VIDEO_SUFFIXES
_compare = natsort_keygen(alg=ns.IGNORECASE | ns.SIGNED)


class NameParts(NamedTuple):
    """Name of a picture, taken apart."""

    prefix: str
    """Text before the number."""
    digits: str
    """Last number of the name with its sign, as `0012` in `s1/A_0012b.png`; empty without one. That
    of a resolution at the end counts if there is no other."""
    suffix: str
    """Text behind the number, without a resolution."""
    version: str
    """Version, as `v002` in `A0012_v002.png`, in lower case; empty if it has none."""

    @property
    def number(self) -> int | None:
        """The last number, as 12; None without one."""
        return int(self.digits) if self.digits else None

    @property
    def series(self) -> str:
        """Text before the number, without separators at its end: equal for `A_0001` and `A0002`."""
        return self.prefix.rstrip(SEPARATORS)

    @property
    def version_number(self) -> int:
        """Number of the version; -1 without a version."""
        return int(self.version[1:] or -1)


def stem(name: str) -> str:
    """Return a path without its suffix: `s1/a` for `s1/a.png`, and `s1/a.0001` for itself.

    Digits behind a point are no suffix, unless it is that of a format of pictures or videos.
    """
    base, suffix = posixpath.splitext(name)
    is_suffix = suffix.lower() in _KNOWN_SUFFIXES or not any(map(str.isdecimal, suffix))
    return base if is_suffix else name


def read_name(name: str) -> NameParts:
    """Take the name of a picture apart, without its folders and its suffix."""
    base, version = _split_version(_base(name))
    numbers = [*_NUMBER.finditer(base)]
    resolution = _RESOLUTION.search(base)
    if resolution and numbers[0].start() < resolution.start():
        base = base[: resolution.start()]
        numbers = [*_NUMBER.finditer(base)]
    if not numbers:
        return NameParts(base, "", "", version)
    last = numbers[-1]
    return NameParts(base[: last.start()], last[0], base[last.end() :], version)


def read_resolution(name: str) -> str:
    """Return the resolution at the end of a name, as `@2x`; empty without, or if it is the number.

    That is so where there is no other number.
    """
    base, _ = _split_version(_base(name))
    found, first = _RESOLUTION.search(base), _NUMBER.search(base)
    return found[0] if found and first and first.start() < found.start() else ""


def natural_key(text: str) -> Any:
    """Return a sort key for natural order: `f2` comes before `f10`, and `-1` before `0`.

    Case does not count, nor do separators (space, point, underscore, #, hyphen) between a letter
    and a digit: `A_0001`, `A.0002` and `A0003` are in the order of their numbers. A minus sign is
    one only where `_NUMBER` says so: `a-1` comes before `a-2`.
    """
    return _compare(_RUN.sub(partial(_join, text), text))


def folder_key(folder: str) -> Any:
    """Return a sort key for the natural order of folders."""
    return [natural_key(part) for part in folder.split("/")], folder


def file_key(name: str) -> Any:
    """Return a sort key for the natural order of the pictures of a folder, whatever their suffix.

    Versions of a picture follow one another.
    """
    base, version = _split_version(_base(name))
    return natural_key(base), int(version[1:] or -1), name


def same_text(name: str) -> str:
    """Return a key that is equal for names that differ only in their normal form of Unicode."""
    return unicodedata.normalize("NFC", name)


def _base(name: str) -> str:
    return stem(posixpath.basename(name))


def _split_version(base: str) -> tuple[str, str]:
    """Return a name without its version, and the version, or an empty string."""
    found = _VERSION.search(base)
    if found is None:
        return base, ""
    return base[: found.start()] + base[found.end() :], found[1].lower()


def _join(text: str, run: re.Match[str]) -> str:
    """Return what is compared in place of a run of separators."""
    before, after = text[: run.start()][-1:], text[run.end() : run.end() + 1]
    both = before.isdecimal() == after.isdecimal()
    is_negative = after.isdecimal() and _NUMBER.match(text, run.end() - 1)
    return (" " if both else "") + ("-" if is_negative else "")
