"""The server: what it answers, to whom, and until when."""

import io
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

import lineart
from lineart.codec import encode_png
from lineart.jobs.command import WRONG_INPUT
from lineart.jobs.serve import Serve
from lineart.jobs.serve import main as serve
from lineart.service.answerer import Answerer
from lineart.service.protocol import Message, Part, write_message
from lineart.service.server import LoopbackServer, serve_stream
from tests.conftest import DrawLine
from tests.service.messages import read_message

ROOT = Path(__file__).parents[2]


def rgba(line: np.ndarray) -> np.ndarray:
    """Return a drawing as a front end sends it."""
    return np.dstack((line, line, line, np.full_like(line, 255)))


def echo(message: Message, report: Callable[[str], None]) -> Message:
    """Answer with the request's own pictures."""
    report("working")
    return Message({"status": "done"}, message.parts)


@pytest.fixture
def announce(tmp_path: Path) -> Path:
    """Give the path of the file with port and token."""
    return tmp_path / "lineart" / "server.json"


@pytest.fixture
def running(announce: Path) -> Iterator[Callable[..., LoopbackServer]]:
    """Give a function that starts a server, which is gone at the end of the test."""
    started: list[Thread] = []

    def run(answer: Any = echo, idle_s: float = 0.5) -> LoopbackServer:
        server = LoopbackServer(answer, announce)
        started.append(Thread(target=lambda: server.serve(idle_s=idle_s), daemon=True))
        started[-1].start()
        deadline = time.monotonic() + 10
        while not announce.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return server

    yield run
    for thread in started:
        thread.join(10)
        assert not thread.is_alive()
    assert not announce.exists()


def ask(announce: Path, fields: dict[str, Any], parts: dict[str, Part]) -> list[Message | None]:
    """Send a request with what is announced; return all that comes back, up to None at the end."""
    said = json.loads(announce.read_text())
    with socket.create_connection(("127.0.0.1", said["port"]), timeout=20) as connection:
        with connection.makefile("wb") as target:
            write_message(target, Message({"token": said["token"], **fields}, parts))
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as source:
            got = [read_message(source)]
            while got[-1] is not None:
                got.append(read_message(source))
    return got


