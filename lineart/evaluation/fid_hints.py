"""Protocol `paper_002`: FID at 512 pixels with 140 hint pixels, of networks and baselines.

Source:
    Paper 002, 3 (experiments): the number of hints is fixed, and AU-Net is compared with a U-Net
    that concatenates hints; pass both as weights.
"""

from dataclasses import replace
from functools import partial

from lineart.evaluation.colorization import extract_features, open_distances, plan_coloring
from lineart.evaluation.colors import hint_difference, sheet_row
from lineart.evaluation.fid_no_hints import prepare
from lineart.evaluation.inputs import EvaluationUnit, source_of
from lineart.evaluation.methods import methods_at
from lineart.evaluation.request import FidHintsRequest
from lineart.evaluation.trials import Case, run_trial
from lineart.evaluation.types import EvaluationPlan, Finding, ScoreRow
from lineart.image import Frame
from lineart.imaging.cels import remove_lines
from lineart.imaging.frequency import compose
from lineart.metrics import leakage

HINTS = 140


def plan_fid_hints(request: FidHintsRequest) -> EvaluationPlan:
    """Build the plan of the protocol; raises as `plan_coloring`."""
    scores = ("de_hints", "leakage")
    about = (
        f"Coloured at a short side of {request.network_size} with {HINTS} hint pixels of the "
        f"picture, lines laid over. Distances: at {request.network_size}, against the pictures. "
        "dE at hints and leakage: colours below the lines."
    )
    distances = open_distances(request.fid_features, ("frechet",))
    request = replace(request, fid_features=distances.features)
    return plan_coloring(
        request, partial(judge, request), scores=scores, about=about, distances=distances
    )


def judge(request: FidHintsRequest, unit: EvaluationUnit) -> Finding:
    """Colour a picture with hints by every method; return features and scores."""
    set_name, picture, color, line = prepare(request, unit)
    painted = remove_lines(color, line)
    case = Case(picture.name, source_of(unit), unit.number, picture, color, line, painted)
    ways = methods_at(HINTS, request.weights, request.baselines)
    trial = run_trial(case, HINTS, ways, request.seed)
    made: dict[str, Frame] = {way: compose(one, line) for way, one in trial.colors.items()}
    rows = []
    for way, one in trial.colors.items():
        found = {"de_hints": hint_difference(one, trial), "leakage": leakage(one, line)}
        values = {name: value for name, value in found.items() if value is not None}
        rows.append(
            ScoreRow((set_name,), unit.name, request.group_of(unit.name), way, values, HINTS)
        )
    return Finding(
        rows,
        extract_features(request.fid_features, set_name, color, made, HINTS),
        {set_name: sheet_row(trial)} if unit.is_shown else {},
    )
