"""Tells that S3 does not answer while requests wait for it."""

import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread

logger = logging.getLogger(__name__)

SAID_AFTER_S = 3.0
"""Seconds without any answer after which it is told."""
SAID_EVERY_S = 30.0
"""Interval in which it is told again, in seconds."""
LOOKS_EVERY_S = 0.5


class AnswerWatch:
    """Watches the requests of this process to one endpoint, in a thread while there are any.

    Args:
        endpoint: URL of the endpoint, for the message.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._lock = Lock()
        self._deadlines: dict[int, tuple[float, float]] = {}
        self._numbers = itertools.count()
        self._thread: Thread | None = None
        self._heard_at = self._said_at = float("-inf")

    @contextmanager
    def request(self, patience_s: float) -> Iterator[None]:
        """Watch a request, with all its tries, during the block.

        Args:
            patience_s: Seconds after which no further try starts.
        """
        now, number = time.monotonic(), next(self._numbers)
        with self._lock:
            self._deadlines[number] = now, now + patience_s
            if self._thread is None:
                self._thread = Thread(target=self._watch, daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._deadlines[number]

    def note_answer(self) -> None:
        """Take note of an answer, which may be an error."""
        self._heard_at = time.monotonic()

    def _watch(self) -> None:
        while True:
            time.sleep(LOOKS_EVERY_S)
            with self._lock:
                if not self._deadlines:
                    self._thread = None
                    return
                began, deadline = min(self._deadlines.values())
            self._tell(max(began, self._heard_at), deadline)

    def _tell(self, silent_since: float, deadline: float) -> None:
        now = time.monotonic()
        if now - silent_since >= SAID_AFTER_S and now - self._said_at >= SAID_EVERY_S:
            self._said_at = now
            logger.warning(
                "waiting for S3 at %s: no answer for %.0f s; trying for at most %.0f s more",
                *(self.endpoint, now - silent_since, max(0.0, deadline - now)),
            )
