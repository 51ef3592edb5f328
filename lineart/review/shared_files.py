"""Files that several people change: one is replaced only if it is still what was read."""

import hashlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from threading import Lock

from lineart.runtime.lease import HeldError, LeaseTimes, hold_lease
from lineart.storage import Storage

NOTHING = "none"
"""Tag of a file that does not exist."""
TIMES = LeaseTimes(checked_every_s=0.25, expires_after_s=10.0, settles_after_s=0.25)
"""Times of the lease during a write, which takes a fraction of a second."""
PATIENCE_S = 20.0
"""Seconds for which a write waits while other servers write."""
PAUSE_S, TRIES = 0.05, 10
"""Pause between tries to take the lease, and how often that may fail."""


class ChangedError(RuntimeError):
    """A file is no longer what was read.

    Args:
        data: Its present content; None if it does not exist.
    """

    def __init__(self, data: bytes | None) -> None:
        super().__init__("the file was changed")
        self.data = data


def tag_of(data: bytes | None) -> str:
    """Return what tells a file's content from others; equal content has an equal tag."""
    return NOTHING if data is None else hashlib.sha256(data).hexdigest()[:32]


class SharedFiles:
    """Files of a folder or S3 prefix. Threads share it; servers agree by a lease.

    Args:
        place: Folder or prefix.
        lease: Path below it for the lease, which is there during a write only.
    """

    def __init__(self, place: Storage, lease: str) -> None:
        self.place = place
        self._lease, self._lock = place.child(lease), Lock()

    def read(self, path: str) -> bytes | None:
        """Return the content of a file; None if it does not exist.

        Raises:
            OSError: it cannot be read.
        """
        try:
            return self.place.read(path)
        except FileNotFoundError:
            return None

    def replace(
        self, path: str, data: bytes, expected: str, keep: Callable[[bytes], None] | None = None
    ) -> str:
        """Write a file if its tag is `expected`, and return its new tag.

        Args:
            path: Its path.
            data: Its new content.
            expected: Tag of what was read; `NOTHING` for a file that did not exist.
            keep: Called with the content that is replaced, before it is.

        Raises:
            ChangedError: it is no longer what was read.
            HeldError: other servers write for longer than `PATIENCE_S`.
            OSError: it cannot be written.
        """
        with self._lock, ExitStack() as stack:
            self._take_lease(stack)
            return self._replace(path, data, expected, keep)

    def _take_lease(self, stack: ExitStack) -> None:
        deadline, failures = time.monotonic() + PATIENCE_S, 0
        while True:
            try:
                stack.enter_context(hold_lease(self._lease, lambda _: None, times=TIMES))
                return
            except HeldError:
                if time.monotonic() > deadline:
                    raise
            except OSError:
                # Who releases the lease deletes temporary files, which may be those of this write.
                failures += 1
                if failures == TRIES:
                    raise
            time.sleep(PAUSE_S)

    def _replace(
        self, path: str, data: bytes, expected: str, keep: Callable[[bytes], None] | None
    ) -> str:
        present = self.read(path)
        if tag_of(present) != expected:
            raise ChangedError(present)
        if present is not None and keep is not None and present != data:
            keep(present)
        self.place.write(path, data)
        return tag_of(data)
