"""Storage operations on S3 objects, with retries; the same operations as in `folder`.

A root is `bucket/prefix`. boto3 makes the requests; pyarrow's file system is for libraries that
need one and for random access within an object.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyarrow import fs

from lineart.storage.limits import S3Limits
from lineart.storage.s3_calls import ERRORS, DamagedError, P, T, arrow_filesystem, call, client

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

PARTS_AT_ONCE = 4

PLAIN_ETAG = re.compile(r'"[0-9a-f]{32}"')


@dataclass(frozen=True)
class Objects:
    """Operations on S3 objects; every method but `filesystem` takes the root `bucket/prefix`."""

    limits: S3Limits

    def filesystem(self) -> fs.FileSystem:
        """Return the S3 file system, for libraries that take pyarrow's."""
        return arrow_filesystem(self.limits)

    def check(self, root: str) -> None:
        """Raise if the bucket does not exist or is not accessible.

        Raises:
            FileNotFoundError: the bucket does not exist.
            PermissionError: access is denied.
            ConnectionError: S3 does not answer.
        """
        bucket, _ = _split(root)
        try:
            self._call(f"bucket {bucket!r}", self._client.head_bucket, Bucket=bucket)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"there is no bucket {bucket!r}") from error

    def entries(self, root: str, below: str) -> Iterator[tuple[str, int]]:
        """Yield path relative to the root and size in bytes of all objects in the folder `below`.

        Raises:
            OSError: the listing fails, possibly after some entries.
        """
        bucket, key = _split(root)
        base = f"{key}/" if key else ""
        asked: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{base}{below}/" if below else base}
        while True:
            page = self._call(f"s3://{root}/{below}", self._client.list_objects_v2, **asked)
            for item in page.get("Contents", []):
                # S3 consoles store an empty object with a trailing slash for a folder.
                if not item["Key"].endswith("/"):
                    yield item["Key"].removeprefix(base), item["Size"]
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def exists(self, root: str, path: str) -> bool:
        """Return whether the object exists.

        Raises:
            OSError: the request fails.
        """
        bucket, key = _split(f"{root}/{path}")
        try:
            self._call(f"s3://{bucket}/{key}", self._client.head_object, Bucket=bucket, Key=key)
        except FileNotFoundError:
            return False
        return True

    def read(self, root: str, path: str) -> bytes:
        """Read a whole object.

        Raises:
            FileNotFoundError: it does not exist.
            PermissionError: access is denied.
            OSError: it cannot be read completely.
        """
        bucket, key = _split(f"{root}/{path}")
        return self._call(f"s3://{bucket}/{key}", self._get, bucket, key)

    def write(self, root: str, path: str, data: bytes) -> None:
        """Write an object; the server verifies its MD5 before the object becomes visible.

        Raises:
            FileNotFoundError: the bucket does not exist.
            PermissionError: access is denied.
            OSError: it cannot be written.
        """
        bucket, key = _split(f"{root}/{path}")
        if len(data) > self.limits.part_bytes:
            self._write_parts(bucket, key, data)
        else:
            self._call(f"s3://{bucket}/{key}", self._put, bucket, key, data)

    def create(self, root: str, path: str, data: bytes) -> bool:
        """Write an object only if none exists, and return whether it was written.

        Only one of several concurrent callers succeeds on servers that support the header
        If-None-Match, as AWS does; on others, only a prior existence check protects. `data` must be
        unique to the caller: an existing object with equal data counts as written by an earlier try
        whose response was lost.

        Raises:
            PermissionError: access is denied.
            OSError: it cannot be written.
        """
        if self.exists(root, path):
            return False
        bucket, key = _split(f"{root}/{path}")
        try:
            self._call(f"s3://{bucket}/{key}", self._put, bucket, key, data, IfNoneMatch="*")
        except FileExistsError:
            with suppress(FileNotFoundError):
                return self.read(root, path) == data
            return False
        return True

    def delete(self, root: str, path: str) -> None:
        """Delete an object; a missing one is no error.

        Raises:
            OSError: it cannot be deleted.
        """
        bucket, key = _split(f"{root}/{path}")
        self._call(f"s3://{bucket}/{key}", self._client.delete_object, Bucket=bucket, Key=key)

    def sweep(self, _root: str) -> None:
        """Do nothing: an interrupted request leaves no visible object."""

    def _get(self, bucket: str, key: str) -> bytes:
        # boto3 checks the length against the header, and a checksum if the server sends one.
        return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def _put(self, bucket: str, key: str, data: bytes, **condition: Any) -> None:
        digest = hashlib.md5(data, usedforsecurity=False)
        answer = self._client.put_object(
            Bucket=bucket, Key=key, Body=data, ContentMD5=_base64(digest.digest()), **condition
        )
        etag, encryption = answer.get("ETag", ""), answer.get("ServerSideEncryption", "AES256")
        # With other encryption, parts, or in a directory bucket, the ETag is not the MD5.
        if bucket.endswith("--x-s3"):
            return
        if (
            PLAIN_ETAG.fullmatch(etag)
            and encryption == "AES256"
            and etag != f'"{digest.hexdigest()}"'
        ):
            raise DamagedError(f"its hash is {etag}")

    def _write_parts(self, bucket: str, key: str, data: bytes) -> None:
        try:
            self._upload(bucket, key, data)
        except FileNotFoundError:
            # The upload ID is unknown: the response to its completion was lost. Upload again.
            self._upload(bucket, key, data)

    def _upload(self, bucket: str, key: str, data: bytes) -> None:
        uri, s3 = f"s3://{bucket}/{key}", self._client
        upload = self._call(uri, s3.create_multipart_upload, Bucket=bucket, Key=key)["UploadId"]
        place: dict[str, Any] = {"Bucket": bucket, "Key": key, "UploadId": upload}

        def send(index: int) -> "CompletedPartTypeDef":
            part = data[index * self.limits.part_bytes : (index + 1) * self.limits.part_bytes]
            digest = _base64(hashlib.md5(part, usedforsecurity=False).digest())
            named = place | {"PartNumber": index + 1}
            answer = self._call(uri, s3.upload_part, Body=part, ContentMD5=digest, **named)
            return {"ETag": answer["ETag"], "PartNumber": index + 1}

        try:
            with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
                parts = list(pool.map(send, range(-(-len(data) // self.limits.part_bytes))))
            self._call(uri, s3.complete_multipart_upload, **place, MultipartUpload={"Parts": parts})
        except BaseException:
            with suppress(*ERRORS):
                s3.abort_multipart_upload(**place)
            raise

    @property
    def _client(self) -> "S3Client":
        return client(self.limits)

    def _call(self, what: str, request: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return call(self.limits, what, request, *args, **kwargs)


def _split(path: str) -> tuple[str, str]:
    bucket, _, key = path.partition("/")
    return bucket, key


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
