"""Tells that S3 does not answer, or refuses for now, while requests wait for it."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread

logger = logging.getLogger(__name__)

SAID_AFTER_S = 3.0
"""Seconds without an answer, or with refusals alone, after which it is told."""
SAID_EVERY_S = 30.0
"""Interval in which it is told again, in seconds."""
LOOKS_EVERY_S = 0.5


class Watched:
    """A request that is watched, with all its tries.

    Args:
        watch: What watches it.
        patience_s: Seconds after which no further try starts.
    """

    def __init__(self, watch: "AnswerWatch", patience_s: float) -> None:
        self._watch = watch
        self.endpoint = watch.endpoint
        self.began = self.asked_at = time.monotonic()
        self.deadline = self.began + patience_s
        self.refusal = ""

    def note_answer(self) -> None:
        """Take note of an answer after which no further try is made; it may be an error."""
        self._watch.served_at = self._watch.heard_at = time.monotonic()

    def note_refusal(self, refusal: str, pause_s: float) -> None:
        """Take note that S3 refuses for now, and that the next try starts after a pause."""
        self._watch.heard_at = time.monotonic()
        self.asked_at = self._watch.heard_at + pause_s
        self.refusal = refusal

    def note_silence(self) -> None:
        """Take note that a try ended without an answer."""
        self.refusal = ""


class AnswerWatch:
    """Watches the requests of this process to one endpoint, in a thread while there are any.

    Args:
        endpoint: URL of the endpoint, for the message.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.heard_at = self.served_at = float("-inf")
        self._said_at = float("-inf")
        self._lock = Lock()
        self._requests: list[Watched] = []
        self._thread: Thread | None = None

    @contextmanager
    def request(self, patience_s: float) -> Iterator[Watched]:
        """Watch a request, with all its tries, during the block.

        Args:
            patience_s: Seconds after which no further try starts.
        """
        watched = Watched(self, patience_s)
        with self._lock:
            self._requests.append(watched)
            if self._thread is None:
                self._thread = Thread(target=self._watch, daemon=True)
                self._thread.start()
        try:
            yield watched
        finally:
            with self._lock:
                self._requests.remove(watched)

    def _watch(self) -> None:
        while True:
            time.sleep(LOOKS_EVERY_S)
            with self._lock:
                requests = [*self._requests]
                if not requests:
                    self._thread = None
                    return
            now = time.monotonic()
            waits_since = max(requests[0].began, self.served_at)
            if now - waits_since >= SAID_AFTER_S and now - self._said_at >= SAID_EVERY_S:
                self._tell(requests, now)

    def _tell(self, requests: list[Watched], now: float) -> None:
        # In a pause between tries no answer is due.
        refused = [one for one in requests if one.refusal and now < one.asked_at]
        if refused:
            self._said_at = now
            logger.warning("S3 at %s refuses for now: %s", self.endpoint, refused[0].refusal)
            return
        silent_s = now - max(min(one.asked_at for one in requests), self.heard_at)
        if silent_s >= SAID_AFTER_S:
            self._said_at = now
            left_s = max(0.0, min(one.deadline for one in requests) - now)
            logger.warning(
                "waiting for S3 at %s: no answer for %.0f s; trying for at most %.0f s more",
                *(self.endpoint, silent_s, left_s),
            )
