"""Sequences of drawings with exact flat colours, for training and scoring of colour keys.

Three kinds, told by their folders:
`cycle`: pictures with alpha of one painted character; lines are drawn where colours meet.
`drawn`: folders `line` and `color` with pictures of the same names.
`sample`: folders `line` and `flat`, as the sample film draws them: exact, without lines in `flat`.
"""

import posixpath
import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Final, Literal, NamedTuple, TypeVar

import numpy as np
from jaxtyping import UInt8
from natsort import natsorted

from lineart.codec import decode_cel, decode_color, decode_line
from lineart.codec.formats.table import DOCUMENT_SUFFIXES, IMAGE_SUFFIXES
from lineart.datasets.flat_truth import flatten_cycle, flatten_drawn, flatten_exact
from lineart.image import Frame, Hint, Size
from lineart.storage import Storage

T = TypeVar("T")

SequenceKind = Literal["cycle", "drawn", "sample"]

COLORS: Final[dict[str, SequenceKind]] = {"color": "drawn", "flat": "sample"}
"""Folder beside `line` -> kind of the sequence."""

HELD_OUT = frozenset(
    ("cactus", "chicken", "forehorseman", "headmaster", "piggy", "smuggler", "m_head-45-left")
)
"""Names of sequences for validation, never for training."""

LEARNED = frozenset(
    (
        *("bureaucrat", "craftybot", "deimaginator", "firebog_spirit", "food_vendor", "frog_red"),
        *("hell_bartender", "ix_spirit", "juju_red", "ranger", "shopkeeper", "zutto_spirit"),
        *("m_head-0", "m_head-90-left"),
    )
)
"""Names of the sequences that the included weights have learned from, besides the sample film."""

OF_FILM = re.compile(r"[st]0\d_[a-z]+(?:-shades)?-(\d+)")
"""Name of a sequence of the sample film, with its seed."""

FIRST_HELD_OUT_SEED = 4
"""Seeds of the sample film from this one on are for validation."""


class TrueSequence(NamedTuple):
    """Drawings of one shot in order, and the exact colour of each of their pixels."""

    name: str
    kind: SequenceKind
    lines: UInt8[np.ndarray, "T H W"]
    """0 = ink, 255 = paper."""
    truth: UInt8[np.ndarray, "T H W"]
    """Number of the true colour, also below lines."""
    palette: UInt8[np.ndarray, "K 3"]

    def colors(self, number: int) -> Frame:
        """Return the flat colours of a drawing, without its lines."""
        painted: Frame = self.palette[self.truth[number]]
        return painted


class SequencePlace(NamedTuple):
    """Where a sequence is."""

    name: str
    """Path of its folder; the folder's own name if it is the whole address."""
    kind: SequenceKind
    lines: tuple[str, ...]
    """Paths of the drawings; none for a cycle."""
    colors: tuple[str, ...]


def is_held_out(name: str) -> bool:
    """Return whether a sequence, by its path or name, is for validation.

    Sequences of the sample film are named by shot or study and seed, such as `s01_walk-4`, and
    `s01_walk-shades-4` if their shades are true colours.
    """
    seed = _find_seed(name)
    return posixpath.basename(name) in HELD_OUT or (seed or 0) >= FIRST_HELD_OUT_SEED


def is_learned(name: str) -> bool:
    """Return whether the included weights have learned from a sequence, by its path or name."""
    seed = _find_seed(name)
    is_film = seed is not None and seed < FIRST_HELD_OUT_SEED
    return posixpath.basename(name) in LEARNED or is_film


def _find_seed(name: str) -> int | None:
    """Return the seed of a sequence of the sample film; None for others."""
    found = OF_FILM.fullmatch(posixpath.basename(name))
    return None if found is None else int(found[1])


