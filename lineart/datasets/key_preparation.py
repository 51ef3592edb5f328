"""Preparation of training pairs of colour keys: sequences of pictures, and of the sample film."""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from lineart.datasets.filters import Refusal, refusals_to_parquet
from lineart.datasets.flat_truth import flatten_exact
from lineart.datasets.key_pairs import make_pairs, to_bytes
from lineart.datasets.pair_shards import PairRow, to_shard
from lineart.datasets.preparation import REFUSED, SIDES, TRAIN, VALIDATION, Tell
from lineart.datasets.sequences import (
    SequencePlace,
    TrueSequence,
    is_held_out,
    read_sequence,
)
from lineart.datasets.shards import finish, write_bytes
from lineart.image import Size
from lineart.runtime.executor import Executor
from lineart.sample_film.scenes import FRAMES_PER_SECOND, SHOTS
from lineart.sample_film.studies import STUDIES
from lineart.storage import Storage

SCENES = {scene.name: scene for scene in (*SHOTS, *STUDIES)}
DRAWN_SIZE: Size = (432, 768)
"""Height and width of the sample film's drawings."""
SHADES = "-shades"
"""Ends the name of a scene whose shades have colours of their own."""
DRAWINGS, HOLD = 24, 2
"""Drawings of a scene of the sample film, and frames from one to the next."""

Provenance = Mapping[str, tuple[str | None, str | None]]
"""Path of a picture -> licence and author."""


@dataclass(frozen=True, kw_only=True)
class KeyPreparation:
    """Settings that determine a prepared set, together with the pictures."""

    pairs_per_drawing: float
    """Number of pairs of a sequence, by the number of its drawings."""
    drawn_films: int
    """Number of seeds of the sample film, from 0."""
    licence: str | None
    """Regular expression; only sequences whose pictures all have such a licence. None: all."""
    seed: int = 0


@dataclass(frozen=True)
class KeySources:
    """Sequences in a folder, and who made their pictures."""

    images: Storage
    places: Sequence[SequencePlace]
    provenance: Provenance


class PairOrder(NamedTuple):
    """Sequence of which to make the pairs of one shard."""

    number: int
    name: str
    place: SequencePlace | None
    """Where the sequence is; None: a scene of the sample film, see `draw_sequence`."""
    licence: str | None
    author: str | None

    @property
    def side(self) -> str:
        """Side of the split to which the sequence belongs."""
        return VALIDATION if is_held_out(self.name) else TRAIN


class WrittenPairs(NamedTuple):
    """Shard of pairs; an empty path if the sequence is refused."""

    path: str
    num_pairs: int
    num_bytes: int
    refusal: Refusal | None = None


@dataclass(frozen=True)
class KeySummary:
    """Counts of pairs."""

    train: int
    validation: int
    sequences: dict[str, dict[str, int]]
    """Side -> sequence -> number of pairs."""
    refused: dict[str, str]
    """Sequence -> why it is left out."""
    bytes: int
    seconds: float


def prepare_pairs(
    sources: KeySources,
    output: Storage,
    settings: KeyPreparation,
    executor: Executor,
    *,
    tell: Tell,
) -> KeySummary:
    """Make pairs of sequences and of the sample film; they replace an existing set at the end.

    Sequences are for training or for validation by their names (`sequences.is_held_out`). One with
    a picture that cannot be decoded, or of another size, is refused.

    Raises:
        OSError: a picture cannot be read.
        ValueError: there are no pairs for one of the sides; `refused.parquet` is written.
    """
    started = time.monotonic()
    orders, refusals = order_pairs(sources, settings)
    write = partial(write_pairs, images=sources.images, output=output, settings=settings)
    written: dict[PairOrder, WrittenPairs] = {}
    for order, shard in executor.map(write, orders):
        written[order] = shard
        tell("sequences", len(written), len(orders))
    orders = [order for order in orders if written[order].refusal is None]
    refusals += [shard.refusal for shard in written.values() if shard.refusal is not None]
    output.write(REFUSED, refusals_to_parquet(refusals))
    counts: dict[str, dict[str, int]] = {side: {} for side in SIDES}
    for order in orders:
        counts[order.side][order.name] = written[order].num_pairs
    for side in SIDES:
        if not sum(counts[side].values()):
            raise ValueError(
                f"no sequence gives pairs for {side}; sequences are for validation by their names "
                "(lineart/datasets/sequences.py), and --drawn-films 5 or more adds some; "
                f"{len(refusals)} are refused, {output.uri}/{REFUSED} says why"
            )
    for side in SIDES:
        paths = [written[one].path for one in orders if one.side == side and written[one].num_pairs]
        finish(output.child(side), paths)
    train, validation = (sum(counts[side].values()) for side in SIDES)
    size = sum(one.num_bytes for one in written.values())
    refused = {refusal.name: refusal.message for refusal in refusals}
    seconds = round(time.monotonic() - started, 1)
    return KeySummary(train, validation, counts, refused, size, seconds)


