"""What happens to pictures where they are read: measured in one task, written in another."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from lineart.datasets import shards
from lineart.datasets.encoding import Shrinking, estimate, store
from lineart.datasets.pages import Cut, Page, read_page, sha256, source
from lineart.datasets.selection import Filter, Refusal, refusal
from lineart.datasets.shards import Row
from lineart.imaging.quality import measure, perceptual_hash
from lineart.storage import Storage


class Pictured(NamedTuple):
    """What is known of a picture that has passed the filter; light enough for the driver."""

    page: int
    """Number of its page."""
    box: int
    """Its place among the boxes of its page."""
    name: str
    sha256: str
    perceptual_hash: int
    page_sha256: str
    bytes: int
    """What it will take in a shard, about."""


class Chosen(NamedTuple):
    """A picture for a shard."""

    page: Page
    pictured: Pictured
    group: str


class Order(NamedTuple):
    """One shard to write."""

    side: str
    number: int
    chosen: Sequence[Chosen]


class Written(NamedTuple):
    """A shard that was written."""

    side: str
    number: int
    path: str
    sources: list[str]
    """Of each picture in it."""
    bytes: int
    refusals: list[Refusal]
    """Pictures that have changed or gone since they were measured."""


def look_at(
    task: tuple[int, Page], *, images: Storage, bounds: Filter, shrinking: Shrinking | None
) -> list[Pictured | Refusal]:
    """Measure the pictures of a page and judge them."""
    number, page = task
    try:
        return [
            _judge(cut, (number, box), bounds, shrinking)
            for box, cut in enumerate(read_page(images, page))
        ]
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a picture is its own row
        return [_unreadable(page.name, error)]


def write_shard(
    order: Order, *, images: Storage, output: Storage, shrinking: Shrinking | None
) -> Written:
    """Read pictures again, encode them, and write them as one shard."""
    written = Written(order.side, order.number, "", [], 0, [])
    size = 0

    def rows() -> Iterator[Row]:
        nonlocal size
        for page, chosen in groupby(order.chosen, key=attrgetter("page")):
            for row in _encode(images, page, list(chosen), shrinking):
                if isinstance(row, Refusal):
                    written.refusals.append(row)
                    continue
                size += len(row.image) + len(row.line or b"")
                written.sources.append(row.source)
                yield row

    path = shards.write_shard(output.child(order.side), order.number, rows())
    return written._replace(path=path, bytes=size)


def _judge(
    cut: Cut, place: tuple[int, int], bounds: Filter, shrinking: Shrinking | None
) -> Pictured | Refusal:
    if not cut.color.size:
        bound = float(bounds.min_short_side)
        return Refusal(cut.name, "small", 0.0, bound, "the box lies outside the page")
    return refusal(cut.name, measure(cut.color), bounds) or Pictured(
        page=place[0],
        box=place[1],
        name=cut.name,
        sha256=sha256(cut.color),
        perceptual_hash=perceptual_hash(cut.color),
        page_sha256=cut.page_sha256,
        bytes=estimate(cut, shrinking),
    )


def _encode(
    images: Storage, page: Page, chosen: Sequence[Chosen], shrinking: Shrinking | None
) -> list[Row | Refusal]:
    """Encode the chosen pictures of a page."""
    try:
        cuts = {cut.name: cut for cut in read_page(images, page)}
        if cuts[chosen[0].pictured.name].page_sha256 != chosen[0].pictured.page_sha256:
            raise ValueError("it has changed since it was measured")
        return [_row(item, cuts[item.pictured.name], shrinking) for item in chosen]
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a picture is its own row
        return [_unreadable(item.pictured.name, error) for item in chosen]


def _row(chosen: Chosen, cut: Cut, shrinking: Shrinking | None) -> Row:
    page, pictured, stored = chosen.page, chosen.pictured, store(cut, shrinking)
    return Row(
        name=cut.name,
        image=stored.image,
        line=stored.line,
        width=stored.size[1],
        height=stored.size[0],
        sha256=pictured.sha256,
        perceptual_hash=f"{pictured.perceptual_hash:016x}",
        group=chosen.group,
        source=source(page.path),
        licence=page.licence,
        author=page.author,
    )


def _unreadable(name: str, error: Exception) -> Refusal:
    return Refusal(name, "unreadable", None, None, str(error) or repr(error))
