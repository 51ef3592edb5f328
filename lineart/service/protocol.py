"""Messages between a front end and `lineart serve`: a line of JSON, then pixels as they are.

The line is an object in UTF-8 that ends with a line feed. Its list `parts` describes the pictures
that follow it, in order, without anything between them:

    {"lineart": 1, "command": "color", "parts": [{"name": "line", "width": 640, "height": 360,
     "channels": 4, "left": 0, "top": 0, "canvas": [640, 360]}]}

A picture is rows from top to bottom, pixels of 8 bits from left to right, sRGB: grey, RGB or RGBA
with straight alpha. `left` and `top` place it on a canvas of width and height `canvas`, and may be
negative; without them it is the canvas.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lineart.codec.limits import MAX_PIXELS, MAX_SIDE, check_size

VERSION = 1
"""Value of `lineart` in every message; raise it when messages change."""
MAX_HEADER_BYTES = 64 * 1024
"""Longest line of JSON."""
MAX_PARTS = 32
"""Most pictures of a message."""

Pixels = UInt8[np.ndarray, "H W C"]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Place = Annotated[int, Field(ge=-MAX_SIDE, le=MAX_SIDE)]


@runtime_checkable
class Source(Protocol):
    """What messages are read from."""

    def readline(self, size: int, /) -> bytes:
        """Read up to the next line feed, at most `size` bytes."""

    def read(self, size: int, /) -> bytes:
        """Read `size` bytes, or fewer at the end."""


@runtime_checkable
class Target(Protocol):
    """What messages are written to."""

    def write(self, data: bytes, /) -> object:
        """Write bytes."""

    def flush(self) -> object:
        """Send what was written."""


class ProtocolError(ValueError):
    """A message is not as it has to be; what follows in the stream cannot be read."""


class PartHead(BaseModel):
    """Description of a picture in the line of JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(max_length=64)
    width: Side
    height: Side
    channels: Literal[1, 3, 4]
    left: Place = 0
    top: Place = 0
    canvas: Annotated[list[Side], Field(min_length=2, max_length=2)] | None = None


class Part(NamedTuple):
    """A picture and where it lies."""

    pixels: Pixels
    left: int = 0
    top: int = 0
    canvas: tuple[int, int] | None = None
    """Width and height of the canvas; None: those of the picture."""

    def on_canvas(self, around: int = 0) -> Pixels:
        """Return the pixels on their canvas, with a value around them; the rest is cut off."""
        height, width, channels = self.pixels.shape
        canvas_width, canvas_height = self.canvas or (width, height)
        if (self.left, self.top, canvas_width, canvas_height) == (0, 0, width, height):
            return self.pixels
        canvas = np.full((canvas_height, canvas_width, channels), around, np.uint8)
        left, top = max(0, self.left), max(0, self.top)
        right, bottom = min(canvas_width, self.left + width), min(canvas_height, self.top + height)
        if left < right and top < bottom:
            rows = slice(top - self.top, bottom - self.top)
            columns = slice(left - self.left, right - self.left)
            canvas[top:bottom, left:right] = self.pixels[rows, columns]
        return canvas


class Message(NamedTuple):
    """A message: the object of its line without `lineart` and `parts`, and its pictures by name."""

    fields: Mapping[str, Any]
    parts: Mapping[str, Part]


class Head(NamedTuple):
    """The line of a message, whose pictures have not been read."""

    fields: Mapping[str, Any]
    parts: Sequence[PartHead]


_PARTS = TypeAdapter(list[PartHead])


def read_head(stream: Source) -> Head | None:
    """Read the line of a message; None at the end of the stream.

    Raises:
        ProtocolError: it is no such line.
        OSError: the stream breaks off.
    """
    line = stream.readline(MAX_HEADER_BYTES + 1)
    if not line:
        return None
    if len(line) > MAX_HEADER_BYTES:
        raise ProtocolError(f"the line of a message is longer than {MAX_HEADER_BYTES} bytes")
    if not line.endswith(b"\n"):
        raise ProtocolError("the stream ended within the line of a message")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a message begins with {line[:40]!r}, which is no JSON") from error
    if not isinstance(fields, dict) or fields.pop("lineart", None) != VERSION:
        raise ProtocolError(
            f'the line of a message is an object with "lineart": {VERSION}; a front end of another '
            "version of lineart has to be installed again"
        )
    return Head(fields, _read_part_heads(fields.pop("parts", [])))


def _read_part_heads(given: object) -> list[PartHead]:
    try:
        heads = _PARTS.validate_python(given)
        for head in heads:
            check_size((head.width, head.height), MAX_PIXELS)
            if head.canvas:
                check_size((head.canvas[0], head.canvas[1]), MAX_PIXELS)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ProtocolError(f"parts.{where}: {first['msg']}, and not {first['input']!r}") from error
    except ValueError as error:
        raise ProtocolError(str(error)) from error
    names = [head.name for head in heads]
    if len(names) > MAX_PARTS or len(set(names)) < len(names):
        raise ProtocolError(f"a message has at most {MAX_PARTS} parts, each with its own name")
    return heads


def read_parts(stream: Source, heads: Sequence[PartHead]) -> dict[str, Part]:
    """Read the pictures that follow a line.

    Raises:
        ProtocolError: the stream ends before they do.
        OSError: the stream breaks off.
    """
    parts: dict[str, Part] = {}
    for head in heads:
        shape = head.height, head.width, head.channels
        wanted = head.height * head.width * head.channels
        data = stream.read(wanted)
        if len(data) < wanted:
            raise ProtocolError(
                f"the stream ended after {len(data)} of {wanted} bytes of {head.name}"
            )
        canvas = (head.canvas[0], head.canvas[1]) if head.canvas else None
        pixels = np.frombuffer(data, np.uint8).reshape(shape)
        parts[head.name] = Part(pixels, head.left, head.top, canvas)
    return parts


def write_message(stream: Target, message: Message) -> None:
    """Write a message, and flush; raises OSError if nobody reads it."""
    heads = [
        {"name": name, "width": one.pixels.shape[1], "height": one.pixels.shape[0]}
        | {"channels": one.pixels.shape[2], "left": one.left, "top": one.top}
        | ({"canvas": one.canvas} if one.canvas else {})
        for name, one in message.parts.items()
    ]
    line = json.dumps({"lineart": VERSION, **message.fields, "parts": heads})
    stream.write(line.encode() + b"\n")
    for part in message.parts.values():
        stream.write(part.pixels.tobytes())
    stream.flush()
