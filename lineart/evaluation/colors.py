"""Protocols that colour line drawings: `colors`, `paper_001` and `paper_002`.

Every method gets the same line drawing and hints and returns the colours below the lines.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from lineart.evaluation.distances import extract_features, open_distances
from lineart.evaluation.inputs import EvaluationUnit, find_units, read_unit, source_of
from lineart.evaluation.methods import (
    Case,
    Trial,
    extract_mixed,
    extract_xdog,
    make_case,
    methods_at,
    name_finishes,
    open_colorizers,
    run_trial,
)
from lineart.evaluation.networks import load_lpips
from lineart.evaluation.page import show_hints, strip
from lineart.evaluation.request import (
    ColorsRequest,
    FidHintsRequest,
    FidNoHintsRequest,
    FidRequest,
    PictureRequest,
)
from lineart.evaluation.session import Session
from lineart.evaluation.tables import SOURCE
from lineart.evaluation.types import (
    PAINTED_TRUTH,
    EvaluationPlan,
    Finding,
    Score,
    ScoreRow,
    pick,
)
from lineart.image import Frame, Line, fit_short_side, resize
from lineart.imaging.compositing.frequency import compose, compose_as_drawn
from lineart.imaging.hints.pixels import find_hints, no_hints
from lineart.imaging.lines.paper import PAPER_FROM
from lineart.imaging.paint.finish import soften
from lineart.metrics import ciede2000, leakage, psnr, ssim

MAX_DB = 60.0
"""Cap of PSNR in dB: equal pictures would make means infinite; one level everywhere is 48 dB."""

AnyFidRequest = TypeVar("AnyFidRequest", bound=FidRequest)


def plan_coloring(
    request: PictureRequest,
    session: Session,
    evaluate: Callable[[EvaluationUnit], Finding],
    *,
    scores: Mapping[str, Score],
    about: str,
) -> EvaluationPlan:
    """Build the plan of a protocol that colours drawings, without distances.

    Raises:
        ValueError: a flag is invalid, weights do not colour drawings, or there is no picture.
        OSError: weights or pictures cannot be read.
    """
    colorizers = session.open(open_colorizers, request.weights)
    return EvaluationPlan(
        units=find_units(request, session, request.images),
        evaluate=evaluate,
        scores=scores,
        ours=next(iter(colorizers)),
        about=about,
        facts={"weights": {method: one.facts for method, one in colorizers.items()}},
        session=session,
    )


# Protocol `colors`: colours below the lines against the painted truth, with and without hints. The
# painted truth is the picture with its lines painted over. If the picture has drawn lines, the
# composed picture is also compared with the original, at its full size.

ABOUT = (
    "PSNR, SSIM, LPIPS and leakage: colours below the lines, also where lines hide them; all but "
    "leakage against the painted truth."
)
ABOUT_COMPOSED = (
    "Composed: with the drawn lines in their own strength, at the picture's size, against the "
    f"picture; the {PAINTED_TRUTH} is the most possible there."
)


def plan_colors(request: ColorsRequest) -> EvaluationPlan:
    """Build the plan of the protocol `colors`; raises as `plan_coloring`."""
    session, missing = Session(), {}
    if request.lpips and (why := session.why_not(load_lpips, request.lpips)):
        missing["LPIPS"] = why
        request = replace(request, lpips=None)
    below = ["psnr", "ssim", *(["lpips"] if request.lpips else [])]
    scores = pick(["psnr_composed", "ssim_composed", *below, "de_hints", "leakage"])
    evaluate = partial(evaluate_colors, request, session)
    plan = plan_coloring(request, session, evaluate, scores=scores, about=ABOUT)
    return replace(
        plan,
        ours=name_finishes(plan.ours)[0],
        missing=missing,
        about_scores={"psnr_composed": ABOUT_COMPOSED},
    )


def evaluate_colors(request: ColorsRequest, session: Session, unit: EvaluationUnit) -> Finding:
    """Evaluate every method on a picture, at every number of hints."""
    case = read_case(session, unit, request.network_size, extract_mixed)
    sets, group = sets_of(case, unit.place), request.group_of(unit.name)
    rows, sheets = [], {}
    for count in request.num_hints:
        methods = dict(methods_at(count, session, request.weights, request.baselines))
        if count == request.num_hints[0]:
            # Composed, the painted truth bounds all methods.
            methods[PAINTED_TRUTH] = lambda *_: case.painted
        trial = soften_networks(run_trial(case, count, methods, request.seed), session, request)
        for method, color in trial.colors.items():
            values = score(color, trial)
            if request.lpips:
                values["lpips"] = session.open(load_lpips, request.lpips)(color, case.painted)
            rows.append(ScoreRow(sets, unit.name, group, method, values, count))
        if unit.is_shown:
            sheets[f"{count} hints"] = sheet_row(trial, compose_as_drawn)
    return Finding(rows, sheets=sheets)


def soften_networks(trial: Trial, session: Session, request: ColorsRequest) -> Trial:
    """Add the networks' colours with the finish `soft`, as `lineart colorize` makes them."""
    line, given = trial.case.line, find_hints(trial.hint)
    colors: dict[str, Frame] = {}
    for method, network in session.open(open_colorizers, request.weights).items():
        assert network.run_frame is not None
        guess, hints = network.run_frame(line, given, "soft", min(line.shape))
        soft, _ = name_finishes(method)
        colors |= {method: trial.colors[method], soft: soften(line, hints, guess.colors)}
    return replace(trial, colors={**colors, **trial.colors})


