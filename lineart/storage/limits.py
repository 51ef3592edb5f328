"""How long one waits for S3, and how large a piece it is sent at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class S3Limits:
    """Limits of requests to S3; all are above 0."""

    connect_s: float = 10.0
    """Longest wait for a connection, in seconds."""
    read_s: float = 60.0
    """Longest silence in an answer, in seconds."""
    attempts: int = 8
    """Most tries of one request."""
    first_pause_s: float = 0.5
    """Upper end of the first pause between tries, in seconds; it doubles."""
    longest_pause_s: float = 20.0
    """Where the doubling ends, in seconds."""
    patience_s: float = 120.0
    """No try begins later than so many seconds after the first one."""
    part_bytes: int = 64 * 2**20
    """Larger objects are sent in parts of this size; AWS takes none below 5 MiB."""


LIMITS = S3Limits()
