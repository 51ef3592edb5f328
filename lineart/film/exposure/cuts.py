"""Exposure sheets matched with the frames of a film."""

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from lineart.film.exposure.xdts import ExposureSheet, Level, parse_xdts
from lineart.film.pictures.listing import caseless, name_some
from lineart.film.pictures.names import NameParts, read_name, stem
from lineart.storage import Storage


class Exposure(NamedTuple):
    """Drawing of a level at a time."""

    drawing: str
    """As the sheet names it: `12`."""
    frame: str | None
    """Name of the film's frame; None if the film lacks it."""


@dataclass(frozen=True)
class ExposedLevel:
    """A level of a sheet with its frames of the film."""

    name: str
    shots: tuple[str, ...]
    """Shots that its frames are in: one, or one for each version."""
    shot: str | None
    """Shot that consists of its frames; None if its frames are part of one, or of several."""
    times: tuple[Exposure | None, ...]
    """Drawing at each time; None: the level shows nothing."""

    @cached_property
    def missing(self) -> list[str]:
        """Drawings that the film lacks: `A 12`."""
        lacking = (one.drawing for one in self.times if one is not None and one.frame is None)
        return [f"{self.name} {drawing}" for drawing in dict.fromkeys(lacking)]


@dataclass(frozen=True)
class ExposedCut:
    """A sheet matched with a film."""

    name: str
    """Name of the cut: `cut 12`, or the name of the file."""
    scene: str
    levels: Sequence[ExposedLevel]
    """Levels from bottom to top."""

    @property
    def duration(self) -> int:
        """Number of frames."""
        return len(self.levels[0].times)

    @property
    def missing(self) -> list[str]:
        """Drawings that the film lacks: `A 12`."""
        return [name for level in self.levels for name in level.missing]


@dataclass(frozen=True)
class Sheets:
    """Exposure sheets of a film, as given by flags."""

    addresses: Sequence[str] = ()
    """Files or `s3://` addresses in XDTS, one for each cut."""
    levels: Sequence[str] = ()
    """Levels to show; empty for all."""

    def expose(self, frames: Mapping[str, str]) -> list[ExposedCut]:
        """Match the sheets with the frames of a film; see `expose_film`."""
        if self.levels and not self.addresses:
            raise ValueError("--levels chooses levels of an exposure sheet; give one with --xdts")
        return [expose_film(address, frames, self.levels) for address in self.addresses]


NO_SHEETS = Sheets()


def describe_missing(cut: ExposedCut) -> str:
    """Return a sentence on the drawings of a cut that the film lacks; there must be some."""
    return f"the film lacks drawings on the sheet of {cut.name}: {name_some(cut.missing)}"


def name_missing(cuts: Iterable[ExposedCut]) -> dict[str, list[str]]:
    """Return the drawings that the film lacks as `missing`, for the summary of a command."""
    missing = [f"{cut.name}: {name}" for cut in cuts for name in cut.missing]
    return {"missing": missing} if missing else {}


def expose_film(address: str, frames: Mapping[str, str], levels: Sequence[str] = ()) -> ExposedCut:
    """Read an exposure sheet and match it with the frames of a film.

    The frames of level A are those of the shot A, or of the shot `.../A`; if there is none, those
    of a folder whose names begin with A: `A0012.png`. Drawing 12 is the one with the number 12.

    Args:
        address: The sheet: a file or `s3://` address.
        frames: Frame -> shot, in film order.
        levels: Names of the levels to show; empty for all.

    Raises:
        ValueError: the file is not a sheet in XDTS, a level has no frames in the film, or it is not
            clear which ones.
        OSError: the file cannot be read.
    """
    sheet, name = _read_sheet(address)
    try:
        chosen = _choose(sheet, levels)
        finder = _Finder(frames, sheet.cut)
        exposed = [finder.expose(level.name, level.drawings) for level in chosen]
    except ValueError as error:
        raise ValueError(f"the exposure sheet {name}: {error}") from error
    cut = f"cut {sheet.cut}" if sheet.cut else posixpath.splitext(name)[0]
    return ExposedCut(cut, sheet.scene, exposed)


def _read_sheet(address: str) -> tuple[ExposureSheet, str]:
    """Read a sheet; return it with the name of its file."""
    found = Storage.at(address).as_file()
    if found is None:
        raise FileNotFoundError(f"there is no exposure sheet {address}; give an XDTS file")
    folder, name = found
    try:
        return parse_xdts(folder.read(name)), name
    except ValueError as error:
        raise ValueError(f"the exposure sheet {name} cannot be read: {error}") from error


