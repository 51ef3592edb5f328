"""The server of the page: Starlette behind the guard, on loopback."""

import json
import secrets
import socket
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lineart.report.html import template
from lineart.review.errors import RefusedError
from lineart.review.guard import Guard
from lineart.review.lists import list_doubts, list_frames, list_shots, show_film
from lineart.review.pictures import show_picture
from lineart.review.review import Review
from lineart.runtime.lease import HeldError

STATIC = {"review.css": "text/css", "review.js": "text/javascript"}
KEEP_S = 600
"""Seconds for which a browser may keep a picture whose address has the frame's tag."""


def build_app(review: Review, *, token: str, port: int) -> ASGIApp:
    """Return the application.

    Args:
        review: What is shown.
        token: Secret that each request must have.
        port: Port of the server.
    """
    pages = _Pages(review)
    routes = [
        Route("/", pages.home),
        Route("/{name:str}", pages.static),
        Route("/api/film", pages.film),
        Route("/api/shots", pages.shots),
        Route("/api/doubts", pages.doubts),
        Route("/api/frames", pages.frames),
        Route("/api/frame", pages.frame),
        Route("/api/preview", pages.preview, methods=["POST"]),
        Route("/api/key", pages.key, methods=["PUT"]),
        Route("/api/mark", pages.mark, methods=["PUT"]),
        Route("/picture/{kind:str}", pages.picture),
    ]
    handlers: dict[Any, Any] = {
        RefusedError: _refuse,
        HeldError: _fail,
        ValueError: _fail,
        OSError: _fail,
    }
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token=token, port=port)


def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return JSONResponse({"error": error.sentence, **error.more}, error.status)


def _fail(_request: Request, error: Exception) -> Response:
    """Answer that storage failed, or a file is no picture; nothing was written then."""
    return JSONResponse({"error": str(error) or repr(error)}, 500)


class _Pages:
    """Endpoints; those that are not `async` run in threads.

    Args:
        review: What is shown.
    """

    def __init__(self, review: Review) -> None:
        self._review = review

    def home(self, _request: Request) -> Response:
        """Return the page."""
        return HTMLResponse(template("review.html").render(film=show_film(self._review)))

    def static(self, request: Request) -> Response:
        """Return style or script of the page."""
        name = request.path_params["name"]
        if name not in STATIC:
            raise RefusedError(404, "there is no such page")
        text = (files("lineart") / "templates" / name).read_text()
        return Response(text, media_type=STATIC[name])

    def film(self, _request: Request) -> Response:
        """Return the figures of the film."""
        return JSONResponse(show_film(self._review))

    def shots(self, request: Request) -> Response:
        """Return a page of shots."""
        text, kind = (request.query_params.get(name, "") for name in ("text", "kind"))
        page = list_shots(self._review, *_page(request), text, kind)
        return JSONResponse(page)

    def doubts(self, request: Request) -> Response:
        """Return a page of doubts."""
        shot = _number(request, "shot") if "shot" in request.query_params else None
        order = request.query_params.get("order", "")
        return JSONResponse(list_doubts(self._review, *_page(request), shot, order))

    def frames(self, request: Request) -> Response:
        """Return a page of the frames of a shot."""
        return JSONResponse(list_frames(self._review, _number(request, "shot"), *_page(request)))

    def frame(self, request: Request) -> Response:
        """Return what the page needs of a frame."""
        return JSONResponse(self._review.show_frame(_frame(request)))

    def picture(self, request: Request) -> Response:
        """Return a picture of a frame."""
        kind, doubt = request.path_params["kind"], _number(request, "doubt", 0)
        data, media = show_picture(self._review, kind, _frame(request), doubt)
        kept = (
            {"cache-control": f"private, max-age={KEEP_S}"} if "v" in request.query_params else {}
        )
        return Response(data, media_type=media, headers=kept)

    async def preview(self, request: Request) -> Response:
        """Return the frames that answers would change."""
        asked = await _read_json(request)
        return await _answer(lambda: self._review.preview(_frame(request), asked))

    async def key(self, request: Request) -> Response:
        """Save answers as a key."""
        asked, tag = await _read_json(request), _expected(request)
        return await _answer(lambda: self._review.save(_frame(request), asked, tag))

    async def mark(self, request: Request) -> Response:
        """Mark a frame."""
        asked, tag = await _read_json(request), _expected(request)
        return await _answer(lambda: self._review.set_mark(_frame(request), asked, tag))


async def _answer(work: Callable[[], dict[str, Any]]) -> Response:
    return JSONResponse(await run_in_threadpool(work))


def _frame(request: Request) -> str:
    return request.query_params.get("frame", "")


def _page(request: Request) -> tuple[int, int]:
    return _number(request, "first", 0), _number(request, "most", 50)


def _number(request: Request, name: str, default: int | None = None) -> int:
    given = request.query_params.get(name)
    if given is None and default is not None:
        return default
    if given is None or not given.isascii() or not given.isdigit() or len(given) > 9:
        raise RefusedError(400, f"{name} is {given!r}, which is no number")
    return int(given)


async def _read_json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise RefusedError(400, "the change is no JSON") from None


def _expected(request: Request) -> str:
    """Return the tag in `If-Match`, which each change needs."""
    tag = request.headers.get("if-match", "").strip('"')
    if not tag:
        raise RefusedError(
            428, "a change says in If-Match what it is laid over; load the page again"
        )
    return tag


class Listener:
    """A socket on 127.0.0.1, and the server behind it.

    Args:
        review: What is shown.
        port: Port; 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, review: Review, port: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError as error:
            self._socket.close()
            why = f"port {port} cannot be used: {error.strerror}"
            raise OSError(f"{why}; leave --port out for a free one") from error
        self._socket.listen()
        token, port = secrets.token_urlsafe(32), self._socket.getsockname()[1]
        app = build_app(review, token=token, port=port)
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", ws="none", server_header=False)
        )
        self.address = f"http://127.0.0.1:{port}/?token={token}"
        """Address with the token, which opens the page once the server runs."""

    def run(self) -> None:
        """Answer requests until `stop`, or until the process is interrupted."""
        with self._socket:
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Let `run` end."""
        self._server.should_exit = True
