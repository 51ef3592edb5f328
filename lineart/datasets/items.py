"""Items of a folder: picture files and rows of Parquet files, with their listing and decoding."""

import csv
import io
import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import UInt8
from natsort import natsorted
from pyarrow import parquet

from lineart.codec import decode_color, decode_line
from lineart.datasets.layouts import Files, Finder, Half, find_colored
from lineart.datasets.maps import DEPTHS, LABELS, MapKind, fit
from lineart.image import Depth, Frame, Labels, Line, hash_pixels
from lineart.storage import Storage

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are exclusive."""


class Item(NamedTuple):
    """Picture file, or row of a Parquet file; holds one picture, or several in boxes."""

    name: str
    files: Files
    row: tuple[int, int] | None
    """Row group of the Parquet file, and row in it; None for a picture file."""
    boxes: tuple[Box, ...] | None
    """Boxes of the pictures; None: the whole item is one picture."""
    licence: str | None
    author: str | None
    other_licences: tuple[tuple[str, str | None], ...] = ()
    """Path and licence of each line drawing or map that belongs to it."""


class Crop(NamedTuple):
    """Picture of an item: the whole item or the content of a box, decoded."""

    name: str
    color: Frame
    line: Line | None
    data: bytes | None
    """Encoded file of `color`; None if `color` is only a part of it, from a box or a half."""
    line_data: bytes | None
    """Encoded file of `line`; None without a line drawing, and for a box."""
    item_sha256: str
    """Hash of the pixels and size of the whole file or row."""
    segmentation: Labels | None = None
    depth: Depth | None = None


@dataclass(frozen=True)
class Query:
    """Selection of a folder's items, with their boxes, licences and authors.

    Raises:
        ValueError: a pattern is no regular expression.
    """

    include: tuple[str, ...] = ()
    """Regular expressions; a path must match one of them. Empty: all paths."""
    exclude: tuple[str, ...] = ()
    """Regular expressions; a path must match none of them."""
    boxes: Mapping[str, tuple[Box, ...]] | None = None
    """Path below the images, or file name -> boxes."""
    provenance: Mapping[str, tuple[str | None, str | None]] | None = None
    """Path -> licence and author."""
    find: Finder = find_colored
    """Function that finds pictures in the folder's layout."""

    def __post_init__(self) -> None:
        for pattern in (*self.include, *self.exclude):
            check_pattern(pattern)

    def takes(self, path: str) -> bool:
        """Return whether a path is selected."""
        included = not self.include or any(re.search(p, path) for p in self.include)
        return included and not any(re.search(p, path) for p in self.exclude)

    def boxes_of(self, path: str) -> tuple[Box, ...] | None:
        """Return the boxes of an item, or None if all of it is one picture."""
        boxes = self.boxes or {}
        return boxes.get(path, boxes.get(posixpath.basename(path)))

    def origin(self, path: str) -> tuple[str | None, str | None]:
        """Return licence and author of a file; None if unknown."""
        return (self.provenance or {}).get(path, (None, None))


def list_items(images: Storage, query: Query) -> list[Item]:
    """Return the selected items of a folder, in natural order of their names.

    Raises:
        FileNotFoundError: the folder does not exist.
        ValueError: there are no items, two have the same name, or a Parquet file has no pictures.
    """
    images.check()
    items: list[Item] = []
    for files in query.find(sorted(entry.path for entry in images.entries())):
        if query.takes(files.path):
            is_table = files.path.endswith(".parquet")
            items += _rows(images, files, query) if is_table else [_picture_file(files, query)]
    twice = [name for name, count in Counter(item.name for item in items).items() if count > 1]
    if twice:
        raise ValueError(f"{images.uri}: {len(twice)} names stand twice, one is {twice[0]}")
    if not items:
        raise ValueError(f"{images.uri} holds no pictures, or none that is included")
    return natsorted(items, key=lambda item: item.name)


def read_item(images: Storage, item: Item) -> list[Crop]:
    """Decode the pictures of an item.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file cannot be decoded, the line drawing has another size, or a map another
            aspect ratio.
    """
    files = item.files
    data = images.read(files.path) if item.row is None else _cell(images, files.path, *item.row)
    color = decode_color(data)
    line_data = None if files.line is None else images.read(files.line)
    whole = Crop(
        name=item.name,
        color=color if files.half is None else _half(color, files.half),
        line=None if line_data is None else _line(files, line_data, color),
        data=data if files.half is None else None,
        line_data=line_data,
        item_sha256=hash_pixels(color),
        segmentation=_map(images, files.segmentation, LABELS, color),
        depth=_map(images, files.depth, DEPTHS[files.depth_kind], color),
    )
    return [whole] if item.boxes is None else list(_in_boxes(whole, item.boxes))


def read_boxes(text: bytes) -> dict[str, tuple[Box, ...]]:
    """Parse JSON of the form `{file name: [[x0, y0, x1, y1], ...]}`.

    Raises:
        ValueError: the text has another form.
    """
    try:
        boxes = json.loads(text)
        return {str(name): tuple(_box(box) for box in found) for name, found in boxes.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"boxes are {{file name: [[x0, y0, x1, y1], ...]}} in whole pixels: {error}"
        ) from error