def _choose(sheet: ExposureSheet, names: Sequence[str]) -> list[Level]:
    present = [*dict.fromkeys(level.name for level in sheet.levels)]
    if missing := [name for name in names if name not in present]:
        raise ValueError(f"it has no level {missing[0]}; its levels are {name_some(present)}")
    return [level for level in sheet.levels if not names or level.name in names]


class _Finder:
    """Finds the frames of levels in a film.

    Args:
        frames: Frame -> shot, in film order.
        cut: Number of the cut, which tells folders of equal names apart.
    """

    def __init__(self, frames: Mapping[str, str], cut: str) -> None:
        self._shots, self._cut = frames, cut
        self._sizes = Counter(frames.values())
        self._folders: dict[str, list[str]] = {}
        for frame, shot in frames.items():
            self._folders.setdefault(posixpath.dirname(frame) or shot, []).append(frame)

    def expose(self, level: str, drawings: Sequence[str | None]) -> ExposedLevel:
        """Find the frames of a level's drawings."""
        frames = self._find(level)
        known = _by_drawing(level, frames)
        found = {
            one: Exposure(one, _look_up(known, level, one)) for one in drawings if one is not None
        }
        shots = tuple(dict.fromkeys(self._shots[frame] for frame in frames))
        is_whole = len(shots) == 1 and self._sizes[shots[0]] == len(frames)
        times = tuple(found[one] if one is not None else None for one in drawings)
        return ExposedLevel(level, shots, shots[0] if is_whole else None, times)

    def _find(self, level: str) -> list[str]:
        """Return the frames of a level."""
        key = caseless(level)
        named = [folder for folder in self._folders if caseless(posixpath.basename(folder)) == key]
        found = {folder: self._folders[folder] for folder in self._of_cut(named)}
        if not found:
            parts: dict[str, list[str]] = {}
            for folder, frames in self._folders.items():
                if inside := [one for one in frames if caseless(read_name(one).series) == key]:
                    parts[folder] = inside
            found = {folder: parts[folder] for folder in self._of_cut([*parts])}
        if not found:
            raise ValueError(
                f"the film has no level {level}: no shot is called so; there are "
                f"{name_some([*self._sizes])}; choose levels that the film has (--levels)"
            )
        if len(found) > 1:
            raise ValueError(
                f"level {level} could be {name_some([*found])}; "
                "name the folder of the cut after the cut of the sheet"
            )
        return next(iter(found.values()))

    def _of_cut(self, folders: list[str]) -> list[str]:
        """Return those of several folders that lie in one with the number of the cut."""
        if len(folders) < 2 or not self._cut:
            return folders
        wanted = _plain(self._cut)
        return [
            folder
            for folder in folders
            if any(_plain(part) == wanted for part in folder.split("/"))
        ] or folders


def _plain(name: str) -> str:
    """Return the last number in the name of a cut, `Cut-005` as 5; without one, the name."""
    parts = _read_plain(name)
    digits = parts.digits.lstrip("-").lstrip("0")
    return digits + caseless(parts.suffix) if parts.digits else caseless(name)


def _read_plain(name: str) -> NameParts:
    # With a suffix, so that a point in the name is none.
    return read_name(f"{name}.png")


DrawingNumber = tuple[int, str]
"""Number of a drawing, and the text behind it: 12 and `a`."""


def _by_drawing(level: str, frames: Iterable[str]) -> dict[DrawingNumber | str, str]:
    """Return the frames of a level by number, and by name; of several versions the last."""
    known: dict[DrawingNumber | str, str] = {}
    versions: dict[DrawingNumber, int] = {}
    for frame in frames:
        known[caseless(stem(posixpath.basename(frame)))] = frame
        parts = read_name(frame)
        if parts.number is None:
            continue
        key = parts.number, caseless(parts.suffix)
        if versions.get(key) == parts.version_number:
            raise ValueError(
                f"drawing {parts.number}{parts.suffix} of level {level} could be {known[key]} or "
                f"{frame}; rename one"
            )
        if parts.version_number > versions.get(key, -2):
            known[key], versions[key] = frame, parts.version_number
    return known


def _look_up(known: Mapping[DrawingNumber | str, str], level: str, drawing: str) -> str | None:
    """Return the frame of a drawing, which the sheet names `12`, `12a`, `A12` or by its file."""
    parts = _read_plain(drawing)
    by_name = known.get(caseless(drawing))
    if by_name is not None or parts.number is None:
        return by_name
    is_of_level = caseless(parts.series) in ("", caseless(level))
    return known.get((parts.number, caseless(parts.suffix))) if is_of_level else None
