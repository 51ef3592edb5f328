"""Training pairs of colour keys: what matching sees of a key and a drawing, and the truth."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from zlib import crc32

import cv2
import numpy as np
from jaxtyping import Bool, Int32, Shaped, UInt8
from safetensors.numpy import load, save

from lineart.datasets.flat_parts import Truth
from lineart.datasets.key_augmentation import FlatDrawing, Pair, augment
from lineart.datasets.sequences import TrueSequence
from lineart.image import Frame
from lineart.imaging.region_maps import RegionMap
from lineart.keys import Key, prepare_key
from lineart.keys.align import align
from lineart.keys.border_matrix import BorderMatrix
from lineart.keys.drawing import Drawing
from lineart.keys.pairs import FEATURES, PairFeatures
from lineart.metrics import ciede2000

DISTANCES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Numbers of drawings between key and target, before or after it, each as likely as the others."""
AUGMENTED = 0.6
"""Share of the training pairs that are changed at random."""
SAME_DE = 5.0
"""Colours nearer than this, by CIEDE2000, are the same."""
PURE_SHARE = 0.8
"""Least share of one true colour in a region that a loss looks at."""
MIN_REGIONS = 3
SHOWN_PX = 256
"""Side of the pictures of a pair that is shown."""


class Shown(NamedTuple):
    """Pictures of a pair, small, for people."""

    labels: RegionMap
    """Regions of the target; 0 = ink, -1 = beside the picture."""
    key: Frame
    truth: Frame


class KeyPair(NamedTuple):
    """Key and target drawing with T regions."""

    seen: PairFeatures
    right: Bool[np.ndarray, "T colors"]
    """Which of the key's colours is the true one; the last: none of them."""
    is_pure: Bool[np.ndarray, " T"]
    """Whether a region has one true colour."""
    palette: UInt8[np.ndarray, "K 3"]
    """The key's colours."""
    truth: UInt8[np.ndarray, "T 3"]
    """True colour of each region."""
    distance: int
    """Drawings from the key to the target."""
    shown: Shown | None = None


def make_pairs(
    sequence: TrueSequence, count: int, seed: int, *, is_training: bool
) -> Iterator[KeyPair]:
    """Make pairs of a sequence; those for training are changed at random, the others are shown.

    Pairs with few regions are left out.

    Args:
        sequence: Drawings with their true colours.
        count: Most pairs.
        seed: Determines, with the sequence's name, which pairs.
        is_training: Whether pairs are changed at random.
    """
    rng = np.random.default_rng((seed, crc32(sequence.name.encode())))
    for _ in range(count if len(sequence.lines) > 1 else 0):
        first, second = pick_drawings(len(sequence.lines), rng)
        drawings = [FlatDrawing(sequence.lines[n], sequence.truth[n]) for n in (first, second)]
        pair = Pair(*drawings)
        if is_training and rng.random() < AUGMENTED:
            pair = augment(pair, rng, is_cutout=sequence.kind == "cycle")
        made = make_pair(pair, sequence.palette, second - first, is_shown=not is_training)
        if made is not None:
            yield made


