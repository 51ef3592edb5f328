"""What is unusual in the numbers of a film's pictures: gaps, doubles, versions in one folder."""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from operator import attrgetter

from lineart.film.pictures.frames import FilmFrame
from lineart.film.pictures.listing import caseless, name_some, printable
from lineart.film.pictures.names import SEPARATORS, NameParts, read_name, read_resolution

MAX_SHOTS = 10
"""Maximum number of shots that have a sentence of their own; the others are counted."""
RARE = 10
"""One difference of so many may be a gap if a shot is numbered in steps above 1."""


def describe_gaps(frames: Iterable[FilmFrame]) -> list[str]:
    """Return a sentence for each of the first shots in whose numbers some are missing.

    A shot's step is its most frequent difference between successive numbers, and a larger
    difference is a gap. There are none if that is how the shot is exposed: if its step is 1, and
    most differences are larger; or if its step is larger (1, 3, 5, 9 is a shot on twos with a
    hold), and more than a tenth of the differences are.
    """
    found: list[str] = []
    for shot, group in groupby(frames, attrgetter("shot")):
        missing, step = _missing(group)
        if missing:
            found.append(f"shot {shot} has no {name_some(missing)}: its numbers go up by {step}")
    return _first(found, "more shots have gaps in their numbers")


def _missing(shot: Iterable[FilmFrame]) -> tuple[list[str], int]:
    """Return the ranges of numbers that are missing in a shot, as text, and its last step."""
    names: dict[str, dict[int, NameParts]] = defaultdict(dict)
    for frame in shot:
        parts = read_name(frame.name)
        if frame.refusal is None and parts.number is not None:
            names[caseless(parts.series)].setdefault(parts.number, parts)
    missing, step = list[str](), 1
    for texts in names.values():
        numbers = sorted(texts)
        some = [*_gaps(numbers)]
        for first, last, step in some:
            before = texts[first - step]
            ends = [_like(before, number) for number in dict.fromkeys((first, last))]
            missing.append("-".join(ends))
    return missing, step


def _gaps(numbers: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield first and last missing number, and the step, of each gap in sorted numbers."""
    differences = [after - before for before, after in pairwise(numbers)]
    if len(differences) < 2:
        return
    counts = Counter(differences)
    step = min(counts, key=lambda difference: (-counts[difference], difference))
    larger = sum(difference > step for difference in differences)
    if larger * (2 if step == 1 else RARE) > len(differences):
        return
    for before, after in pairwise(numbers):
        if after - before > step:
            yield before + step, before + (after - before - 1) // step * step, step


def describe_doubles(frames: Iterable[FilmFrame]) -> list[str]:
    """Return a sentence for each of the first shots in which frames have one number.

    Their names differ in zeros or separators alone, as `1.png` and `001.png` do. Levels, letters
    behind the number, versions and resolutions tell frames apart.
    """
    found: list[str] = []
    for shot, group in groupby(frames, attrgetter("shot")):
        of_number: dict[tuple[object, ...], list[str]] = defaultdict(list)
        for frame in group:
            if frame.refusal is None and (key := _double_key(frame.name)) is not None:
                of_number[key].append(printable(posixpath.basename(frame.name)))
        doubles = [" = ".join(names) for names in of_number.values() if len(names) > 1]
        if doubles:
            found.append(
                f"shot {shot} has frames of one number: {name_some(doubles)}; each is made as a "
                "frame"
            )
    return _first(found, "more shots have frames of one number")


def _double_key(name: str) -> tuple[object, ...] | None:
    """Return what is equal for pictures that may be the same frame; None without a number."""
    parts = read_name(name)
    if parts.number is None:
        return None
    texts = parts.series, parts.suffix.strip(SEPARATORS), parts.version, read_resolution(name)
    return (parts.number, *map(caseless, texts))


def _like(parts: NameParts, number: int) -> str:
    """Return a name with another number, which is padded as its own."""
    width = len(parts.digits.removeprefix("-")) if parts.digits.lstrip("-").startswith("0") else 0
    # A bracket, but no letter: the next number need not have that.
    end = parts.suffix.strip() if not any(map(str.isalnum, parts.suffix)) else ""
    return f"{parts.prefix}{'-' if number < 0 else ''}{abs(number):0{width}}{end}"


def describe_versions(frames: Iterable[FilmFrame]) -> list[str]:
    """Return a sentence for each of the first folders that hold several versions of pictures."""
    shots: dict[str, dict[str, None]] = defaultdict(dict)
    for frame in frames:
        shots[posixpath.dirname(frame.name)][frame.shot] = None
    found = [
        f"{folder or 'the top folder'} holds several versions of its pictures; each is a shot of "
        f"its own: {name_some([*names])}; --shots chooses"
        for folder, names in shots.items()
        if len(names) > 1
    ]
    return _first(found, "more folders hold several versions of pictures")


def _first(sentences: list[str], others: str) -> list[str]:
    left = len(sentences) - MAX_SHOTS
    return [*sentences[:MAX_SHOTS], *([f"{left} {others}"] if left > 0 else [])]
