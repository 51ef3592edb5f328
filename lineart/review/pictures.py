"""Pictures of the page: frames, drawings, region numbers, crops and thumbnails."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import UInt8

from lineart.codec import decode_color, decode_line_art, encode_png
from lineart.image import to_gray
from lineart.imaging.compositing.matte import split_cel
from lineart.imaging.lines.paper import whiten_paper
from lineart.report.doubts import crop_region
from lineart.report.html import encode_thumbnail, encode_webp
from lineart.review.errors import RefusedError
from lineart.review.film import FilmState
from lineart.review.review import Review

THUMBNAIL_PX = 96
"""Height of a thumbnail."""
PNG, WEBP = "image/png", "image/webp"
EncodedPicture = tuple[bytes, str]
"""File, and its type."""


def show_picture(review: Review, kind: str, frame: str, doubt: int) -> EncodedPicture:
    """Return a picture of a frame.

    Args:
        review: The film.
        kind: `frame`, the finished frame; `line`, the drawing; `regions`, see `encode_numbers`;
            `key`, its key; `thumbnail`; or `crop`, a doubt with its surroundings.
        frame: Name of the frame.
        doubt: For `crop`, which of the frame's doubts.

    Raises:
        RefusedError: there is none.
    """
    state = review.film.state
    place = state.find(frame)
    row = state.row(place)
    if kind == "frame":
        return _as_png(review.film.read_frame(row))
    if kind == "regions":
        return encode_numbers(review.regions(state, row).labels), PNG
    if kind == "line":
        drawing, _ = split_cel(decode_line_art(review.film.read_drawing(frame)))
        return encode_png(to_gray(whiten_paper(drawing))), PNG
    if kind == "key":
        key = review.keys.find(state, place)
        if key.data is None:
            raise RefusedError(404, f"{frame} has no key")
        return key.data, PNG
    if kind == "thumbnail":
        return encode_thumbnail(decode_color(review.film.read_frame(row)), THUMBNAIL_PX), WEBP
    if kind == "crop":
        return _crop(review, state, row, doubt), WEBP
    raise RefusedError(404, f"there is no picture called {kind[:50]!r}")


def _as_png(data: bytes) -> EncodedPicture:
    """Return a frame's file as it is if browsers know its format."""
    if data.startswith(b"\x89PNG"):
        return data, PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return data, WEBP
    return encode_png(decode_color(data)), PNG


def _crop(review: Review, state: FilmState, row: Mapping[str, Any], doubt: int) -> bytes:
    doubts = state.doubts_of(row)
    if not 0 <= doubt < len(doubts):
        raise RefusedError(404, f"{row['frame']} has no doubt number {doubt}")
    picture = decode_color(review.film.read_frame(row))
    crop = crop_region(picture, doubts[doubt])
    return encode_webp(np.full((8, 8), 128, np.uint8), 50) if crop is None else crop


def encode_numbers(labels: np.ndarray) -> bytes:
    """Encode region numbers as PNG: red has the lowest eight bits, then green, then blue."""
    count = int(labels.max(initial=0)) + 1
    if count >= 2**24:
        raise RefusedError(413, "the drawing has more than 16 million regions")
    numbers = np.arange(count, dtype="<u4").view(np.uint8).reshape(count, 4)[:, :3]
    picture: UInt8[np.ndarray, "H W 3"] = np.ascontiguousarray(numbers)[labels]
    return encode_png(picture)
