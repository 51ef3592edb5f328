"""Hints and keys of each frame, with the hashes of their files, which tell changed frames.

A hint counts at its pixels on the drawing that it was set in, and on equal ones. On other drawings
it is a key: its colours follow their regions.
"""

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

from lineart.film.colors.adjacent import Adjacent, AdjacentDrawings
from lineart.film.pictures.frames import FilmFrame, KeySource, SheetSource, Source
from lineart.film.records import (
    Failure,
    HashedFile,
    HashedHint,
    HashedSheet,
    Input,
    name_file,
)
from lineart.film.tasks import SharedRules
from lineart.film.tasks.key_files import KEY_RULES, read_version
from lineart.film.tasks.roles import (
    ADJACENT,
    COLORED,
    HINT_KEY,
    KEY,
    KEY_LINE,
    LINED_SHEET,
    SHEET,
    SHEET_LINE,
)
from lineart.image import Size
from lineart.storage import Storage

Hashed = Mapping[str, HashedHint | Failure]
"""Name of a hint or key -> its hashes, or why it cannot be read."""


class FilmFiles(NamedTuple):
    """Files that must be read to plan a run, each once."""

    pictures: Sequence[Source]
    """Pictures of the frames, and drawings of their hints and keys."""
    hints: Sequence[Source]
    keys: Sequence[Source]
    sheets: Sequence[SheetSource]


def files_to_hash(frames: Sequence[FilmFrame], voters: Sequence[FilmFrame] = ()) -> FilmFiles:
    """Return the files of frames, hints, keys and sheets; of voters, the pictures."""
    hints = {one for held in {frame.hints for frame in frames} for one in held}
    keys = {one for held in {frame.keys for frame in frames} for one in held}
    origins = {one for held in {frame.origins for frame in frames} for one in held}
    named = (
        *(frame.source for frame in (*frames, *voters)),
        *(key.drawing for key in keys),
        *origins,
    )
    pictures = {one.name: one for one in named}
    colors = _in_order(key.colors for key in keys)
    sheets = dict.fromkeys(one for held in {frame.sheets for frame in frames} for one in held)
    return FilmFiles([*pictures.values()], _in_order(hints), colors, [*sheets])


def _in_order(sources: Iterable[Source]) -> list[Source]:
    return sorted(sources, key=attrgetter("name"))


class FrameColors(NamedTuple):
    """Hints and keys that hold on a frame, without those that are fully transparent."""

    hints: tuple[Input, ...] = ()
    """Files of the hints that count at their pixels, bottom to top."""
    hint_sha256: str | None = None
    """Hash of their pixels: that of the one, or a hash over all hashes; None without hints."""
    keys: tuple[Input, ...] = ()
    """Files of the keys, line drawing and colours of each, then those of the sheets, then those of
    hints that are carried, then adjacent drawings."""
    key_sha256: str | None = None
    """Hash over the pixels of keys, sheets and hints that are carried, of their drawings and of
    adjacent ones; None without keys, sheets and such hints."""
    warnings: tuple[str, ...] = ()
    """Sentences on what a person should look at, with the names of the files."""

    @property
    def inputs(self) -> tuple[Input, ...]:
        """All files."""
        return self.hints + self.keys

    @property
    def hint_names(self) -> list[str] | None:
        """Names of the hints, bottom to top, those first that are carried; None without any."""
        roles = ((self.keys[::-1], HINT_KEY), (self.hints, "hint"))
        return [
            one.source.name for files, role in roles for one in files if one.role == role
        ] or None

    @property
    def key_names(self) -> list[str] | None:
        """Names of the keys, then of the sheets; None without any."""
        return [one.source.name for one in self.keys if one.role in COLORED] or None

    def columns(self) -> dict[str, Any]:
        """Return the columns of the manifest that say what held on a frame."""
        hints = {"hint_sha256": self.hint_sha256, "hints": self.hint_names}
        return hints | {"key_sha256": self.key_sha256, "keys": self.key_names}

    def with_adjacent(self, adjacent: Adjacent) -> "FrameColors":
        """Return the same with adjacent drawings, which vote if there are keys."""
        if not self.keys or not adjacent.files:
            return self
        digests = [self.key_sha256 or "", *(f"{ADJACENT} {one}" for one in adjacent.pixels)]
        return self._replace(keys=self.keys + adjacent.files, key_sha256=_join(digests))


