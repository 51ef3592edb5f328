"""Sequences that keys are scored on: where they are, and what their drawings need once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from lineart.datasets.flat_truth import flatten_exact
from lineart.datasets.sequences import (
    SequencePlace,
    TrueSequence,
    find_sequences,
    read_sequence,
)
from lineart.evaluation.inputs import name_places
from lineart.evaluation.key_scores import Segments, find_same, find_segments
from lineart.evaluation.request import KeysRequest
from lineart.image import Line
from lineart.keys import Key, Matched, PreparedKey, match, prepare_key, prepare_keys
from lineart.keys.network import Network
from lineart.sample_film.scenes import FRAMES_PER_SECOND, SHOTS
from lineart.storage import Storage

SAMPLE_SIZE = (432, 768)
SAMPLE_DRAWINGS = 17
SAMPLE_STEP = 2
"""Frames from a drawing of the sample film to the next."""


MAX_MATCHED = 16
"""Matched drawings that are kept, so that memory is bounded."""


class SequenceUnit(NamedTuple):
    """One sequence of the evaluation."""

    name: str
    uri: str
    """Address of the folder that holds it; empty for the sample film."""
    place: SequencePlace | tuple[int, int]
    """Its files; or number of the shot, and seed, of the sample film."""
    is_shown: bool = False

    def label(self, number: int) -> str:
        """Return the name of a drawing's file without suffix; of the sample film, its number."""
        if not isinstance(self.place, SequencePlace):
            return str(number)
        return PurePosixPath((self.place.lines or self.place.colors)[number]).stem


def find_units(request: KeysRequest) -> Iterator[SequenceUnit]:
    """Yield the sequences of a request."""
    for uri, name in name_places(request.sequences).items():
        for place in find_sequences(Storage.at(uri)):
            yield SequenceUnit(f"{name}/{place.name}", uri, place)
    for seed in request.sample_seeds:
        for number, shot in enumerate(SHOTS):
            yield SequenceUnit(f"{shot.name}-{seed}", "", (number, seed))


def open_unit(unit: SequenceUnit, *, shades: bool = False) -> TrueSequence:
    """Read or draw a sequence; raise as `read_sequence`.

    Args:
        unit: The sequence.
        shades: Whether colours of the sample film that no line parts are true, not joined.
    """
    if isinstance(unit.place, SequencePlace):
        return read_sequence(Storage.at(unit.uri), unit.place)._replace(name=unit.name)
    number, seed = unit.place
    times = [SAMPLE_STEP * one / FRAMES_PER_SECOND for one in range(SAMPLE_DRAWINGS)]
    drawings = [SHOTS[number].draw(SAMPLE_SIZE, one, seed) for one in times]
    inks, flats = [one.ink for one in drawings], [one.flat for one in drawings]
    found = flatten_exact(inks, flats, shaded=not shades)
    return TrueSequence(unit.name, "sample", *found)


@dataclass(frozen=True)
class Exercise:
    """A sequence, and what its drawings and keys need once."""

    sequence: TrueSequence
    reach: int = 0
    """Drawings before a drawing, and as many after it, that vote on its colours."""
    network: Network | None = None
    """Network that matches; None: the included one."""
    prepared: dict[int, PreparedKey] = field(default_factory=dict)
    """Keys that have been prepared, by drawing."""
    found: dict[int, Segments] = field(default_factory=dict)
    """Segments that have been found, by drawing."""
    matched: dict[tuple[int, ...], Matched | None] = field(default_factory=dict)
    """Drawings that have been matched, by their number and those of the keys."""

    @cached_property
    def same(self) -> Bool[np.ndarray, "K K"]:
        """Colours that look equal."""
        return find_same(self.sequence.palette)

    def key(self, number: int) -> PreparedKey:
        """Return a drawing with its true colours as a key."""
        if number not in self.prepared:
            sequence = self.sequence
            self.prepared[number] = prepare_key(
                Key(sequence.lines[number], sequence.colors(number))
            )
        return self.prepared[number]

    def near(self, number: int) -> Iterator[tuple[int, Line]]:
        """Yield the drawings that vote on the colours of a drawing, with their numbers."""
        lines = self.sequence.lines
        for other in range(number - self.reach, number + self.reach + 1):
            if other != number and 0 <= other < len(lines):
                yield other, lines[other]

    def adjacent(self, number: int, keys: Sequence[int]) -> list[Matched]:
        """Return the drawings that vote on the colours of a drawing, matched with some keys."""
        found = []
        for other, line in self.near(number):
            place = other, *keys
            if place not in self.matched:
                shot = prepare_keys([self.key(key) for key in keys])
                self.matched[place] = match(line, shot, network=self.network)
            found.append(self.matched[place])
        while len(self.matched) > MAX_MATCHED:
            del self.matched[next(iter(self.matched))]
        return [one for one in found if one is not None]

    def segments(self, number: int) -> Segments:
        """Return the segments of a drawing."""
        if number not in self.found:
            self.found[number] = find_segments(
                self.sequence.lines[number],
                self.sequence.truth[number],
                is_open=self.sequence.kind == "drawn",
            )
        return self.found[number]

    def is_reachable(self, number: int, keys: Sequence[int]) -> Bool[np.ndarray, " N"]:
        """Return which segments of a drawing have a colour that a key has."""
        has = np.zeros(len(self.sequence.palette), bool)
        for key in keys:
            has[self.segments(key).colors] = True
        is_there = np.any(self.same[:, has], axis=1)
        reachable: Bool[np.ndarray, " N"] = is_there[self.segments(number).colors]
        return reachable
