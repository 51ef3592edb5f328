"""One root, a folder or an S3 prefix: list, read, write. A write is visible only when complete."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from pyarrow import fs

from lineart.storage import folder
from lineart.storage.limits import LIMITS, S3Limits

__all__ = ["LIMITS", "Entry", "S3Limits", "Storage", "read_file"]


@dataclass(frozen=True)
class Entry:
    """One stored object."""

    path: str
    """Relative to the root, with forward slashes."""
    size: int
    """Bytes."""


@runtime_checkable
class _Place(Protocol):
    """What `folder` and `s3.Objects` do, each for its kind of root."""

    def filesystem(self) -> fs.FileSystem: ...
    def check(self, root: str) -> None: ...
    def entries(self, root: str, below: str) -> Iterator[tuple[str, int]]: ...
    def exists(self, root: str, path: str) -> bool: ...
    def read(self, root: str, path: str) -> bytes: ...
    def write(self, root: str, path: str, data: bytes) -> None: ...
    def create(self, root: str, path: str, data: bytes) -> bool: ...
    def delete(self, root: str, path: str) -> None: ...
    def sweep(self, root: str) -> None: ...


@dataclass(frozen=True)
class Storage:
    """A folder or an S3 prefix. Small and picklable; connections are made where they are used.

    S3's endpoint, region and keys come from the standard AWS environment (`AWS_ENDPOINT_URL`, ...).
    """

    root: str
    """An absolute folder, or `bucket/prefix` on S3."""
    is_s3: bool
    limits: S3Limits = LIMITS
    """Of requests, if it is on S3."""

    @classmethod
    def at(cls, uri: str, *, limits: S3Limits = LIMITS) -> "Storage":
        """Read a URI.

        Args:
            uri: A folder, `file://...` or `s3://bucket/prefix`.
            limits: Of requests, if it is on S3.

        Returns:
            The place, whether it is there or not.

        Raises:
            ValueError: the scheme is another one, or the bucket is missing.
        """
        parts = urlsplit(uri)
        if parts.scheme == "s3":
            if not parts.netloc:
                raise ValueError(f"{uri!r} names no bucket; write s3://bucket/prefix")
            return cls(f"{parts.netloc}{parts.path}".strip("/"), is_s3=True, limits=limits)
        if "://" in uri and parts.scheme != "file":
            raise ValueError(
                f"{uri!r}: only folders and s3:// are supported, not {parts.scheme}://"
            )
        path = parts.path if parts.scheme == "file" else uri
        if not path:
            raise ValueError("a folder or s3:// address is empty")
        return cls(str(Path(path).expanduser().resolve()), is_s3=False, limits=limits)

    @property
    def uri(self) -> str:
        """The address, to print or to open again."""
        return f"s3://{self.root}" if self.is_s3 else self.root

    @property
    def name(self) -> str:
        """Last part of the address."""
        return posixpath.basename(self.root)

    @property
    def filesystem(self) -> fs.FileSystem:
        """Where the root lies, for libraries that take pyarrow's file systems."""
        return self._place.filesystem()

    def child(self, path: str) -> "Storage":
        """Give the storage whose root lies at `path` below this one."""
        return replace(self, root=posixpath.join(self.root, path))

    def contains(self, other: "Storage") -> bool:
        """Whether `other` is this place or lies below it."""
        return self.is_s3 == other.is_s3 and f"{other.root}/".startswith(f"{self.root}/")

    def check(self) -> None:
        """Make sure that the folder or bucket is there and may be listed.

        Raises:
            FileNotFoundError: no such folder or bucket.
            PermissionError: it may not be read.
            ConnectionError: S3 does not answer.
        """
        self._place.check(self.root)

    def entries(self, below: str = "") -> Iterator[Entry]:
        """List everything below the root; temporary files are left out. Nothing there: nothing.

        Raises:
            OSError: the list cannot be had, or not to its end.
        """
        for path, size in self._place.entries(self.root, below):
            yield Entry(path, size)

    def exists(self, path: str) -> bool:
        """Whether `path` is a stored object.

        Raises:
            OSError: S3 does not say.
        """
        return self._place.exists(self.root, _plain(path))

    def read(self, path: str) -> bytes:
        """Read a whole object.

        Raises:
            FileNotFoundError: it is not there.
            PermissionError: it may not be read.
            OSError: it cannot be read whole.
        """
        return self._place.read(self.root, _plain(path))

    def open_file(self, path: str) -> Any:
        """Open an object for reading at any place, as pyarrow's readers want it.

        Raises:
            FileNotFoundError: it is not there.
            OSError: it cannot be opened.
        """
        return self.filesystem.open_input_file(posixpath.join(self.root, _plain(path)))

    def write(self, path: str, data: bytes) -> None:
        """Store a whole object in place of whatever was there; it is seen whole or not at all.

        In a folder it is written beside, its size checked, and renamed; S3 compares its hash. A
        machine that loses power may lose what was written in its last seconds.

        Raises:
            FileNotFoundError: there is no such bucket.
            PermissionError: it may not be written.
            OSError: it cannot be written; the disk is full, for example.
        """
        self._place.write(self.root, _plain(path), data)

    def create(self, path: str, data: bytes) -> bool:
        """Store a whole object only if nothing is there; False if there was.

        Of several callers at once one succeeds; on S3 only with servers that know the header
        If-None-Match, as AWS does. Give data that no other caller gives: on S3 an object that
        equals it is taken for the caller's own, stored by a request whose answer was lost.

        Raises:
            PermissionError: it may not be written.
            OSError: it cannot be written.
        """
        return self._place.create(self.root, _plain(path), data)

    def delete(self, path: str) -> None:
        """Remove an object; one that is not there is no error.

        Raises:
            OSError: it cannot be removed.
        """
        self._place.delete(self.root, _plain(path))

    def sweep(self) -> None:
        """Remove what writers that died left half-written. Call it when nobody writes."""
        self._place.sweep(self.root)

    @property
    def _place(self) -> _Place:
        if not self.is_s3:
            return folder
        # boto3 takes half a second to import, for which folders need not wait.
        from lineart.storage.s3 import Objects

        return Objects(self.limits)


def _plain(path: str) -> str:
    """Give a path back that stays below its root; refuse any other."""
    if path != posixpath.normpath(path) or path.startswith(("/", "..")) or "\0" in path:
        raise ValueError(f"{path!r} is not a plain relative path")
    return path


def read_file(uri: str) -> bytes:
    """Read one file by its address, a path or `s3://bucket/key`.

    Raises:
        OSError: it cannot be read.
    """
    folder_uri, _, name = uri.rpartition("/")
    return Storage.at(folder_uri or ("/" if uri.startswith("/") else ".")).read(name)
