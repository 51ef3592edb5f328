"""Lease on an output, so that one process at a time writes to it; expires when its owner dies.

The lease is an object in the output. A process that finds one asks whether its owner is alive: it
writes a second object. The owner looks for this every few seconds, and answers by rewriting the
lease. If the lease stays the same for `expires_after_s`, the owner counts as dead, and the lease is
taken over. No clocks are compared. If several processes take it over at once, all but one notice
before they begin, or the next time that they look.

An undisturbed run writes the lease once and deletes it once, however long it takes: in a bucket
that keeps versions, it leaves one version and one deletion. Rewriting it every 5 s to show that the
owner is alive would leave 17,280 versions a day.
"""

import errno
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

from lineart.storage import Storage, is_full

LEASE = "_LEASE"
ASKED = "_LEASE_ASKED"
"""Object that a process writes to ask the owner; only the owner deletes it, with the lease."""


@dataclass(frozen=True)
class LeaseTimes:
    """Times of a lease, in seconds above 0."""

    checked_every_s: float = 5.0
    """Interval in which the owner looks whether another process asks; by default a quarter of
    `expires_after_s`."""
    expires_after_s: float = 20.0
    """Time without an answer after which the owner counts as dead."""
    settles_after_s: float = 1.0
    """Delay after a takeover before checking whether another process took over, too."""


TIMES = LeaseTimes()

Content = dict[str, Any]


class HeldError(RuntimeError):
    """Another process is writing to the output."""


class LostError(ConnectionError):
    """Another process took over the output, as this one did not answer in time; or it is gone."""


class Lease:
    """Exclusive right of this process to write to an output; see `hold_lease`.

    Args:
        output: Output that holds the lease.
        times: Times; must be equal for all processes that write to it.
    """

    def __init__(self, output: Storage, times: LeaseTimes = TIMES) -> None:
        self._output = output
        self._times = times
        self._content = _describe_owner()
        self._released = Event()
        self._is_lost = False
        self._seen_at = 0.0
        self._answered: bytes | None = None
        self._thread = Thread(target=self._keep, daemon=True)

    def check(self) -> None:
        """Raise if this process has lost the lease.

        Raises:
            LostError: another process has taken over the output, or the lease was deleted.
            OSError: the lease could not be read within its expiry time, and cannot be now.
        """
        is_late = time.monotonic() - self._seen_at > self._times.expires_after_s
        if self._is_lost or (is_late and not self._is_mine()):
            if _read(self._output) is None:
                raise LostError(f"somebody has deleted files of {self._output.uri}; run again")
            raise LostError(
                f"{self._output.uri} was taken over by another run while this one could not "
                "answer; wait for that run, then run again"
            )

    def take(self, on_wait: Callable[[str], None]) -> None:
        """Take the lease, or wait until a dead owner's expires; see `hold_lease`."""
        while not self._output.create(LEASE, self._encoded()):
            other = self._watch(on_wait)
            if other is not None:
                self._output.write(LEASE, self._encoded())
                time.sleep(self._times.settles_after_s)
                if self._is_mine():
                    break
        self._seen_at = time.monotonic()
        self._thread.start()

    def release(self) -> None:
        """Stop answering; delete temporary files and the lease, if this process still owns it."""
        self._released.set()
        # Do not wait for a thread blocked in storage.
        self._thread.join(self._times.checked_every_s)
        with suppress(OSError):
            if self._is_mine():
                self._output.sweep()
                # First, so that no question to the next owner is deleted.
                self._output.delete(ASKED)
                self._output.delete(LEASE)

    def _watch(self, on_wait: Callable[[str], None]) -> Content | None:
        """Return the lease of a dead owner, or None once there is none; raise if it answers."""
        first = _read(self._output)
        if first is None or _died_here(first):
            return first
        on_wait(
            f"{self._say(first)}, or was; waiting up to {self._times.expires_after_s:g} s to see"
        )
        self._output.write(ASKED, uuid.uuid4().hex.encode())
        deadline = time.monotonic() + self._times.expires_after_s
        while time.monotonic() < deadline:
            time.sleep(self._times.checked_every_s / 5)
            now = _read(self._output)
            if now is None:
                return None
            if now != first:
                raise HeldError(f"{self._say(now)} since {now['since']}; wait for it, or stop it")
        return first

    def _say(self, content: Content) -> str:
        who = f"process {content['process']} on {content['host']}"
        return f"{self._output.uri} is being written by {who}"

    def _keep(self) -> None:
        while not self._released.wait(self._times.checked_every_s):
            # On an error of the storage, try again the next time.
            with suppress(OSError):
                began = time.monotonic()
                if not self._is_mine():
                    self._is_lost = True
                    return
                self._answer()
                self._seen_at = began

    def _answer(self) -> None:
        """Rewrite the lease if another process has asked since the last answer."""
        asked = self._output.read(ASKED) if self._output.exists(ASKED) else None
        if asked is not None and asked != self._answered:
            self._content["answers"] += 1
            self._output.write(LEASE, self._encoded())
            self._answered = asked

    def _is_mine(self) -> bool:
        now = _read(self._output)
        return now is not None and now["owner"] == self._content["owner"]

    def _encoded(self) -> bytes:
        return json.dumps(self._content, indent=2).encode()


