"""Preparation of a dataset: measure all pictures, choose, write shards.

The driver holds only names, hashes and sizes. Pictures are read twice, both times in the tasks that
process them: once to measure them, once to write them.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from lineart.datasets import shards
from lineart.datasets.filter_bounds import Filter
from lineart.datasets.filters import (
    Refusal,
    choose_validation,
    divide,
    find_twins,
    refusals_to_parquet,
)
from lineart.datasets.items import Item
from lineart.datasets.steps import (
    ChosenPicture,
    MeasuredPicture,
    ShardOrder,
    Transform,
    WrittenShard,
    measure_item,
    write_shard,
)
from lineart.runtime.executor import Executor
from lineart.storage import Storage

TRAIN, VALIDATION = SIDES = "train", "validation"

REFUSED = "refused.parquet"

Tell = Callable[[str, int, int], None]
"""Progress callback: receives the step, the number done and the total number."""


@dataclass(frozen=True, kw_only=True)
class PreparationSettings:
    """Settings that determine a prepared set, together with the pictures."""

    bounds: Filter = field(default_factory=Filter)
    """Quality bounds that pictures must meet."""
    licence: str | None = None
    """Regular expression; only pictures whose licence matches are accepted. None: all."""
    group: str | None = None
    """Regular expression; its match in a picture's path is the group. See `group_of`."""
    validation: float = 0.05
    """Fraction of the groups that is for validation; of two groups or more at least one is."""
    max_distance: int = 3
    """Maximum differing bits of the perceptual hashes of duplicates; -1: only equal pixels."""
    preparing: Transform = field(default_factory=Transform)
    shard_bytes: int = 128_000_000
    """Approximate maximum size of a shard."""


@dataclass(frozen=True)
class PreparationSummary:
    """Counts of accepted and refused pictures."""

    pictures: int
    train: int
    validation: int
    refused: dict[str, int]
    """Reason -> number of pictures."""
    sources: dict[str, dict[str, int]]
    """Side -> source -> number of pictures."""
    bytes: int
    """Bytes of pictures, line drawings and maps in the shards."""
    seconds: float


def prepare(
    images: Storage,
    output: Storage,
    items: Sequence[Item],
    settings: PreparationSettings,
    executor: Executor,
    *,
    tell: Tell,
) -> PreparationSummary:
    """Prepare a set from items; it replaces an existing one only once all shards are written.

    The two sides are replaced one after the other, validation last.

    Raises:
        ValueError: no picture is accepted; `refused.parquet` is written, an existing set stays.
    """
    started = time.monotonic()
    chosen, refusals = choose(images, items, settings, executor, tell)
    written = list(write(images, output, chosen, settings, executor, tell=tell))
    refusals += [refusal for shard in written for refusal in shard.refusals]
    output.write(REFUSED, refusals_to_parquet(refusals))
    if not any(shard.sources for shard in written):
        reason, count = Counter(refusal.reason for refusal in refusals).most_common(1)[0]
        raise ValueError(
            f"none of {len(refusals)} pictures is taken, most are refused as {reason!r} ({count}); "
            f"{output.uri}/{REFUSED} says why"
        )
    for side in SIDES:
        mine = sorted((s.number, s.path) for s in written if s.side == side and s.sources)
        shards.finish(output.child(side), [path for _, path in mine])
    return summarize(written, refusals, time.monotonic() - started)


# 1. Measuring and choosing.


def choose(
    images: Storage,
    items: Sequence[Item],
    settings: PreparationSettings,
    executor: Executor,
    tell: Tell,
) -> tuple[list[ChosenPicture], list[Refusal]]:
    """Measure items; return the chosen pictures, in natural order of names, and the refusals."""
    refusals = list(unlicensed(items, settings.licence))
    refused = {refusal.name for refusal in refusals}
    tasks = [(number, item) for number, item in enumerate(items) if item.name not in refused]
    measure = partial(
        measure_item, images=images, bounds=settings.bounds, preparing=settings.preparing
    )
    found: list[MeasuredPicture] = []
    for done, (_, results) in enumerate(executor.map(measure, tasks), start=1):
        found += [result for result in results if isinstance(result, MeasuredPicture)]
        refusals += [result for result in results if isinstance(result, Refusal)]
        tell("measured", done, len(tasks))
    found.sort(key=lambda picture: (picture.item, picture.box))
    twins = duplicates(found, settings.max_distance)
    chosen = [
        ChosenPicture(item := items[picture.item], picture, group_of(picture, item, settings.group))
        for picture in found
        if picture.name not in twins
    ]
    return chosen, refusals + list(twins.values())


