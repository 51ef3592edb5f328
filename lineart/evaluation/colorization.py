"""Plans of protocols that colour drawings; features for distances between sets of pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import NamedTuple

from lineart.evaluation.inputs import EvaluationUnit, find_units
from lineart.evaluation.methods import open_colorizers
from lineart.evaluation.networks import load_features
from lineart.evaluation.request import Request
from lineart.evaluation.scores import distance_score, pick
from lineart.evaluation.types import AnySize, EvaluationPlan, Feature, Finding, Score

Judge = Callable[[Request, EvaluationUnit], Finding]


class RequestedDistances(NamedTuple):
    """Distances between sets of pictures that a request can compute."""

    request: Request
    """With empty `fid_features` if the feature network cannot be loaded."""
    kinds: dict[str, str]
    """Score name -> "frechet" or "kernel"."""
    scores: dict[str, Score]
    """Score name -> score."""
    missing: dict[str, str]
    """Heading of a score that cannot be computed -> reason."""


def plan_coloring(
    request: Request, judge: Judge, *, scores: Sequence[str], kinds: Sequence[str], about: str
) -> EvaluationPlan:
    """Build the plan of a protocol that colours drawings.

    Args:
        request: The user's flags.
        judge: Evaluates one picture.
        scores: Names of the scores of single pictures.
        kinds: Distances between sets: "frechet", "kernel".
        about: Explanation of the scores, for the tables and the page.

    Raises:
        ValueError: a flag is invalid, weights do not colour drawings, or there is no picture.
        OSError: weights or pictures cannot be read.
    """
    colorizers = open_colorizers(request.weights)
    distances = open_distances(request, kinds)
    return EvaluationPlan(
        units=find_units(request, request.data),
        judge=partial(judge, distances.request),
        scores={**distances.scores, **pick(scores)},
        ours=next(iter(colorizers)),
        about=about,
        distances=distances.kinds,
        facts={"weights": {way: one.facts for way, one in colorizers.items()}},
        missing=distances.missing,
    )


def open_distances(request: Request, kinds: Sequence[str]) -> RequestedDistances:
    """Load the feature network and return the distances of `kinds`, or why they are missing."""
    try:
        features = load_features(request.fid_features).name if kinds else ""
    except (OSError, ValueError) as error:
        wanted = PurePath(request.fid_features.partition("=")[0]).name
        missing = {distance_score(kind, wanted)[1].heading: str(error) for kind in kinds}
        return RequestedDistances(replace(request, fid_features=""), {}, {}, missing)
    named = {kind: distance_score(kind, features) for kind in kinds}
    return RequestedDistances(
        request,
        {name: kind for kind, (name, _) in named.items()},
        dict(named.values()),
        {},
    )


def extract_features(
    request: Request,
    set_name: str,
    truth: AnySize | None,
    made: Mapping[str, AnySize],
    hints: int | None = None,
) -> list[Feature]:
    """Return the features of the truth, if given, and of the picture that each method made."""
    if not request.fid_features:
        return []
    features = load_features(request.fid_features)
    seen = [] if truth is None else [Feature(set_name, features(truth), None, hints)]
    return seen + [Feature(set_name, features(one), way, hints) for way, one in made.items()]
