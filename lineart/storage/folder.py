"""Storage operations on files below a folder; `s3.Objects` has the same operations for S3."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pyarrow import fs

TEMPORARY = ".partial"
"""Folder below a root for temporary files during writes."""

NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK}
"""Error numbers of file systems that cannot make a hard link."""


def filesystem() -> fs.FileSystem:
    """Return the local file system, for libraries that take pyarrow's."""
    return fs.LocalFileSystem()


def check(root: str) -> None:
    """Raise if the folder does not exist.

    Raises:
        FileNotFoundError: it does not exist.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"there is no folder {root}")


def entries(root: str, below: str) -> Iterator[tuple[str, int]]:
    """Yield path relative to the root, and size in bytes, of all files; none without a folder."""
    base = f"{root}/{below}" if below else root
    selector = fs.FileSelector(base, recursive=True, allow_not_found=True)
    for info in filesystem().get_file_info(selector):
        path = info.path[len(root) :].lstrip("/")
        if info.type == fs.FileType.File and not path.startswith(f"{TEMPORARY}/"):
            yield path, info.size


def exists(root: str, path: str) -> bool:
    """Return whether `path` is a file."""
    return Path(root, path).is_file()


def read(root: str, path: str) -> bytes:
    """Read a file.

    Raises:
        OSError: it does not exist or cannot be read.
    """
    return Path(root, path).read_bytes()


def write(root: str, path: str, data: bytes) -> None:
    """Write a file atomically: write a temporary file and rename it.

    Raises:
        PermissionError: access is denied.
        OSError: it cannot be written; for example, the disk is full.
    """
    with _written_beside(root, path, data) as (partial, target):
        partial.replace(target)


def create(root: str, path: str, data: bytes) -> bool:
    """Write a file only if none exists, and return whether it was written.

    Only one of several concurrent callers succeeds. The write is atomic where the file system
    supports hard links.

    Raises:
        PermissionError: access is denied.
        OSError: it cannot be written.
    """
    with _written_beside(root, path, data) as (partial, target):
        try:
            return _link(partial, target, data)
        except FileExistsError:
            return False


def delete(root: str, path: str) -> None:
    """Delete a file; a missing one is no error."""
    Path(root, path).unlink(missing_ok=True)


def sweep(root: str) -> None:
    """Delete temporary files of writers that died."""
    folder = Path(root, TEMPORARY)
    if folder.is_dir():
        for leftover in folder.iterdir():
            leftover.unlink(missing_ok=True)
        # A writer taken for dead may create a temporary file at this moment.
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def _written_beside(root: str, path: str, data: bytes) -> Iterator[tuple[Path, Path]]:
    """Write and check a temporary file; yield it and its target; delete it at the end."""
    target = Path(root, path)
    partial = Path(root, TEMPORARY, uuid.uuid4().hex)
    try:
        for folder in (partial.parent, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(data)
            # A network file system may report missing bytes only here.
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
    """Return the error with the target's path in place of the temporary file's."""
    forbidden = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    kind = PermissionError if forbidden else OSError
    return kind(f"{target} cannot be written: {error.strerror or error}")
