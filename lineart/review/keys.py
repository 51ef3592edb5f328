"""The keys of a film that is reviewed: which a frame has, and which frames another would change."""

import posixpath
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.codec import encode_png
from lineart.film.colors.frame_colors import HashedColors
from lineart.film.colors.keys import attach_keys, give_holds_one_order
from lineart.film.execution.worker import hash_colors
from lineart.film.pictures.frames import FilmFrame, Source
from lineart.film.pictures.names import stem
from lineart.film.pictures.pages import find_pictures
from lineart.film.records import Failure, HashedHint, name_file
from lineart.film.tasks.key_files import KEY_RULES
from lineart.film.tasks.roles import KEY
from lineart.image import Hint, pack_colors
from lineart.imaging.hints.pictures import DEFAULT_RULES
from lineart.review.errors import RefusedError
from lineart.review.film import FilmState, Shot
from lineart.review.shared_files import SharedFiles, tag_of
from lineart.storage import Storage

LEASE = ".review"
"""Folder of the lease below that of the keys; hidden, so that no run takes it for keys."""
MIN_SWATCH_PX = 9
"""Number of even pixels of a colour in a key, at least, for the palette."""
MAX_COLORS = 40
KEPT = 64
"""Number of keys whose hashes and colours are kept."""


class FrameKey(NamedTuple):
    """The key of a frame: a file that exists, or the name of one to come."""

    name: str
    data: bytes | None

    @property
    def tag(self) -> str:
        """Tells its content from others."""
        return tag_of(self.data)


class FilmKeys:
    """The folder of a film's keys.

    Args:
        place: Folder or prefix; need not exist.
    """

    def __init__(self, place: Storage) -> None:
        self.files = SharedFiles(place, LEASE)
        self._hash = lru_cache(KEPT)(_hash_key)
        self._colors = lru_cache(KEPT)(_find_colors)

    @property
    def place(self) -> Storage:
        """The folder."""
        return self.files.place

    def pictures(self) -> list[Source]:
        """List the pictures of keys; none if there is no folder yet."""
        return find_pictures(self.place, pages="first")[1]

    def names_in(self, state: FilmState, shot: Shot) -> dict[str, str]:
        """Return frame -> name of its key, for the frames of a shot that have one."""
        held = attach_keys(state.frames_of(shot), self.pictures()).frames
        return {key.drawing.name: key.colors.name for key in held[0].keys} if held else {}

    def find(self, state: FilmState, place: int) -> FrameKey:
        """Return the key of the frame of a row.

        Raises:
            RefusedError: the page cannot change it, or there are two.
        """
        shot = state.shots[state.shot_of(place)]
        frames = state.frames_of(shot)
        frame = frames[place - shot.start]
        for key in attach_keys(frames, self.pictures()).frames[0].keys:
            if key.drawing.name == frame.name:
                return FrameKey(key.colors.name, self._read(key.colors))
        return FrameKey(f"{stem(frame.name)}.png", self.files.read(f"{stem(frame.name)}.png"))

    def _read(self, key: Source) -> bytes:
        if key.refusal is not None:
            raise RefusedError(409, f"the key {key.name} cannot be used: {key.refusal}")
        is_plain = key.row is None and key.path == key.name
        if not is_plain or posixpath.splitext(key.name)[1].lower() != ".png":
            raise RefusedError(
                409,
                f"the key of this drawing is {key.name}, which this page does not write; "
                "change it in the program that made it, or save it as PNG",
            )
        return self.place.read(key.path)

    def palette(self, state: FilmState, shot: Shot) -> list[str]:
        """Return the colours of a shot's keys as `#rrggbb`, that of the largest areas first."""
        held = attach_keys(state.frames_of(shot), self.pictures()).frames
        total: dict[int, int] = {}
        for key in held[0].keys if held else ():
            if key.colors.refusal is None and key.colors.row is None:
                for color, count in self._colors(self.place.read(key.colors.path)):
                    total[color] = total.get(color, 0) + count
        largest = sorted(total, key=lambda color: (-total[color], color))
        return [f"#{color:06x}" for color in largest[:MAX_COLORS]]

    def find_touched(self, state: FilmState, place: int, key: FrameKey) -> list[str]:
        """Return the frames that the next run makes again because of a changed or new key.

        They are those whose keys have another hash then, which is what a run goes by.

        Args:
            state: The film.
            place: Row of the key's frame.
            key: The key as it would be.

        Raises:
            RefusedError: the run would not take it for the key of this frame.
        """
        shot = state.shots[state.shot_of(place)]
        frames = state.frames_near(state.frames_of(shot)[place - shot.start])
        before = self.pictures()
        others = [one for one in before if one.name != key.name]
        after = [*others, Source(key.name, key.name)]
        held = [attach_keys(frames, keys).frames for keys in (before, after)]
        _check_held(held[1], state.row(place)["frame"], key.name)
        new = {key.name: self._hash(key.data or b"")}
        digests = [self._digests(state, *one) for one in zip(held, ({}, new), strict=True)]
        names = [frame.name for frame in frames]
        return [name for name, old, now in zip(names, *digests, strict=True) if old != now]

    def _digests(
        self, state: FilmState, frames: Sequence[FilmFrame], known: dict[str, HashedHint | Failure]
    ) -> list[str | None]:
        """Return for each frame what its keys are, as in the manifest, or why they fail."""
        sources = {key.colors.name: key.colors for frame in frames for key in frame.keys}
        hashed = {
            name: known[name] if name in known else self._hash_stored(source)
            for name, source in sources.items()
        }
        pictures = state.pictures_of(frames)
        colors = HashedColors({}, DEFAULT_RULES, hashed, pictures, places={KEY: self.place})
        digests: list[str | None] = []
        for frame in give_holds_one_order(frames, frames, pictures):
            picture = pictures[frame.name]
            held = None if isinstance(picture, Failure) else colors.colors_of(frame, picture)
            digests.append(held.message if isinstance(held, Failure) else held and held.key_sha256)
        return digests

    def _hash_stored(self, source: Source) -> HashedHint | Failure:
        if source.refusal is not None or source.row is not None:
            return Failure(KEY, "ValueError", source.refusal or "a row of a Parquet file")
        try:
            return self._hash(self.place.read(source.path))
        except OSError as error:
            return Failure.of(KEY, error).about(name_file(KEY, source, self.place))


