"""Only the page of this server, with its token, is answered; paths and sizes are bounded."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from lineart.review.guard import MAX_BODY_BYTES
from tests.review.conftest import HOST, PORT, TOKEN, WHO, Reviewed

EVERYTHING = (
    *("/", "/review.js", "/review.css", "/api/film", "/api/shots", "/api/doubts"),
    *("/api/frames?shot=0", "/api/frame?frame=roll/f0001.png", "/nothing"),
    "/picture/frame?frame=roll/f0001.png",
)
CHANGE = {"params": {"frame": "roll/f0001.png"}, "json": {"mark": "redo"}}
ALLOWED = WHO | {"origin": HOST, "if-match": '"none"'}


@pytest.fixture
def http(reviewed: Reviewed) -> Iterator[TestClient]:
    """Return a client without a token; the test fails if the film's files have changed."""
    before = {one.path: one.size for one in reviewed.root.entries()}
    client = reviewed.open().http
    del client.headers["authorization"]
    yield client
    assert {one.path: one.size for one in reviewed.root.entries()} == before


def test_the_token(http: TestClient) -> None:
    """Nothing is answered without it; in the address it becomes a strict cookie, once."""
    for path in EVERYTHING:
        for headers in ({}, {"authorization": "Bearer x"}, {"cookie": f"lineart_review_{PORT}=x"}):
            refused = http.get(path, headers=headers)
            assert (refused.status_code, "film" in refused.text) == (403, False), path
    assert http.get("/?token=", headers={}).status_code == 403
    assert http.get("/?token=%C3%A9").status_code == 403
    assert http.put("/api/mark", **CHANGE, headers={"origin": HOST}).status_code == 403
    assert http.put(f"/api/mark?token={TOKEN}", **CHANGE).status_code == 403
    welcome = http.get(f"/?shot=3&token={TOKEN}", follow_redirects=False)
    assert (welcome.status_code, welcome.headers["location"]) == (303, "/?shot=3")
    cookie = welcome.headers["set-cookie"]
    assert cookie.startswith(f"lineart_review_{PORT}={TOKEN}; HttpOnly; Path=/; SameSite=strict")
    for path in EVERYTHING[:-2]:
        answer = http.get(path)
        assert (answer.status_code, TOKEN in answer.text) == (200, False), path


def test_the_host(http: TestClient) -> None:
    """A name that leads here by DNS is refused, also with the token."""
    for host in ("evil.example", f"evil.example:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT + 1}", ""):
        answer = http.get("/api/film", headers=WHO | {"host": host})
        assert answer.status_code == 421, host
        assert http.get(f"/?token={TOKEN}", headers={"host": host}).status_code == 421
    for host in (f"127.0.0.1:{PORT}", f"localhost:{PORT}"):
        assert http.get("/api/film", headers=WHO | {"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": f"http://127.0.0.1:{PORT + 1}"}, 403),
        ({"origin": f"http://localhost:{PORT}"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"if-match": ""}, 428),
    ],
)
def test_changes_from_elsewhere(http: TestClient, headers: dict[str, str], status: int) -> None:
    """Another page, a form or a request without a tag changes nothing."""
    given: dict[str, Any] = CHANGE | {"headers": ALLOWED | headers}
    for path in ("/api/mark", "/api/key"):
        assert http.put(path, **given).status_code == status
    if "sec-fetch-site" in headers:
        assert http.get("/api/film", headers=WHO | headers).status_code == 403
    bare = {name: value for name, value in ALLOWED.items() if name != "origin"}
    assert http.put("/api/mark", **CHANGE, headers=bare).status_code == 403
    assert http.post("/api/mark", **CHANGE, headers=ALLOWED).status_code == 405
    assert (
        http.delete("/api/mark", headers=ALLOWED | {"content-type": "application/json"}).status_code
        == 405
    )


def test_paths(http: TestClient) -> None:
    """Frames are those of the manifest by their names; no path leads to a file."""
    http.headers.update(WHO)
    names = (
        "../run.json",
        "run.json",
        "/etc/passwd",
        "roll/../roll/f0001.png",
        "",
        "roll\\f0001.png",
    )
    for name in (*names, "roll/f0001.png\0", "x" * 5000):
        for path in ("/api/frame", "/picture/frame", "/picture/line", "/picture/key"):
            answer = http.get(path, params={"frame": name})
            assert (answer.status_code, "error" in answer.json()) == (404, True), name
        changed = http.put(
            "/api/mark", params={"frame": name}, json={"mark": "redo"}, headers=ALLOWED
        )
        assert changed.status_code == 404
    for path in (
        "/../run.json",
        "/%2e%2e/run.json",
        "/review.py",
        "/picture/..%2f..%2frun.json",
        "/_style.css",
    ):
        assert http.get(path, params={"frame": "roll/f0001.png"}).status_code == 404, path
    for path in ("/api/frames?shot=-1", "/api/frames?shot=x", "/api/frames", "/api/doubts?most=0"):
        assert http.get(path).status_code == 400, path
    assert http.get("/api/shots?most=201").status_code == 400
    assert http.get("/api/shots?kind=x").status_code == 400
    assert http.get("/api/frames?shot=99").status_code == 404
    assert http.get("/picture/crop?frame=roll/f0001.png&doubt=99").status_code == 404


def test_bodies(http: TestClient) -> None:
    """A body above the limit is refused, whatever length it claims; no JSON is a sentence."""
    headers = ALLOWED | {"content-type": "application/json"}
    where = {"frame": "roll/f0001.png"}

    def parts() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1000 + 2):
            yield bytes(1000)

    for content in (bytes(MAX_BODY_BYTES + 1), parts()):
        answer = http.put("/api/mark", params=where, content=content, headers=headers)
        assert answer.status_code == 413
    for content in (b"", b"{", b"[" * 100_000, b"\xff"):
        answer = http.put("/api/mark", params=where, content=content, headers=headers)
        assert (answer.status_code, "is no JSON" in answer.json()["error"]) == (400, True)


def test_headers(http: TestClient) -> None:
    """The browser may load from this server alone, and keeps no page."""
    for path in ("/", "/api/film", "/nothing"):
        for headers in (WHO, {}):
            given = http.get(path, headers=headers).headers
            assert given["content-security-policy"].startswith(
                "default-src 'none'; script-src 'self';"
            )
            assert "http" not in given["content-security-policy"]
            assert given["cache-control"] == "no-store"
            assert given["cross-origin-resource-policy"] == "same-origin"
            assert "access-control-allow-origin" not in given
