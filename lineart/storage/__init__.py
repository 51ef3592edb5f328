"""Storage in a folder or below an S3 prefix; a write is visible only when it is complete."""

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
    """Path relative to the root, with forward slashes."""
    size: int
    """Size in bytes."""


@runtime_checkable
class _Place(Protocol):
    """Operations on a root, implemented by the module `folder` and by `s3.Objects`."""

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
    """A folder or an S3 prefix. Small and picklable: it holds no open connection.

    The endpoint, region and keys for S3 come from the standard AWS environment variables
    (`AWS_ENDPOINT_URL`, ...).
    """

    root: str
    """Absolute path of the folder, or `bucket/prefix` on S3."""
    is_s3: bool
    limits: S3Limits = LIMITS
    """Limits of requests; used on S3 only."""

    @classmethod
    def at(cls, uri: str, *, limits: S3Limits = LIMITS) -> "Storage":
        """Build the storage at a URI; nothing is opened or created.

        Args:
            uri: A folder path, `file://...` or `s3://bucket/prefix`.
            limits: Limits of requests; used on S3 only.

        Returns:
            The storage, whether or not its root exists.

        Raises:
            ValueError: `uri` has another scheme, names no bucket, or is empty.
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
        """URI of the root; `Storage.at` accepts it."""
        return f"s3://{self.root}" if self.is_s3 else self.root

    @property
    def name(self) -> str:
        """Last component of the root's path."""
        return posixpath.basename(self.root)

    @property
    def filesystem(self) -> fs.FileSystem:
        """File system of the root, for libraries that take pyarrow's."""
        return self._place.filesystem()

    def child(self, path: str) -> "Storage":
        """Return the storage whose root is at `path` below this one."""
        return replace(self, root=posixpath.join(self.root, path))

    def contains(self, other: "Storage") -> bool:
        """Return whether the root of `other` is this root or lies below it."""
        return self.is_s3 == other.is_s3 and f"{other.root}/".startswith(f"{self.root}/")

    def check(self) -> None:
        """Raise if the folder or bucket does not exist, or access to the bucket is denied.

        Raises:
            FileNotFoundError: the folder or bucket does not exist.
            PermissionError: access to the bucket is denied.
            ConnectionError: S3 does not answer.
        """
        self._place.check(self.root)

    def entries(self, below: str = "") -> Iterator[Entry]:
        """Yield all objects in the folder `below` the root, without temporary files.

        Args:
            below: Folder relative to the root, the root by default; yields nothing if missing.

        Raises:
            OSError: the listing fails, possibly after some entries.
        """
        for path, size in self._place.entries(self.root, below):
            yield Entry(path, size)

    def exists(self, path: str) -> bool:
        """Return whether `path` is a stored object.

        Raises:
            OSError: the request to S3 fails.
        """
        return self._place.exists(self.root, _plain(path))

    def read(self, path: str) -> bytes:
        """Read a whole object.

        Raises:
            FileNotFoundError: it does not exist.
            PermissionError: access is denied.
            OSError: it cannot be read completely.
        """
        return self._place.read(self.root, _plain(path))

    def open_file(self, path: str) -> Any:
        """Open an object for random access and return pyarrow's file object.

        Raises:
            FileNotFoundError: it does not exist.
            OSError: it cannot be opened.
        """
        return self.filesystem.open_input_file(posixpath.join(self.root, _plain(path)))

    def write(self, path: str, data: bytes) -> None:
        """Write an object atomically, replacing any existing one.

        In a folder, a temporary file is written, its size checked, and renamed; S3 verifies a hash.
        Files are not synced: a power loss may lose writes of the last seconds.

        Raises:
            FileNotFoundError: the bucket does not exist.
            PermissionError: access is denied.
            OSError: it cannot be written; for example, the disk is full.
        """
        self._place.write(self.root, _plain(path), data)

    def create(self, path: str, data: bytes) -> bool:
        """Write an object only if none exists, and return whether it was written.

        Only one of several concurrent callers succeeds; on S3 this needs a server that supports the
        header If-None-Match, as AWS does. `data` must be unique to the caller: on S3, an existing
        object with equal data counts as written by an earlier try whose response was lost.

        Raises:
            PermissionError: access is denied.
            OSError: it cannot be written.
        """
        return self._place.create(self.root, _plain(path), data)

    def delete(self, path: str) -> None:
        """Delete an object; a missing one is no error.

        Raises:
            OSError: it cannot be deleted.
        """
        self._place.delete(self.root, _plain(path))

    def sweep(self) -> None:
        """Delete temporary files of writers that died; no writer may be active."""
        self._place.sweep(self.root)

    @property
    def _place(self) -> _Place:
        if not self.is_s3:
            return folder
        # Imported here because boto3 takes half a second to import, and folders do not need it.
        from lineart.storage.s3 import Objects

        return Objects(self.limits)


def _plain(path: str) -> str:
    """Return `path`; raise ValueError if it is not normalized or leaves the root."""
    if path != posixpath.normpath(path) or path.startswith(("/", "..")) or "\0" in path:
        raise ValueError(f"{path!r} is not a plain relative path")
    return path


def read_file(uri: str) -> bytes:
    """Read one file, given its path or `s3://bucket/key`.

    Raises:
        OSError: it cannot be read.
    """
    folder_uri, _, name = uri.rpartition("/")
    return Storage.at(folder_uri or ("/" if uri.startswith("/") else ".")).read(name)
