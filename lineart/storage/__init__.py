"""Storage in a folder or below an S3 prefix; a write is visible only when it is complete."""

import errno
import hashlib
import posixpath
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pyarrow import fs

from lineart.storage.folder import Folder

if TYPE_CHECKING:
    from lineart.storage.s3 import Objects


@dataclass(frozen=True)
class S3Limits:
    """Timeouts, retries and part size of requests to S3; all above 0."""

    connect_s: float = 10.0
    """Timeout of a connection, in seconds."""
    read_s: float = 60.0
    """Timeout of a read from a response, in seconds."""
    attempts: int = 8
    """Maximum number of tries of a request, including the first."""
    first_pause_s: float = 0.5
    """Upper bound of the first random pause between tries, in seconds; it doubles each time."""
    longest_pause_s: float = 20.0
    """Upper bound of every pause, in seconds."""
    patience_s: float = 120.0
    """Seconds after the first try after which no further try starts."""
    part_bytes: int = 64 * 2**20
    """Larger objects are uploaded in parts of this size in bytes; AWS requires at least 5 MiB."""


LIMITS = S3Limits()


class RefusedError(OSError):
    """S3 did not answer a request with a result or a reason in it, but with a fault of its own."""


@dataclass(frozen=True)
class Entry:
    """One stored object."""

    path: str
    """Path relative to the root, with forward slashes."""
    size: int
    """Size in bytes."""
    stamp: str | None = field(default=None, compare=False)
    """On S3: ETag and size, which change with the content. None in a folder."""


@dataclass(frozen=True)
class Storage:
    """A folder or an S3 prefix. Small and picklable: it holds no open connection.

    The endpoint, region and keys for S3 come from the standard AWS environment variables
    (`AWS_ENDPOINT_URL`, ...) and profiles.
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
        scheme, has_scheme, rest = uri.partition("://")
        scheme = scheme.lower() if has_scheme else ""
        if scheme == "s3":
            # All of it is the key, `#` and `?` too.
            if not rest.partition("/")[0]:
                raise ValueError(f"{uri!r} names no bucket; write s3://bucket/prefix")
            return cls(rest.strip("/"), is_s3=True, limits=limits)
        if scheme not in ("", "file"):
            raise ValueError(
                f"{uri!r}: {scheme}:// is not supported; give a folder or s3://bucket/prefix"
            )
        path = unquote(rest.removeprefix("localhost")) if scheme else uri
        if not path:
            raise ValueError("the address is empty; give a folder or s3://bucket/prefix")
        if scheme and not path.startswith("/"):
            raise ValueError(f"{uri!r} is not on this machine; write file:///folder")
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
        return self._place.filesystem

    def child(self, path: str) -> "Storage":
        """Return the storage whose root is at `path` below this one."""
        return replace(self, root=posixpath.join(self.root, path))

    def as_file(self) -> tuple["Storage", str] | None:
        """Return the folder of the root and its name in it, if the root is one stored object.

        On S3, only a root with a suffix is asked for.

        Raises:
            OSError: the request to S3 fails.
        """
        folder, _, name = self.root.rpartition("/")
        if not name or (self.is_s3 and not (folder and posixpath.splitext(name)[1])):
            return None
        above = replace(self, root=folder or "/")
        return (above, name) if above.exists(name) else None

    def contains(self, other: "Storage") -> bool:
        """Return whether the root of `other` is this root or lies below it."""
        above = self.root.rstrip("/")  # The root of the file system, too.
        return self.is_s3 == other.is_s3 and f"{other.root}/".startswith(f"{above}/")

    def check(self) -> None:
        """Raise if the folder or bucket does not exist, or access to the bucket is denied.

        Raises:
            FileNotFoundError: the folder or bucket does not exist.
            PermissionError: access to the bucket is denied.
            ConnectionError: S3 does not answer.
        """
        self._place.check()

    def entries(self, below: str = "") -> Iterator[Entry]:
        """Yield all objects in the folder `below` the root, without temporary files.

        Args:
            below: Folder relative to the root, the root by default; yields nothing if missing.

        Raises:
            OSError: the listing fails, possibly after some entries.
        """
        for found in self._place.entries(below):
            yield Entry(*found)

    def stamp(self, path: str) -> str | None:
        """Return the stamp of an object, see `Entry.stamp`.

        Raises:
            OSError: the request to S3 fails.
        """
        return None if isinstance(self._place, Folder) else self._place.stamp(_plain(path))

    def exists(self, path: str) -> bool:
        """Return whether `path` is a stored object.

        Raises:
            OSError: the request to S3 fails.
        """
        return self._place.exists(_plain(path))

    def read(self, path: str) -> bytes:
        """Read a whole object.

        Raises:
            FileNotFoundError: it does not exist.
            PermissionError: access is denied.
            OSError: it cannot be read completely.
        """
        return self._place.read(_plain(path))

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """Read a part of an object: up to `length` bytes from `start`, in bytes.

        Raises:
            OSError: as for `read`.
        """
        return self._place.read_range(_plain(path), start, length)

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
        self._place.write(_plain(path), data)

    def create(self, path: str, data: bytes) -> bool:
        """Write an object only if none exists, and return whether it was written.

        Only one of several concurrent callers succeeds; on S3 this needs a server that supports the
        header If-None-Match, as AWS does. `data` must be unique to the caller: on S3, an existing
        object with equal data counts as written by an earlier try whose response was lost. In a
        folder the write is atomic where the file system supports hard links.

        Raises:
            PermissionError: access is denied.
            OSError: it cannot be written.
        """
        return self._place.create(_plain(path), data)

    def draft(self, suffix: str = "") -> AbstractContextManager[Path]:
        """Make the path of a local file to write for `put_file`; its block deletes the file.

        For a folder it is on the same file system, so that `put_file` only renames it.

        Args:
            suffix: End of the file's name, for libraries that tell formats by it.
        """
        return self._place.draft(suffix)

    def put_file(self, path: str, draft: Path) -> None:
        """Move or upload a draft to `path`, atomically and without reading it all into memory.

        Raises:
            OSError: it cannot be stored.
        """
        self._place.put_file(_plain(path), draft)

    def move(self, source: str, target: str) -> None:
        """Move an object, replacing any at `target`; a folder that is then empty is deleted.

        In a folder it is one atomic step. On S3 the object is copied by the server, then deleted: a
        process that is killed between leaves both.

        Raises:
            FileNotFoundError: there is no object at `source`.
            OSError: it cannot be moved.
        """
        self._place.move(_plain(source), _plain(target))

    def delete(self, path: str) -> None:
        """Delete an object; a missing one is no error.

        Raises:
            OSError: it cannot be deleted.
        """
        self._place.delete(_plain(path))

    def sweep(self) -> None:
        """Delete temporary files of writers that died; no writer may be active.

        On S3 there are none: an interrupted request leaves no visible object.
        """
        if isinstance(self._place, Folder):
            self._place.sweep()

    @property
    def _place(self) -> "Folder | Objects":
        if not self.is_s3:
            return Folder(self.root)
        # Imported here because boto3 takes 0.2 s to import, and folders do not need it.
        from lineart.storage.s3 import Objects

        return Objects(self.root, self.limits)


def _plain(path: str) -> str:
    """Return `path`; raise ValueError if it is not normalized or leaves the root."""
    if path != posixpath.normpath(path) or path.startswith(("/", "..")) or "\0" in path:
        raise ValueError(f"{path!r} is not a plain relative path; write it as in 'shot/f0001.png'")
    return path


def reason_of(error: OSError) -> str:
    """Return why a file cannot be read or written, in words, without the number of the error.

    The path is left out that is in an error of the operating system.
    """
    if error.filename is None or not error.strerror:
        return str(error)
    return "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror


def describe_error(error: OSError) -> str:
    """Return an error as a sentence that has the path and no number."""
    if error.filename is None or not error.strerror:
        return str(error)
    if isinstance(error, FileNotFoundError):
        return f"there is no file {error.filename}"
    what = "written" if error.errno in UNWRITABLE else "read"
    return f"{error.filename} cannot be {what}: {error.strerror}"


def is_full(error: BaseException | None) -> bool:
    """Return whether an error comes from a full disk or bucket, or from a quota that is used up."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__
    return False


