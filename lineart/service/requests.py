"""What a front end may ask for: the fields of a request, checked."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Text = Annotated[str, Field(max_length=4096)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class OpenRequest(_Request):
    """Open a network ahead of its first use."""

    command: Literal["open"]
    weights: Text = "default"
    """Name of included weights, or address of a folder of weights or of an ONNX file."""


class ColorRequest(_Request):
    """Colour the drawing `line`, with the hints `hint` or by the coloured drawing `key`.

    Pictures: `line`, `hint`, `key`, and `key_line`, the line drawing of the key. Further hints lie
    on `hint`: `hint2`, and on that `hint3`, and so on. With a picture NAME_mask, grey, that of NAME
    is transparent where the mask is 0.
    """

    command: Literal["color"]
    weights: Text = "default"
    finish: Literal["soft", "paint"] = "soft"
    """As --finish of lineart colorize."""
    network_size: int = 512
    """As --network-size of lineart colorize."""
    gap: float = 8.0
    """As --gap of lineart colorize."""
    lines: bool = False
    """Whether to answer with the lines alone, too."""
    palette: Text | None = None
    """Path of a palette, for the finish `paint`."""
    key_file: Text | None = None
    """Path of the key, instead of a picture."""
    key_line_file: Text | None = None
    """Path of the key's line drawing, instead of a picture."""


class TranslateRequest(_Request):
    """Translate the photograph `photo`."""

    command: Literal["translate"]
    weights: Text = "drawing"


Request = Annotated[OpenRequest | ColorRequest | TranslateRequest, Field(discriminator="command")]
_REQUEST: TypeAdapter[OpenRequest | ColorRequest | TranslateRequest] = TypeAdapter(Request)


def read_request(fields: Any) -> OpenRequest | ColorRequest | TranslateRequest:
    """Check the fields of a message.

    Raises:
        ValueError: they are no request; the sentence names the field.
    """
    try:
        return _REQUEST.validate_python(dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][1:])) or "command"
        raise ValueError(f"{where}: {first['msg']}, and not {first['input']!r}") from error