def unlicensed(items: Iterable[Item], licence: str | None) -> Iterator[Refusal]:
    """Yield refusals of items whose licence, or that of a line drawing or map, does not match.

    An unknown licence is matched as an empty text.
    """
    if licence is None:
        return
    for item in items:
        for path, own in ((item.name, item.licence), *item.other_licences):
            if not re.search(licence, own or ""):
                text = f"the licence of {path} is {own or 'unknown'}"
                yield Refusal(item.name, "licence", None, None, text)
                break


def duplicates(found: Sequence[MeasuredPicture], max_distance: int) -> dict[str, Refusal]:
    """Return refusals, by name, of duplicates of earlier pictures; equal pixels always count."""
    first: dict[str, int] = {}
    refused: dict[str, Refusal] = {}
    for number, picture in enumerate(found):
        original = first.setdefault(picture.sha256, number)
        if original != number:
            text = f"its pixels are those of {found[original].name}"
            refused[picture.name] = Refusal(
                picture.name, "duplicate", 0.0, float(max_distance), text
            )
    rest = [picture for picture in found if picture.name not in refused]
    for twin in find_twins([picture.perceptual_hash for picture in rest], max_distance):
        name, original_name = rest[twin.copy].name, rest[twin.original].name
        text = f"it looks like {original_name}: {twin.distance} bits of 64 differ"
        values = float(twin.distance), float(max_distance)
        refused[name] = Refusal(name, "duplicate", *values, text)
    return refused


def group_of(picture: MeasuredPicture, item: Item, pattern: str | None) -> str:
    """Return a picture's group: the match in its path, else the layout's, else its item's hash."""
    match = re.search(pattern, picture.name) if pattern is not None else None
    return match.group(0) if match else item.files.group or picture.item_sha256


# 2. Writing.


def write(
    images: Storage,
    output: Storage,
    chosen: Sequence[ChosenPicture],
    settings: PreparationSettings,
    executor: Executor,
    *,
    tell: Tell,
) -> Iterator[WrittenShard]:
    """Write the chosen pictures of both sides; the shards are valid only after `shards.finish`."""
    orders = [order for side in SIDES for order in order_shards(side, chosen, settings)]
    task = partial(write_shard, images=images, output=output, preparing=settings.preparing)
    uses_network = settings.preparing.depth_model is not None
    results = executor.map(task, orders, uses_network=uses_network)
    for done, (_, written) in enumerate(results, start=1):
        yield written
        tell("wrote shards", done, len(orders))


def order_shards(
    side: str, chosen: Sequence[ChosenPicture], settings: PreparationSettings
) -> list[ShardOrder]:
    """Divide the chosen pictures of one side into shards."""
    validation = choose_validation((one.group for one in chosen), settings.validation)
    mine = [one for one in chosen if (one.group in validation) == (side == VALIDATION)]
    runs = divide([one.picture.bytes for one in mine], settings.shard_bytes)
    return [ShardOrder(side, number, [mine[i] for i in run]) for number, run in enumerate(runs)]


# 3. Summary.


def summarize(
    written: Sequence[WrittenShard], refusals: Sequence[Refusal], seconds: float
) -> PreparationSummary:
    """Count accepted and refused pictures."""
    sources: dict[str, Counter[str]] = {side: Counter() for side in SIDES}
    for shard in written:
        sources[shard.side].update(shard.sources)
    train, validation = (sources[side].total() for side in SIDES)
    return PreparationSummary(
        pictures=train + validation + len(refusals),
        train=train,
        validation=validation,
        refused=dict(sorted(Counter(refusal.reason for refusal in refusals).items())),
        sources={side: dict(sorted(sources[side].items())) for side in SIDES},
        bytes=sum(shard.bytes for shard in written),
        seconds=round(seconds, 1),
    )