def find_sequences(storage: Storage) -> list[SequencePlace]:
    """Return the sequences in a folder and the folders below it, in natural order.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: there is no sequence, or a folder of drawings lacks their colours.
    """
    storage.check()
    folders: dict[PurePosixPath, list[PurePosixPath]] = {}
    suffixes = IMAGE_SUFFIXES - DOCUMENT_SUFFIXES
    for entry in storage.entries():
        path = PurePosixPath(entry.path)
        if path.suffix.lower() in suffixes:
            folders.setdefault(path.parent, []).append(path)
    places = [
        _place(storage, folder, folders)
        for folder in natsorted(folders)
        if folder.name not in COLORS or folder.parent / "line" not in folders
    ]
    if not places:
        raise ValueError(
            f"{storage.uri} holds no sequence; give folders of pictures with alpha, or folders with"
            " line/ and color/ (or flat/)"
        )
    return places


def _place(
    storage: Storage, folder: PurePosixPath, folders: dict[PurePosixPath, list[PurePosixPath]]
) -> SequencePlace:
    """Build the place of a folder of pictures; of the drawings, if it is called `line`."""
    files = natsorted(folders[folder])
    if folder.name != "line":
        name = str(folder) if folder.name else storage.name
        return SequencePlace(name, "cycle", (), tuple(map(str, files)))
    name = str(folder.parent) if folder.parent.name else storage.name
    for other, kind in COLORS.items():
        colors = {path.stem: str(path) for path in folders.get(folder.parent / other, ())}
        if not colors:
            continue
        if missing := [path for path in files if path.stem not in colors]:
            raise ValueError(
                f"{storage.uri}: {missing[0]} has no picture of its name in {folder.parent / other}"
            )
        return SequencePlace(
            name, kind, tuple(map(str, files)), tuple(colors[path.stem] for path in files)
        )
    raise ValueError(
        f"{storage.uri}: {folder} has drawings, but beside it is neither color nor flat"
    )


def read_sequence(storage: Storage, place: SequencePlace) -> TrueSequence:
    """Read a sequence.

    Raises:
        OSError: a file cannot be read.
        ValueError: a picture cannot be decoded, and which; sizes differ within the sequence; or
            the pictures of a cycle have no alpha.
    """
    if place.kind == "cycle":
        cels = _read_all(storage, place.colors, decode_cel)
        _check_cycle(place, cels)
        return TrueSequence(place.name, place.kind, *flatten_cycle(cels))
    lines = _read_all(storage, place.lines, decode_line)
    colors = _read_all(storage, place.colors, decode_color)
    _check_sizes(place, [(one.shape[0], one.shape[1]) for one in (*lines, *colors)])
    flatten = flatten_drawn if place.kind == "drawn" else flatten_exact
    return TrueSequence(place.name, place.kind, *flatten(lines, colors))


def _read_all(storage: Storage, paths: Sequence[str], decode: Callable[[bytes], T]) -> list[T]:
    """Decode files; raise ValueError with the path of one that cannot be decoded."""
    pictures = []
    for path in paths:
        data = storage.read(path)
        try:
            pictures.append(decode(data))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return pictures


def _check_cycle(place: SequencePlace, cels: Sequence[Hint]) -> None:
    """Raise ValueError if all pictures are opaque, such as line drawings without their colours."""
    if all((cel[:, :, 3] == 255).all() for cel in cels):
        raise ValueError(
            f"{place.colors[0]} and the pictures beside it have no alpha; give painted cut-outs "
            "with alpha, or drawings in line/ and their colours in color/ or flat/ beside it"
        )


def _check_sizes(place: SequencePlace, sizes: Sequence[Size]) -> None:
    for path, size in zip((*place.lines, *place.colors), sizes, strict=True):
        if size != sizes[0]:
            raise ValueError(
                f"{path} is {size[1]}x{size[0]}, but {place.lines[0]} is "
                f"{sizes[0][1]}x{sizes[0][0]}: the pictures of a sequence have one size"
            )
