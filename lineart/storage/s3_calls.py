"""Requests to S3 with retries, errors as OSError, and the connection of a process."""

import errno
import itertools
import logging
import os
import random
import time
from collections.abc import Callable
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import boto3
import botocore.session
from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from pyarrow import fs
from urllib3.exceptions import HTTPError

from lineart.storage import LIMITS, RefusedError, S3Limits
from lineart.storage.s3_wait import AnswerWatch, Watched

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

TRANSIENT_CODES = {
    # The body was damaged or cut off in transit.
    *("BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "RequestTimeout"),
    # Too many concurrent requests.
    *("SlowDown", "Throttling", "ThrottlingException", "ConditionalRequestConflict"),
}
"""Error codes below status 500 that are retried."""
FULL_CODES = {
    # Ceph and others, Huawei OBS, MinIO.
    *("QuotaExceeded", "InsufficientStorage", "InsufficientStorageSpace"),
    *("XMinioStorageFull", "XMinioStorageBackendFull", "XMinioAdminBucketQuotaExceeded"),
}
"""Error codes of storage that is full, or of a quota that is used up; so is any of status 507."""
INSUFFICIENT_STORAGE = 507
EXPIRED = "the credentials have expired; renew them"
WRONG_KEYS = "check the AWS keys"
CREDENTIAL_ADVICE = {
    "ExpiredToken": EXPIRED,
    "TokenRefreshRequired": EXPIRED,
    "InvalidToken": WRONG_KEYS,
    "InvalidAccessKeyId": WRONG_KEYS,
    "SignatureDoesNotMatch": WRONG_KEYS,
    "RequestTimeTooSkewed": "set the clock of this machine",
}
"""What to do about credentials, by error code."""
REGION_CODES = {
    *("AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
    *("PermanentRedirect", "TemporaryRedirect"),
}
"""Error codes of a request that was sent to another region than the bucket's."""
MOVED_PERMANENTLY = 301
REGION_HEADER = "x-amz-bucket-region"

T = TypeVar("T")


class Operation(NamedTuple):
    """What a request does."""

    doing: str
    """Begin of a sentence, as in "reading ... is denied"."""
    rights: str
    """Rights that it takes."""


LIST = Operation("listing", "s3:ListBucket")
# Without the second right the answer for an object that is not there is a refusal, too.
READ = Operation("reading", "s3:GetObject and s3:ListBucket")
WRITE = Operation("writing", "s3:PutObject")
COPY = Operation("copying", "s3:GetObject and s3:PutObject")
DELETE = Operation("deleting", "s3:DeleteObject")


class Target(NamedTuple):
    """What a request does, and to what."""

    operation: Operation
    name: str


class FullError(OSError):
    """The storage is full, or a quota is used up; `is_full` knows it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.errno = errno.ENOSPC


class DamagedError(Exception):
    """The server stored other data than it was sent."""


class IncompleteAnswerError(Exception):
    """An answer lacks what every S3 server sends, so that it may come from a proxy."""


TRANSIENT_ERRORS = (
    exceptions.HTTPClientError,
    exceptions.ConnectionError,
    exceptions.IncompleteReadError,
    exceptions.FlexibleChecksumError,
    exceptions.CredentialRetrievalError,
    ResponseParserError,
    HTTPError,
    IncompleteAnswerError,
)
"""Errors without a valid response that are retried."""
ERRORS = (BotoCoreError, ClientError, DamagedError, *TRANSIENT_ERRORS)


def call(limits: S3Limits, target: Target, request: Callable[..., T], **keywords: Any) -> T:
    """Call `request`, and retry transient errors with random pauses of growing bounds.

    botocore's own retries end at the headers of a response; these include its body.

    Args:
        limits: Number of tries, pauses and total time.
        target: What is done to which object, for error messages.
        request: Function that makes the request.
        **keywords: Passed to `request`.

    Returns:
        The return value of `request`.

    Raises:
        OSError: the request failed; its subclass tells the cause.
    """
    watch = connect(limits).watch
    with watch.request(limits.patience_s) as watched:
        return _try(limits, target, partial(request, **keywords), watched)


def _try(limits: S3Limits, target: Target, request: Callable[[], T], watched: Watched) -> T:
    for attempt in itertools.count(1):
        growing_s = limits.first_pause_s * 2 ** (attempt - 1)
        pause_s = random.uniform(0.0, min(limits.longest_pause_s, growing_s))
        try:
            answer = request()
            watched.note_answer()
            return answer
        except ERRORS as error:
            is_transient = _is_transient(error)
            if not isinstance(error, ClientError):
                watched.note_silence()
            elif is_transient:
                next_try = f"try {attempt + 1} of {limits.attempts}"
                watched.note_refusal(f"{_reason(error)}; {next_try}", pause_s)
            else:
                watched.note_answer()
            is_late = time.monotonic() + pause_s > watched.deadline
            if attempt >= limits.attempts or is_late or not is_transient:
                raise _as_os_error(error, target, attempt, watched.endpoint) from error
            logger.info("%s: %s in try %d; trying again", target.name, _reason(error), attempt)
        time.sleep(pause_s)
    raise AssertionError


def _is_transient(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return isinstance(error, (DamagedError, *TRANSIENT_ERRORS))
    return _is_fault(*_status(error))


def _is_fault(status: int, code: str) -> bool:
    """Return whether the server did not refuse the request for what it is."""
    if _is_full(status, code):
        return False
    # 501: the server does not implement this request.
    return status == 429 or (status >= 500 and status != 501) or code in TRANSIENT_CODES


def _is_full(status: int, code: str) -> bool:
    return status == INSUFFICIENT_STORAGE or code in FULL_CODES


def _as_os_error(error: Exception, target: Target, attempts: int, endpoint: str) -> OSError:
    """Build an OSError without the server's message, which may quote keys."""
    reason = f"{_reason(error)}, {'1 try' if attempts == 1 else f'{attempts} tries'}"
    what = target.name
    if isinstance(error, ClientError):
        return _refusal(error, target, reason)
    if isinstance(error, DamagedError):
        return OSError(f"{what}: S3 stored other data than it was sent: {reason}")
    if isinstance(error, TRANSIENT_ERRORS):
        return ConnectionError(
            f"{what}: no complete answer from S3 at {endpoint}: {reason}; check the network and "
            "AWS_ENDPOINT_URL"
        )
    # No request was sent: credentials are missing, or a name is invalid.
    unnamed = isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError)
    kind = PermissionError if unnamed else OSError
    return kind(f"{what} cannot be used: {' '.join(str(error).split())}")


def _refusal(error: ClientError, target: Target, reason: str) -> OSError:
    status, code = _status(error)
    (doing, rights), what = target
    if code == "NoSuchBucket":
        return FileNotFoundError(f"there is no bucket for {what}")
    if status == 404:
        return FileNotFoundError(f"there is no {what}")
    if status == 412:
        return FileExistsError(f"{what} exists already")
    if _is_full(status, code):
        return FullError(
            f"{what} cannot be written: the storage is full, or a quota is used up: {reason}; "
            "free space or raise the quota"
        )
    is_unnamed = status == 400 and not has_code(error) and _region(error) is not None
    if status == MOVED_PERMANENTLY or code in REGION_CODES or is_unnamed:
        return OSError(f"{doing} {what}: its bucket is {_elsewhere(_region(error), reason)}")
    if code in CREDENTIAL_ADVICE or status in (401, 403):
        policy = f"check the AWS keys and the bucket's policy; this takes {rights}"
        then = CREDENTIAL_ADVICE.get(code, policy)
        return PermissionError(f"{doing} {what} is denied: {reason}; {then}")
    kind = RefusedError if _is_fault(status, code) else OSError
    return kind(f"{doing} {what}: S3 refused the request: {reason}")


def _elsewhere(region: str | None, reason: str) -> str:
    """Return the end of a sentence on a bucket that is in another region."""
    where = f"in the region {region}" if region else "in another region"
    setting = f"AWS_REGION={region}" if region else "AWS_REGION to it"
    has_endpoint = "AWS_ENDPOINT_URL" in os.environ or "AWS_ENDPOINT_URL_S3" in os.environ
    endpoint = ", and AWS_ENDPOINT_URL to an endpoint there" if has_endpoint else ""
    return f"{where}: {reason}; set {setting}{endpoint}"


def _region(error: ClientError) -> str | None:
    """Return the region of the bucket, if the answer tells it."""
    answer: Any = error.response
    told: str | None = answer.get("Error", {}).get("Region")
    return answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get(REGION_HEADER) or told


def has_code(error: ClientError) -> bool:
    """Return whether an error has a code; an answer to HEAD has no body, and so none."""
    status, code = _status(error)
    return code not in ("", str(status))


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        status, code = _status(error)
        return f"{code} ({status})" if has_code(error) else f"status {status}"
    return type(error).__name__


def _status(error: ClientError) -> tuple[int, str]:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status, error.response.get("Error", {}).get("Code", "")


class Connection:
    """S3 through boto3 and through pyarrow; threads share it, processes do not.

    Args:
        limits: Timeouts of both, and pyarrow's number of tries.
    """

    def __init__(self, limits: S3Limits) -> None:
        self._limits = limits
        config = Config(
            connect_timeout=limits.connect_s,
            read_timeout=limits.read_s,
            # `call` retries.
            retries={"total_max_attempts": 1},
            # Content-MD5 is sent, which every server supports; not all support checksums in
            # trailers.
            request_checksum_calculation="when_required",
            max_pool_connections=32,
        )
        session = botocore.session.get_session()
        # Timestamps are unused, and parsing them takes half the time of a listing.
        session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
        self.client: S3Client = boto3.Session(botocore_session=session).client(
            "s3", region_name=os.environ.get("AWS_REGION"), config=config
        )
        self.watch = AnswerWatch(self.client.meta.endpoint_url)

    @cached_property
    def filesystem(self) -> fs.FileSystem:
        """S3 file system of pyarrow."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
        scheme, _, host = endpoint.rpartition("://")
        return fs.S3FileSystem(
            region=self.client.meta.region_name or "us-east-1",
            endpoint_override=host or None,
            scheme=scheme or "https",
            # One request per written object instead of three.
            allow_delayed_open=True,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=self._limits.attempts),
            connect_timeout=self._limits.connect_s,
            request_timeout=self._limits.read_s,
        )


def connect(limits: S3Limits = LIMITS) -> Connection:
    """Return the connection of this process to S3.

    A new one is made after a fork, and for other AWS settings or limits; so nobody has to clear it.
    It is shared because a client takes 0.1 s to make and fetches credentials of its own.

    Raises:
        OSError: the AWS settings are invalid.
    """
    settings = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    try:
        return _connect(os.getpid(), settings, limits)
    except (BotoCoreError, ValueError) as error:
        raise OSError(f"the AWS settings cannot be used: {error}") from error


@lru_cache(maxsize=2)
def _connect(_process: int, _settings: tuple[tuple[str, str], ...], limits: S3Limits) -> Connection:
    return Connection(limits)