def _check_held(frames: Sequence[FilmFrame], frame: str, key: str) -> None:
    """Raise RefusedError unless a picture counts as the key of a frame."""
    of_frame = (one for held in frames if held.name == frame for one in held.keys)
    if not any(one.drawing.name == frame and one.colors.name == key for one in of_frame):
        raise RefusedError(
            409, f"{key} would not count as a key of {frame}: another drawing has the same name"
        )


def _hash_key(data: bytes) -> HashedHint | Failure:
    try:
        return hash_colors(data, KEY_RULES.read(data))
    except ValueError as error:
        return Failure.of(KEY, error)


def _find_colors(data: bytes) -> list[tuple[int, int]]:
    """Return the colours of a key's even places, as numbers, with their numbers of pixels."""
    try:
        key = KEY_RULES.read(data)
    except ValueError:
        return []
    window = np.ones((3, 3), np.uint8)
    is_even = (cv2.erode(key, window) == cv2.dilate(key, window)).all(axis=2) & (key[:, :, 3] > 0)
    values = pack_colors(key[is_even][:, :3])
    colors, counts = np.unique(values, return_counts=True)
    kept = counts >= MIN_SWATCH_PX
    return list(zip(colors[kept].tolist(), counts[kept].tolist(), strict=True))


def encode_key(key: Hint) -> bytes:
    """Encode a key as PNG; without transparency, it has no alpha channel."""
    is_opaque = bool(key[:, :, 3].min() == 255)
    picture: UInt8[np.ndarray, "H W *C"] = np.ascontiguousarray(key[:, :, :3]) if is_opaque else key
    return encode_png(picture)
