"""Timeouts, retries and part size of requests to S3."""

from dataclasses import dataclass


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
