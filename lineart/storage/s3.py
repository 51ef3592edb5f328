"""Objects on S3: each call is whole or an error, and is tried again where that may help.

The same functions as in `folder`. A root is `bucket/prefix`. boto3 makes the requests; pyarrow's
file system is there for libraries that want one, and for reading at any place in a file.
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
    """Objects on S3; every method but `filesystem` takes the root."""

    limits: S3Limits

    def filesystem(self) -> fs.FileSystem:
        """Give the file system for libraries that take pyarrow's."""
        return arrow_filesystem(self.limits)

    def check(self, root: str) -> None:
        """Make sure that the bucket is there and may be used.

        Raises:
            FileNotFoundError: there is no such bucket.
            PermissionError: it may not be used.
            ConnectionError: S3 does not answer.
        """
        bucket, _ = _split(root)
        try:
            self._call(f"bucket {bucket!r}", self._client.head_bucket, Bucket=bucket)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"there is no bucket {bucket!r}") from error

    def entries(self, root: str, below: str) -> Iterator[tuple[str, int]]:
        """List all objects: path below the root, and bytes. Nothing there: nothing.

        Raises:
            OSError: the list cannot be had, or not to its end.
        """
        bucket, key = _split(root)
        base = f"{key}/" if key else ""
        asked: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{base}{below}/" if below else base}
        while True:
            page = self._call(f"s3://{root}/{below}", self._client.list_objects_v2, **asked)
            for item in page.get("Contents", []):
                # Consoles store an empty object for a folder.
                if not item["Key"].endswith("/"):
                    yield item["Key"].removeprefix(base), item["Size"]
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def exists(self, root: str, path: str) -> bool:
        """Whether there is such an object.

        Raises:
            OSError: S3 does not say.
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
            FileNotFoundError: it is not there.
            PermissionError: it may not be read.
            OSError: it cannot be read whole.
        """
        bucket, key = _split(f"{root}/{path}")
        return self._call(f"s3://{bucket}/{key}", self._get, bucket, key)

    def write(self, root: str, path: str, data: bytes) -> None:
        """Store a whole object; the server compares its hash before anyone sees it.

        Raises:
            FileNotFoundError: there is no such bucket.
            PermissionError: it may not be written.
            OSError: it cannot be written.
        """
        bucket, key = _split(f"{root}/{path}")
        if len(data) > self.limits.part_bytes:
            self._write_parts(bucket, key, data)
        else:
            self._call(f"s3://{bucket}/{key}", self._put, bucket, key, data)

    def create(self, root: str, path: str, data: bytes) -> bool:
        """Store an object where none is; False where one was.

        Two callers never both succeed on servers that know the header If-None-Match, as AWS does.
        Others are only asked first whether something is there. Give data that no other caller
        gives: an object that equals it is taken for our own, stored by a request whose answer was
        lost.

        Raises:
            PermissionError: it may not be written.
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
        """Remove an object; one that is not there is no error.

        Raises:
            OSError: it cannot be removed.
        """
        bucket, key = _split(f"{root}/{path}")
        self._call(f"s3://{bucket}/{key}", self._client.delete_object, Bucket=bucket, Key=key)

    def sweep(self, _root: str) -> None:
        """Remove nothing: a request that was broken off leaves nothing to be seen."""

    def _get(self, bucket: str, key: str) -> bytes:
        # boto3 compares the length with the header's, and a checksum where the server gives one.
        return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def _put(self, bucket: str, key: str, data: bytes, **condition: Any) -> None:
        digest = hashlib.md5(data, usedforsecurity=False)
        answer = self._client.put_object(
            Bucket=bucket, Key=key, Body=data, ContentMD5=_base64(digest.digest()), **condition
        )
        etag, encryption = answer.get("ETag", ""), answer.get("ServerSideEncryption", "AES256")
        # With other encryption, parts, or in a directory bucket the tag is no hash of the content.
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
            # The upload is no longer known: its end was told in an answer that was lost. Once more.
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
