"""Protocol `colors`: colours below the lines against the painted truth, with and without hints.

Every method gets the same line drawing and hints and returns the colours below the lines. They are
compared with the painted truth, the picture with its lines painted over. If the picture has drawn
lines, the composed picture is also compared with the original, at its full size.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from lineart.evaluation.colorization import plan_coloring
from lineart.evaluation.contact_sheet import show_hints, strip
from lineart.evaluation.inputs import EvaluationUnit, read_unit, source_of
from lineart.evaluation.methods import PAINTED_TRUTH, methods_at
from lineart.evaluation.networks import load_lpips
from lineart.evaluation.request import ColorsRequest
from lineart.evaluation.scores import pick
from lineart.evaluation.trials import Case, Trial, make_case, run_trial
from lineart.evaluation.types import EvaluationPlan, Finding, ScoreRow
from lineart.image import Frame
from lineart.imaging.baselines import Fill
from lineart.imaging.cels import PAPER_FROM
from lineart.imaging.frequency import compose
from lineart.metrics import ciede2000, leakage, psnr, ssim

MOST_DB = 60.0
"""Cap of PSNR in dB: equal pictures would make means infinite; one level everywhere is 48 dB."""

SOURCE = "source "
"""Prefix of the names of sets that are sources."""

ABOUT = (
    "PSNR, SSIM, LPIPS and leakage: colours below the lines; all but leakage against the painted "
    "truth. Composed: with drawn lines, at the picture's size, against the picture; "
    f"the {PAINTED_TRUTH} is the most possible there."
)


def plan_colors(request: ColorsRequest) -> EvaluationPlan:
    """Build the plan of the protocol; raises as `plan_coloring`."""
    missing = {}
    if request.lpips is not None:
        try:
            load_lpips(request.lpips)
        except (OSError, ValueError) as error:
            missing["LPIPS"] = str(error)
            request = replace(request, lpips=None)
    names = ["psnr", "ssim", *(["lpips"] if request.lpips else []), "de_hints", "leakage"]
    plan = plan_coloring(
        request,
        partial(judge, request),
        scores=[*names, "psnr_composed", "ssim_composed"],
        about=ABOUT,
    )
    return replace(plan, missing=missing, scores=pick(plan.scores))


def judge(request: ColorsRequest, unit: EvaluationUnit) -> Finding:
    """Evaluate every method on a picture, at every number of hints."""
    source = source_of(unit)
    case = make_case(
        read_unit(unit), unit.number, source=source, network_size_px=request.network_size or None
    )
    rows, sheets = [], {}
    for count in request.num_hints:
        ways = dict(methods_at(count, request.weights, request.baselines))
        if count == request.num_hints[0]:
            ways[PAINTED_TRUTH] = truth_fill(case)
        trial = run_trial(case, count, ways, request.seed)
        rows += judge_trial(trial, unit, request, count)
        if unit.is_shown:
            sheets[f"{count} hints"] = sheet_row(trial)
    return Finding(rows, sheets=sheets)


def judge_trial(
    trial: Trial, unit: EvaluationUnit, request: ColorsRequest, count: int
) -> list[ScoreRow]:
    """Return a row of scores for every method of a trial."""
    sets = sets_of(trial.case, unit.place)
    group = request.group_of(unit.name)
    return [
        ScoreRow(sets, unit.name, group, way, score(color, trial, request.lpips), count)
        for way, color in trial.colors.items()
    ]


def score(color: Frame, trial: Trial, lpips: str | None = None) -> dict[str, float]:
    """Compute the scores of the colours that one method made; undefined scores are left out."""
    case, drawn = trial.case, trial.case.original.line
    found = {
        "psnr": min(MOST_DB, psnr(color, case.painted)),
        "ssim": ssim(color, case.painted),
        "de_hints": hint_difference(color, trial),
        "leakage": leakage(color, case.line),
    }
    if lpips:
        found["lpips"] = load_lpips(lpips)(color, case.painted)
    if drawn is not None:
        whole = compose(color, drawn)
        found["psnr_composed"] = min(MOST_DB, psnr(whole, case.original.color))
        found["ssim_composed"] = ssim(whole, case.original.color)
    return {name: value for name, value in found.items() if value is not None}


def sets_of(case: Case, place: str) -> tuple[str, ...]:
    """Return the sets that a picture belongs to: its place, subsets of it, and its source."""
    drawn = case.original.line
    sets = [place]
    if drawn is not None:
        sets.append(f"{place}, drawn lines")
        if drawn.size > case.line.size:
            sets.append(f"{place}, full size")
    return (*sets, f"{SOURCE}{case.source}")


def hint_difference(color: Frame, trial: Trial) -> float | None:
    """Return the mean CIEDE2000 at the hints that lie on paper; None if there are none."""
    is_hint = (trial.hint[..., 3] > 0) & (trial.case.line >= PAPER_FROM)
    if not np.any(is_hint):
        return None
    return float(ciede2000(color[is_hint], trial.case.painted[is_hint]).mean())


def truth_fill(case: Case) -> Fill:
    """Return a method that gives the painted truth; composed, it bounds all other methods."""
    return lambda *_: case.painted


def sheet_row(trial: Trial) -> Frame:
    """Build the sheet row of a trial: drawing, hints, composed picture of each method, truth."""
    line = trial.case.line
    pictures = {
        "drawing": line,
        "hints": show_hints(line, trial.hint),
        **{way: compose(color, line) for way, color in trial.colors.items()},
        "truth": trial.case.color,
    }
    return strip(trial.case.name, pictures)
