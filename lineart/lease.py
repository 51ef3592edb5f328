"""One writer an output: a lease, which expires when its owner dies.

The lease is an object in the output that its owner writes anew every few seconds. Who finds one
watches it: if it changes, its owner lives; if it does not for long enough, its owner is dead, and
it is taken over. Nobody compares clocks. Where two take it at once, all but one find out before
they begin, or at the next renewal.
"""

import json
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

from lineart.storage import Storage

LEASE = "_LEASE"


@dataclass(frozen=True)
class LeaseTimes:
    """When a lease is renewed and expires, in seconds above 0."""

    renewed_every_s: float = 5.0
    """Time from one renewal to the next; four fit into `expires_after_s`."""
    expires_after_s: float = 20.0
    """Time without a renewal after which the owner counts as dead."""
    settles_after_s: float = 1.0
    """How long after taking over one looks whether somebody else did, too."""


TIMES = LeaseTimes()

Content = dict[str, Any]


class HeldError(RuntimeError):
    """Somebody else is writing to the output."""


class LostError(ConnectionError):
    """Somebody else took the output over while this process could not be seen to live."""


class Lease:
    """An output that this process alone writes to.

    Args:
        output: Where the lease lies.
        times: When it is renewed and expires; the same for all who write to the output.
    """

    def __init__(self, output: Storage, times: LeaseTimes = TIMES) -> None:
        self._output = output
        self._times = times
        self._content = _describe_owner()
        self._released = Event()
        self._is_lost = False
        self._seen_at = 0.0
        self._renewals = Thread(target=self._renew, daemon=True)

    def check(self) -> None:
        """Make sure that the output is still this process's.

        Raises:
            LostError: it is another one's now.
            OSError: it has not been renewed for long, and storage does not say whose it is.
        """
        is_late = time.monotonic() - self._seen_at > self._times.expires_after_s
        if self._is_lost or (is_late and not self._is_mine()):
            raise LostError(
                f"{self._output.uri} was taken over by another run while this one did not answer"
            )

    def take(self, on_wait: Callable[[str], None]) -> None:
        """Take it, or wait until a dead owner's has expired; see `hold_lease`."""
        while not self._output.create(LEASE, self._encoded()):
            other = self._watch(on_wait)
            if other is not None:
                self._output.write(LEASE, self._encoded())
                time.sleep(self._times.settles_after_s)
                if self._is_mine():
                    break
        self._seen_at = time.monotonic()
        self._renewals.start()

    def release(self) -> None:
        """Leave nothing half-written, and let the next one have it."""
        self._released.set()
        # One that waits for storage would hold up the end; it changes nothing any more.
        self._renewals.join(self._times.renewed_every_s)
        with suppress(OSError):
            if self._is_mine():
                self._output.sweep()
                self._output.delete(LEASE)

    def _watch(self, on_wait: Callable[[str], None]) -> Content | None:
        """Give the lease of somebody who is dead; None once there is none."""
        first = _read(self._output)
        if first is None or _died_here(first):
            return first
        on_wait(
            f"{self._say(first)}, or was; waiting up to {self._times.expires_after_s:g} s to see"
        )
        deadline = time.monotonic() + self._times.expires_after_s
        while time.monotonic() < deadline:
            time.sleep(self._times.renewed_every_s / 5)
            now = _read(self._output)
            if now is None:
                return None
            if now != first:
                raise HeldError(f"{self._say(now)} since {now['since']}; wait for it, or stop it")
        return first

    def _say(self, content: Content) -> str:
        who = f"process {content['process']} on {content['host']}"
        return f"{self._output.uri} is being written by {who}"

    def _renew(self) -> None:
        while not self._released.wait(self._times.renewed_every_s):
            # Storage that does not answer now may do so the next time.
            with suppress(OSError):
                if not self._is_mine():
                    self._is_lost = True
                    return
                began = time.monotonic()
                self._content["renewed"] += 1
                self._output.write(LEASE, self._encoded())
                self._seen_at = began

    def _is_mine(self) -> bool:
        now = _read(self._output)
        return now is not None and now["owner"] == self._content["owner"]

    def _encoded(self) -> bytes:
        return json.dumps(self._content, indent=2).encode()


@contextmanager
def hold_lease(
    output: Storage, on_wait: Callable[[str], None], *, times: LeaseTimes = TIMES
) -> Iterator[Lease]:
    """Be the only one who writes to an output while the block runs.

    Args:
        output: Where the lease lies, as the object `_LEASE`.
        on_wait: Told in a sentence if there is an owner who may be dead.
        times: When it is renewed and expires; the same for all who write to the output.

    Yields:
        The lease, to check before each step that must not be another owner's.

    Raises:
        HeldError: the owner lives.
        OSError: the lease cannot be read or written.
    """
    lease = Lease(output, times)
    lease.take(on_wait)
    try:
        yield lease
    finally:
        lease.release()


def _describe_owner() -> Content:
    return {
        "owner": uuid.uuid4().hex,
        "host": socket.gethostname(),
        "process": os.getpid(),
        "born": _birth(os.getpid()),
        "processes": _process_space(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "renewed": 0,
    }


def _process_space() -> str | None:
    """Name the machine, as long as it runs, and the container in which process numbers are unique.

    None where that cannot be told.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None


def _birth(process: object) -> str | None:
    """Give when a process was started, in ticks that no clock changes; None if there is none."""
    with suppress(OSError, IndexError):
        # Its name, in brackets, may hold anything.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    return None


def _read(output: Storage) -> Content | None:
    """Read the lease; what cannot be read as one stands for an owner of no name."""
    try:
        content = json.loads(output.read(LEASE))
    except FileNotFoundError:
        return None
    except ValueError:
        content = {}
    unknown = dict.fromkeys(("owner", "host", "process", "since"), "unknown")
    return unknown | content if isinstance(content, dict) else unknown


def _died_here(content: Content) -> bool:
    """Whether the owner was a process of this machine, and is no more: nobody need wait then."""
    space = _process_space()
    if space is None or content.get("processes") != space:
        return False
    return _birth(content["process"]) != content.get("born")