def test_a_program_that_knows_the_token_is_answered(
    running: Callable[..., LoopbackServer], announce: Path
) -> None:
    """Progress, then the answer; the file is for this user alone and goes with the server."""
    running()
    assert stat.S_IMODE(announce.stat().st_mode) == 0o600
    part = Part(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    progress, answer, end = ask(announce, {}, {"line": part})
    assert progress == Message({"status": "progress", "sentence": "working"}, {})
    assert answer is not None
    assert np.array_equal(answer.parts["line"].pixels, part.pixels)
    assert end is None


def test_others_are_refused_before_their_pictures_are_read(
    running: Callable[..., LoopbackServer], announce: Path
) -> None:
    """A wrong token, none, or a browser: an error and the end; the next program is answered."""
    asked: list[Message] = []
    server = running(lambda message, _: asked.append(message) or Message({"status": "done"}, {}))
    large = {"name": "line", "width": 10_000, "height": 10_000, "channels": 4}
    lines = [
        json.dumps({"lineart": 1, "token": token, "parts": [large]}).encode()
        for token in ("0" * 32, None, 5, "ä", "\ud800")
    ]
    for line in (*lines, b"POST / HTTP/1.1"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(line + b"\n")
            with connection.makefile("rb") as source:
                answer = read_message(source)
                assert answer is not None
                assert answer.fields["status"] == "error"
                assert source.read() == b""
    assert asked == []
    assert ask(announce, {}, {})[0] == Message({"status": "done"}, {})


def test_programs_at_once_and_one_that_leaves(
    running: Callable[..., LoopbackServer], announce: Path
) -> None:
    """A program that goes while it is worked for harms none of the others."""
    goes, told = Event(), []

    def answer(message: Message, report: Callable[[str], None]) -> Message:
        if message.fields.get("leaves"):
            assert goes.wait(10)
            for _ in range(50):
                report("x" * 60_000)
        return echo(message, report)

    running(answer)
    said = json.loads(announce.read_text())
    leaving = socket.create_connection(("127.0.0.1", said["port"]))
    with leaving.makefile("wb") as target:
        write_message(target, Message({"token": said["token"], "leaves": True}, {}))
    leaving.close()
    goes.set()
    threads = [Thread(target=lambda: told.append(ask(announce, {}, {})[1])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert told == [Message({"status": "done"}, {})] * 4


def test_a_stream_ends_at_what_is_no_message() -> None:
    """Requests before it are answered; it is answered by an error."""
    source, target = io.BytesIO(), io.BytesIO()
    write_message(source, Message({}, {}))
    source.write(b'{"lineart": 1, "parts": [5]}\n' + b"x" * 100)
    serve_stream(io.BytesIO(source.getvalue()), target, echo)
    target.seek(0)
    got = [read_message(target) for _ in range(4)]
    assert [one and one.fields["status"] for one in got] == ["progress", "done", "error", None]


# Sessions.


@pytest.fixture(scope="module")
def answerer() -> Answerer:
    """Give an answerer."""
    return Answerer()


def answer(answerer: Answerer, fields: dict[str, Any], **parts: Part) -> Message:
    """Return the answer of an answerer to a request, which is no error."""
    got = answerer.answer(Message(fields, parts), lambda _: None)
    assert got.fields["status"] == "done", got.fields
    return got


def test_pixels_are_those_of_the_colorizer(
    answerer: Answerer, tiny_weights: Path, draw_line: DrawLine
) -> None:
    """Hints on a layer of its own, smaller than the image, and each finish."""
    line = draw_line(3, 90, 160)
    hints = np.zeros((90, 160, 4), np.uint8)
    hints[40:46, 60:70] = 200, 30, 60, 255
    layer = Part(np.ascontiguousarray(hints[30:60, 50:90]), 50, 30, (160, 90))
    for finish in ("soft", "paint"):
        colorizer = lineart.Colorizer.load(str(tiny_weights), network_size_px=64, finish=finish)
        fields = {"command": "color", "weights": str(tiny_weights), "network_size": 64}
        asked = fields | {"finish": finish, "lines": finish == "paint"}
        got = answer(answerer, asked, line=Part(rgba(line)), hint=layer)
        assert np.array_equal(got.parts["color"].pixels[:, :, :3], colorizer(line, hints))
        assert got.parts["color"].pixels[:, :, 3].min() == 255
        assert list(got.parts) == (["color", "lines"] if finish == "paint" else ["color"])
        assert got.fields["is_opaque"] is True
        assert bool(got.fields["doubts"]) is (finish == "paint")


def test_hints_lie_on_one_another(
    answerer: Answerer, tiny_weights: Path, draw_line: DrawLine
) -> None:
    """The highest number is on top; what there is below it counts where it has nothing."""
    fields = {"command": "color", "weights": str(tiny_weights), "network_size": 64}
    below, above = (np.zeros((90, 160, 4), np.uint8) for _ in range(2))
    below[40:46, 60:80] = 200, 30, 60, 255
    above[40:46, 60:70] = 30, 60, 200, 255
    both = np.where(above[:, :, 3:], above, below)
    line = Part(rgba(draw_line(3, 90, 160)))
    joined = answer(answerer, fields, line=line, hint=Part(below), hint2=Part(above))
    as_one = answer(answerer, fields, line=line, hint=Part(both))
    alone = answer(answerer, fields, line=line, hint=Part(below))
    pixels = [one.parts["color"].pixels for one in (joined, as_one, alone)]
    assert np.array_equal(pixels[0], pixels[1])
    assert not np.array_equal(pixels[0], pixels[2])
    parts = {"line": line, "hint": Part(below), "hint2": Part(above[:50])}
    refused = answerer.answer(Message(fields, parts), lambda _: None)
    assert "several sizes" in refused.fields["sentence"]


def test_a_drawing_beside_its_canvas(
    answerer: Answerer, tiny_weights: Path, draw_line: DrawLine
) -> None:
    """Around a drawing on paper is paper; where a mask is 0, there is nothing."""
    fields = {"command": "color", "weights": str(tiny_weights), "network_size": 64, "lines": True}
    small, whole = draw_line(4, 60, 100), np.full((90, 160), 255, np.uint8)
    whole[20:80, 40:140] = small
    placed = answer(answerer, fields, line=Part(rgba(small), 40, 20, (160, 90)))
    direct = answer(answerer, fields, line=Part(rgba(whole)))
    for name in ("color", "lines"):
        assert np.array_equal(placed.parts[name].pixels, direct.parts[name].pixels)
    mask = np.zeros((90, 160, 1), np.uint8)
    masked = answer(answerer, fields, line=Part(rgba(whole)), line_mask=Part(mask))
    assert masked.fields["is_opaque"] is False
    assert masked.parts["color"].pixels[:, :, 3].max() == 0


def test_a_key_gives_its_colours(answerer: Answerer, tiny_weights: Path, tmp_path: Path) -> None:
    """As a layer and as a file, with its line drawing, and with the lines found in it."""
    line = np.full((180, 320), 255, np.uint8)
    line[30:150, [40, 41, 42, 260, 261, 262]] = line[[30, 31, 32, 147, 148, 149], 40:263] = 0
    key = rgba(line)
    key[33:147, 43:260, :3] = 40, 160, 90
    moved = np.roll(line, 12, axis=1)
    path = tmp_path / "key.png"
    path.write_bytes(encode_png(key))
    fields = {"command": "color", "weights": str(tiny_weights), "finish": "paint"}
    ways: list[tuple[dict[str, Any], dict[str, Part]]] = [
        ({}, {"key": Part(key), "key_line": Part(rgba(line))}),
        ({"key_file": str(path)}, {"key_line": Part(rgba(line))}),
        ({}, {"key": Part(key)}),
        ({"key_file": str(path)}, {}),
    ]
    for more, parts in ways:
        got = answer(answerer, fields | more, line=Part(rgba(moved)), **parts)
        assert tuple(got.parts["color"].pixels[90, 160]) == (40, 160, 90, 255)


def test_a_photograph_becomes_a_drawing(answerer: Answerer) -> None:
    """At its own size, by the included weights."""
    photo = np.random.default_rng(0).integers(0, 256, (70, 100, 3), np.uint8)
    got = answer(answerer, {"command": "translate"}, photo=Part(photo))
    assert got.parts["picture"].pixels.shape == (70, 100, 4)


@pytest.mark.parametrize(
    ("fields", "names", "said"),
    [
        ({"command": "colour"}, ["line"], "command: "),
        ({"command": "color"}, [], "the request has no picture 'line'"),
        ({"command": "translate"}, ["line"], "the request has no picture 'photo'"),
        ({"command": "color", "weights": "/none"}, ["line"], "no weights at /none"),
        ({"command": "color", "weights": "drawing"}, ["line"], "turn photographs into drawings"),
        ({"command": "translate", "weights": "default"}, ["photo"], "colour line drawings"),
        ({"command": "color", "network_size": 9}, ["line"], "not within 64 and 4096"),
        ({"command": "color", "gap": -1}, ["line"], "gap -1 is no gap"),
        ({"command": "color", "palette": "/none.gpl"}, ["line"], "there is no file /none.gpl"),
        ({"command": "color"}, ["line", "key_line"], "and no key"),
        ({"command": "color", "key_file": "/none.png"}, ["line"], "there is no file /none.png"),
        ({"command": "color"}, ["line", "hint"], "no transparency"),
        ({"command": "color"}, ["line", "line_mask"], "another size"),
    ],
)
def test_an_error_is_a_sentence_and_the_session_goes_on(
    fields: dict[str, Any], names: list[str], said: str, answerer: Answerer
) -> None:
    """Each input that is missing or wrong."""
    parts = {name: Part(rgba(np.full((64, 80), 250, np.uint8))) for name in names}
    if "line_mask" in parts:
        parts["line_mask"] = Part(np.zeros((4, 4, 1), np.uint8))
    got = answerer.answer(Message(fields, parts), lambda _: None)
    assert got.fields["status"] == "error"
    assert said in got.fields["sentence"]
    assert "--" not in got.fields["sentence"]
    assert got.parts == {}


def test_the_command_serves_its_parent(tiny_weights: Path, draw_line: DrawLine) -> None:
    """Nothing but messages is on its standard output; it ends with its input, and has a status."""
    command = [sys.executable, "-m", "jobs.serve", "--stdio", "--weights", str(tiny_weights)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    ) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        asked = {"command": "color", "weights": str(tiny_weights), "network_size": 64}
        write_message(started.stdin, Message(asked, {"line": Part(rgba(draw_line(1)))}))
        while (got := read_message(started.stdout)) and got.fields["status"] == "progress":
            pass
        assert got is not None
        assert got.fields["status"] == "done", got.fields
        started.stdin.close()
        assert started.stdout.read() == b""
        assert started.wait(30) == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (Serve(), "give --stdio"),
        (Serve(stdio=True, announce="x"), "give --stdio"),
        (Serve(announce="x", idle_minutes=0.0), "--idle-minutes 0 is not above 0"),
    ],
)
def test_flags_that_conflict(flags: Serve, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says which of them to give."""
    assert serve(flags) == WRONG_INPUT
    assert said in capsys.readouterr().err
