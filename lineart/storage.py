"""One root, a folder or an S3 prefix: list, read, write. A write is visible only when complete."""

import os
import posixpath
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pyarrow import fs

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TEMPORARY = ".partial"
"""Folder below a local root for files that are being written."""


@dataclass(frozen=True)
class Entry:
    """One stored object."""

    path: str
    """Relative to the root, with forward slashes."""
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Storage:
    """A folder or an S3 prefix. Small and picklable; connections are made where they are used.

    S3's endpoint, region and keys come from the standard AWS environment (`AWS_ENDPOINT_URL`, ...).
    """

    root: str
    """An absolute folder, or `bucket/prefix` on S3."""
    is_s3: bool

    @classmethod
    def at(cls, uri: str) -> "Storage":
        """Read a URI: a folder, `file://...` or `s3://bucket/prefix`.

        Raises:
            ValueError: the scheme is another one, or the bucket is missing.
        """
        parts = urlsplit(uri)
        if parts.scheme == "s3":
            if not parts.netloc:
                raise ValueError(f"{uri!r} names no bucket; write s3://bucket/prefix")
            return cls(f"{parts.netloc}{parts.path}".strip("/"), is_s3=True)
        if "://" in uri and parts.scheme != "file":
            raise ValueError(
                f"{uri!r}: only folders and s3:// are supported, not {parts.scheme}://"
            )
        folder = parts.path if parts.scheme == "file" else uri
        if not folder:
            raise ValueError("a folder or s3:// address is empty")
        return cls(str(Path(folder).expanduser().resolve()), is_s3=False)

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
        return _filesystem(self.is_s3)

    def child(self, path: str) -> "Storage":
        """Give the storage whose root lies at `path` below this one."""
        return Storage(posixpath.join(self.root, path), self.is_s3)

    def contains(self, other: "Storage") -> bool:
        """Whether `other` is this place or lies below it."""
        return self.is_s3 == other.is_s3 and f"{other.root}/".startswith(f"{self.root}/")

    def check(self) -> None:
        """Make sure that the folder or bucket is there and may be listed.

        Raises:
            FileNotFoundError: no such folder or bucket.
            PermissionError: it may not be read.
        """
        if self.is_s3:
            _check_bucket(self.root.partition("/")[0])
        elif not Path(self.root).is_dir():
            raise FileNotFoundError(f"there is no folder {self.root}")

    def entries(self, below: str = "") -> Iterator[Entry]:
        """List everything below the root; temporary files are left out. Nothing there: nothing."""
        base = posixpath.join(self.root, below) if below else self.root
        selector = fs.FileSelector(base, recursive=True, allow_not_found=True)
        for info in _filesystem(self.is_s3).get_file_info(selector):
            path = info.path[len(self.root) :].lstrip("/")
            if info.type == fs.FileType.File and not path.startswith(f"{TEMPORARY}/"):
                yield Entry(path, info.size)

    def exists(self, path: str) -> bool:
        """Whether `path` is a stored object."""
        info = _filesystem(self.is_s3).get_file_info(self._absolute(path))
        return bool(info.type == fs.FileType.File)

    def read(self, path: str) -> bytes:
        """Read a whole object.

        Raises:
            FileNotFoundError: it is not there.
        """
        with self.open_file(path) as stream:
            return bytes(stream.read())

    def open_file(self, path: str) -> Any:
        """Open an object for reading at any place, as pyarrow's readers want it.

        Raises:
            FileNotFoundError: it is not there.
        """
        return _filesystem(self.is_s3).open_input_file(self._absolute(path))

    def write(self, path: str, data: bytes) -> None:
        """Store a whole object in place of whatever was there.

        On S3 an object appears when its upload ends; in a folder it is written beside and renamed.
        """
        if self.is_s3:
            with _filesystem(True).open_output_stream(self._absolute(path)) as stream:
                stream.write(data)
            return
        target = Path(self._absolute(path))
        partial = Path(self.root) / TEMPORARY / uuid.uuid4().hex
        for folder in (partial.parent, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(data)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def delete(self, path: str) -> None:
        """Remove an object; one that is not there is no error."""
        if self.is_s3:
            # Arrow would leave an empty object in the place of the folder.
            bucket, _, key = self._absolute(path).partition("/")
            _s3_client().delete_object(Bucket=bucket, Key=key)
        else:
            Path(self._absolute(path)).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what writers that died left half-written. Call it when nobody writes."""
        if self.is_s3:
            return
        folder = Path(self.root) / TEMPORARY
        if folder.is_dir():
            for leftover in folder.iterdir():
                leftover.unlink(missing_ok=True)
            folder.rmdir()

    def _absolute(self, path: str) -> str:
        """Give the full path, and never one outside the root."""
        if path != posixpath.normpath(path) or path.startswith(("/", "..")) or "\0" in path:
            raise ValueError(f"{path!r} is not a plain relative path")
        return posixpath.join(self.root, path)


@cache
def _filesystem(is_s3: bool) -> fs.FileSystem:
    """Open the file system once a process."""
    if not is_s3:
        return fs.LocalFileSystem()
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    scheme, _, host = endpoint.rpartition("://")
    return fs.S3FileSystem(
        region=region or "us-east-1",
        endpoint_override=host or None,
        scheme=scheme or "https",
        # One request an object instead of three.
        allow_delayed_open=True,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=6),
        # Arrow's own limit of 3 s is short for a large frame on a busy line.
        connect_timeout=10,
        request_timeout=60,
    )


def _s3_client() -> "S3Client":
    """Connect by boto3, for what Arrow's file system does not do; reads the environment anew."""
    import boto3

    return boto3.Session().client("s3", region_name=os.environ.get("AWS_REGION"))


def _check_bucket(bucket: str) -> None:
    """Ask for a bucket's head: Arrow's errors do not tell a missing one from a forbidden one."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        _s3_client().head_bucket(Bucket=bucket)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            raise FileNotFoundError(f"there is no bucket {bucket!r}") from error
        raise PermissionError(f"bucket {bucket!r} may not be used: {error}") from error
    except BotoCoreError as error:
        raise ConnectionError(f"S3 does not answer for bucket {bucket!r}: {error}") from error


def read_file(uri: str) -> bytes:
    """Read one file by its address, a path or `s3://bucket/key`.

    Raises:
        OSError: it cannot be read.
    """
    folder, _, name = uri.rpartition("/")
    return Storage.at(folder or ("/" if uri.startswith("/") else ".")).read(name)