@contextmanager
def hold_lease(
    output: Storage, on_wait: Callable[[str], None], *, times: LeaseTimes = TIMES
) -> Iterator[Lease]:
    """Hold the lease on an output while the block runs.

    Args:
        output: Output that holds the lease, as the object `_LEASE`.
        on_wait: Called with a sentence before waiting to see whether the present owner is dead.
        times: Times; must be equal for all processes that write to it.

    Yields:
        The lease; call its `check` before each step that requires ownership.

    Raises:
        HeldError: another process holds the lease and answers.
        OSError: the lease cannot be read or written.
    """
    lease = Lease(output, times)
    try:
        lease.take(on_wait)
    except OSError as error:
        cause = error.__cause__
        if output.is_s3 or not isinstance(cause, OSError):
            raise
        # Nobody knows the file that could not be written.
        why = f"{output.uri} cannot be written: {cause.strerror or cause}"
        raise type(error)(f"{why}; {_advise(cause)}") from error
    try:
        yield lease
    finally:
        lease.release()


def _advise(cause: OSError) -> str:
    """Return what to do if a folder cannot be written."""
    if is_full(cause):
        return "give a folder with space, or free some"
    if cause.errno in (errno.EACCES, errno.EPERM):
        return "give a folder that this account may write to"
    if cause.errno in (errno.ENOTDIR, errno.EEXIST):
        return "a file is in the way; give a folder"
    return "give another folder"


def _describe_owner() -> Content:
    return {
        "owner": uuid.uuid4().hex,
        "host": socket.gethostname(),
        "process": os.getpid(),
        "born": _birth(os.getpid()),
        "processes": _process_space(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "answers": 0,
    }


def _process_space() -> str | None:
    """Return boot id and PID namespace, within which process ids are unique; None if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None


def _birth(process: object) -> str | None:
    """Return the start time of a process in clock ticks since boot; None if it does not exist."""
    with suppress(OSError, IndexError):
        # Skip the process name: it is in brackets and may contain spaces.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    return None


def _read(output: Storage) -> Content | None:
    """Read the lease; None if there is none. A malformed one has the owner "unknown"."""
    try:
        content = json.loads(output.read(LEASE))
    except FileNotFoundError:
        return None
    except ValueError:
        content = {}
    unknown = dict.fromkeys(("owner", "host", "process", "since"), "unknown")
    return unknown | content if isinstance(content, dict) else unknown


def _died_here(content: Content) -> bool:
    """Return whether the owner was a process of this machine that has ended: no wait is needed."""
    space = _process_space()
    if space is None or content.get("processes") != space:
        return False
    return _birth(content["process"]) != content.get("born")
