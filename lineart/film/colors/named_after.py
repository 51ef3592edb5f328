"""Which drawing of a shot a hint or key is named after: by its name, or else by its number."""

import posixpath
from collections import defaultdict
from collections.abc import Sequence

from lineart.film.pictures.frames import FilmFrame
from lineart.film.pictures.listing import caseless
from lineart.film.pictures.names import NameParts, read_name, stem


def folders_of_shot(frame: FilmFrame) -> tuple[str, ...]:
    """Return the folders in which hints and keys of the drawings of a frame's shot may be.

    They are its own and those that are called after the shot, as `caseless` has them.
    """
    version = read_name(frame.name).version
    shot = frame.shot.removesuffix(f"_{version}") if version else frame.shot
    return tuple(dict.fromkeys(map(caseless, (posixpath.dirname(frame.name), frame.shot, shot))))


class Drawings:
    """Drawings of a shot by the names that their hints and keys may have."""

    def __init__(self, frames: Sequence[FilmFrame]) -> None:
        self._places = {_base(frame.name): place for place, frame in enumerate(frames)}
        self._numbered: dict[int | None, list[tuple[int, NameParts]]] = defaultdict(list)
        for place, frame in enumerate(frames):
            parts = read_name(frame.name)
            self._numbered[parts.number].append((place, parts))

    def find(self, name: str) -> int | None:
        """Return the place of the drawing that a hint or key of this name is for, or None.

        It is the one of the same name, else the only one of the same number whose name differs in
        nothing that both say: text before the number, letter behind it, version. `0012` is for
        `f0012`.
        """
        exact = self._places.get(_base(name))
        if exact is not None:
            return exact
        parts = read_name(name)
        numbered = self._numbered.get(parts.number, ()) if parts.digits else ()
        alike = [place for place, drawing in numbered if _is_alike(parts, drawing)]
        return alike[0] if len(alike) == 1 else None


def _base(name: str) -> str:
    return caseless(posixpath.basename(stem(name)))


def _is_alike(name: NameParts, drawing: NameParts) -> bool:
    said = (
        (name.series, drawing.series),
        (name.suffix, drawing.suffix),
        (name.version, drawing.version),
    )
    return all("" in (one, other) or caseless(one) == caseless(other) for one, other in said)
