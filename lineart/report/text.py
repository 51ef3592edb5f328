"""Helpers of all pages: values as text, thumbnails, data URIs, templates."""

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import cv2
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from lineart.image import Frame, Line, resize

MESSAGE_LENGTH = 1_000
"""Maximum length of a text in characters; longer ones are cut off."""

BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD)
CONTROL = {code: 0x2400 + code for code in range(32)} | {127: 0x2421} | BIDI
CONTROL_BUT_NEWLINE = {code: mark for code, mark in CONTROL.items() if code != ord("\n")}
"""Code points of control characters -> visible marks; of bidirectional ones -> U+FFFD."""


def encode_thumbnail(image: Frame | Line, height_px: int = 135) -> bytes:
    """Encode a picture as WebP, reduced to at most `height_px` in height.

    Raises:
        ValueError: `height_px` is not positive.
    """
    if height_px < 1:
        raise ValueError(f"a thumbnail needs height_px >= 1, got {height_px}")
    height, width = image.shape[:2]
    if height > height_px:
        image = resize(image, (height_px, max(1, round(width * height_px / height))))
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    _, encoded = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, 82])
    return bytes(encoded)


def data_uri(picture: bytes) -> str:
    """Build the data URI of an encoded picture; PNG and JPEG are recognised, else it is WebP."""
    kinds = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png"}
    kind = next((kind for magic, kind in kinds.items() if picture.startswith(magic)), "webp")
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Yield nested settings as pairs of name and text: `network.width`, `64`."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield words(f"{prefix}{name}"), as_text(value, CONTROL_BUT_NEWLINE)


def words(name: object) -> str:
    """Convert an identifier to words: `learning_rate` to `learning rate`."""
    return as_text(name).replace("_", " ")


def duration(seconds: float) -> str:
    """Format a duration: `4.2 s`, `5 min 3 s`, `12 h 40 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def as_text(value: object, control: Mapping[int, int] = CONTROL) -> str:
    """Convert a value to text that is valid in HTML, before escaping.

    Args:
        value: Any value; None gives an empty text.
        control: Code points -> characters that replace them.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(value, list | tuple):
        return ", ".join(as_text(item, control) for item in value)
    # A file name that is not UTF-8 contains lone surrogates, which cannot be encoded.
    text = str(value).encode("utf-8", "replace").decode("utf-8").translate(dict(control))
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"


@lru_cache
def template(name: str) -> Template:
    """Load a template by its file name; it escapes all variables."""
    environment = Environment(
        loader=PackageLoader("lineart", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["duration"] = duration
    return environment.get_template(name)
