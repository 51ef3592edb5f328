"""Evaluation pictures, from folders or prepared shards; absolute addresses of a request."""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from lineart.codec import decode_color, decode_line
from lineart.codec.formats.table import DOCUMENT_SUFFIXES, IMAGE_SUFFIXES
from lineart.datasets.samples import NamedPicture, Pictures
from lineart.datasets.shard_rows import INDEX
from lineart.datasets.shards import Shards
from lineart.evaluation.request import PictureRequest, Request, split_name
from lineart.evaluation.session import Session
from lineart.image import hash_pixels
from lineart.storage import Storage, check_apart
from lineart.weights import is_included, open_weights

T = TypeVar("T")


class NamedPictures(Pictures, Protocol):
    """Pictures with names, such as `PictureFolder` and `datasets.shards.Shards`."""

    @property
    def names(self) -> Sequence[str]:
        """Name of each picture."""
        ...


class PictureFolder:
    """All pictures below a folder; `.../line/NAME` holds the drawn lines of `.../color/NAME`.

    The source of a picture is its folder, or the parent if the folder is `color`.

    Raises:
        ValueError: there is no picture.
    """

    def __init__(self, storage: Storage) -> None:
        files = (PurePosixPath(path) for path in sorted(entry.path for entry in storage.entries()))
        suffixes = IMAGE_SUFFIXES - DOCUMENT_SUFFIXES
        paths = [path for path in files if path.suffix.lower() in suffixes]
        pairs = {path.parent.parent for path in paths if path.parent.name == "color"}
        lines = {p for p in paths if p.parent.name == "line" and p.parent.parent in pairs}
        colors = [path for path in paths if path not in lines]
        self.storage = storage
        self.lines = {path.with_suffix(""): str(path) for path in sorted(lines)}
        self.names = [str(path) for path in colors]
        folders = [p.parent.parent if p.parent.name == "color" else p.parent for p in colors]
        self.sources: Sequence[str] = [str(storage.name / folder) for folder in folders]
        if not self.names:
            raise ValueError(f"there is no picture in {storage.uri}")

    def read(self, index: int) -> NamedPicture:
        """Read a picture at the size of its file.

        Raises:
            ValueError: it cannot be decoded, or its lines have another size.
        """
        name = self.names[index]
        path = PurePosixPath(name)
        color = decode_color(self.storage.read(name))
        line_name = self.lines.get(path.parent.parent / "line" / path.stem)
        if path.parent.name != "color" or line_name is None:
            return NamedPicture(name, color, None)
        line = decode_line(self.storage.read(line_name))
        if line.shape != color.shape[:2]:
            raise ValueError(f"{line_name} is {line.shape}, but its colours are {color.shape[:2]}")
        return NamedPicture(name, color, line)


SIDES = tuple(
    f"{part}{side}" for part in ("", "source/", "target/") for side in ("validation", "train")
)
"""Paths of shards in a prepared set, of one or of two sets of pictures."""


def open_pictures(uri: str) -> NamedPictures:
    """Open prepared shards if there is an index, else a folder of pictures.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: there is no picture, or the shards cannot be read; or it is a whole prepared
            set, of which one side must be given.
    """
    storage = Storage.at(uri)
    storage.check()
    if storage.exists(INDEX):
        return Shards(storage)
    if sides := [side for side in SIDES if storage.exists(f"{side}/{INDEX}")]:
        raise ValueError(
            f"{storage.uri} is a whole prepared set; give one side of it, "
            f"{' or '.join(f'{storage.uri}/{side}' for side in sides)}"
        )
    return PictureFolder(storage)


class HeldOut:
    """Pictures of shards, told by their pixels: two folders may have pictures of one name.

    Raises as `Shards`.
    """

    def __init__(self, shards: Shards) -> None:
        self.hashes: dict[str, set[str]] = {}
        for name, hashes in zip(shards.names, shards.read_hashes(), strict=True):
            self.hashes.setdefault(posixpath.basename(name), set()).update(hashes)

    def has(self, folder: PictureFolder, index: int) -> bool:
        """Return whether a picture of a folder is one of them: by its file name and its pixels.

        Raises:
            OSError: a file whose name one of them has cannot be read.
        """
        name = folder.names[index]
        hashes = self.hashes.get(posixpath.basename(name))
        if hashes is None:
            return False
        try:
            return hash_pixels(decode_color(folder.storage.read(name))) in hashes
        except ValueError:
            # No shard holds a picture that cannot be decoded.
            return False


def choose(
    pictures: NamedPictures, limit: int | None, held_out: HeldOut | None = None
) -> Iterator[int]:
    """Yield the indices of at most `limit` pictures of each source, evenly spaced.

    Args:
        pictures: Pictures to choose from.
        limit: Maximum number of pictures of a source; None for all.
        held_out: The allowed pictures of a folder; None for all. Shards are taken as they are.

    Raises:
        OSError: a file cannot be read.
    """
    numbers: Iterable[int] = range(len(pictures.names))
    if held_out is not None and isinstance(pictures, PictureFolder):
        numbers = [i for i in numbers if held_out.has(pictures, i)]
    by_source = sorted(numbers, key=lambda i: (pictures.sources[i], i))
    for _, group in groupby(by_source, key=lambda i: pictures.sources[i]):
        of_source = list(group)
        yield from of_source if limit is None else spread_evenly(of_source, limit)


