"""Requests to S3 with retries, errors as OSError, and cached connections."""

import itertools
import logging
import os
import random
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import boto3
import botocore.session
from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from pyarrow import fs
from urllib3.exceptions import HTTPError

from lineart.storage.limits import LIMITS, S3Limits

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

PASSING_CODES = {
    # The body was damaged or cut off in transit.
    *("BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "RequestTimeout"),
    # Too many concurrent requests.
    *("SlowDown", "Throttling", "ThrottlingException", "ConditionalRequestConflict"),
}
"""Error codes below status 500 that are retried."""
PASSING_ERRORS = (
    exceptions.HTTPClientError,
    exceptions.ConnectionError,
    exceptions.IncompleteReadError,
    exceptions.FlexibleChecksumError,
    exceptions.CredentialRetrievalError,
    ResponseParserError,
    HTTPError,
)
"""Errors without a valid response that are retried."""
CREDENTIAL_CODES = {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"}

P = ParamSpec("P")
T = TypeVar("T")


class DamagedError(Exception):
    """The server stored other data than it was sent."""


ERRORS = (BotoCoreError, ClientError, DamagedError, *PASSING_ERRORS)


def call(
    limits: S3Limits, what: str, request: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Call `request`, and retry transient errors with random pauses of growing bounds.

    Args:
        limits: Number of tries, pauses and total time.
        what: Name of the object for error messages.
        request: Function that makes the request.
        *args: Passed to `request`.
        **kwargs: Passed to `request`.

    Returns:
        The return value of `request`.

    Raises:
        OSError: the request failed; its subclass tells the cause.
    """
    started = time.monotonic()
    for attempt in itertools.count(1):
        growing_s = limits.first_pause_s * 2 ** (attempt - 1)
        pause_s = random.uniform(0, min(limits.longest_pause_s, growing_s))
        try:
            return request(*args, **kwargs)
        except ERRORS as error:
            is_late = time.monotonic() + pause_s > started + limits.patience_s
            if attempt >= limits.attempts or is_late or not _may_pass(error):
                raise _as_os_error(error, what, attempt) from error
            logger.info("%s: %s at try %d; once more", what, _reason(error), attempt)
        time.sleep(pause_s)
    raise AssertionError


def _may_pass(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return isinstance(error, (DamagedError, *PASSING_ERRORS))
    status, code = _status(error)
    # 501: the server does not implement this request.
    return status == 429 or (status >= 500 and status != 501) or code in PASSING_CODES


def _as_os_error(error: Exception, what: str, attempts: int) -> OSError:
    """Build an OSError without the server's message, which may quote keys."""
    reason = f"{_reason(error)}, {'1 try' if attempts == 1 else f'{attempts} tries'}"
    if isinstance(error, ClientError):
        return _refusal(*_status(error), what, reason)
    if isinstance(error, DamagedError):
        return OSError(f"{what}: S3 stored something else than it was sent: {reason}")
    if isinstance(error, PASSING_ERRORS):
        return ConnectionError(f"{what}: no whole answer from S3: {reason}")
    # No request was sent: credentials are missing, or a name is invalid.
    unnamed = isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError)
    kind = PermissionError if unnamed else OSError
    return kind(f"{what} cannot be used: {' '.join(str(error).split())}")


def _refusal(status: int, code: str, what: str, reason: str) -> OSError:
    if code == "NoSuchBucket":
        return FileNotFoundError(f"there is no bucket for {what}")
    if status == 404:
        return FileNotFoundError(f"there is no {what}")
    if status == 412:
        return FileExistsError(f"there is a {what} already")
    if status in (401, 403) or code in CREDENTIAL_CODES:
        return PermissionError(f"{what} may not be used: {reason}")
    return OSError(f"{what}: S3 refused: {reason}")


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        status, code = _status(error)
        return f"status {status}" if code in ("", str(status)) else f"{code} ({status})"
    return type(error).__name__


def _status(error: ClientError) -> tuple[int, str]:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status, error.response.get("Error", {}).get("Code", "")


def _environment() -> tuple[int, tuple[tuple[str, str], ...]]:
    """Return process id and AWS variables: a fork or changed settings need a new connection."""
    settings = (item for item in os.environ.items() if item[0].startswith("AWS_"))
    return os.getpid(), tuple(sorted(settings))


def client(limits: S3Limits = LIMITS) -> "S3Client":
    """Return the S3 client of this process and environment; threads share it.

    Args:
        limits: Source of the connection and read timeouts.

    Returns:
        The client, cached for equal timeouts.

    Raises:
        OSError: the AWS settings are invalid.
    """
    try:
        return _connect(*_environment(), limits.connect_s, limits.read_s)
    except (BotoCoreError, ValueError) as error:
        raise OSError(f"the AWS settings cannot be used: {error}") from error


@lru_cache(maxsize=2)
def _connect(
    _process: int, _settings: tuple[tuple[str, str], ...], connect_s: float, read_s: float
) -> "S3Client":
    config = Config(
        connect_timeout=connect_s,
        read_timeout=read_s,
        # `call` retries up to the body's last byte; botocore only up to the headers.
        retries={"total_max_attempts": 1},
        # Content-MD5 is sent, which every server supports; not all support checksums in trailers.
        request_checksum_calculation="when_required",
        max_pool_connections=32,
    )
    session = botocore.session.get_session()
    # Timestamps are unused, and parsing them takes half the time of a listing.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    region = os.environ.get("AWS_REGION")
    return boto3.Session(botocore_session=session).client("s3", region_name=region, config=config)


def arrow_filesystem(limits: S3Limits = LIMITS) -> fs.FileSystem:
    """Return pyarrow's S3 file system, cached per process, environment and limits."""
    return _connect_arrow(*_environment(), limits)


@lru_cache(maxsize=2)
def _connect_arrow(
    _process: int, _settings: tuple[tuple[str, str], ...], limits: S3Limits
) -> fs.FileSystem:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    scheme, _, host = endpoint.rpartition("://")
    return fs.S3FileSystem(
        region=client(limits).meta.region_name or "us-east-1",
        endpoint_override=host or None,
        scheme=scheme or "https",
        # One request per written object instead of three.
        allow_delayed_open=True,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=limits.attempts),
        connect_timeout=limits.connect_s,
        request_timeout=limits.read_s,
    )
