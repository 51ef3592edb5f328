"""A small HTTP proxy that breaks what passes through it, for tests of storage that misbehaves."""

import os
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

Plan = Callable[[str, str], str | None]
"""Names the fault for a request's method and path; None lets it pass.

It is one of `FAULTS`, or a status and the code of an error, as in `507 InsufficientStorage`."""

HOPS = {"connection", "expect", "transfer-encoding", "content-length", "keep-alive"}
"""Headers that belong to one connection; lower case."""


def in_turn(*faults: str, method: str = "", part: str = "") -> Plan:
    """Break the first requests of a method whose path holds `part`, each in its own way."""
    left, lock = list(reversed(faults)), threading.Lock()

    def plan(asked: str, path: str) -> str | None:
        with lock:
            return left.pop() if left and method in ("", asked) and part in path else None

    return plan


def always(fault: str, *, method: str = "", part: str = "") -> Plan:
    """Break every request of a method whose path holds `part`."""
    return lambda asked, path: fault if method in ("", asked) and part in path else None


def some(share: float, faults: Sequence[str], seed: int) -> Plan:
    """Break a share of all requests, each by one of the faults."""
    rng, lock = random.Random(seed), threading.Lock()

    def plan(_method: str, _path: str) -> str | None:
        with lock:
            return rng.choice(faults) if rng.random() < share else None

    return plan


@contextmanager
def serve_faults() -> Iterator["Faults"]:
    """Stand between this process and the S3 server of the AWS environment while the block runs."""
    target = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
    with Faults(target) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_address[1]}"
            with patch.dict(os.environ, {"AWS_ENDPOINT_URL": address}):
                yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


class Faults(ThreadingHTTPServer):
    """The proxy. It lets everything pass but within `during`."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.plan = in_turn()
        self.counts: Counter[str] = Counter()
        self.traffic: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.ended = threading.Event()

    @contextmanager
    def during(self, plan: Plan) -> Iterator[Counter[str]]:
        """Break requests as planned while the block runs.

        Yields:
            How often each fault was done; `requests` counts all that came. `traffic` has the bytes
            of the bodies, `sent` and `answered`.
        """
        self.plan, self.counts, self.traffic = plan, Counter(), Counter()
        try:
            yield self.counts
        finally:
            self.plan = in_turn()

    def add_traffic(self, sent: int, answered: int) -> None:
        """Add the bytes of a request, from any thread."""
        with self.lock:
            self.traffic["sent"] += sent
            self.traffic["answered"] += answered

    def handle_error(self, *_: Any) -> None:
        """Pass over clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Faults

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def pass_on(self) -> None:
        """Pass a request on, or break it."""
        fault = self.server.plan(self.command, unquote(self.path))
        self.server.counts["requests"] += 1
        if fault is None:
            self.answer(*self.ask())
            return
        self.server.counts[fault] += 1
        status, _, code = fault.partition(" ")
        if code:
            self.refuse(int(status), code)
        else:
            FAULTS[fault](self)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on  # noqa: N815 - the base's names

    def body(self) -> bytes:
        """Read what the client sends."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def ask(self, body: bytes | None = None) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask the server; give its status, headers and body."""
        body = self.body() if body is None else body
        connection = HTTPConnection(self.server.target, timeout=30)
        try:
            # The client signed these headers, Host among them: they are left as they are.
            connection.putrequest(self.command, self.path, True, True)
            for name, value in self.headers.items():
                if name.lower() not in HOPS:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            answered = answer.read()
            self.server.add_traffic(len(body), len(answered))
            return answer.status, answer.getheaders(), answered
        finally:
            connection.close()

    def answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, share: float = 1.0
    ) -> None:
        """Answer the client; a share below 1 sends only the first part of the body."""
        self.send_response_only(status)
        length = str(len(body))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in HOPS:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body[: int(len(body) * share)])
        self.wfile.flush()

    def refuse(self, status: int, code: str, **headers: str) -> None:
        """Answer with an error as S3 writes it; in names of headers _ stands for -."""
        self.body()
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
        body = b"" if self.command == "HEAD" else text.encode()
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        self.answer(status, [("Content-Type", "application/xml"), *named], body)

    def reset(self, *_: object) -> None:
        """End the connection at once, with a reset, after what the arguments have done."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    def reset_in_request(self) -> None:
        """Reset while the client sends its body."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
        self.reset()

    def answer_half(self) -> None:
        """End the connection in order after half of the answer's body."""
        self.answer(*self.ask(), share=0.5)
        self.close_connection = True

    def damage(self) -> None:
        """Turn over the last bit of the request's body, where it has one."""
        body = self.body()
        self.answer(*self.ask(body[:-1] + bytes(byte ^ 1 for byte in body[-1:])))


FAULTS: dict[str, Callable[[_Handler], None]] = {
    "500": lambda handler: handler.refuse(500, "InternalError"),
    "503": lambda handler: handler.refuse(503, "SlowDown"),
    "404": lambda handler: handler.refuse(404, "NoSuchKey"),
    "412": lambda handler: handler.refuse(412, "PreconditionFailed"),
    "403": lambda handler: handler.refuse(403, "AccessDenied"),
    "elsewhere": lambda handler: handler.refuse(
        301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"
    ),
    "reset_in_request": _Handler.reset_in_request,
    "reset_in_answer": lambda handler: handler.reset(handler.answer_half()),
    "end_in_answer": _Handler.answer_half,
    "stall": lambda handler: handler.reset(handler.answer_half(), handler.server.ended.wait()),
    "empty": lambda handler: handler.answer(200, [], handler.body()[:0]),
    "mute": lambda handler: handler.reset(handler.server.ended.wait()),
    "lost_answer": lambda handler: handler.reset(handler.ask()),
    "damage": _Handler.damage,
}
"""What can be done to a request, by name."""
