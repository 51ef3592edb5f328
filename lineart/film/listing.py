"""Listing of the files below a folder or S3 prefix; links out of it are refused."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lineart.storage import Storage


class Found(NamedTuple):
    """A listed file, or an entry that cannot be read."""

    path: str
    """Path relative to the root."""
    refusal: str | None = None
    """Reason why it must not be read; None if it may be."""
    is_folder: bool = False
    """Whether it is a folder, whose content is then unknown."""


def find_files(place: Storage) -> Iterator[Found]:
    """Yield the files below a folder or an S3 prefix, except hidden ones.

    Links to folders are not followed, because they may lead out of the root or form a loop. Such
    links and unreadable entries are yielded with a refusal. A missing folder yields nothing.

    Raises:
        OSError: the root cannot be listed.
    """
    if place.is_s3:
        paths = (entry.path for entry in place.entries())
        yield from (Found(path) for path in paths if not any(map(_is_hidden, path.split("/"))))
        return
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            inside = _scan(Path(place.root, folder))
        except OSError as error:
            if not folder:
                raise
            yield Found(folder, f"this folder cannot be listed: {error.strerror}", is_folder=True)
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


def _look_at(place: Storage, path: str, entry: os.DirEntry[str]) -> Found:
    if entry.is_file(follow_symlinks=False):
        return Found(path)
    target = Path(entry.path)
    if target.is_dir():
        return Found(path, "it is a link to a folder; put the folder itself there", is_folder=True)
    if leads_out(place, path):
        return Found(path, "it is a link that leads out of the film's folder; put the file there")
    return Found(path, None if target.is_file() else "it is no file")


def leads_out(place: Storage, path: str) -> bool:
    """Return whether a path leads out of the root through a link; always False on S3."""
    if place.is_s3:
        return False
    here, is_linked = place.root, False
    for part in path.split("/"):
        here = f"{here}/{part}"
        is_linked = is_linked or os.path.islink(here)  # noqa: PTH114 - four times as fast as pathlib
    return is_linked and not Path(os.path.realpath(here)).is_relative_to(place.root)


def _is_hidden(part: str) -> bool:
    return part.startswith(".") and part not in (".", "..")
