"""Protocol `paper_002`: FID at 512 pixels with 140 hint pixels, of networks and baselines.

Source:
    Paper 002, 3 (experiments): the number of hints is fixed, and AU-Net is compared with a U-Net
    that concatenates hints; pass both as weights.
"""

from lineart.evaluation.colorization import extract_features, plan_coloring
from lineart.evaluation.colors import hint_difference, sheet_row
from lineart.evaluation.fid_no_hints import prepare
from lineart.evaluation.inputs import EvaluationUnit, source_of
from lineart.evaluation.methods import methods_at
from lineart.evaluation.request import Request
from lineart.evaluation.trials import Case, run_trial
from lineart.evaluation.types import EvaluationPlan, Finding, ScoreRow
from lineart.image import Frame
from lineart.imaging.cels import remove_lines
from lineart.imaging.frequency import compose
from lineart.metrics import leakage

HINTS = 140


def plan_fid_hints(request: Request) -> EvaluationPlan:
    """Build the plan of the protocol; raises as `plan_coloring`."""
    scores = ("de_hints", "leakage")
    about = (
        f"Coloured at a short side of {request.network_size} with {HINTS} hint pixels of the "
        f"picture, lines laid over. Distances: at {request.network_size}, against the pictures. "
        "dE at hints and leakage: colours below the lines."
    )
    return plan_coloring(request, judge, scores=scores, kinds=("frechet",), about=about)


def judge(request: Request, unit: EvaluationUnit) -> Finding:
    """Colour a picture with hints by every method; return features and scores."""
    set_name, picture, color, line = prepare(request, unit)
    painted = remove_lines(color, line)
    case = Case(picture.name, source_of(unit), unit.number, picture, color, line, painted)
    trial = run_trial(case, HINTS, methods_at(HINTS, request), request.seed)
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
        extract_features(request, set_name, color, made, HINTS),
        {set_name: sheet_row(trial)} if unit.is_shown else {},
    )
