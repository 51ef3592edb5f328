"""Storage operations on S3 objects, with retries; the same operations as in `folder`.

boto3 makes the requests; pyarrow's file system is for libraries that need one and for random access
within an object.
"""

import base64
import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pyarrow import fs

from lineart.storage import S3Limits
from lineart.storage.s3_calls import (
    COPY,
    DELETE,
    ERRORS,
    LIST,
    READ,
    WRITE,
    DamagedError,
    IncompleteAnswerError,
    Operation,
    T,
    Target,
    call,
    connect,
    has_code,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

PARTS_AT_ONCE = 4
"""Parts of a large object that are uploaded, and in memory, at the same time."""
BEYOND_THE_END = 416
"""HTTP status of a range that begins at or behind the end of an object."""
UNNAMED = (301, 400, 401, 403)
"""HTTP statuses that several causes have."""
MD5_ETAG = re.compile(r'"[0-9a-f]{32}"')


@dataclass(frozen=True)
class Objects:
    """The S3 objects below `bucket/prefix`. `Storage` documents the methods."""

    root: str
    limits: S3Limits

    @property
    def filesystem(self) -> fs.FileSystem:
        """S3 file system of pyarrow."""
        return connect(self.limits).filesystem

    def check(self) -> None:
        """See `Storage.check`."""
        bucket = self.root.partition("/")[0]
        target = Target(LIST, f"bucket {bucket!r}")
        call(self.limits, target, self._with_code(self._client.head_bucket), Bucket=bucket)

    def entries(self, below: str) -> Iterator[tuple[str, int, str | None]]:
        """Yield path relative to the root, size in bytes, and stamp of all objects."""
        bucket, _, key = self.root.partition("/")
        base = f"{key}/" if key else ""
        asked: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{base}{below}/" if below else base}
        while True:
            target = Target(LIST, f"s3://{self.root}/{below}")
            page = call(self.limits, target, self._client.list_objects_v2, **asked)
            for item in page.get("Contents", []):
                # S3 consoles store an empty object with a trailing slash for a folder.
                if not item["Key"].endswith("/"):
                    stamp = _stamp(item.get("ETag"), item["Size"])
                    yield item["Key"].removeprefix(base), item["Size"], stamp
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def exists(self, path: str) -> bool:
        """See `Storage.exists`."""
        try:
            self._call(READ, path, self._with_code(self._client.head_object))
        except FileNotFoundError:
            return False
        return True

    def stamp(self, path: str) -> str | None:
        """See `Storage.stamp`."""
        found = self._call(READ, path, self._with_code(self._client.head_object))
        return _stamp(found.get("ETag"), found["ContentLength"])

    def read(self, path: str) -> bytes:
        """See `Storage.read`."""

        def get(**address: Any) -> bytes:
            # boto3 checks the length against the header, and a checksum if the server sends one.
            return self._client.get_object(**address)["Body"].read()

        return self._call(READ, path, get)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """See `Storage.read_range`."""

        def get(**address: Any) -> bytes:
            try:
                part = f"bytes={start}-{start + length - 1}"
                return self._client.get_object(Range=part, **address)["Body"].read()
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != BEYOND_THE_END:
                    raise
                return b""

        return self._call(READ, path, get)

    def write(self, path: str, data: bytes) -> None:
        """See `Storage.write`."""
        if len(data) > self.limits.part_bytes:
            self._write_parts(path, data)
        else:
            self._call(WRITE, path, self._put, Body=data)

    def create(self, path: str, data: bytes) -> bool:
        """See `Storage.create`."""
        # On servers that do not know If-None-Match, only this check protects.
        if self.exists(path):
            return False
        try:
            self._call(WRITE, path, self._put, Body=data, IfNoneMatch="*")
        except FileExistsError:
            with suppress(FileNotFoundError):
                return self.read(path) == data
            return False
        return True

    @contextmanager
    def draft(self, suffix: str = "") -> Iterator[Path]:
        """See `Storage.draft`."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder, f"draft{suffix}")

    def put_file(self, path: str, draft: Path) -> None:
        """See `Storage.put_file`."""
        if draft.stat().st_size <= self.limits.part_bytes:
            self.write(path, draft.read_bytes())
            return
        with draft.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            self._write_parts(path, data)

    def move(self, source: str, target: str) -> None:
        """See `Storage.move`."""
        what, origin = Target(COPY, f"s3://{self.root}/{source}"), self._address(source)
        copy = self._client.copy_object
        call(self.limits, what, copy, **self._address(target), CopySource=origin)
        self.delete(source)

    def delete(self, path: str) -> None:
        """See `Storage.delete`."""
        self._call(DELETE, path, self._client.delete_object)

    def _put(self, **request: Any) -> None:
        digest = hashlib.md5(request["Body"], usedforsecurity=False)
        answer = self._client.put_object(ContentMD5=_base64(digest), **request)
        etag, encryption = _field(answer, "ETag"), answer.get("ServerSideEncryption", "AES256")
        # With other encryption, parts, or in a directory bucket, the ETag is not the MD5.
        is_md5 = MD5_ETAG.fullmatch(etag) and encryption == "AES256"
        if (
            is_md5
            and not request["Bucket"].endswith("--x-s3")
            and etag != f'"{digest.hexdigest()}"'
        ):
            raise DamagedError(f"its hash is {etag}")

    def _write_parts(self, path: str, data: bytes | mmap) -> None:
        try:
            self._upload(path, data)
        except FileNotFoundError:
            # The upload ID is unknown: the response to its completion was lost. Upload again.
            self._upload(path, data)

    def _upload(self, path: str, data: bytes | mmap) -> None:
        s3 = self._client
        begin = _telling("UploadId", s3.create_multipart_upload)
        store, end = (
            _telling("ETag", s3.upload_part),
            _telling("ETag", s3.complete_multipart_upload),
        )
        upload: Any = {"UploadId": self._call(WRITE, path, begin)}

        def send(number: int) -> "CompletedPartTypeDef":
            start = (number - 1) * self.limits.part_bytes
            part = data[start : start + self.limits.part_bytes]
            digest = _base64(hashlib.md5(part, usedforsecurity=False))
            named = upload | {"PartNumber": number, "Body": part, "ContentMD5": digest}
            return {"ETag": self._call(WRITE, path, store, **named), "PartNumber": number}

        try:
            with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
                parts = [*pool.map(send, range(1, -(-len(data) // self.limits.part_bytes) + 1))]
            done = {"Parts": parts}
            self._call(WRITE, path, end, MultipartUpload=done, **upload)
        except BaseException:
            with suppress(*ERRORS):
                s3.abort_multipart_upload(**self._address(path), **upload)
            raise

    def _with_code(self, head: Callable[..., T]) -> Callable[..., T]:
        """Return a HEAD request whose refusal has a code, which only answers with a body have."""

        def ask(**address: Any) -> T:
            try:
                return head(**address)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status in UNNAMED and not has_code(error):
                    # It is refused for the same reason, unless only this object is denied.
                    self._client.list_objects_v2(Bucket=address["Bucket"], MaxKeys=1)
                raise

        return ask

    @property
    def _client(self) -> "S3Client":
        return connect(self.limits).client

    def _call(
        self, operation: Operation, path: str, request: Callable[..., T], **keywords: Any
    ) -> T:
        """Make a request for one object, with retries."""
        target = Target(operation, f"s3://{self.root}/{path}")
        return call(self.limits, target, request, **self._address(path), **keywords)

    def _address(self, path: str) -> dict[str, Any]:
        bucket, _, key = f"{self.root}/{path}".partition("/")
        return {"Bucket": bucket, "Key": key}


def _stamp(etag: str | None, size: int) -> str | None:
    """Return ETag and size as one text; None if the server sends no ETag."""
    return f"{etag} {size}".replace('"', "") if etag else None


def _telling(name: str, request: Callable[..., Any]) -> Callable[..., str]:
    """Return a request that returns one field of its answer."""
    return lambda **keywords: _field(request(**keywords), name)


def _field(answer: Any, name: str) -> str:
    if name not in answer:
        raise IncompleteAnswerError(name)
    field: str = answer[name]
    return field


def _base64(digest: "hashlib._Hash") -> str:
    return base64.b64encode(digest.digest()).decode()
