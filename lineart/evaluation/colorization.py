"""Plans of protocols that colour drawings; features for distances between sets of pictures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from lineart.evaluation.inputs import EvaluationUnit, find_units
from lineart.evaluation.methods import open_colorizers
from lineart.evaluation.networks import load_features
from lineart.evaluation.request import PictureRequest
from lineart.evaluation.scores import distance_score, pick
from lineart.evaluation.types import AnySize, EvaluationPlan, Feature, Finding, Score


class RequestedDistances(NamedTuple):
    """Distances between sets of pictures that can be computed."""

    features: str
    """Value of `--fid-features`; empty if the feature network cannot be loaded."""
    kinds: dict[str, str]
    """Score name -> "frechet" or "kernel"."""
    scores: dict[str, Score]
    """Score name -> score."""
    missing: dict[str, str]
    """Heading of a score that cannot be computed -> reason."""


def plan_coloring(
    request: PictureRequest,
    judge: Callable[[EvaluationUnit], Finding],
    *,
    scores: Sequence[str],
    about: str,
    distances: RequestedDistances | None = None,
) -> EvaluationPlan:
    """Build the plan of a protocol that colours drawings.

    Args:
        request: The user's flags.
        judge: Evaluates one picture.
        scores: Names of the scores of single pictures.
        about: Explanation of the scores, for the tables and the page.
        distances: Distances between sets.

    Raises:
        ValueError: a flag is invalid, weights do not colour drawings, or there is no picture.
        OSError: weights or pictures cannot be read.
    """
    colorizers = open_colorizers(request.weights)
    distances = distances or RequestedDistances("", {}, {}, {})
    return EvaluationPlan(
        units=find_units(request, request.images),
        judge=judge,
        scores={**distances.scores, **pick(scores)},
        ours=next(iter(colorizers)),
        about=about,
        distances=distances.kinds,
        facts={"weights": {way: one.facts for way, one in colorizers.items()}},
        missing=distances.missing,
    )


def open_distances(features: str, kinds: Sequence[str]) -> RequestedDistances:
    """Load the feature network and return the distances of `kinds`, or why they are missing.

    Args:
        features: Value of `--fid-features`.
        kinds: Distances between sets: "frechet", "kernel".
    """
    try:
        loaded = load_features(features)
    except (OSError, ValueError) as error:
        wanted = PurePath(features.partition("=")[0]).name
        missing = {distance_score(kind, wanted)[1].heading: str(error) for kind in kinds}
        return RequestedDistances("", {}, {}, missing)
    named = {kind: distance_score(kind, loaded.name) for kind in kinds}
    return RequestedDistances(
        features,
        {name: kind for kind, (name, _) in named.items()},
        dict(named.values()),
        {},
    )


def extract_features(
    features: str,
    set_name: str,
    truth: AnySize | None,
    made: Mapping[str, AnySize],
    hints: int | None = None,
) -> list[Feature]:
    """Return the features of the truth, if given, and of the picture that each method made.

    There are none if `features`, the value of `--fid-features`, is empty.
    """
    if not features:
        return []
    extract = load_features(features)
    seen = [] if truth is None else [Feature(set_name, extract(truth), None, hints)]
    return seen + [Feature(set_name, extract(one), way, hints) for way, one in made.items()]
