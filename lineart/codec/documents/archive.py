"""Members of zip archives such as KRA and ORA files, with limits on what they unpack to."""

import io
import zipfile
from xml.etree import ElementTree

from lineart.codec.formats.png import read_png_header
from lineart.codec.limits import check_size
from lineart.codec.writing.png import PNG_SIGNATURE

MERGED = "mergedimage.png"
"""Member with the merged picture, of OpenRaster and Krita files."""

_MAX_MEMBERS = 20_000
_MAX_BYTES = 16 << 20
"""Most bytes of an XML member, and of a PNG member beyond its pixels."""


class Archive:
    """Zip archive in memory.

    Raises:
        ValueError: it has too many members.
        zipfile.BadZipFile: it is damaged.
    """

    def __init__(self, data: bytes) -> None:
        self._zip = zipfile.ZipFile(io.BytesIO(data))
        self.names = frozenset(self._zip.namelist())
        if len(self._zip.namelist()) > _MAX_MEMBERS:
            raise ValueError(f"it has more than {_MAX_MEMBERS} members")

    def read(self, name: str, max_bytes: int = _MAX_BYTES) -> bytes:
        """Return an unpacked member, whose checksum is verified.

        Raises:
            ValueError: it is missing, or has more than `max_bytes`.
            zipfile.BadZipFile: it is damaged.
        """
        self._check_name(name)
        size = self._zip.getinfo(name).file_size
        if size > max_bytes:
            raise ValueError(f"its member {name} has {size} bytes and {max_bytes} are the most")
        return self._zip.read(name)

    def read_png(self, name: str, max_pixels: int) -> bytes:
        """Return a PNG member, after a check of its header.

        Raises:
            ValueError: it is missing, no PNG, has more than `max_pixels`, or unpacks to more than
                its pixels need.
            zipfile.BadZipFile: it is damaged.
        """
        self._check_name(name)
        with self._zip.open(name) as member:
            start = member.read(29)
        if not start.startswith(PNG_SIGNATURE):
            raise ValueError(f"its member {name} is no PNG")
        header = read_png_header(start[16:])
        check_size((header.width, header.height), max_pixels)
        return self.read(name, header.scan_lines_length + _MAX_BYTES)

    def read_xml(self, name: str) -> ElementTree.Element:
        """Return an XML member.

        Raises:
            ValueError: it is missing or too large.
            ElementTree.ParseError: it is no XML.
        """
        return ElementTree.fromstring(self.read(name))

    def _check_name(self, name: str) -> None:
        if name not in self.names:
            raise ValueError(f"its member {name!r} is missing")
