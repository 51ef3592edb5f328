"""Steps of a preparation that run in tasks: measuring an item, encoding, writing a shard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from lineart.codec import encode_png
from lineart.datasets import shards
from lineart.datasets.filter_bounds import Filter
from lineart.datasets.filters import Refusal, blank, refusal
from lineart.datasets.items import Crop, Item, read_item, source
from lineart.datasets.maps import encode_depth, resize_depth, resize_labels
from lineart.datasets.shards import ShardRow, decode, decode_gray
from lineart.image import Frame, Line, Size, fit_short_side, hash_pixels, resize
from lineart.imaging.samples.faces import FaceAligner, center_crop
from lineart.imaging.samples.quality import measure, perceptual_hash
from lineart.runtime.sandbox import run_isolated
from lineart.storage import Storage

if TYPE_CHECKING:
    from lineart.datasets.depth import DepthModel

LOSSLESS = 101
"""OpenCV's quality value for lossless WebP."""
WEBP_SIDE_PX = 16383
"""Maximum side of a WebP picture."""
MEASURE_S = 600.0
"""Time limit of measuring the pictures of an item, in seconds."""
COMPACT = (b"RIFF", b"\xff\xd8\xff")
"""Signatures of file formats that are compact already: WebP, JPEG."""


@dataclass(frozen=True)
class Shrinking:
    """Settings for shrinking pictures."""

    short_side: int
    """Short side in pixels to which larger pictures are shrunk."""
    quality: int = 95
    """WebP quality, 1 to 100."""


class Stored(NamedTuple):
    """Encoded picture of a shard."""

    image: bytes
    line: bytes | None
    size: Size
    segmentation: bytes | None = None
    depth: bytes | None = None


def store(crop: Crop, shrinking: Shrinking | None) -> Stored:
    """Encode a picture with its line drawing and maps, all at the same size.

    Files are kept unchanged where possible; those that OpenCV decodes differently are encoded anew.
    Line drawings and maps are encoded without loss.

    Args:
        crop: The picture.
        shrinking: Pictures that are too large, and files that are not compact, become WebP. None
            keeps the size and all files; pictures without a file, from boxes, become PNG.
    """
    size = stored_size(crop, shrinking)
    is_whole = size == crop.color.shape[:2]
    image, line = (crop.data, crop.line_data) if is_whole else (None, None)
    if shrinking is not None and image is not None and not image.startswith(COMPACT):
        image = None
    if image is None or not _reads_right(image, crop.color):
        image = _encode_pixels(resize(crop.color, size), shrinking.quality if shrinking else None)
    if crop.line is not None and (line is None or not _reads_right(line, crop.line)):
        line = _encode_pixels(resize(crop.line, size), LOSSLESS if shrinking else None)
    segmentation, depth = crop.segmentation, crop.depth
    return Stored(
        image=image,
        line=line,
        size=size,
        segmentation=None
        if segmentation is None
        else encode_png(resize_labels(segmentation, size)),
        depth=None if depth is None else encode_depth(resize_depth(depth, size)),
    )


def stored_size(crop: Crop, shrinking: Shrinking | None) -> Size:
    """Return height and width with which a picture is stored."""
    size = crop.color.shape[0], crop.color.shape[1]
    if shrinking is None or min(size) <= shrinking.short_side:
        return size
    return fit_short_side(size, shrinking.short_side)


def estimate(crop: Crop, shrinking: Shrinking | None) -> int:
    """Estimate the bytes of a stored picture without encoding it."""
    size = stored_size(crop, shrinking)
    maps = int(
        size[0] * size[1] * (0.1 * (crop.segmentation is not None) + (crop.depth is not None))
    )
    if crop.data is not None and size == crop.color.shape[:2]:
        return len(crop.data) + len(crop.line_data or b"") + maps
    bytes_per_pixel = 1.2 if shrinking is None else 0.2
    return maps + int(size[0] * size[1] * (bytes_per_pixel + (0.1 if crop.line is not None else 0)))


