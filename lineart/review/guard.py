"""Who may speak with the server: the browser that was given the token, on this machine.

Any web page that a browser shows may send requests to a server on loopback. So each request needs
the token, and names this server as its host, which a page on another host cannot (DNS rebinding).
Changes need this server as their origin, too, and JSON, which a form cannot send.
"""

import hmac
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lineart.review.errors import RefusedError

MAX_BODY_BYTES = 2**20
"""Maximum size of a request's body: an answer for each of 10,000 regions."""
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
READS = ("GET", "HEAD")


class Guard:
    """Middleware that refuses all requests but those of the browser with the token.

    Args:
        app: What answers the others.
        token: Secret in the address that the command prints; a cookie afterwards.
        port: Port of the server.
    """

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self._app, self._token, self._port = app, token, port
        self._hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
        self.cookie = f"lineart_review_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; other protocols than HTTP are left without an answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            self._check_host(request)
            if request.method in READS and self._is_token(request.query_params.get("token")):
                await self._welcome(request)(scope, receive, _with_headers(send))
                return
            self._check_token(request)
            self._check_sender(request)
            body = b"" if request.method in READS else await _read_body(request)
        except RefusedError as refused:
            answer = JSONResponse({"error": refused.sentence}, refused.status)
            await answer(scope, receive, _with_headers(send))
            return
        await self._app(scope, _replay(body, receive), _with_headers(send))

    def _check_host(self, request: Request) -> None:
        if request.headers.get("host") not in self._hosts:
            raise RefusedError(421, f"this server is called {self._hosts[0]}; open it there")

    def _check_token(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not self._is_token(given) and not self._is_token(request.cookies.get(self.cookie)):
            raise RefusedError(403, "open the address that `lineart review` has printed")

    def _is_token(self, given: str | None) -> bool:
        expected = self._token.encode()
        return hmac.compare_digest((given or "").encode("utf-8", "replace"), expected)

    def _check_sender(self, request: Request) -> None:
        """Raise if another page asks, or if a change is not asked for by a script of this one."""
        host, headers = request.headers["host"], request.headers
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise RefusedError(403, "another page asked; only the page of this server may")
        if request.method in READS:
            return
        if headers.get("origin") != f"http://{host}":
            raise RefusedError(403, "changes are made from the page of this server only")
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise RefusedError(415, "a change is sent as application/json")

    def _welcome(self, request: Request) -> Response:
        """Keep the token in a cookie, and the address without it."""
        left = request.url.remove_query_params("token")
        answer = RedirectResponse(left.path + (f"?{left.query}" if left.query else ""), 303)
        answer.set_cookie(self.cookie, self._token, httponly=True, samesite="strict", path="/")
        return answer


async def _read_body(request: Request) -> bytes:
    """Read a body of at most `MAX_BODY_BYTES`."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise RefusedError(413, f"a change has at most {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body that was read already."""
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return parts.pop() if parts else await receive()

    return next_message


def _with_headers(send: Send) -> Send:
    async def send_message(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: list[Any] = message.setdefault("headers", [])
            named = {name.lower() for name, _ in headers}
            more = {"cache-control": "no-store"} | HEADERS
            headers += [
                (name.encode(), value.encode())
                for name, value in more.items()
                if name.encode() not in named
            ]
        await send(message)

    return send_message