def spread_evenly(items: Sequence[T], count: int) -> list[T]:
    """Return `count` evenly spaced items, with the first but not the last; all of fewer."""
    count = min(count, len(items))
    return [items[place * len(items) // count] for place in range(count)]


class EvaluationUnit(NamedTuple):
    """One picture of the evaluation."""

    uri: str
    """Address of its place, a folder or shards."""
    place: str
    """Unique name of the place."""
    number: int
    """Index of the picture in its place."""
    name: str
    """Name of place and picture, because several places may hold the same picture name."""
    is_shown: bool = False
    """Whether the picture is shown on the contact sheets."""


def find_units(
    request: PictureRequest, session: Session, places: Sequence[str]
) -> list[EvaluationUnit]:
    """Choose the pictures of every place, and which of them are shown.

    Args:
        request: Holds the limit, the held-out pictures (for folders only) and the number to show.
        session: Opens the places.
        places: Addresses.

    Raises:
        ValueError: there is no picture, or a place is named twice.
        OSError: a place cannot be read.
    """
    held_out = None if request.held_out is None else HeldOut(Shards(Storage.at(request.held_out)))
    units = []
    for uri, place in name_places(places).items():
        pictures = session.open(open_pictures, uri)
        units += [
            EvaluationUnit(uri, place, number, posixpath.join(place, pictures.names[number]))
            for number in choose(pictures, request.limit_per_source, held_out)
        ]
    if not units:
        of = "" if request.held_out is None else f" of those that {request.held_out} holds"
        raise ValueError(f"there is no picture to judge in {', '.join(places)}{of}")
    shown = set(spread_evenly(range(len(units)), request.num_sheet_samples))
    return [unit._replace(is_shown=number in shown) for number, unit in enumerate(units)]


def name_places(uris: Sequence[str]) -> dict[str, str]:
    """Map each address to its last folder, or to as many trailing folders as make names unique.

    If folders do not make them unique, the names are the full addresses.

    Raises:
        ValueError: a place is named twice.
    """
    storages = [Storage.at(uri) for uri in uris]
    if twice := [storage.uri for storage in storages if storages.count(storage) > 1]:
        raise ValueError(f"{twice[0]} is named twice")
    parts = [storage.root.strip("/").split("/") for storage in storages]
    for depth in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return dict(zip(uris, names, strict=True))
    return {uri: storage.uri for uri, storage in zip(uris, storages, strict=True)}


def read_unit(session: Session, unit: EvaluationUnit) -> NamedPicture:
    """Read a picture; raises as `Pictures.read`."""
    return session.open(open_pictures, unit.uri).read(unit.number)


def source_of(session: Session, unit: EvaluationUnit) -> str:
    """Return the source of a picture; for folders it begins with the name of the place."""
    pictures = session.open(open_pictures, unit.uri)
    source = pictures.sources[unit.number]
    if isinstance(pictures, PictureFolder):
        return unit.place + source.removeprefix(pictures.storage.name)
    return source


# The output.

READ = ("images", "targets", "held_out", "sequences", "film", "lines", "study", "answers")
"""Fields of requests with addresses of what is scored."""


def check_output(request: Request, output: Storage) -> None:
    """Raise ValueError if the output and an input lie in one another, or weights in the output.

    The page would overwrite that of the input or of the training, and contact sheets would count as
    pictures.
    """
    for name in (*READ, "weights"):
        given = getattr(request, name, None) or ()
        for address in (given,) if isinstance(given, str) else given:
            place = (
                open_weights(split_name(address)[1]) if name == "weights" else Storage.at(address)
            )
            check_apart(output, f"--{name.replace('_', '-')}", place)


# Absolute addresses, valid on every machine of a cluster.

AnyRequest = TypeVar("AnyRequest", bound=Request)


def make_absolute(request: AnyRequest) -> AnyRequest:
    """Return the request with absolute paths, because workers have other working directories.

    Raises:
        ValueError: an address is invalid.
    """
    given = {field.name: getattr(request, field.name) for field in fields(request)}
    absolute = {
        name: CONVERSIONS[name](value)
        for name, value in given.items()
        if name in CONVERSIONS and value is not None
    }
    return replace(request, **absolute)


def _uri(address: str) -> str:
    return Storage.at(address).uri


def _uris(addresses: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_uri, addresses))


def _weights(parts: tuple[str, ...] | str) -> tuple[str, ...] | str:
    if isinstance(parts, str):
        return parts if is_included(open_weights(parts)) else _uri(parts)
    return tuple(map(_one_weights, parts))


def _one_weights(part: str) -> str:
    """Return weights by absolute address; included weights keep their name."""
    name, address = split_name(part)
    if "/" not in address and is_included(open_weights(address)):
        return part
    return f"{name}={_uri(address)}" if name else _uri(address)


def _file(choice: str) -> str:
    """Return an existing FILE or NAME=FILE with its absolute path; other values unchanged."""
    if Path(choice).is_file():
        return str(Path(choice).absolute())
    name, equals, file = choice.partition("=")
    return f"{name}={Path(file).absolute()}" if equals and Path(file).is_file() else choice


CONVERSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("images", "targets", "answers", "sequences"), _uris),
    **dict.fromkeys(("film", "lines", "study", "classes", "held_out"), _uri),
    **dict.fromkeys(("fid_features", "clip", "lpips"), _file),
    "weights": _weights,
}
"""Field of a request -> function that makes its value absolute."""