def read_provenance(text: bytes) -> dict[str, tuple[str | None, str | None]]:
    """Parse a CSV table with the columns file, licence and author.

    Raises:
        ValueError: a column is missing.
    """
    rows = csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline=""))
    missing = {"file", "licence", "author"} - set(rows.fieldnames or ())
    if missing:
        raise ValueError(f"the provenance has no column {', '.join(sorted(missing))}")
    return {row["file"]: (row["licence"] or None, row["author"] or None) for row in rows}


def source(path: str) -> str:
    """Return the source of a picture: its folders, without a final `color`."""
    folders = PurePosixPath(path).parts[:-1]
    return "/".join(folders[:-1] if folders[-1:] == ("color",) else folders)


def check_pattern(pattern: str) -> None:
    """Raise if a pattern is no regular expression.

    Raises:
        ValueError: it is none.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error


def _picture_file(files: Files, query: Query) -> Item:
    path, others = files.path, filter(None, (files.line, files.segmentation, files.depth))
    licences = tuple((other, query.origin(other)[0]) for other in others)
    return Item(path, files, None, query.boxes_of(path), *query.origin(path), licences)


def _rows(images: Storage, files: Files, query: Query) -> Iterator[Item]:
    """Yield the rows of a Parquet file, from its columns without picture data."""
    path = files.path
    try:
        with closing(images.open_file(path)) as stream:
            file = parquet.ParquetFile(stream)
            known = file.schema_arrow.names
            light = [name for name in ("name", "licence", "author") if name in known]
            columns = file.read(columns=light).to_pydict()
            if "image" not in known:
                raise ValueError("no column image")
    except (pa.ArrowException, ValueError) as error:
        raise ValueError(f"{images.uri}/{path} holds no pictures: {error}") from error
    licence, author = query.origin(path)
    counts = (file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
    places = ((group, place) for group, count in enumerate(counts) for place in range(count))
    for number, place in enumerate(places):
        own = {name: values[number] for name, values in columns.items()}
        name = f"{path}/{own.get('name') or number}"
        origin = own.get("licence") or licence, own.get("author") or author
        yield Item(name, files, place, query.boxes_of(name), *origin)


def _cell(images: Storage, path: str, group: int, place: int) -> bytes:
    """Read the encoded picture of a row of a Parquet file."""
    data = _row_group(images, path, group)[place].as_py()
    if data is None:
        raise ValueError("the row holds no picture")
    return bytes(data)


# One call reads one row, so each process keeps the last row group.
@lru_cache(maxsize=1)
def _row_group(images: Storage, path: str, group: int) -> pa.ChunkedArray:
    with closing(images.open_file(path)) as stream:
        return parquet.ParquetFile(stream).read_row_group(group, columns=["image"])["image"]


def _line(files: Files, data: bytes, color: Frame) -> Line:
    try:
        line = decode_line(data)
    except ValueError as error:
        raise ValueError(f"its line drawing {files.line}: {error}") from error
    if line.shape != color.shape[:2]:
        (height, width), (own_height, own_width) = color.shape[:2], line.shape
        raise ValueError(
            f"its line drawing {files.line} has {own_width}x{own_height} pixels in place of "
            f"{width}x{height}"
        )
    return line


def _map(images: Storage, path: str | None, kind: MapKind, color: Frame) -> Any:
    """Read a map and resize it to the size of its picture."""
    try:
        return None if path is None else fit(kind, images.read(path), color.shape[:2])
    except ValueError as error:
        raise ValueError(f"its map {path}: {error}") from error


def _half(color: Frame, half: Half) -> UInt8[np.ndarray, "Side Side 3"]:
    """Return one of two squares side by side; raise ValueError for another aspect ratio."""
    height, width = color.shape[:2]
    if width != 2 * height:
        raise ValueError(f"{width}x{height} pixels are not two squares side by side")
    return (color[:, :height] if half == "left" else color[:, height:]).copy()


def _in_boxes(whole: Crop, boxes: Iterable[Box]) -> Iterator[Crop]:
    """Yield the contents of boxes, clipped to the item; empty for a box outside."""
    for k, box in enumerate(boxes):
        x0, y0, x1, y1 = (max(0, edge) for edge in box)
        images = whole.color, whole.line, whole.segmentation, whole.depth
        color, line, segmentation, depth = (
            None if image is None else image[y0:y1, x0:x1].copy() for image in images
        )
        assert color is not None
        name, digest = f"{whole.name}#{k}", whole.item_sha256
        yield Crop(name, color, line, None, None, digest, segmentation, depth)


def _box(values: Iterable[Any]) -> Box:
    x0, y0, x1, y1 = values
    if not all(isinstance(value, int) for value in (x0, y0, x1, y1)) or x1 <= x0 or y1 <= y0:
        raise ValueError(f"{[x0, y0, x1, y1]} is no box")
    return x0, y0, x1, y1
