"""Rules for picture names: each becomes a path below the output or is refused with a reason."""

import posixpath
import unicodedata
from typing import Any

from natsort import natsort_keygen, ns

MAX_NAME_BYTES = 1024
"""Maximum length of a name with its folders, in bytes: the limit of S3 keys."""
MAX_PART_BYTES = 255
"""Maximum length of a path component with suffix .png, in bytes: the limit of file systems."""

natural_key = natsort_keygen(alg=ns.IGNORECASE)
"""Sort key for natural order, ignoring case: `f2` comes before `f10`."""


def caseless(name: str) -> str:
    """Return a key that is equal for names that are the same file on some file system."""
    if name.isascii():
        return name.lower()
    # macOS also treats composed and decomposed letters as equal.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def is_plain_path(name: Any) -> bool:
    """Return whether `name` is a normalised relative path that stays below its root."""
    return (
        isinstance(name, str)
        and name not in ("", ".")
        and name == posixpath.normpath(name)
        and not name.startswith(("/", ".."))
        and "\0" not in name
        and "\\" not in name
    )


def refusal_of(name: Any) -> str | None:
    """Return why a picture cannot have this name, or None if it can."""
    if not is_plain_path(name):
        return f"{printable(name)!r} is no plain relative path below the film; rename it"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "its name is no UTF-8; rename it"
    longest = max(map(len, f"{posixpath.splitext(name)[0]}.png".encode().split(b"/")))
    if length > MAX_NAME_BYTES or longest > MAX_PART_BYTES:
        return (
            f"its name is too long: {length} bytes, {longest} of them without a slash; "
            f"{MAX_NAME_BYTES} and {MAX_PART_BYTES} are the most"
        )
    return None


def printable(name: Any) -> str:
    """Return a name as one line of printable text; above `MAX_NAME_BYTES` characters it is cut.

    A changed name contains a backslash, which no valid frame name does.
    """
    text = name if isinstance(name, str) else repr(name)
    if len(text) > MAX_NAME_BYTES:
        text = f"{text[:80]}\\... ({len(text)} characters)"
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
