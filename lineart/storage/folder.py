"""Files below a folder: whole, or an error that says which and why. `s3.Objects` has the same."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pyarrow import fs

TEMPORARY = ".partial"
"""Folder below a root for files that are being written."""

NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK}
"""What file systems without hard links say."""


def filesystem() -> fs.FileSystem:
    """Give the file system for libraries that take pyarrow's."""
    return fs.LocalFileSystem()


def check(root: str) -> None:
    """Make sure that the folder is there.

    Raises:
        FileNotFoundError: it is not.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"there is no folder {root}")


def entries(root: str, below: str) -> Iterator[tuple[str, int]]:
    """List all files: path below the root, and bytes. No folder there: nothing."""
    base = f"{root}/{below}" if below else root
    selector = fs.FileSelector(base, recursive=True, allow_not_found=True)
    for info in filesystem().get_file_info(selector):
        path = info.path[len(root) :].lstrip("/")
        if info.type == fs.FileType.File and not path.startswith(f"{TEMPORARY}/"):
            yield path, info.size


def exists(root: str, path: str) -> bool:
    """Whether there is such a file."""
    return Path(root, path).is_file()


def read(root: str, path: str) -> bytes:
    """Read a file.

    Raises:
        OSError: it is not there or cannot be read.
    """
    return Path(root, path).read_bytes()


def write(root: str, path: str, data: bytes) -> None:
    """Write a file beside and rename it, so that it is seen whole or not at all.

    Raises:
        PermissionError: it may not be written.
        OSError: it cannot be written; the disk is full, for example.
    """
    with _written_beside(root, path, data) as (partial, target):
        partial.replace(target)


def create(root: str, path: str, data: bytes) -> bool:
    """Write a file where none is; False where one was. Two callers never both succeed.

    It is seen whole or not at all where the file system has hard links.

    Raises:
        PermissionError: it may not be written.
        OSError: it cannot be written.
    """
    with _written_beside(root, path, data) as (partial, target):
        try:
            return _link(partial, target, data)
        except FileExistsError:
            return False


def delete(root: str, path: str) -> None:
    """Remove a file; one that is not there is no error."""
    Path(root, path).unlink(missing_ok=True)


def sweep(root: str) -> None:
    """Remove what writers that died left half-written."""
    folder = Path(root, TEMPORARY)
    if folder.is_dir():
        for leftover in folder.iterdir():
            leftover.unlink(missing_ok=True)
        # Somebody who was thought dead may begin to write just now.
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def _written_beside(root: str, path: str, data: bytes) -> Iterator[tuple[Path, Path]]:
    """Write a temporary file, checked; give it and its target. It is gone at the end."""
    target = Path(root, path)
    partial = Path(root, TEMPORARY, uuid.uuid4().hex)
    try:
        for folder in (partial.parent, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(data)
            # A file system over a network may say only here that something is missing.
            size = partial.stat().st_size
            if size != len(data):
                raise OSError(errno.EIO, f"{size} of {len(data)} bytes arrived")
            yield partial, target
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise _named(error, target) from error


def _link(partial: Path, target: Path, data: bytes) -> bool:
    try:
        os.link(partial, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _write_new(target, data)
    return True


def _write_new(target: Path, data: bytes) -> None:
    with target.open("xb") as file:
        try:
            file.write(data)
            file.flush()
        except OSError:
            target.unlink()
            raise


def _named(error: OSError, target: Path) -> OSError:
    """Say which file, not which temporary one, cannot be written, and why."""
    forbidden = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    kind = PermissionError if forbidden else OSError
    return kind(f"{target} cannot be written: {error.strerror or error}")
