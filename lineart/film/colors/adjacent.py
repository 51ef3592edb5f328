"""The drawings just before and after each drawing of a shot, which vote on its colours."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from lineart.film.pictures.frames import FilmFrame, Source
from lineart.film.records import Failure, HashedFile, Input
from lineart.film.tasks.roles import ADJACENT


class Adjacent(NamedTuple):
    """Drawings that vote on the colours of another."""

    files: tuple[Input, ...]
    pixels: tuple[str, ...]
    """Hashes of their pixels."""


AdjacentDrawings = Mapping[tuple[str, str], Adjacent]
"""Shot, and hash of the pixels of one of its drawings -> the drawings that vote on it."""


def find_voters(
    frames: Sequence[FilmFrame], chosen: Sequence[FilmFrame], reach: int
) -> list[FilmFrame]:
    """Return the frames of a film that may vote on those that are chosen, in film order.

    They are the readable ones of the same shots, as far as these have keys; none for a reach of 0.
    """
    shots = {one.shot for one in chosen if one.carries}
    return [one for one in frames if reach and one.shot in shots and one.refusal is None]


def find_adjacent(
    voters: Sequence[FilmFrame], pictures: Mapping[str, HashedFile | Failure], reach: int
) -> AdjacentDrawings:
    """Find the drawings that vote on the colours of each drawing.

    Equal drawings of a shot, which are coloured once, have the neighbours of the first.

    Args:
        voters: Result of `find_voters`.
        pictures: Hashes of their pictures; those that cannot be read do not vote.
        reach: Number of drawings before a drawing, and of those after it, from 1. Frames that hold
            a drawing are one; drawings of another size do not vote.
    """
    found: dict[tuple[str, str], Adjacent] = {}
    for shot, frames in groupby(voters, key=attrgetter("shot")):
        shown = [
            (one.source, picture)
            for one in frames
            if isinstance(picture := pictures[one.name], HashedFile)
        ]
        drawings = [next(held) for _, held in groupby(shown, key=lambda one: one[1].pixels_sha256)]
        for place, (_, picture) in enumerate(drawings):
            near = drawings[max(0, place - reach) : place + reach + 1]
            votes = list(_without_itself(picture, near))
            files = (Input(ADJACENT, source, one.source_sha256) for source, one in votes)
            adjacent = Adjacent(tuple(files), tuple(one.pixels_sha256 for _, one in votes))
            found.setdefault((shot, picture.pixels_sha256), adjacent)
    return found


def _without_itself(
    picture: HashedFile, near: Sequence[tuple[Source, HashedFile]]
) -> Iterator[tuple[Source, HashedFile]]:
    """Yield each other drawing of the same size once."""
    seen = {picture.pixels_sha256}
    for source, other in near:
        is_same_size = (other.width, other.height) == (picture.width, picture.height)
        if is_same_size and other.pixels_sha256 not in seen:
            seen.add(other.pixels_sha256)
            yield source, other
