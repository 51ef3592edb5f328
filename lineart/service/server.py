"""Serving of requests: on standard input and output, or on a loopback port with a token."""

import hmac
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

from lineart.service.protocol import (
    Message,
    ProtocolError,
    Source,
    Target,
    read_head,
    read_parts,
    write_message,
)

Answer = Callable[[Message, Callable[[str], None]], Message]
"""`Answerer.answer`."""

SILENCE_S = 20.0
"""Seconds without a byte of a request after which a connection ends."""
LOOK_S = 1.0
"""Interval in which a server looks whether it is still needed, in seconds."""


def serve_stream(
    source: Source, target: Target, answer: Answer, *, token: str | None = None
) -> None:
    """Answer the requests of a stream until it ends.

    While a request is worked on, messages of status `progress` with a `sentence` may come before
    its answer. What cannot be understood is answered by an error, and ends the connection.

    Args:
        source: Requests.
        target: Answers.
        answer: Answers a request.
        token: What the field `token` of each request has to be; None: there is no such field.

    Raises:
        OSError: nobody reads the answers.
    """

    def report(sentence: str) -> None:
        write_message(target, Message({"status": "progress", "sentence": sentence}, {}))

    while True:
        try:
            head = read_head(source)
            if head is None:
                return
            fields = dict(head.fields)
            if token is not None:
                _check_token(fields.pop("token", None), token)
            message = Message(fields, read_parts(source, head.parts))
        except ProtocolError as error:
            write_message(target, Message({"status": "error", "sentence": str(error)}, {}))
            return
        write_message(target, answer(message, report))


def _check_token(given: object, token: str) -> None:
    is_right = isinstance(given, str) and hmac.compare_digest(
        given.encode("utf-8", "replace"), token.encode()
    )
    if not is_right:
        raise ProtocolError("the token of the request is not that of this server")


def serve_stdio(answer: Answer) -> None:
    """Answer the requests on standard input, on standard output; other output goes to the log."""
    target = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with target, suppress(BrokenPipeError):
        serve_stream(sys.stdin.buffer, target, answer)


class LoopbackServer:
    """Answers programs of this machine that know the token.

    Args:
        answer: Answers a request; it is called from one thread for each connection.
        announce: File in which port and token are written, for this user alone.
    """

    def __init__(self, answer: Answer, announce: Path) -> None:
        self._answer, self._announce = answer, announce
        self._token = secrets.token_hex(16)
        self._lock, self._open, self._used_at = Lock(), 0, time.monotonic()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(LOOK_S)
        self._said = json.dumps({"port": self.port, "token": self._token, "pid": os.getpid()})

    @property
    def port(self) -> int:
        """Port at which it listens."""
        return int(self._socket.getsockname()[1])

    def serve(self, *, idle_s: float) -> None:
        """Serve until there has been no request for `idle_s` seconds.

        Raises:
            OSError: the file cannot be written.
        """
        _write_private(self._announce, self._said)
        try:
            while self._open or time.monotonic() - self._used_at < idle_s:
                with suppress(TimeoutError):
                    connection, _ = self._socket.accept()
                    # Before the thread runs: the loop looks at once whether it is needed.
                    self._count(1)
                    Thread(target=self._serve_one, args=[connection], daemon=True).start()
        finally:
            self._socket.close()
            self._withdraw()

    def _withdraw(self) -> None:
        with suppress(OSError):
            if self._announce.read_text() == self._said:
                self._announce.unlink()

    def _serve_one(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(SILENCE_S)
            with (
                connection,
                connection.makefile("rb") as source,
                connection.makefile("wb") as target,
            ):
                serve_stream(source, target, self._answer, token=self._token)
        except OSError:
            # The program has gone while the last bytes were on their way.
            return
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self._open += change
            self._used_at = time.monotonic()


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this user reads, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)