def read_case(
    session: Session, unit: EvaluationUnit, size_px: int, extract: Callable[[Frame, int], Line]
) -> Case:
    """Read a picture at the network's size; 0 keeps its own."""
    return make_case(
        read_unit(session, unit),
        unit.number,
        source=source_of(session, unit),
        network_size_px=size_px or None,
        extract=extract,
    )


def score(color: Frame, trial: Trial) -> dict[str, float]:
    """Compute the scores of the colours that one method made; undefined scores are left out."""
    case, drawn = trial.case, trial.case.original.line
    found = {
        "psnr": min(MAX_DB, psnr(color, case.painted)),
        "ssim": ssim(color, case.painted),
        **score_hints(color, trial),
    }
    if drawn is not None:
        whole = compose_as_drawn(color, drawn)
        found["psnr_composed"] = min(MAX_DB, psnr(whole, case.original.color))
        found["ssim_composed"] = ssim(whole, case.original.color)
    return found


def score_hints(color: Frame, trial: Trial) -> dict[str, float]:
    """Compute the difference at the hints, and leakage; undefined scores are left out."""
    found = {
        "de_hints": hint_difference(color, trial),
        "leakage": leakage(color, trial.case.line),
    }
    return {name: value for name, value in found.items() if value is not None}


def hint_difference(color: Frame, trial: Trial) -> float | None:
    """Return the mean CIEDE2000 at the hints that lie on paper; None if there are none."""
    is_hint = (trial.hint[..., 3] > 0) & (trial.case.line >= PAPER_FROM)
    if not np.any(is_hint):
        return None
    return float(ciede2000(color[is_hint], trial.case.painted[is_hint]).mean())


def sets_of(case: Case, place: str) -> tuple[str, ...]:
    """Return the sets that a picture belongs to: its place, subsets of it, and its source."""
    drawn = case.original.line
    sets = [place]
    if drawn is not None:
        sets.append(f"{place}, drawn lines")
        if drawn.size > case.line.size:
            sets.append(f"{place}, full size")
    return (*sets, f"{SOURCE}{case.source}")


def sheet_row(trial: Trial, lay_lines: Callable[[Frame, Line], Frame]) -> Frame:
    """Build the sheet row of a trial: drawing, hints, composed picture of each method, truth."""
    line = trial.case.line
    pictures = {
        "drawing": line,
        "hints": show_hints(line, trial.hint),
        **{method: lay_lines(color, line) for method, color in trial.colors.items()},
        "truth": trial.case.color,
    }
    return strip(trial.case.name, pictures)


# Protocol `paper_001`: FID without hints at 512 px; PSNR and SSIM of pictures of 1,500 px or more.
# Both sizes are the paper's; flags change them.
#
# Paper 001, 4.4 and table 2: XDoG lines and real pairs of line and colour, as separate sets.
# Pictures are coloured at 512, their lines laid over them by frequency separation (3.4), and
# compared with the original at its own size.

XDOG, DRAWN = "XDoG lines", "drawn lines"


def plan_fid_no_hints(request: FidNoHintsRequest) -> EvaluationPlan:
    """Build the plan of the protocol `paper_001`; raises as `plan_coloring`."""
    about = (
        f"Coloured without hints at a short side of {request.network_size}, lines laid over. "
        f"Distances: at {request.network_size}, against the pictures. PSNR and SSIM: at the "
        f"picture's own size, of pictures whose short side is {request.full_size:,} px or more. "
        f"Leakage: colours below the lines, at {request.network_size}."
    )
    return plan_fid(request, evaluate_fid_no_hints, ("psnr_full", "ssim_full", "leakage"), about)


def plan_fid(
    request: AnyFidRequest,
    evaluate: Callable[[AnyFidRequest, Session, EvaluationUnit], Finding],
    scores: Sequence[str],
    about: str,
) -> EvaluationPlan:
    """Build the plan of a protocol that computes FID; raises as `plan_coloring`."""
    session = Session()
    distances = open_distances(session, request.fid_features, ("frechet",))
    request = replace(request, fid_features=distances.features)
    plan = plan_coloring(
        request,
        session,
        partial(evaluate, request, session),
        scores={**distances.scores, **pick(scores)},
        about=about,
    )
    return replace(plan, distances=distances.kinds, missing=distances.missing)