def order_pairs(
    sources: KeySources, settings: KeyPreparation
) -> tuple[list[PairOrder], list[Refusal]]:
    """Return what to make, and why sequences are left out."""
    orders: list[PairOrder] = []
    refusals: list[Refusal] = []
    for place in sources.places:
        known = [
            sources.provenance.get(path, (None, None)) for path in (*place.lines, *place.colors)
        ]
        licences = Counter(licence or "unknown" for licence, _ in known)
        wrong = [one for one in licences if not re.search(settings.licence or "", one)]
        if wrong:
            text = f"the licence of some of its pictures is {wrong[0]}"
            refusals.append(Refusal(place.name, "licence", None, None, text))
            continue
        licence, author = known[0]
        orders.append(PairOrder(len(orders), place.name, place, licence, author))
    for seed in range(settings.drawn_films):
        for name in (f"{scene}{kind}-{seed}" for kind in ("", SHADES) for scene in SCENES):
            orders.append(PairOrder(len(orders), name, None, "drawn by code", None))
    return orders, refusals


def write_pairs(
    order: PairOrder, *, images: Storage, output: Storage, settings: KeyPreparation
) -> WrittenPairs:
    """Make the pairs of one sequence and write them as a shard; raise OSError if none is read."""
    if order.place is None:
        sequence = draw_sequence(order.name)
    else:
        try:
            sequence = read_sequence(images, order.place)
        except ValueError as error:
            refusal = Refusal(order.name, "unreadable", None, None, str(error))
            return WrittenPairs("", 0, 0, refusal)
    count = round(settings.pairs_per_drawing * len(sequence.lines))
    is_training = order.side == TRAIN
    pairs = make_pairs(sequence, count, settings.seed, is_training=is_training)
    rows = [
        PairRow(f"{order.name}#{n}", sequence.kind, to_bytes(pair), order.licence, order.author)
        for n, pair in enumerate(pairs)
    ]
    data = to_shard(rows)
    path = write_bytes(output.child(order.side), order.number, data)
    return WrittenPairs(path, len(rows), len(data))


def draw_sequence(name: str) -> TrueSequence:
    """Draw a scene of the sample film.

    Args:
        name: `SCENE-SEED`: a shade has the colour that it shades, or in every second seed lines
            around it; or `SCENE-shades-SEED`: shades without lines have colours of their own.
    """
    scene, _, text = name.rpartition("-")
    seed, has_shades = int(text), scene.endswith(SHADES)
    draw = SCENES[scene.removesuffix(SHADES)].draw
    drawings = [draw(DRAWN_SIZE, n * HOLD / FRAMES_PER_SECOND, seed) for n in range(DRAWINGS)]
    has_lines = seed % 2 == 1 and not has_shades
    for drawing in drawings if has_lines else ():
        drawing.line_shadows()
    lines, flats = [one.ink for one in drawings], [one.flat for one in drawings]
    is_joined = not has_lines and not has_shades
    return TrueSequence(name, "sample", *flatten_exact(lines, flats, shaded=is_joined))
