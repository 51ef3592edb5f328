"""Steps of a preparation that run in tasks: measuring an item, writing a shard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from lineart.datasets import shards
from lineart.datasets.encoding import Shrinking, estimate, store, stored_size
from lineart.datasets.filter_bounds import Filter
from lineart.datasets.filters import Refusal, blank, refusal
from lineart.datasets.items import Crop, Item, read_page, sha256, source
from lineart.datasets.shards import ShardRow
from lineart.image import resize
from lineart.imaging.faces import FaceAligner, center_crop
from lineart.imaging.quality import measure, perceptual_hash
from lineart.storage import Storage

if TYPE_CHECKING:
    from lineart.datasets.depth import DepthModel

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

    page: int
    """Index of its item."""
    box: int
    """Index of its box in the item; 0 without boxes."""
    name: str
    sha256: str
    perceptual_hash: int
    page_sha256: str
    bytes: int
    """Estimated size in a shard."""


class ChosenPicture(NamedTuple):
    """Picture to store in a shard."""

    page: Item
    pictured: MeasuredPicture
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
    """Measure the pictures of an item and apply the filter; `task` is its index and the item."""
    number, page = task
    try:
        return [
            _judge(cut, (number, box), bounds, preparing)
            for box, cut in enumerate(read_page(images, page))
        ]
    except Exception as error:  # noqa: BLE001 - any error refuses its item alone
        return [_unreadable(page.name, error)]


def write_shard(
    order: ShardOrder, *, images: Storage, output: Storage, preparing: Transform
) -> WrittenShard:
    """Read the chosen pictures again, encode them, and write them as one shard."""
    written = WrittenShard(order.side, order.number, "", [], 0, [])
    size = 0

    def rows() -> Iterator[ShardRow]:
        nonlocal size
        for page, chosen in groupby(order.chosen, key=attrgetter("page")):
            for row in _encode(images, page, list(chosen), preparing):
                if isinstance(row, Refusal):
                    written.refusals.append(row)
                    continue
                maps = (row.line, row.segmentation, row.depth)
                size += len(row.image) + sum(len(data or b"") for data in maps)
                written.sources.append(row.source)
                yield row

    path = shards.write_shard(output.child(order.side), order.number, rows())
    return written._replace(path=path, bytes=size)


def _judge(
    cut: Crop, place: tuple[int, int], bounds: Filter, preparing: Transform
) -> MeasuredPicture | Refusal:
    if not cut.color.size:
        bound = float(bounds.min_short_side)
        return Refusal(cut.name, "small", 0.0, bound, "the box lies outside the page")
    refused = refusal(cut.name, measure(cut.color), bounds) or blank(cut.name, cut.color, bounds)
    if refused is not None:
        return refused
    aligned = _align(cut, preparing.faces)
    if aligned is None:
        return Refusal(cut.name, "no face", None, None, "no face is found in it")
    return MeasuredPicture(
        page=place[0],
        box=place[1],
        name=cut.name,
        sha256=sha256(aligned.color),
        perceptual_hash=perceptual_hash(aligned.color),
        page_sha256=cut.page_sha256,
        bytes=estimate(aligned, preparing.shrinking),
    )


def _align(cut: Crop, faces: FaceAlignment | None) -> Crop | None:
    """Return the aligned face, without line and maps, which no longer fit; None: no face found."""
    if faces is None:
        return cut
    aligner = _aligner(faces.model)
    face = aligner.align(cut.color, size_px=FACE_PX, padding=FACE_PADDING)
    if face is None and faces.crop_others:
        face = center_crop(cut.color, FACE_PX)
    return None if face is None else Crop(cut.name, face, None, None, None, cut.page_sha256)


def _fill(cut: Crop, preparing: Transform) -> Crop:
    """Add estimated depth, at the stored size, if there is a depth model and no depth yet."""
    if preparing.depth_model is None or cut.depth is not None:
        return cut
    small = resize(cut.color, stored_size(cut, preparing.shrinking))
    return cut._replace(depth=_depth(preparing.depth_model)(small))


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


def _encode(
    images: Storage, page: Item, chosen: Sequence[ChosenPicture], preparing: Transform
) -> list[ShardRow | Refusal]:
    """Encode the chosen pictures of an item."""
    # Outside of the try: a model that cannot be loaded must not refuse pictures.
    preparing.check()
    try:
        cuts = {cut.name: cut for cut in read_page(images, page)}
        if cuts[chosen[0].pictured.name].page_sha256 != chosen[0].pictured.page_sha256:
            raise ValueError("it has changed since it was measured")
        return [_row(item, cuts[item.pictured.name], preparing) for item in chosen]
    except Exception as error:  # noqa: BLE001 - any error refuses its item alone
        return [_unreadable(item.pictured.name, error) for item in chosen]


def _row(chosen: ChosenPicture, cut: Crop, preparing: Transform) -> ShardRow:
    page, pictured, aligned = chosen.page, chosen.pictured, _align(cut, preparing.faces)
    assert aligned is not None, "pictures without a face are not chosen"
    stored = store(_fill(aligned, preparing), preparing.shrinking)
    return ShardRow(
        name=cut.name,
        image=stored.image,
        line=stored.line,
        width=stored.size[1],
        height=stored.size[0],
        sha256=pictured.sha256,
        perceptual_hash=f"{pictured.perceptual_hash:016x}",
        group=chosen.group,
        source=source(page.files.path),
        licence=page.licence,
        author=page.author,
        segmentation=stored.segmentation,
        depth=stored.depth,
    )


def _unreadable(name: str, error: Exception) -> Refusal:
    return Refusal(name, "unreadable", None, None, str(error) or repr(error))