def _reads_right(data: bytes, image: Frame | Line) -> bool:
    """Return whether OpenCV decodes a file to `image`, within 2 levels; it drops alpha, for one."""
    try:
        read = decode(data) if image.ndim == 3 else decode_gray(data)
    except (ValueError, cv2.error):
        return False
    if read.shape != image.shape:
        return False
    return int(cv2.absdiff(read, image).max()) <= 2


def _encode_pixels(image: Frame | Line, quality: int | None) -> bytes:
    """Encode as WebP, or as PNG if `quality` is None or a side is above WebP's maximum."""
    if quality is None or max(image.shape) > WEBP_SIDE_PX:
        return encode_png(image)
    pixels = np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image
    data: bytes = cv2.imencode(".webp", pixels, (cv2.IMWRITE_WEBP_QUALITY, quality))[1].tobytes()
    return data


FACE_PX, FACE_PADDING = 256, 0.65
"""Side of an aligned face, and its border as a fraction of the face's side, as in paper 004."""


@dataclass(frozen=True)
class FaceAlignment:
    """Settings for aligning photographs by their largest face."""

    model: bytes = field(repr=False)
    """Content of YuNet's ONNX file."""
    crop_others: bool = False
    """Crop the centre of photographs without a face; otherwise they are refused."""


@dataclass(frozen=True)
class Transform:
    """Processing of pictures before they are stored."""

    shrinking: Shrinking | None = None
    """None keeps the size and, where possible, the files."""
    faces: FaceAlignment | None = None
    """Alignment of photographs by their faces; None leaves them uncropped."""
    depth_model: str | None = None
    """Network that estimates missing depth; see `depth.open_depth`. None estimates none."""

    def check(self) -> None:
        """Load the models, once per process.

        Raises:
            ValueError: A model cannot be loaded.
            FileNotFoundError: The depth network's file does not exist.
        """
        if self.faces is not None:
            _aligner(self.faces.model)
        if self.depth_model is not None:
            _depth(self.depth_model)


class MeasuredPicture(NamedTuple):
    """Hashes and size of a picture that has passed the filter; small enough for the driver."""

    item: int
    """Index of its item."""
    box: int
    """Index of its box in the item; 0 without boxes."""
    name: str
    sha256: str
    perceptual_hash: int
    item_sha256: str
    bytes: int
    """Estimated size in a shard."""


class ChosenPicture(NamedTuple):
    """Picture to store in a shard."""

    item: Item
    picture: MeasuredPicture
    group: str


class ShardOrder(NamedTuple):
    """Shard to write."""

    side: str
    number: int
    chosen: Sequence[ChosenPicture]


class WrittenShard(NamedTuple):
    """Result of writing a shard."""

    side: str
    number: int
    path: str
    sources: list[str]
    """Source of each picture in the shard."""
    bytes: int
    refusals: list[Refusal]
    """Refusals of pictures that were changed or deleted after they were measured."""


def measure_item(
    task: tuple[int, Item], *, images: Storage, bounds: Filter, preparing: Transform
) -> list[MeasuredPicture | Refusal]:
    """Measure the pictures of an item and apply the filter; `task` is its index and the item.

    A process of its own does so: a picture that ends it, or takes too long, is refused.
    """
    try:
        found: list[MeasuredPicture | Refusal]
        found = run_isolated(MEASURE_S, _measure_here, task, images, bounds, preparing)
    except Exception as error:  # noqa: BLE001 - any error refuses its item alone
        return [_unreadable(task[1].name, error)]
    return found


def _measure_here(
    task: tuple[int, Item], images: Storage, bounds: Filter, preparing: Transform
) -> list[MeasuredPicture | Refusal]:
    number, item = task
    return [
        _measure_picture(crop, (number, box), bounds, preparing)
        for box, crop in enumerate(read_item(images, item))
    ]


def write_shard(
    order: ShardOrder, *, images: Storage, output: Storage, preparing: Transform
) -> WrittenShard:
    """Read the chosen pictures again, encode them, and write them as one shard."""
    written = WrittenShard(order.side, order.number, "", [], 0, [])
    size = 0

    def rows() -> Iterator[ShardRow]:
        nonlocal size
        for item, chosen in groupby(order.chosen, key=attrgetter("item")):
            for row in _encode_item(images, item, list(chosen), preparing):
                if isinstance(row, Refusal):
                    written.refusals.append(row)
                    continue
                maps = (row.line, row.segmentation, row.depth)
                size += len(row.image) + sum(len(data or b"") for data in maps)
                written.sources.append(row.source)
                yield row

    path = shards.write_shard(output.child(order.side), order.number, rows())
    return written._replace(path=path, bytes=size)