def evaluate_fid_no_hints(
    request: FidNoHintsRequest, session: Session, unit: EvaluationUnit
) -> Finding:
    """Colour a picture by every method; return features, leakage and, if large, PSNR and SSIM."""
    case = read_case(session, unit, request.network_size, extract_xdog)
    trial = run_trial(case, 0, methods_at(0, session, request.weights), request.seed)
    full: dict[str, dict[str, float]] = {}
    short_side_px = min(case.original.color.shape[:2])
    if short_side_px >= request.full_size:
        full = compare_full(request, session, case)
    finding = find_features(request, session, unit, trial, 0)
    rows = [replace(row, values={**full.get(row.method, {}), **row.values}) for row in finding.rows]
    sheets = {}
    if unit.is_shown:
        made = {method: compose(one, case.line) for method, one in trial.colors.items()}
        row = strip(case.name, {"drawing": case.line, **made, "picture": case.color})
        sheets = {name_set(unit, case): row}
    return replace(finding, rows=rows, sheets=sheets, notes=notes_on_size(request, short_side_px))


def find_features(
    request: FidRequest, session: Session, unit: EvaluationUnit, trial: Trial, hints: int
) -> Finding:
    """Return features of composed pictures and of the original; difference at hints, leakage."""
    case, set_name = trial.case, name_set(unit, trial.case)
    made: dict[str, Frame]
    made = {method: compose(one, case.line) for method, one in trial.colors.items()}
    group = request.group_of(unit.name)
    return Finding(
        [
            ScoreRow((set_name,), unit.name, group, method, score_hints(one, trial), hints)
            for method, one in trial.colors.items()
        ],
        extract_features(session, request.fid_features, set_name, case.color, made, hints),
    )


def name_set(unit: EvaluationUnit, case: Case) -> str:
    """Return the name of the set of pictures with drawn, or with extracted, lines."""
    return f"{unit.place}, {XDOG if case.original.line is None else DRAWN}"


def compare_full(
    request: FidNoHintsRequest, session: Session, case: Case
) -> dict[str, dict[str, float]]:
    """Colour at the network's size, compose at full size as in a film; return PSNR and SSIM."""
    picture = case.original
    line = extract_xdog(picture.color, case.number) if picture.line is None else picture.line
    small = resize(line, fit_short_side(line.shape, request.network_size))
    found = {}
    for method, fill in methods_at(0, session, request.weights).items():
        made = compose(fill(small, no_hints(small.shape)), line)
        found[method] = {
            "psnr_full": min(MAX_DB, psnr(made, picture.color)),
            "ssim_full": ssim(made, picture.color),
        }
    return found


def notes_on_size(request: FidNoHintsRequest, short_side_px: int) -> list[str]:
    """Return the notes on a picture that is enlarged, or too small for PSNR and SSIM."""
    if short_side_px >= request.full_size:
        return []
    is_small = short_side_px < request.network_size
    small = [f"short side below {request.network_size} px: enlarged"] if is_small else []
    return [*small, f"short side below {request.full_size:,} px: without PSNR and SSIM"]


# Protocol `paper_002`: FID at 512 pixels with 140 hint pixels, of networks and baselines.
#
# Paper 002, 3 (experiments): the number of hints is fixed, and AU-Net is compared with a U-Net that
# concatenates hints; pass both as weights.

FIXED_HINTS = 140


def plan_fid_hints(request: FidHintsRequest) -> EvaluationPlan:
    """Build the plan of the protocol `paper_002`; raises as `plan_coloring`."""
    about = (
        f"Coloured at a short side of {request.network_size} with {FIXED_HINTS} hint pixels of the "
        f"picture, lines laid over. Distances: at {request.network_size}, against the pictures. "
        "dE at hints and leakage: colours below the lines."
    )
    return plan_fid(request, evaluate_fid_hints, ("de_hints", "leakage"), about)


def evaluate_fid_hints(request: FidHintsRequest, session: Session, unit: EvaluationUnit) -> Finding:
    """Colour a picture with hints by every method; return features and scores."""
    case = read_case(session, unit, request.network_size, extract_xdog)
    methods = methods_at(FIXED_HINTS, session, request.weights, request.baselines)
    trial = run_trial(case, FIXED_HINTS, methods, request.seed)
    sheets = {name_set(unit, case): sheet_row(trial, compose)} if unit.is_shown else {}
    return replace(find_features(request, session, unit, trial, FIXED_HINTS), sheets=sheets)
