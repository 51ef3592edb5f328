"""Pictures that the filter of a dataset refused: counts by reason, and examples."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import pyarrow as pa
from pyarrow import parquet

from lineart.codec import decode_color
from lineart.film.outputs import spread
from lineart.report.read_json import read_job_json
from lineart.report.tables import part_of
from lineart.report.text import as_text, data_uri, encode_thumbnail
from lineart.storage import Storage

REFUSED = "refused.parquet"
"""File name, equal to `lineart.datasets.preparation.REFUSED`, which is not imported."""
SETS = {"": "images", "source": "images", "target": "targets"}
"""Folder of a set of shards -> the flag of jobs.prepare_data for its pictures."""
EXAMPLES = 6
"""Maximum number of examples of each reason."""
REASONS = 16
"""Maximum number of reasons, the most frequent ones."""
THUMBNAIL_PX = 150
"""Maximum height of a thumbnail in pixels."""
MOST_PIXELS = 60_000_000
"""Maximum number of pixels of a picture that is decoded for a thumbnail."""


class Example(NamedTuple):
    """A refused picture."""

    name: str
    message: str
    picture: bytes | None
    """Thumbnail as WebP; None if the picture can no longer be read."""


@dataclass(frozen=True)
class Refused:
    """Pictures that were refused for one reason."""

    reason: str
    """Reason from `refused.parquet`, after the folder of its set of shards, if in one."""
    count: int
    examples: Sequence[Example]


def read_refusals(data: Storage) -> list[Refused]:
    """Read why pictures were refused: at most `REASONS` reasons, most frequent first.

    Args:
        data: Output of jobs.prepare_data.

    Returns:
        The reasons; none if there is no `refused.parquet`.

    Raises:
        ValueError: `refused.parquet` or `summary.json` is invalid.
        OSError: storage fails.
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
        # Evenly spread over the table, sorted by name.
        chosen = sorted(spread(refused)[:EXAMPLES])
        examples = [Example(*one, _look(images, one[0])) for one in chosen]
        yield Refused(f"{folder}: {reason}".lstrip(": "), len(refused), examples)


def _look(images: object, name: str) -> bytes | None:
    """Encode a thumbnail of a refused picture; return None if it can no longer be read."""
    if not isinstance(images, str):
        return None
    try:
        picture = decode_color(Storage.at(images).read(name), max_pixels=MOST_PIXELS)
        return encode_thumbnail(picture, THUMBNAIL_PX)
    except (OSError, ValueError, cv2.error):
        return None


def layout_refusals(refused: Sequence[Refused]) -> list[dict[str, Any]]:
    """Build the template variables of refusals."""
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
