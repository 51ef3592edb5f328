"""One request to S3: again where that may help, and its failure in one sentence."""

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
    # Damaged or cut on the way.
    *("BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "RequestTimeout"),
    # Too many at once.
    *("SlowDown", "Throttling", "ThrottlingException", "ConditionalRequestConflict"),
}
"""Refusals below status 500 after which the same request may succeed."""
PASSING_ERRORS = (
    exceptions.HTTPClientError,
    exceptions.ConnectionError,
    exceptions.IncompleteReadError,
    exceptions.FlexibleChecksumError,
    exceptions.CredentialRetrievalError,
    ResponseParserError,
    HTTPError,
)
"""What may be over a moment later, when no answer came or none that makes sense."""
CREDENTIAL_CODES = {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"}

P = ParamSpec("P")
T = TypeVar("T")


class DamagedError(Exception):
    """The server stored something else than it was sent."""


ERRORS = (BotoCoreError, ClientError, DamagedError, *PASSING_ERRORS)


def call(
    limits: S3Limits, what: str, request: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Make a request, again where that may help, with growing random pauses.

    Args:
        limits: How often, and for how long.
        what: What it is about, for the error.
        request: Called with all further arguments.
        *args: For the request.
        **kwargs: For the request.

    Returns:
        What the request gave.

    Raises:
        OSError: it failed for good; the kind says how.
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
    # 501 says that the server will never know this request.
    return status == 429 or (status >= 500 and status != 501) or code in PASSING_CODES


def _as_os_error(error: Exception, what: str, attempts: int) -> OSError:
    """Say what failed in one sentence. The server's own words stay out: they may quote keys."""
    reason = f"{_reason(error)}, {'1 try' if attempts == 1 else f'{attempts} tries'}"
    if isinstance(error, ClientError):
        return _refusal(*_status(error), what, reason)
    if isinstance(error, DamagedError):
        return OSError(f"{what}: S3 stored something else than it was sent: {reason}")
    if isinstance(error, PASSING_ERRORS):
        return ConnectionError(f"{what}: no whole answer from S3: {reason}")
    # Nothing was asked: credentials are missing, or a name cannot be one.
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
    """Give what a connection depends on: it outlives no fork and no change of the settings."""
    settings = (item for item in os.environ.items() if item[0].startswith("AWS_"))
    return os.getpid(), tuple(sorted(settings))


def client(limits: S3Limits = LIMITS) -> "S3Client":
    """Give the connection of this process and environment; threads share it.

    Args:
        limits: How long it waits.

    Returns:
        The same one each time, for the same waits.

    Raises:
        OSError: the AWS settings make none.
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
        # Ours count from the request to the body's last byte, botocore's only to the headers.
        retries={"total_max_attempts": 1},
        # Content-MD5 goes along, which every server knows; not all know checksums in trailers.
        request_checksum_calculation="when_required",
        max_pool_connections=32,
    )
    session = botocore.session.get_session()
    # To parse times that nobody reads is half of what a list costs.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    region = os.environ.get("AWS_REGION")
    return boto3.Session(botocore_session=session).client("s3", region_name=region, config=config)


def arrow_filesystem(limits: S3Limits = LIMITS) -> fs.FileSystem:
    """Give pyarrow's file system; one a process, environment and limits."""
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
        # One request an object instead of three.
        allow_delayed_open=True,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=limits.attempts),
        connect_timeout=limits.connect_s,
        request_timeout=limits.read_s,
    )
