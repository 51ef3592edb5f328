"""Keys of a film: which coloured drawings serve which shots, by their names.

`<shot>/<frame>.png` is the coloured drawing `<frame>`, and serves all drawings of the shot.
"""

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from lineart.film.colors.frame_colors import HashedColors
from lineart.film.colors.named_after import Drawings, folders_of_shot
from lineart.film.pictures.frames import FilmFrame, KeySource, Source
from lineart.film.pictures.listing import caseless, name_some, printable
from lineart.film.records import Failure, HashedFile, HashedHint


class FramesWithKeys(NamedTuple):
    """Frames of a film with their keys."""

    frames: list[FilmFrame]
    warnings: list[str]
    """Sentences on keys that name no drawing."""


def attach_keys(frames: Sequence[FilmFrame], keys: Sequence[Source]) -> FramesWithKeys:
    """Return the frames of a film with the keys of their shots.

    Several keys of one drawing are refused.

    Args:
        frames: Frames in film order.
        keys: Listed pictures of keys.
    """
    folders: dict[str, list[Source]] = defaultdict(list)
    for key in keys:
        folders[caseless(posixpath.dirname(key.name))].append(key)
    used: set[Source] = set()
    attached: list[FilmFrame] = []
    for _, group in groupby(frames, lambda one: (posixpath.dirname(one.name), one.shot)):
        drawings = [*group]
        of_shot: dict[int, KeySource] = {}
        places = folders_of_shot(drawings[0])
        if below := [key for name in places for key in folders.get(name, ())]:
            find = Drawings(drawings).find
            matched = [(found, key) for key in below if (found := find(key.name)) is not None]
            used.update(key for _, key in matched)
            of_shot = _pair(matched, drawings)
        attached += _sort_keys(drawings, of_shot) if of_shot else drawings
    unused = [key for of_folder in folders.values() for key in of_folder if key not in used]
    return FramesWithKeys(attached, _describe(unused))


def give_holds_one_order(
    frames: Iterable[FilmFrame],
    shown: Iterable[FilmFrame],
    pictures: Mapping[str, HashedFile | Failure],
) -> list[FilmFrame]:
    """Return frames; those that repeat a drawing have the keys of its first frame, in that order.

    Halfway between two keys, a held drawing would change its colours.

    Args:
        frames: Frames with the keys of their shots.
        shown: All readable frames of these shots, in film order.
        pictures: Hashes of the pictures of the frames shown.
    """

    def shows(frame: FilmFrame) -> tuple[str, str]:
        picture = pictures[frame.name]
        drawing = picture.pixels_sha256 if isinstance(picture, HashedFile) else frame.name
        return frame.shot, drawing

    held: dict[str, tuple[KeySource, ...]] = {}
    for _, group in groupby(shown, shows):
        first, *others = group
        held.update((one.name, first.keys) for one in others if one.keys != first.keys)
    return [replace(one, keys=held[one.name]) if one.name in held else one for one in frames]


def describe_keyless(frames: Iterable[FilmFrame]) -> list[str]:
    """Return a sentence for each shot without a key or sheet."""
    shots = dict.fromkeys(frame.shot for frame in frames if frame.refusal is None)
    keyed = {frame.shot for frame in frames if frame.keys or frame.sheets}
    rest = "its colours are from hints, or as --unknown says"
    return [f"shot {printable(shot)} has no key; {rest}" for shot in shots if shot not in keyed]


def describe_empty(frames: Iterable[FilmFrame], colors: HashedColors) -> list[str]:
    """Return a sentence for each key that is fully transparent, and for shots that have no other.

    Args:
        frames: Frames with the keys of their shots.
        colors: The keys, after they were read.
    """
    empty: dict[Source, None] = {}
    keyless: list[FilmFrame] = []
    for keys, frame in {frame.keys: frame for frame in frames if frame.keys}.items():
        found = [(key.colors, colors.keys[key.colors.name]) for key in keys]
        blank = [key for key, one in found if isinstance(one, HashedHint) and one.is_blank]
        empty.update(dict.fromkeys(blank))
        if len(blank) == len(keys):
            keyless.append(replace(frame, keys=()))
    named = [f"the key {printable(key.name)} is empty: it is fully transparent" for key in empty]
    return [*named, *describe_keyless(keyless)]


def describe_warned(frames: Iterable[FilmFrame], colors: HashedColors) -> list[str]:
    """Return the warnings of keys, such as one that has no colours.

    Arguments are as for `describe_empty`.
    """
    keys = dict.fromkeys(key.colors for held in {one.keys: None for one in frames} for key in held)
    found = [(key, colors.keys[key.name]) for key in keys]
    return [
        f"the key {printable(key.name)}: {warning}"
        for key, one in found
        if isinstance(one, HashedHint)
        for warning in one.warnings
    ]


def describe_twins(frames: Iterable[FilmFrame], colors: HashedColors) -> list[str]:
    """Return a sentence for each key that differs from one before it of an equal drawing.

    Arguments are as for `describe_empty`.
    """
    sentences: list[str] = []
    for keys in dict.fromkeys(tuple(sorted(frame.keys, key=_key_name)) for frame in frames):
        first: dict[str, tuple[str, str]] = {}
        for key in keys:
            drawing, found = colors.pictures[key.drawing.name], colors.keys[key.colors.name]
            if isinstance(drawing, Failure) or isinstance(found, Failure) or found.is_blank:
                continue
            one = printable(key.colors.name), found.pixels_sha256
            other = first.setdefault(drawing.pixels_sha256, one)
            if other[1] != one[1]:
                sentences.append(
                    f"{other[0]} and {one[0]} are different keys of equal drawings, "
                    "for which the nearer alone counts; leave one out"
                )
    return sentences


def _key_name(key: KeySource) -> str:
    return key.colors.name


def _pair(
    matched: Iterable[tuple[int, Source]], drawings: Sequence[FilmFrame]
) -> dict[int, KeySource]:
    """Return the keys of a shot by the places of their drawings."""
    of_place: dict[int, list[Source]] = defaultdict(list)
    for place, key in matched:
        of_place[place].append(key)
    paired = {}
    for place, keys in of_place.items():
        first, *others = sorted(keys, key=lambda key: key.name)
        if others:
            why = f"{others[0].name!r} is a key of the same drawing; leave one out"
            first = replace(first, refusal=why)
        paired[place] = KeySource(drawings[place].source, first)
    return paired


def _sort_keys(drawings: Sequence[FilmFrame], keys: Mapping[int, KeySource]) -> Iterator[FilmFrame]:
    """Yield the drawings of a shot with its keys, the nearest first."""
    unique: dict[tuple[int, ...], tuple[KeySource, ...]] = {}
    for place, frame in enumerate(drawings):
        order = tuple(sorted(keys, key=lambda one: (abs(one - place), one)))
        # Equal tuples share one object, to save memory.
        if order not in unique:
            unique[order] = tuple(keys[one] for one in order)
        yield replace(frame, keys=unique[order])


def _describe(unused: Sequence[Source]) -> list[str]:
    if not unused:
        return []
    what = "a key names" if len(unused) == 1 else f"{len(unused)} keys name"
    names = sorted(printable(key.name) for key in unused)
    return [f"{what} no drawing, or several: {name_some(names)}"]
