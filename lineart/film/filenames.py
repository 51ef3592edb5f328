"""What names pictures may have: every one becomes a path below the output, or a named refusal."""

import posixpath
import unicodedata
from typing import Any

from natsort import natsort_keygen, ns

MAX_NAME_BYTES = 1024
"""Longest name, folders and all: S3 takes no longer keys."""
MAX_PART_BYTES = 255
"""Longest part between slashes, as file systems have it, once its suffix is .png."""

natural_key = natsort_keygen(alg=ns.IGNORECASE)
"""Sort key that puts `f2` before `f10`."""


def caseless(name: str) -> str:
    """Give what two names share that are one file on some file system."""
    if name.isascii():
        return name.lower()
    # macOS also takes composed and decomposed letters for the same.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def is_plain_path(name: Any) -> bool:
    """Whether `name` is a relative path that stays below its root."""
    return (
        isinstance(name, str)
        and name not in ("", ".")
        and name == posixpath.normpath(name)
        and not name.startswith(("/", ".."))
        and "\0" not in name
        and "\\" not in name
    )


def refusal_of(name: Any) -> str | None:
    """Say why a picture cannot have this name; None if it can."""
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
    """Give a name on one line that every file and terminal takes; long ones are cut.

    One that is changed has a backslash, which no name of a frame may have.
    """
    text = name if isinstance(name, str) else repr(name)
    if len(text) > MAX_NAME_BYTES:
        text = f"{text[:80]}\\... ({len(text)} characters)"
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