def pick_drawings(count: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return the numbers of a key and a target, of `count` drawings, 2 or more."""
    distance = int(rng.choice([one for one in DISTANCES if one < count]))
    first = int(rng.integers(0, count - distance))
    ends = first, first + distance
    return ends if rng.random() < 0.5 else ends[::-1]


def make_pair(
    pair: Pair, palette: UInt8[np.ndarray, "K 3"], distance: int, *, is_shown: bool = False
) -> KeyPair | None:
    """Compare a key and a target; return None if one of them has few regions."""
    picture = palette[pair.key.truth]
    key = prepare_key(Key(pair.key.line, picture))
    aligned = align(pair.target.line, [key])
    target = aligned.drawing
    if min(target.total, key.drawing.total) < MIN_REGIONS:
        return None
    number, share = find_truth(target, pair.target.truth, len(palette))
    apart = ciede2000_table(palette, key.palette)
    is_right = (apart < SAME_DE)[number]
    right = np.concatenate((is_right, ~is_right.any(axis=1, keepdims=True)), axis=1)
    truth = palette[number]
    shown = show(target, picture, palette[pair.target.truth]) if is_shown else None
    return KeyPair(
        aligned.compare(0), right, share > PURE_SHARE, key.palette, truth, distance, shown
    )


def find_truth(
    target: Drawing, truth: Truth, num_colors: int
) -> tuple[Int32[np.ndarray, " T"], Shaped[np.ndarray, " T"]]:
    """Return the number of the most frequent colour of each region, and its share."""
    height, width = target.size
    truth = cv2.resize(truth, (width, height), interpolation=cv2.INTER_NEAREST)
    places = target.labels.astype(np.int64) * num_colors + truth
    counts = np.bincount(places.ravel(), minlength=(target.total + 1) * num_colors)
    counts = counts.reshape(-1, num_colors)[1:]
    share = counts.max(axis=1) / np.maximum(counts.sum(axis=1), 1)
    return counts.argmax(axis=1).astype(np.int32), share


def ciede2000_table(
    colors: UInt8[np.ndarray, "A 3"], others: UInt8[np.ndarray, "B 3"]
) -> Shaped[np.ndarray, "A B"]:
    """Return the difference of each colour to each of the others."""
    first = np.repeat(colors, len(others), axis=0)
    second = np.tile(others, (len(colors), 1))
    table: Shaped[np.ndarray, "A B"] = ciede2000(first, second).reshape(len(colors), len(others))
    return table


def show(target: Drawing, key: Frame, truth: Frame) -> Shown:
    """Return small square pictures of a pair, with white beside those that are not square."""
    side = max(target.size)
    parts = []
    for one, ground in ((target.labels, -1), (key, 255), (truth, 255)):
        below, right = (side - length for length in one.shape[:2])
        more = ((0, max(0, below)), (0, max(0, right)), (0, 0))[: one.ndim]
        square = np.pad(one, more, constant_values=ground)
        parts.append(cv2.resize(square, (SHOWN_PX, SHOWN_PX), interpolation=cv2.INTER_NEAREST))
    return Shown(*parts)


# As bytes.

HALVES = ("features", "displacement")
"""Arrays that are stored as 16-bit floats."""
BORDERS = ("neighbours", "openings", "key_neighbours")


def to_bytes(pair: KeyPair) -> bytes:
    """Encode a pair as a safetensors file."""
    seen = pair.seen._asdict()
    for name in BORDERS:
        borders = seen.pop(name)
        seen |= {f"{name}.{part}": getattr(borders, part) for part in ("rows", "columns")}
        seen[f"{name}.lengths"] = borders.lengths
        seen[f"{name}.size"] = np.array(borders.size)
    for name in HALVES:
        seen[name] = seen[name].astype(np.float16)
    arrays = {f"seen.{name}": array for name, array in seen.items()}
    arrays |= {name: np.asarray(getattr(pair, name)) for name in KeyPair._fields[1:-1]}
    if pair.shown is not None:
        arrays |= {f"shown.{name}": array for name, array in pair.shown._asdict().items()}
    return bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def from_bytes(data: bytes) -> KeyPair:
    """Decode what `to_bytes` has encoded.

    Raises:
        ValueError: The pair has the features of another version.
    """
    arrays = load(data)
    if (count := arrays["seen.features"].shape[-1]) != FEATURES:
        raise ValueError(
            f"a pair of {count} features, this version has {FEATURES}; write the pairs again by "
            "lineart prepare_data keys"
        )
    seen: dict[str, Any] = _part(arrays, "seen")
    for name in BORDERS:
        part = _part(seen, name)
        seen[name] = BorderMatrix(
            part["rows"], part["columns"], part["lengths"], part["size"].item()
        )
    for name in HALVES:
        seen[name] = seen[name].astype(np.float32)
    shown = _part(arrays, "shown")
    return KeyPair(
        PairFeatures(**{name: seen[name] for name in PairFeatures._fields}),
        **{name: arrays[name] for name in ("right", "is_pure", "palette", "truth")},
        distance=arrays["distance"].item(),
        shown=Shown(**shown) if shown else None,
    )


def _part(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return the arrays named `name.*`, without the prefix."""
    start = len(name) + 1
    return {key[start:]: one for key, one in arrays.items() if key.startswith(f"{name}.")}
