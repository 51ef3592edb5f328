"""Evaluation protocols: the function that builds the plan of each kind of request."""

from collections.abc import Callable
from typing import Any, Final

from lineart.evaluation.colors import plan_colors, plan_fid_hints, plan_fid_no_hints
from lineart.evaluation.film import plan_film
from lineart.evaluation.keys import plan_keys
from lineart.evaluation.regions import plan_regions
from lineart.evaluation.request import (
    ClipScoreRequest,
    ColorsRequest,
    FidHintsRequest,
    FidNoHintsRequest,
    FilmRequest,
    KeysRequest,
    KidRequest,
    RegionsRequest,
    ScoredRequest,
)
from lineart.evaluation.translation import plan_clip_score, plan_kid
from lineart.evaluation.types import EvaluationPlan

PROTOCOLS: Final[dict[type, Callable[[Any], EvaluationPlan]]] = {
    ColorsRequest: plan_colors,
    RegionsRequest: plan_regions,
    ClipScoreRequest: plan_clip_score,
    FidNoHintsRequest: plan_fid_no_hints,
    FidHintsRequest: plan_fid_hints,
    KidRequest: plan_kid,
    FilmRequest: plan_film,
    KeysRequest: plan_keys,
}
"""Request -> function that builds its plan; a study has none, it reads answers, not pictures."""


def open_plan(request: ScoredRequest) -> EvaluationPlan:
    """Build the plan of a request.

    Raises:
        ValueError: a flag is invalid, or no score can be computed.
        OSError: a file or folder of a flag cannot be read.
    """
    plan = PROTOCOLS[type(request)](request)
    if not plan.scores:
        raise ValueError(f"no score is left: {next(iter(plan.missing.values()))}")
    return plan
