"""Types passed between the parts of an evaluation: plans, findings, score rows, features."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

AnySize = UInt8[np.ndarray, "_ _ 3"]
"""Colour picture whose size is independent of other arrays in the same call."""


@dataclass(frozen=True)
class Score:
    """Definition of a score."""

    heading: str
    about: str
    """Unit and meaning, shown on the page."""
    decimals: int
    sign: int
    """1: higher is better; -1: lower is better; 0: neither."""


class TableCell(NamedTuple):
    """Key of a table row: a method on a set of pictures at a number of hints."""

    set: str
    hints: int | None
    way: str


@dataclass(frozen=True)
class ScoreRow:
    """Scores of one method on one picture."""

    sets: tuple[str, ...]
    """Sets, each with a table of its own, in which the row counts."""
    picture: str
    group: str
    """Group of pictures that the bootstrap draws together."""
    way: str
    values: Mapping[str, float]
    """Score name -> value; scores that the picture lacks are missing."""
    hints: int | None = None


@dataclass(frozen=True)
class Feature:
    """Feature vector of one picture, for distances between sets."""

    set: str
    vector: Float32[np.ndarray, " D"]
    way: str | None = None
    """Method that made the picture; None for the truth or target of the distance."""
    hints: int | None = None


@dataclass(frozen=True)
class Finding:
    """Result of one unit of work."""

    rows: Sequence[ScoreRow] = ()
    features: Sequence[Feature] = ()
    sheets: Mapping[str, AnySize] = field(default_factory=dict)
    """Name of a contact sheet -> row of this unit."""
    notes: Sequence[str] = ()
    """Remarks for the reader, such as scores left out; equal ones are counted."""
    failures: Sequence[tuple[str, str]] = ()
    """Picture, and the reason why it could not be evaluated."""


@dataclass(frozen=True)
class EvaluationPlan:
    """Work of a protocol: units, the function to apply, and scores."""

    units: Sequence[Any]
    """Units of work; each has a `name`."""
    judge: Callable[[Any], Finding]
    """Evaluates a unit, in this or another process."""
    scores: Mapping[str, Score]
    """Score name -> score, in the order of the columns."""
    ours: str
    """Method that the others are compared with."""
    about: str
    """Explanation of the scores in a few sentences."""
    distances: Mapping[str, str] = field(default_factory=dict)
    """Name of a distance between sets -> "frechet" or "kernel"."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts for the outputs, such as models and SHA-256 of the weights."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Score that cannot be computed -> reason."""
    uses_network: bool = True
    """Whether `judge` runs a network, and so benefits from a GPU."""
