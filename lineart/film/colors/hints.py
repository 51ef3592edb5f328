"""Hints of a film: which hint pictures hold on which frames, by their names.

`<shot>.png` holds on a shot, `<shot>/0010-0020.png` on the frames with these numbers, and
`<shot>/<frame>.png` from that frame until the next such hint of the shot; `<frame>` is its name, or
its number as in a key. All that hold on a frame add up. Where two of them have a hint, the one that
begins later counts.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from lineart.film.colors.named_after import Drawings, folders_of_shot
from lineart.film.pictures.frames import FilmFrame, Source, holds_others, refuse_twins
from lineart.film.pictures.listing import caseless, printable
from lineart.film.pictures.names import NameParts, read_name, stem
from lineart.film.records import Failure, HashedHint


class FrameRange(NamedTuple):
    """Frames on which a hint holds that is named after two numbers."""

    series: str
    """Text before the number in the names of these frames, as `caseless` has it; empty: any."""
    first: int
    last: int

    def includes(self, frame: NameParts) -> bool:
        """Return whether a frame is in the range; one without a number is not."""
        return (
            frame.number is not None
            and self.first <= frame.number <= self.last
            and self.series in ("", caseless(frame.series))
        )


_Range = tuple[FrameRange, Source]
_Layer = tuple[int, int, str, Source]
"""Place where it begins, minus the number of frames on which a range holds, name, hint."""


def range_of(name: str) -> FrameRange | None:
    """Return the range in a hint's name: `0010-0020`, `A0010-A0020` or `A0010-0020`; None if none.

    The first number is at most the second; both belong to the range.
    """
    for first, last in _number_pairs(name):
        series, begin, end = caseless(first.series), int(first.digits), int(last.digits)
        if caseless(last.series) in ("", series) and begin <= end:
            return FrameRange(series, begin, end)
    return None


def _number_pairs(name: str) -> Iterator[tuple[NameParts, NameParts]]:
    """Yield the two halves of a name at each hyphen where both end in a number."""
    base = posixpath.basename(stem(name))
    for dash in re.finditer("-", base):
        # The suffix keeps points in the name.
        first, last = (read_name(f"{end}.x") for end in (base[: dash.start()], base[dash.end() :]))
        if first.digits and last.digits and not any((*first[2:], *last[2:])):
            yield first, last


def attach_hints(
    frames: Sequence[FilmFrame], hints: Sequence[Source], *, by_number: bool = True
) -> list[FilmFrame]:
    """Return the frames of a film with the hints that hold on them.

    Names match in any case and any normal form of Unicode. A hint named after a shot or a frame is
    no range. Several hints of one frame are refused.

    Args:
        frames: Frames in film order.
        hints: Listed hint pictures.
        by_number: Whether the number of a frame is a name of it, as `Drawings.find` has it.
    """
    if not hints:
        return list(frames)
    by_name = {_key(hint.name): hint for hint in refuse_twins(hints, "are hints for one frame")}
    named = _names(frames)
    ranges: dict[str, list[_Range]] = defaultdict(list)
    for key, hint in by_name.items():
        found = None if key in named else range_of(hint.name)
        if found is not None:
            ranges[posixpath.dirname(key)].append((found, hint))
    of_frame = _hints_of_frames(frames, by_name, _find_numbered(frames, hints) if by_number else {})
    attached: list[FilmFrame] = []
    # Equal tuples share one object, to save memory.
    unique: dict[tuple[Source, ...], tuple[Source, ...]] = {}
    for folder, shot in _shots(frames):
        below = [by_name[key] for key in _shot_keys(shot[0]) if key in by_name]
        stacks = _stacks(shot, of_frame, ranges[caseless(folder)])
        for frame, (stack, own) in zip(shot, stacks, strict=True):
            holding = tuple(dict.fromkeys((*below, *stack)))
            holding = unique.setdefault(holding, holding)
            attached.append(replace(frame, hints=holding, frame_hint=own))
    return attached


def attach_everywhere(frames: Iterable[FilmFrame], hint: Source) -> list[FilmFrame]:
    """Return the frames of a film with a hint that holds on all of them."""
    return [replace(frame, hints=(hint,)) for frame in frames]


def find_origins(frames: Iterable[FilmFrame]) -> list[FilmFrame]:
    """Return the frames of a film with the drawing that each of their hints was set in.

    It is the first one of its shot on which the hint holds, also if it cannot be read.
    """
    first: dict[tuple[str, Source], Source] = {}
    unique: dict[tuple[Source, ...], tuple[Source, ...]] = {}
    found: list[FilmFrame] = []
    for frame in frames:
        source = frame.source
        is_drawing = (
            source.refusal is None or source.row is not None or not holds_others(source.path)
        )
        if frame.hints and is_drawing:
            named = ((frame.shot, hint) for hint in frame.hints)
            origins = tuple(first.setdefault(name, source) for name in named)
            # Equal tuples share one object, to save memory.
            frame = replace(frame, origins=unique.setdefault(origins, origins))
        found.append(frame)
    return found


def take_first_pages(
    frames: Sequence[FilmFrame], hints: Sequence[Source]
) -> tuple[list[Source], list[str]]:
    """Return the first page of those hint files that are named after a shot, frame or range.

    Pages of other files are hints for the pages of drawings, and stay.

    Args:
        frames: Frames in film order.
        hints: Listed hint pictures.

    Returns:
        The hints, and a sentence for each file whose other pages are left out.
    """
    named, kept, sentences = _names(frames), list[Source](), list[str]()
    first = [_whole_file(hint) for hint in hints if hint.page == 0]
    named.update(*_find_numbered(frames, first).values())
    for hint in hints:
        file = _file_of(hint)
        is_named = caseless(file) in named or range_of(f"{file}.x") is not None
        if hint.page is None or not is_named:
            kept.append(hint)
        elif hint.page == 0:
            whole = _whole_file(hint)
            kept.append(whole)
            sentences.append(f"the hint {printable(whole.name)} has pages; only its first holds")
    return kept, sentences


def _whole_file(page: Source) -> Source:
    """Return a page under the name of its file."""
    return replace(page, name=_file_of(page) + posixpath.splitext(page.name)[1])


def _file_of(picture: Source) -> str:
    """Return the name of the file that a page is in, without its suffix."""
    name = stem(picture.name)
    return name if picture.page is None else name.rpartition("#")[0]


def _names(frames: Iterable[FilmFrame]) -> set[str]:
    """Return the names that hints for a shot or for a frame may have."""
    return {key for frame in frames for key in (*_shot_keys(frame), _key(frame.name))}


def _key(name: str) -> str:
    return caseless(stem(name))


def _shot_keys(frame: FilmFrame) -> tuple[str, ...]:
    """Return the names of hints for a frame's shot: the shot's, below it that of all versions."""
    version = read_name(frame.name).version
    shot = caseless(frame.shot)
    return tuple(dict.fromkeys((shot.removesuffix(f"_{version}"), shot))) if version else (shot,)


def _shots(frames: Iterable[FilmFrame]) -> Iterator[tuple[str, list[FilmFrame]]]:
    """Yield the folder and the frames of each shot."""
    for (folder, _), group in groupby(frames, lambda one: (posixpath.dirname(one.name), one.shot)):
        yield folder, [*group]


def _find_numbered(
    frames: Sequence[FilmFrame], hints: Iterable[Source]
) -> Mapping[str, Sequence[str]]:
    """Return name of a frame -> keys of the hints that say its number and are no other name."""
    other_names = _names(frames) | {caseless(_file_of(frame.source)) for frame in frames}
    folders: dict[str, list[str]] = defaultdict(list)
    for hint in hints:
        key = _key(hint.name)
        # The pages of a file have numbers of their own.
        is_page = hint.page is not None and key.endswith(f"#{hint.page + 1:04}")
        if not is_page and key not in other_names and not any(_number_pairs(hint.name)):
            folders[posixpath.dirname(key)].append(key)
    found: dict[str, list[str]] = defaultdict(list)
    for _, shot in _shots(frames):
        below = [key for folder in folders_of_shot(shot[0]) for key in folders.get(folder, ())]
        find = Drawings(shot if below else ()).find
        for key in below:
            place = find(f"{key}.x")
            if place is not None:
                found[shot[place].name].append(key)
    return found


def _hints_of_frames(
    frames: Iterable[FilmFrame],
    by_name: Mapping[str, Source],
    numbered: Mapping[str, Sequence[str]],
) -> dict[str, list[Source]]:
    """Return name of a frame -> the hint that is named after it; several are refused."""
    found: dict[str, list[Source]] = {}
    for frame in frames:
        keys = [_key(frame.name)]
        if frame.source.page == 0 and keys[0] not in by_name:
            keys = [caseless(_file_of(frame.source))]
        own = [by_name[key] for key in (*keys, *numbered.get(frame.name, ())) if key in by_name]
        if len(own) > 1:
            names = " and ".join(repr(hint.name) for hint in own[:2])
            why = f"{names} are hints for one frame; leave one out"
            own = [replace(hint, refusal=hint.refusal or why) for hint in own]
        if own:
            found[frame.name] = own
    return found


def _stacks(
    shot: Sequence[FilmFrame],
    of_frame: Mapping[str, Sequence[Source]],
    ranges: Sequence[_Range],
) -> Iterator[tuple[list[Source], Source | None]]:
    """Yield for each frame of a shot the hints of ranges and frames, bottom to top, and the latter.

    A hint lies above those that begin before it; of hints that begin on one frame, the one that
    holds on fewer frames does.
    """
    names = [read_name(frame.name) for frame in shot] if ranges else []
    covering: list[list[_Layer]] = [[] for _ in shot]
    for reach, hint in ranges:
        places = [place for place, name in enumerate(names) if reach.includes(name)]
        for place in places:
            covering[place].append((places[0], -len(places), hint.name, hint))
    own: Sequence[Source] = ()
    begins = 0
    for place, (frame, layers) in enumerate(zip(shot, covering, strict=True)):
        if frame.name in of_frame:
            own, begins = of_frame[frame.name], place
        layers.extend((begins, 0, hint.name, hint) for hint in own)
        stack = [layer[-1] for layer in sorted(layers, key=itemgetter(0, 1, 2))]
        yield stack, own[0] if own else None


def unused_hints(frames: Iterable[FilmFrame], hints: Iterable[Source]) -> list[str]:
    """Return the names of hints that hold on no frame, sorted, as printable text."""
    used = {_key(hint.name) for held in {frame.hints for frame in frames} for hint in held}
    return sorted(printable(hint.name) for hint in hints if _key(hint.name) not in used)


def describe_empty_hints(
    frames: Iterable[FilmFrame], hashed: Mapping[str, HashedHint | Failure]
) -> list[str]:
    """Return a sentence for each hint of a shot in which nothing is a hint.

    An empty hint of a frame or of a range says where others end.

    Args:
        frames: Frames with the hints that hold on them.
        hashed: The hints, after they were read.
    """
    held = {(hint, hint == frame.frame_hint): None for frame in frames for hint in frame.hints}
    of_shots = [hint for hint, is_own in held if not is_own and range_of(hint.name) is None]
    found = [(hint, hashed[hint.name]) for hint in of_shots]
    return [
        f"the hint {printable(hint.name)} is empty: nothing in it is a hint"
        for hint, one in found
        if isinstance(one, HashedHint) and one.is_blank
    ]
