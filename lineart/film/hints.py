"""Hints of a film: which hint pictures hold on which frames, by their names.

`<shot>.png` holds on a shot, `<shot>/0010-0020.png` on the frames with these numbers, and
`<shot>/<frame>.png` from that frame until the next such hint of the shot. All that hold on a frame
add up. Where two of them have a hint, the one that begins later counts.
"""

import hashlib
import posixpath
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from lineart.film.frames import FilmFrame, Source, refuse_twins, stem
from lineart.film.listing import caseless, printable
from lineart.film.names import NameParts, read_name
from lineart.film.records import Failure, HashedHint, Input
from lineart.film.tasks import SharedRules
from lineart.image import Size


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
    base = posixpath.basename(stem(name))
    for dash in re.finditer("-", base):
        # The suffix keeps points in the name.
        first, last = (read_name(f"{end}.x") for end in (base[: dash.start()], base[dash.end() :]))
        if first.number is None or last.number is None or any((*first[2:], *last[2:])):
            continue
        series = caseless(first.series)
        if caseless(last.series) in ("", series) and first.number <= last.number:
            return FrameRange(series, first.number, last.number)
    return None


def hold_hints(frames: Sequence[FilmFrame], hints: Sequence[Source]) -> list[FilmFrame]:
    """Return the frames of a film with the hints that hold on them.

    Names match in any case and any normal form of Unicode. A hint named after a shot or a frame is
    no range. Hints with equal names are refused.

    Args:
        frames: Frames in film order.
        hints: Listed hint pictures.
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
    held: list[FilmFrame] = []
    # Equal tuples share one object, to save memory.
    unique: dict[tuple[Source, ...], tuple[Source, ...]] = {}
    for (folder, _), group in groupby(frames, lambda one: (posixpath.dirname(one.name), one.shot)):
        shot = list(group)
        below = [by_name[key] for key in _shot_keys(shot[0]) if key in by_name]
        stacks = _stacks(shot, by_name, ranges[caseless(folder)])
        for frame, (stack, own) in zip(shot, stacks, strict=True):
            holding = tuple(dict.fromkeys((*below, *stack)))
            holding = unique.setdefault(holding, holding)
            held.append(replace(frame, hints=holding, frame_hint=own))
    return held


def hold_everywhere(frames: Iterable[FilmFrame], hint: Source) -> list[FilmFrame]:
    """Return the frames of a film with a hint that holds on all of them."""
    return [replace(frame, hints=(hint,)) for frame in frames]


def take_first_pages(
    frames: Iterable[FilmFrame], hints: Iterable[Source]
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
    for hint in hints:
        file = _file_of(hint)
        if hint.page is None or not (caseless(file) in named or range_of(f"{file}.x")):
            kept.append(hint)
        elif hint.page == 0:
            suffix = posixpath.splitext(hint.name)[1]
            kept.append(replace(hint, name=file + suffix))
            sentences.append(f"the hint {printable(file + suffix)} has pages; only its first holds")
    return kept, sentences


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


def _stacks(
    shot: Sequence[FilmFrame], by_name: Mapping[str, Source], ranges: Sequence[_Range]
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
    own: Source | None = None
    begins = 0
    for place, (frame, layers) in enumerate(zip(shot, covering, strict=True)):
        named_after_it = by_name.get(_key(frame.name))
        if frame.source.page == 0 and named_after_it is None:
            named_after_it = by_name.get(caseless(_file_of(frame.source)))
        if named_after_it is not None:
            own, begins = named_after_it, place
        if own is not None:
            layers.append((begins, 0, own.name, own))
        yield [layer[-1] for layer in sorted(layers, key=itemgetter(0, 1, 2))], own


def unused_hints(frames: Iterable[FilmFrame], hints: Iterable[Source]) -> list[str]:
    """Return the names of hints that hold on no frame, sorted, as printable text."""
    used = {_key(hint.name) for held in {frame.hints for frame in frames} for hint in held}
    return sorted(printable(hint.name) for hint in hints if _key(hint.name) not in used)


class HeldHints(NamedTuple):
    """Hints that hold on a frame, without those that are fully transparent."""

    inputs: tuple[Input, ...] = ()
    """Their files, bottom to top."""
    sha256: str | None = None
    """Hash of their pixels: that of the one, or a hash over all hashes; None without hints."""
    file_sha256: str | None = None
    """Hash of the file of a single hint, which older manifests have in place of that of pixels."""
    warnings: tuple[str, ...] = ()
    """Sentences on what a person should look at, with the names of the hints."""

    @property
    def names(self) -> list[str] | None:
        """Names of the hints, bottom to top; None without hints, as of paint."""
        return [one.source.name for one in self.inputs if one.role == "hint"] or None

    def is_recorded(self, sha256: str | None) -> bool:
        """Return whether a manifest's `hint_sha256` is of these hints."""
        return sha256 == self.sha256 or (sha256 is not None and sha256 == self.file_sha256)


class HashedHints:
    """Hint pictures of a film, after they were read.

    Args:
        hashed: Name of a hint -> its hashes, or why it cannot be read.
        rules: Rules by which they are read.
    """

    def __init__(self, hashed: Mapping[str, HashedHint | Failure], rules: SharedRules) -> None:
        self._hashed, self._rules = hashed, rules
        # Frames with the same hints share one object, to save memory.
        self._known: dict[Any, HeldHints | Failure] = {}

    def on(self, frame: FilmFrame, size: Size) -> HeldHints | Failure:
        """Return the hints on a frame whose drawing has `size`, or why one cannot be used."""
        key = frame.hints, frame.frame_hint, size
        if key not in self._known:
            self._known[key] = self._collect(frame, size)
        return self._known[key]

    def _collect(self, frame: FilmFrame, size: Size) -> HeldHints | Failure:
        found: dict[str, HashedHint] = {}
        for hint in frame.hints:
            one = self._hashed[hint.name]
            if isinstance(one, Failure):
                return one
            try:
                self._rules.check((one.height, one.width), size)
            except ValueError as error:
                return Failure.of(self._rules.role, error).about(hint.name)
            found[hint.name] = one
        held = _without_blank(frame, {name for name, one in found.items() if one.is_blank})
        pixels = [found[hint.name].pixels_sha256 for hint in held]
        files = [one.source_sha256 for one in found.values()]
        return HeldHints(
            tuple(Input(self._rules.role, hint, found[hint.name].source_sha256) for hint in held),
            pixels[0] if len(pixels) == 1 else _join(pixels),
            files[0] if len(files) == 1 else None,
            tuple(
                f"{hint.name}: {sentence}"
                for hint in held
                for sentence in self._describe(found[hint.name], size)
            ),
        )

    def _describe(self, hint: HashedHint, size: Size) -> Iterator[str]:
        """Yield what a person should look at in a hint on a drawing of `size`."""
        yield from hint.warnings
        scale = self._rules.describe_scale((hint.height, hint.width), size)
        if scale is not None:
            yield scale


def _without_blank(frame: FilmFrame, blank: Container[str]) -> list[Source]:
    """Return the hints of a frame that are not fully transparent.

    On the frames of a range whose hint is, the hint of a frame before the range does not hold.
    """
    last = max((n for n, hint in enumerate(frame.hints) if hint.name in blank), default=-1)
    return [
        hint
        for place, hint in enumerate(frame.hints)
        if hint.name not in blank and (hint != frame.frame_hint or place > last)
    ]


def _join(hashes: Sequence[str]) -> str | None:
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest() if hashes else None
