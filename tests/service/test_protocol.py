"""Messages between a front end and the server: lengths, limits, and what is refused."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineart.service.protocol import (
    MAX_HEADER_BYTES,
    Message,
    Part,
    ProtocolError,
    write_message,
)
from lineart.service.requests import read_request
from tests.service.messages import read_message

ROOM = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)


def as_bytes(message: Message) -> bytes:
    """Return a message as it is sent."""
    stream = io.BytesIO()
    write_message(stream, message)
    return stream.getvalue()


def head(**fields: object) -> bytes:
    """Return the line of a message."""
    return json.dumps({"lineart": 1, **fields}).encode() + b"\n"


def test_a_message_arrives_as_it_was_sent() -> None:
    """Two messages in one stream, with grey, RGB and RGBA; a turned array, too; then the end."""
    parts = {"grey": Part(ROOM[:, :, :1]), "rgb": Part(ROOM[::-1, :, :3], -2, 3, (9, 4))}
    first = Message({"command": "color", "weights": "ä\n"}, parts | {"rgba": Part(ROOM)})
    stream = io.BytesIO(as_bytes(first) + as_bytes(Message({}, {})))
    got = read_message(stream)
    assert got is not None
    assert got.fields == first.fields
    assert list(got.parts) == list(first.parts)
    for name, part in first.parts.items():
        assert np.array_equal(got.parts[name].pixels, part.pixels)
        assert got.parts[name][1:] == part[1:]
    assert read_message(stream) == Message({}, {})
    assert read_message(stream) is None


@given(
    left=st.integers(-9, 9),
    top=st.integers(-9, 9),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
def test_a_part_lies_on_its_canvas(left: int, top: int, size: tuple[int, int]) -> None:
    """Each pixel of the canvas is that of the picture there, or the value around it."""
    canvas = Part(ROOM, left, top, size).on_canvas(9)
    assert canvas.shape == (size[1], size[0], 4)
    for row, column in np.ndindex(*canvas.shape[:2]):
        inside = 0 <= row - top < 5 and 0 <= column - left < 7
        wanted = ROOM[row - top, column - left] if inside else [9] * 4
        assert np.array_equal(canvas[row, column], wanted)


def test_a_message_that_breaks_off_is_refused_wherever() -> None:
    """No shorter beginning of a message is taken for one."""
    whole = as_bytes(Message({"command": "color"}, {"line": Part(ROOM), "hint": Part(ROOM)}))
    for length in range(1, len(whole)):
        with pytest.raises(ProtocolError, match="the stream ended"):
            read_message(io.BytesIO(whole[:length]))


LINE = {"name": "line", "width": 2, "height": 2, "channels": 4}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "which is no JSON"),
        (b"\xff\xfe\n", "which is no JSON"),
        (b"[" * 20_000 + b"\n", "which is no JSON"),
        (b" " * MAX_HEADER_BYTES + b"{}\n", "longer than 65536 bytes"),
        (b"[1]\n", "is an object"),
        (b'{"lineart": 2}\n', "another version of lineart"),
        (head(parts={"line": LINE}), "parts.: Input should be a valid list"),
        (head(parts=[LINE | {"width": 0}]), "parts.0.width: .*greater than or equal to 1"),
        (head(parts=[LINE | {"width": "2"}]), "parts.0.width: .*valid integer, and not '2'"),
        (head(parts=[LINE | {"width": True}]), "parts.0.width: .*valid integer"),
        (head(parts=[LINE | {"channels": 2}]), "parts.0.channels: .*1, 3 or 4"),
        (head(parts=[LINE | {"left": 2**40}]), "parts.0.left"),
        (head(parts=[LINE | {"canvas": [1]}]), "parts.0.canvas"),
        (head(parts=[LINE | {"more": 1}]), "parts.0.more: Extra inputs are not permitted"),
        (head(parts=[LINE | {"width": 2**18, "height": 2**18}]), "the limit is 200000000"),
        (head(parts=[LINE | {"canvas": [2**18, 2**18]}]), "the limit is 200000000"),
        (head(parts=[LINE, LINE]), "each with its own name"),
        (head(parts=[LINE | {"name": str(n)} for n in range(33)]), "at most 32 parts"),
    ],
    ids=range(18),
)
def test_what_is_no_message_is_refused(data: bytes, said: str) -> None:
    """Nothing is allotted for pictures that do not fit, and the sentence names the fault."""
    with pytest.raises(ProtocolError, match=said):
        read_message(io.BytesIO(data))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "command: "),
        ({"command": "paint"}, "command: .*'open', 'color', 'translate'"),
        ({"command": "color", "finish": "flat"}, "finish: .*'soft' or 'paint', and not 'flat'"),
        ({"command": "color", "network_size": "512"}, "network_size: .*and not '512'"),
        ({"command": "translate", "finish": "soft"}, "finish: Extra inputs are not permitted"),
        ({"command": "open", "weights": "w" * 5000}, "weights: .*at most 4096"),
    ],
)
def test_what_is_no_request_is_refused(fields: dict[str, object], said: str) -> None:
    """The sentence names the field and its value."""
    with pytest.raises(ValueError, match=said):
        read_request(fields)
