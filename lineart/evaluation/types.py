"""What travels between the parts of an evaluation: plans out, findings back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

AnySize = UInt8[np.ndarray, "_ _ 3"]
"""A colour picture, whatever the size of others in the same call."""


@dataclass(frozen=True)
class Score:
    """What a number in the tables is."""

    heading: str
    about: str
    """Unit and meaning, for the page."""
    decimals: int
    sign: int
    """1: more is better; -1: less is; 0: neither."""


class TableCell(NamedTuple):
    """A row of the tables: one way to do it, on one set of pictures."""

    set: str
    hints: int | None
    way: str


@dataclass(frozen=True)
class ScoreRow:
    """What one way is worth on one picture."""

    sets: tuple[str, ...]
    """The tables in which it counts."""
    picture: str
    group: str
    """What the picture is alike with."""
    way: str
    values: Mapping[str, float]
    """Name of the score -> value; those that the picture does not have are missing."""
    hints: int | None = None


@dataclass(frozen=True)
class Feature:
    """What a network sees in one picture."""

    set: str
    vector: Float32[np.ndarray, " D"]
    way: str | None = None
    """None: the truth, or the target, that the ways are compared with."""
    hints: int | None = None


@dataclass(frozen=True)
class Finding:
    """All that is found on one unit of work."""

    rows: Sequence[ScoreRow] = ()
    features: Sequence[Feature] = ()
    sheets: Mapping[str, AnySize] = field(default_factory=dict)
    """Name of a sheet -> its row."""
    notes: Sequence[str] = ()
    """What was left out; equal ones are counted."""
    failures: Sequence[tuple[str, str]] = ()
    """Picture, and why it could not be judged."""


@dataclass(frozen=True)
class EvaluationPlan:
    """What a protocol is going to do."""

    units: Sequence[Any]
    judge: Callable[[Any], Finding]
    """Judges a unit, here or in another process."""
    scores: Mapping[str, Score]
    """In the order of the columns."""
    ours: str
    """The way that the others are compared with."""
    about: str
    """What the numbers are, in a few sentences."""
    distances: Mapping[str, str] = field(default_factory=dict)
    """Names of the scores of whole sets -> "frechet" or "kernel"."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Which networks, by their hashes."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Scores that cannot be had -> why."""
    uses_network: bool = True
    """Whether judging a unit runs one."""
