"""Text, pictures and templates of the HTML pages, and the JSON files that the pages show."""

import base64
import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import cv2
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from lineart.image import Frame, Line, resize
from lineart.storage import Storage

MESSAGE_LENGTH = 1_000
"""Maximum length of a text in characters; longer ones are cut off."""

BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD)
CONTROL = {code: 0x2400 + code for code in range(32)} | {127: 0x2421} | BIDI
CONTROL_BUT_NEWLINE = {code: mark for code, mark in CONTROL.items() if code != ord("\n")}
"""Code points of control characters -> visible marks; of bidirectional ones -> U+FFFD."""


WIDEST = 16
"""Maximum width of a thumbnail, in its maximum heights."""
_WEBP_SIDE_PX = 16_383
"""Longest side of a WebP."""


def encode_thumbnail(image: Frame | Line, height_px: int = 135) -> bytes:
    """Encode a picture as WebP, reduced to at most `height_px` in height, 16 times that in width.

    Raises:
        ValueError: `height_px` is not positive.
    """
    if height_px < 1:
        raise ValueError(f"a thumbnail needs height_px >= 1, got {height_px}")
    height, width = image.shape[:2]
    scale = min(height_px / height, min(WIDEST * height_px, _WEBP_SIDE_PX) / width)
    if scale < 1:
        image = resize(image, (max(1, round(height * scale)), max(1, round(width * scale))))
    return encode_webp(image, 82)


def encode_webp(image: Frame | Line, quality: int) -> bytes:
    """Encode a picture as lossy WebP, quality 0..100.

    Raises:
        ValueError: a side is longer than WebP allows.
    """
    if max(image.shape) > _WEBP_SIDE_PX:
        raise ValueError(f"{image.shape[1]}x{image.shape[0]} pixels are too long for WebP")
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    _, encoded = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return bytes(encoded)


def data_uri(picture: bytes) -> str:
    """Build the data URI of an encoded picture; PNG and JPEG are recognised, else it is WebP."""
    kinds = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png"}
    kind = next((kind for magic, kind in kinds.items() if picture.startswith(magic)), "webp")
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Yield nested settings as pairs of name and value: `network.base width`, 64."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield spaced(f"{prefix}{name}"), value


def list_settings(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return nested settings as pairs of name and text: `network.base width`, `64`."""
    return [(name, as_text(value, CONTROL_BUT_NEWLINE)) for name, value in flatten(values)]


def spaced(name: object) -> str:
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


def format_value(value: float) -> str:
    """Format a value of any magnitude briefly: `0.0812`, `12,345`, `2e-5`."""
    if not math.isfinite(value):
        return "not finite"
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.3g}" if abs(value) < 1 else f"{value:.4g}"
    if 1e3 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    digits, _, power = f"{value:.2e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"


def format_images(images: float) -> str:
    """Format a number of images briefly: `500`, `24k`, `17.9M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(images) >= size:
            return f"{images / size:.3g}{letter}"
    return f"{images:.4g}"


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


ENVIRONMENT = Environment(
    loader=PackageLoader("lineart", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {"number": lambda value: f"{value:,}", "duration": duration}


def template(name: str) -> Template:
    """Load a template by its file name; it escapes all variables."""
    return ENVIRONMENT.get_template(name)


def read_job_json(place: Storage, name: str) -> dict[str, Any]:
    """Read a JSON object from the file `name` in a job's output.

    Raises:
        ValueError: the file is not valid JSON, or not an object.
        OSError: the file does not exist, or storage fails.
    """
    try:
        content = json.loads(place.read(name))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place.uri}/{name} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{place.uri}/{name} is not the JSON object that a job writes")
    return content
