"""Files below a folder or S3 prefix, and rules for names; links out of the folder are refused."""

import os
import posixpath
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lineart.film.pictures.names import stem
from lineart.storage import Storage

MAX_NAMED = 10
"""Most files that are named in a sentence."""
MAX_NAME_BYTES = 1024
"""Maximum length of a name with its folders, in bytes: the limit of S3 keys."""
MAX_PART_BYTES = 255
"""Maximum length of a path component with suffix .png, in bytes: the limit of file systems."""


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
    if name is None:
        return "its row has no name in the column frame; give it one"
    if not is_plain_path(name):
        return f"{printable(name)!r} is no plain relative path below the film; rename it"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "its name is no UTF-8; rename it"
    longest = max(map(len, f"{stem(name)}.png".encode().split(b"/")))
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


def name_some(names: Sequence[str]) -> str:
    """Return the first names, up to `MAX_NAMED`, for a sentence."""
    return ", ".join(names[:MAX_NAMED]) + (", ..." if names[MAX_NAMED:] else "")


class Listed(NamedTuple):
    """A listed file, or an entry that cannot be read."""

    path: str
    """Path relative to the root."""
    refusal: str | None = None
    """Reason why it must not be read; None if it may be."""
    is_folder: bool = False
    """Whether it is a folder, whose content is then unknown."""
    stamp: str | None = None
    """On S3: ETag and size, see `storage.Entry`."""


def find_files(place: Storage) -> Iterator[Listed]:
    """Yield the files below a folder or an S3 prefix, except hidden ones.

    Links to folders are not followed, because they may lead out of the root or form a loop. Such
    links and unreadable entries are yielded with a refusal. A missing folder yields nothing.

    Raises:
        OSError: the root cannot be listed.
    """
    if place.is_s3:
        yield from (
            Listed(entry.path, stamp=entry.stamp)
            for entry in place.entries()
            if not any(map(_is_hidden, entry.path.split("/")))
        )
        return
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            inside = _scan(Path(place.root, folder))
        except OSError as error:
            if not folder:
                raise
            why = f"this folder cannot be listed: {error.strerror}; none of its pictures is made"
            yield Listed(folder, why, is_folder=True)
            continue
        for entry in inside:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            else:
                yield _look_at(place, path, entry)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not _is_hidden(entry.name)]
    except FileNotFoundError:
        return []


def _look_at(place: Storage, path: str, entry: os.DirEntry[str]) -> Listed:
    if entry.is_file(follow_symlinks=False):
        return Listed(path)
    target = Path(entry.path)
    if target.is_dir():
        return Listed(path, "it is a link to a folder; put the folder itself there", is_folder=True)
    if leads_out(place, path):
        return Listed(path, "it is a link that leads out of the film's folder; put the file there")
    return Listed(path, None if target.is_file() else "it is no file")


def is_empty(place: Storage) -> bool:
    """Return whether a folder exists and holds no file but hidden ones; always False on S3.

    There, nothing tells an empty prefix from one that is written wrongly.

    Raises:
        OSError: the folder cannot be listed.
    """
    return (
        not place.is_s3 and Path(place.root).is_dir() and not any(True for _ in find_files(place))
    )


def leads_out(place: Storage, path: str) -> bool:
    """Return whether a path leads out of the root through a link; always False on S3."""
    if place.is_s3:
        return False
    here, is_linked = place.root, False
    for part in path.split("/"):
        here = f"{here}/{part}"
        is_linked = is_linked or os.path.islink(here)  # noqa: PTH114 - four times as fast as pathlib
    return is_linked and not Path(os.path.realpath(here)).is_relative_to(place.root)


def open_video(place: Storage, path: str) -> Any:
    """Return a video for `codec.video.container`: the path of a file, or a file object on S3.

    Raises:
        OSError: it cannot be opened on S3.
    """
    return place.open_file(path) if place.is_s3 else f"{place.root}/{path}"


def _is_hidden(part: str) -> bool:
    return part.startswith(".") and part not in (".", "..")
