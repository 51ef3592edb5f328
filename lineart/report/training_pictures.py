"""Pictures on the page of a training: validation grids, and examples that the filter refused."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import pyarrow as pa
from pyarrow import parquet

from lineart.codec import decode_color
from lineart.datasets.preparation import REFUSED
from lineart.film.outcome.outputs import spread
from lineart.image import Frame
from lineart.report.html import as_text, data_uri, encode_thumbnail, read_job_json
from lineart.report.tables import part_of
from lineart.storage import Storage
from lineart.training.preview import choose_evenly

GRIDS_SHOWN = 48
"""Maximum number of grids on a page, divided equally among stages; each gets at least one."""
GRID_BYTES = 13_000_000
"""Maximum size of all grids on a page in bytes, before Base64, which adds a third."""
GRID_HEIGHT_PX = 1600
"""Maximum height of a reduced grid in pixels."""
GRID_PIXELS = 50_000_000
"""Maximum number of pixels of a grid; a larger one is left out."""
LONGEST_PX = 16_000
"""Maximum side of a reduced grid in pixels; WebP allows 16,383."""

SETS = {"": "images", "source": "images", "target": "targets"}
"""Folder of a set of shards -> the flag of lineart prepare_data for its pictures."""
EXAMPLES = 6
"""Maximum number of examples of each reason."""
REASONS = 16
"""Maximum number of reasons, the most frequent ones."""
EXAMPLE_PX = 150
"""Maximum height of an example in pixels."""
EXAMPLE_PIXELS = 60_000_000
"""Maximum number of pixels of a picture that is decoded as an example."""


@dataclass(frozen=True)
class Grid:
    """A picture grid saved during training."""

    stage: str
    images: int
    """Number of images seen in this stage when it was saved."""
    picture: bytes
    """File content: PNG, WebP or JPEG."""


class EncodedGrid(NamedTuple):
    """A grid that was decoded successfully, encoded for the page."""

    images: int
    data: bytes
    size: tuple[int, int]
    """Height and width before reduction, in pixels."""


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


def prepare_grids(
    grids: Sequence[Grid], limit_bytes: int = GRID_BYTES
) -> dict[str, list[dict[str, Any]]]:
    """Build the template variables of each stage's grids, in order of images seen.

    Each stage shows an evenly spaced choice of at most its share of `GRIDS_SHOWN`. If these are
    larger than `limit_bytes`, they are reduced, and thinned further until they fit. Grids that
    cannot be decoded are left out.
    """
    stages: dict[str, dict[int, Grid]] = {}
    for grid in grids:
        stages.setdefault(grid.stage, {})[grid.images] = grid
    few = max(1, GRIDS_SHOWN // max(1, len(stages)))
    chosen = {
        name: choose_evenly([by_images[images] for images in sorted(by_images)], few)
        for name, by_images in stages.items()
    }
    fits = sum(len(grid.picture) for part in chosen.values() for grid in part) <= limit_bytes
    encoded = {name: list(_encode_all(part, smaller=not fits)) for name, part in chosen.items()}
    return {
        name: [
            {
                "images": grid.images,
                "uri": data_uri(grid.data),
                "height": grid.size[0],
                "width": grid.size[1],
            }
            for grid in part
        ]
        for name, part in _thin(encoded, limit_bytes).items()
    }


def _encode_all(grids: Sequence[Grid], *, smaller: bool) -> Iterator[EncodedGrid]:
    """Decode grids for their sizes, and reduce them if `smaller`; skip undecodable ones."""
    for grid in grids:
        try:
            image = decode_color(grid.picture, max_pixels=GRID_PIXELS)
        except ValueError:
            continue
        data = _reduce(image) if smaller else grid.picture
        yield EncodedGrid(grid.images, data, image.shape[:2])


def _reduce(image: Frame) -> bytes:
    """Encode as WebP of at most `GRID_HEIGHT_PX` height and `LONGEST_PX` width."""
    scale = LONGEST_PX / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return encode_thumbnail(image, GRID_HEIGHT_PX)


def _thin(
    stages: Mapping[str, list[EncodedGrid]], limit_bytes: int
) -> dict[str, list[EncodedGrid]]:
    """Choose evenly spaced grids, as many per stage as fit into `limit_bytes`."""
    for count in range(GRIDS_SHOWN, 0, -1):
        fitting = {name: choose_evenly(part, count) for name, part in stages.items()}
        if sum(len(grid.data) for part in fitting.values() for grid in part) <= limit_bytes:
            return fitting
    return {name: [] for name in stages}


def read_refusals(data: Storage) -> list[Refused]:
    """Read why pictures were refused: at most `REASONS` reasons, most frequent first.

    Args:
        data: Output of lineart prepare_data.

    Returns:
        The reasons; none if there is no `refused.parquet`.

    Raises:
        ValueError: `refused.parquet` or `summary.json` is invalid.
        OSError: storage fails.
    """
    has_summary = data.exists("summary.json")
    flags = part_of(read_job_json(data, "summary.json"), "flags") if has_summary else {}
    found = [
        refused
        for folder, flag in SETS.items()
        if data.exists(path := f"{folder}/{REFUSED}".lstrip("/"))
        for refused in _by_reason(_read_table(data, path), folder, flags.get(flag))
    ]
    return sorted(found, key=lambda one: -one.count)[:REASONS]


def _read_table(data: Storage, path: str) -> pa.Table:
    try:
        return parquet.read_table(
            io.BytesIO(data.read(path)), columns=["name", "reason", "message"]
        )
    except pa.ArrowException as error:
        raise ValueError(f"{data.uri}/{path} is not a table of refusals: {error}") from error


def _by_reason(rows: pa.Table, folder: str, images: object) -> Iterator[Refused]:
    reasons: dict[str, list[tuple[str, str]]] = {}
    for name, reason, message in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        reasons.setdefault(reason, []).append((name, message))
    for reason, refused in reasons.items():
        # Evenly spread over the table, sorted by name.
        chosen = sorted(spread(refused)[:EXAMPLES])
        examples = [Example(*one, _read_example(images, one[0])) for one in chosen]
        yield Refused(f"{folder}: {reason}".lstrip(": "), len(refused), examples)


def _read_example(images: object, name: str) -> bytes | None:
    """Encode a thumbnail of a refused picture; return None if it can no longer be read."""
    if not isinstance(images, str):
        return None
    try:
        picture = decode_color(Storage.at(images).read(name), max_pixels=EXAMPLE_PIXELS)
        return encode_thumbnail(picture, EXAMPLE_PX)
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