@dataclass
class HashedColors:
    """Hints and keys of a film, after they were read."""

    hints: Hashed
    rules: SharedRules
    """Rules by which hints are read."""
    keys: Hashed = field(default_factory=dict)
    pictures: Mapping[str, HashedFile | Failure] = field(default_factory=dict)
    """Name of a drawing -> its hashes, or why it cannot be read."""
    sheets: Mapping[str, HashedSheet | Failure] = field(default_factory=dict)
    """Name of a sheet -> its hashes, or why it cannot be used."""
    adjacent: AdjacentDrawings = field(default_factory=dict)
    """Drawings that vote on the colours of others."""
    places: Mapping[str, Storage | None] = field(default_factory=dict)
    """Role of a file -> where such files are, see `FilmJob.places`."""
    version: str = field(default_factory=read_version)
    """What else determines the colours that are carried."""
    _known: dict[Any, FrameColors | Failure] = field(default_factory=dict)
    """Frames with the same hints and keys share one object, to save memory."""

    def colors_of(self, frame: FilmFrame, picture: HashedFile) -> FrameColors | Failure:
        """Return the hints and keys that hold on a frame, or why one cannot be used.

        Args:
            frame: The frame.
            picture: Hashes of its picture.
        """
        carried = tuple(
            origin if self._is_carried(origin, picture) else None for origin in frame.origins
        )
        size = picture.height, picture.width
        cache_key = frame.hints, frame.frame_hint, size, carried, frame.keys, frame.sheets
        if cache_key not in self._known:
            try:
                self._known[cache_key] = self._collect(frame, size, carried)
            except _UnusableError as error:
                self._known[cache_key] = error.failure
        found = self._known[cache_key]
        adjacent = self.adjacent.get((frame.shot, picture.pixels_sha256))
        if isinstance(found, Failure) or adjacent is None:
            return found
        voted_key = *cache_key, adjacent
        if voted_key not in self._known:
            self._known[voted_key] = found.with_adjacent(adjacent)
        return self._known[voted_key]

    def _is_carried(self, origin: Source, picture: HashedFile) -> bool:
        """Return whether a hint that was set in `origin` is carried to another drawing."""
        found = self.pictures[origin.name]
        return isinstance(found, Failure) or found.pixels_sha256 != picture.pixels_sha256

    def _collect(
        self, frame: FilmFrame, size: Size, carried: Sequence[Source | None]
    ) -> FrameColors:
        """Collect the hints and keys that hold on a frame.

        Args:
            frame: The frame.
            size: Height and width of its picture.
            carried: For each hint the drawing that it was set in and is carried from, or None if
                it counts at its pixels; empty if no hint is carried.
        """
        # Not strict: `carried` may be empty.
        origins = zip(frame.hints, carried, strict=False)
        carried_from = {hint: origin for hint, origin in origins if origin is not None}
        role = self.rules.role
        sizes = {
            hint: self._size(carried_from[hint], role) if hint in carried_from else size
            for hint in frame.hints
        }
        found = {
            hint: self._read(hint, self.hints, self.rules, sizes[hint]) for hint in frame.hints
        }
        held = _without_blank(frame, {hint for hint, one in found.items() if one.is_blank})
        fixed_hints = [hint for hint in held if hint not in carried_from]
        keys = [*self._keys(frame), *map(self._sheet, frame.sheets)]
        keys += [
            self._key(HINT_KEY, KeySource(carried_from[one], one), found[one])
            # The one that begins last is the nearest in time, and counts first.
            for one in reversed(held)
            if one in carried_from
        ]
        pixels = [found[hint].pixels_sha256 for hint in fixed_hints]
        return FrameColors(
            hints=tuple(Input(role, hint, found[hint].source_sha256) for hint in fixed_hints),
            hint_sha256=pixels[0] if len(pixels) == 1 else _join(pixels),
            keys=tuple(file for key in keys for file in key.files),
            key_sha256=_join([self.version, *(key.digest for key in keys)]) if keys else None,
            warnings=tuple(
                f"{hint.name}: {sentence}"
                for hint in held
                for sentence in _describe(found[hint], self.rules, sizes[hint])
            ),
        )

    def _keys(self, frame: FilmFrame) -> Iterator["_Key"]:
        """Yield the keys of a frame's shot; those that say nothing are left out."""
        for key in frame.keys:
            found = self._read(key.colors, self.keys, KEY_RULES, self._size(key.drawing))
            if not found.is_blank:
                yield self._key(KEY, key, found)

    def _read(self, source: Source, hashed: Hashed, rules: SharedRules, size: Size) -> HashedHint:
        """Return the hashes of a hint or key; one of another size than `size` counts by its file.

        Raises:
            _UnusableError: it cannot be read, or does not fit a drawing of `size`.
        """
        one = hashed[source.name]
        if isinstance(one, Failure):
            raise _UnusableError(one)
        try:
            rules.check((one.height, one.width), size)
        except ValueError as error:
            what = name_file(rules.role, source, self.places.get(rules.role))
            raise _UnusableError(Failure.of(rules.role, error).about(what)) from error
        # What is read of a scaled one depends on the size, without which its pixels were hashed.
        is_scaled = (one.height, one.width) != size
        return one._replace(pixels_sha256=one.source_sha256) if is_scaled else one

    def _sheet(self, sheet: SheetSource) -> "_Key":
        found = self.sheets[sheet.colors.name]
        if isinstance(found, Failure):
            raise _UnusableError(found)
        role = SHEET if sheet.drawing is None else LINED_SHEET
        files: tuple[Input, ...] = (Input(role, sheet.colors, found.source_sha256),)
        if sheet.drawing is not None and found.line_sha256 is not None:
            files = (Input(SHEET_LINE, sheet.drawing, found.line_sha256), *files)
        return _Key(files, f"{role} {found.pixels_sha256}")

    def _key(self, role: str, key: KeySource, colors: HashedHint) -> "_Key":
        drawing = self._drawing(key.drawing)
        files = (
            Input(KEY_LINE, key.drawing, drawing.source_sha256),
            Input(role, key.colors, colors.source_sha256),
        )
        return _Key(files, f"{role} {drawing.pixels_sha256} {colors.pixels_sha256}")

    def _size(self, source: Source, role: str = KEY) -> Size:
        drawing = self._drawing(source, role)
        return drawing.height, drawing.width

    def _drawing(self, source: Source, role: str = KEY) -> HashedFile:
        """Return the hashes of the drawing of a key or hint.

        Raises:
            _UnusableError: it cannot be read.
        """
        found = self.pictures[source.name]
        if isinstance(found, Failure):
            what = name_file(KEY_LINE, source, self.places.get(KEY_LINE))
            why = f"{what}, which has a {role}, cannot be read: {found.message}"
            raise _UnusableError(found._replace(stage=KEY_LINE, message=why, source_sha256=None))
        return found


class _Key(NamedTuple):
    """A key or sheet, after its files were read."""

    files: tuple[Input, ...]
    """Line drawing, if it is a file, and colours."""
    digest: str
    """What it is, by the pixels of both."""


class _UnusableError(Exception):
    """A hint or key cannot be used."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def _describe(hint: HashedHint, rules: SharedRules, size: Size) -> Iterator[str]:
    """Yield what a person should look at in a hint on a drawing of `size`."""
    yield from hint.warnings
    scale = rules.describe_scale((hint.height, hint.width), size)
    if scale is not None:
        yield scale


def _without_blank(frame: FilmFrame, blank: Container[Source]) -> list[Source]:
    """Return the hints of a frame that are not fully transparent.

    A fully transparent hint of a range also switches off, on the frames of the range, the hint
    that is named after a frame before the range and would hold there, below it.
    """
    highest_blank = max((n for n, hint in enumerate(frame.hints) if hint in blank), default=-1)
    return [
        hint
        for place, hint in enumerate(frame.hints)
        if hint not in blank and (hint != frame.frame_hint or place > highest_blank)
    ]


def _join(hashes: Sequence[str]) -> str | None:
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest() if hashes else None
