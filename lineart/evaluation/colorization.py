"""What the protocols that colour drawings share."""

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
    """Scores of whole sets, as far as their features are at hand."""

    request: Request
    """Without features where there are none."""
    kinds: dict[str, str]
    scores: dict[str, Score]
    missing: dict[str, str]


def plan_coloring(
    request: Request, judge: Judge, *, scores: Sequence[str], kinds: Sequence[str], about: str
) -> EvaluationPlan:
    """Plan a protocol that colours.

    Args:
        request: What the user asks for.
        judge: Judges a picture.
        scores: Of single pictures.
        kinds: Of distances between sets.
        about: What the numbers are.

    Raises:
        ValueError: a flag is wrong, the weights do something else, or there is no picture.
        OSError: weights or pictures are not there.
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
    """Load the features of `kinds` of distances; where there are none, say why."""
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
    """Give the features of the truth, where there is one, and of what each way made."""
    if not request.fid_features:
        return []
    features = load_features(request.fid_features)
    seen = [] if truth is None else [Feature(set_name, features(truth), None, hints)]
    return seen + [Feature(set_name, features(one), way, hints) for way, one in made.items()]