def is_refusal(error: BaseException) -> bool:
    """Return whether a read failed by the storage as a whole, not by what this one file is.

    Access is denied, or there is no answer, or one that tells of a fault of the server or device.
    """
    if not isinstance(error, OSError):
        return False
    if error.errno is not None:
        return error.errno in REFUSING
    return isinstance(error, PermissionError | ConnectionError | RefusedError)


REFUSING = (
    *(errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO),
    *(errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN),
    *(errno.ENETUNREACH, errno.ECONNRESET, errno.ECONNREFUSED, errno.ECONNABORTED),
)
"""Error numbers of file systems that refuse reads, as those of a network that is away."""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of file systems that are full."""
UNWRITABLE = (*FULL, errno.EROFS)
"""Error numbers of file systems that are full, or may only be read."""
CHECK = "check the address"


@contextmanager
def for_flag(flag: str, advice: str = CHECK) -> Iterator[None]:
    """Raise errors of the block as a sentence that begins with the flag that gave an address.

    Args:
        flag: The flag, such as `--keys`.
        advice: What to do if there is nothing at the address; empty if the error says so.
    """
    try:
        yield
    except OSError as error:
        then = f"; {advice}" if advice and isinstance(error, FileNotFoundError) else ""
        raise type(error)(f"{flag}: {describe_error(error)}{then}") from error


def check_given(flag: str, place: Storage) -> None:
    """Raise unless a folder, a bucket or one file is there.

    Args:
        flag: The flag that gave its address.
        place: Its address.

    Raises:
        FileNotFoundError: it does not exist; the sentence begins with the flag.
        OSError: as for `Storage.check`, likewise.
    """
    with for_flag(flag):
        if place.as_file() is None:
            place.check()


def check_apart(output: Storage, flag: str, place: Storage) -> None:
    """Raise ValueError if the output is an input, lies in one, or an input lies in it.

    Args:
        output: Where a command writes.
        flag: The flag that gave the input.
        place: Address of the input.
    """
    if place.contains(output) or output.contains(place):
        raise ValueError(
            f"--output {output.uri} and {flag} {place.uri} lie in one another; keep them apart"
        )


def read_file(uri: str) -> bytes:
    """Read one file, given its path or `s3://bucket/key`.

    Raises:
        OSError: it cannot be read.
    """
    folder, name = _split(uri)
    return folder.read(name)


def fetch_file(uri: str, folder: Path) -> str:
    """Copy a file from S3 to a folder, unless this version of it is there; return its path.

    Raises:
        OSError: it cannot be read or written.
    """
    place, name = _split(uri)
    version = hashlib.sha256(f"{uri} {place.stamp(name)}".encode()).hexdigest()[:16]
    copies, copy = Storage.at(str(folder)), f"{version}-{name}"
    if not copies.exists(copy):
        copies.write(copy, place.read(name))
    return f"{copies.root}/{copy}"


def _split(uri: str) -> tuple[Storage, str]:
    """Return the storage of a file's folder, and the file's name, without slashes at its end."""
    folder, _, name = (uri.rstrip("/") or uri).rpartition("/")
    return Storage.at(folder or ("/" if uri.startswith("/") else ".")), name
