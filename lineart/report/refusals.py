"""What the filter of a data set has refused: how many for each reason, and some of them to see."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import pyarrow as pa
from pyarrow import parquet

from lineart.codec import decode_color
from lineart.film.thumbnails import spread
from lineart.report.read_json import read_job_json
from lineart.report.tables import part_of
from lineart.report.text import as_text, data_uri, encode_thumbnail
from lineart.storage import Storage

REFUSED = "refused.parquet"
"""As `lineart.datasets.preparation` names it."""
SETS = {"": "images", "source": "images", "target": "targets"}
"""Folder of a set of shards -> the flag of jobs.prepare_data that named its pictures."""
EXAMPLES = 6
"""Of each reason."""
REASONS = 16
THUMBNAIL_PX = 150
MOST_PIXELS = 60_000_000


class Example(NamedTuple):
    """A picture that was refused."""

    name: str
    message: str
    picture: bytes | None
    """Encoded and small; None where it cannot be read any more."""


@dataclass(frozen=True)
class Refused:
    """What was refused for one reason."""

    reason: str
    count: int
    examples: Sequence[Example]


def read_refusals(data: Storage) -> list[Refused]:
    """Read why pictures were refused, most frequent reasons first; nothing where nothing says so.

    Args:
        data: What jobs.prepare_data left.

    Raises:
        ValueError: what it left cannot be read.
        OSError: storage failed.
    """
    flags = _flags(data)
    found = [
        refused
        for folder, flag in SETS.items()
        if data.exists(path := f"{folder}/{REFUSED}".lstrip("/"))
        for refused in _by_reason(_read(data, path), folder, flags.get(flag))
    ]
    return sorted(found, key=lambda one: -one.count)[:REASONS]


def _flags(data: Storage) -> Mapping[str, Any]:
    return part_of(read_job_json(data, "summary.json"), "flags") if _is_told(data) else {}


def _is_told(data: Storage) -> bool:
    return data.exists("summary.json")


def _read(data: Storage, path: str) -> pa.Table:
    try:
        return parquet.read_table(
            io.BytesIO(data.read(path)), columns=["name", "reason", "message"]
        )
    except pa.ArrowException as error:
        raise ValueError(f"{data.uri}/{path} is no table of refusals: {error}") from error


def _by_reason(rows: pa.Table, folder: str, images: object) -> Iterator[Refused]:
    reasons: dict[str, list[tuple[str, str]]] = {}
    for name, reason, message in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        reasons.setdefault(reason, []).append((name, message))
    for reason, refused in reasons.items():
        # Evenly chosen, in their order.
        chosen = sorted(spread(refused)[:EXAMPLES])
        examples = [Example(*one, _look(images, one[0])) for one in chosen]
        yield Refused(f"{folder}: {reason}".lstrip(": "), len(refused), examples)


def _look(images: object, name: str) -> bytes | None:
    """Make a small picture of what was refused, if it can still be read."""
    if not isinstance(images, str):
        return None
    try:
        picture = decode_color(Storage.at(images).read(name), max_pixels=MOST_PIXELS)
        return encode_thumbnail(picture, THUMBNAIL_PX)
    except (OSError, ValueError, cv2.error):
        return None


def layout_refusals(refused: Sequence[Refused]) -> list[dict[str, Any]]:
    """Say what the template needs to show them."""
    return [
        {
            "reason": as_text(one.reason),
            "count": one.count,
            "examples": [
                {
                    "name": as_text(example.name),
                    "message": as_text(example.message),
                    "picture": data_uri(example.picture) if example.picture else "",
                }
                for example in one.examples
            ],
        }
        for one in refused
    ]