def _measure_picture(
    crop: Crop, place: tuple[int, int], bounds: Filter, preparing: Transform
) -> MeasuredPicture | Refusal:
    """Measure a picture, or refuse it; `place` is the index of its item, and its box in it."""
    if not crop.color.size:
        bound = float(bounds.min_short_side)
        return Refusal(crop.name, "small", 0.0, bound, "the box lies outside the picture")
    measured = measure(crop.color)
    refused = refusal(crop.name, measured, bounds) or blank(crop.name, crop.color, bounds)
    if refused is not None:
        return refused
    aligned = _align(crop, preparing.faces)
    if aligned is None:
        return Refusal(crop.name, "no face", None, None, "no face is found in it")
    return MeasuredPicture(
        *place,
        name=crop.name,
        sha256=hash_pixels(aligned.color),
        perceptual_hash=perceptual_hash(aligned.color),
        item_sha256=crop.item_sha256,
        bytes=estimate(aligned, preparing.shrinking),
    )


def _align(crop: Crop, faces: FaceAlignment | None) -> Crop | None:
    """Return the aligned face, without line and maps, which no longer fit; None: no face found."""
    if faces is None:
        return crop
    face = _aligner(faces.model).align(crop.color, size_px=FACE_PX, padding=FACE_PADDING)
    if face is None and faces.crop_others:
        face = center_crop(crop.color, FACE_PX)
    return None if face is None else Crop(crop.name, face, None, None, None, crop.item_sha256)


@lru_cache(maxsize=1)
def _aligner(model: bytes) -> FaceAligner:
    """Load the face detector, once per process."""
    return FaceAligner(model)


@lru_cache(maxsize=1)
def _depth(spec: str) -> "DepthModel":
    """Load the depth network, once per process."""
    # Imported here because it imports torch, which other workers do not need.
    from lineart.datasets.depth import open_depth

    return open_depth(spec)


def _encode_item(
    images: Storage, item: Item, chosen: Sequence[ChosenPicture], preparing: Transform
) -> list[ShardRow | Refusal]:
    """Encode the chosen pictures of an item."""
    # Outside of the try: a model that cannot be loaded must not refuse pictures.
    preparing.check()
    try:
        crops = {crop.name: crop for crop in read_item(images, item)}
        if crops[chosen[0].picture.name].item_sha256 != chosen[0].picture.item_sha256:
            raise ValueError("it has changed since it was measured")
        return [_encode_picture(one, crops[one.picture.name], preparing) for one in chosen]
    except Exception as error:  # noqa: BLE001 - any error refuses its item alone
        return [_unreadable(one.picture.name, error) for one in chosen]


def _encode_picture(chosen: ChosenPicture, crop: Crop, preparing: Transform) -> ShardRow:
    item, picture, aligned = chosen.item, chosen.picture, _align(crop, preparing.faces)
    assert aligned is not None, "pictures without a face are not chosen"
    if preparing.depth_model is not None and aligned.depth is None:
        small = resize(aligned.color, stored_size(aligned, preparing.shrinking))
        aligned = aligned._replace(depth=_depth(preparing.depth_model)(small))
    stored = store(aligned, preparing.shrinking)
    return ShardRow(
        name=crop.name,
        image=stored.image,
        line=stored.line,
        width=stored.size[1],
        height=stored.size[0],
        sha256=picture.sha256,
        perceptual_hash=f"{picture.perceptual_hash:016x}",
        group=chosen.group,
        source=source(item.files.path),
        licence=item.licence,
        author=item.author,
        segmentation=stored.segmentation,
        depth=stored.depth,
    )


def _unreadable(name: str, error: Exception) -> Refusal:
    return Refusal(name, "unreadable", None, None, str(error) or repr(error))
