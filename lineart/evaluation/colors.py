"""Protocols that colour line drawings: `colors`, `paper_001` and `paper_002`.

Every method gets the same line drawing and hints and returns the colours below the lines.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePath

import numpy as np

from lineart.evaluation.inputs import EvaluationUnit, find_units, read_unit, source_of
from lineart.evaluation.methods import (
    Case,
    Trial,
    extract_xdog,
    make_case,
    methods_at,
    open_colorizers,
    run_trial,
)
from lineart.evaluation.networks import load_features, load_lpips
from lineart.evaluation.page import show_hints, strip
from lineart.evaluation.request import Request
from lineart.evaluation.session import Session
from lineart.evaluation.types import (
    PAINTED_TRUTH,
    AnySize,
    EvaluationPlan,
    Feature,
    Finding,
    Score,
    ScoreRow,
    distance_score,
    pick,
)
from lineart.image import Frame, Line, fit_short_side, resize
from lineart.imaging.cels import PAPER_FROM
from lineart.imaging.frequency import compose
from lineart.imaging.hints import no_hints
from lineart.metrics import ciede2000, leakage, psnr, ssim

MOST_DB = 60.0
"""Cap of PSNR in dB: equal pictures would make means infinite; one level everywhere is 48 dB."""

SOURCE = "source "
"""Prefix of the names of sets that are sources."""


def plan_coloring(
    session: Session,
    evaluate: Callable[[Session, EvaluationUnit], Finding],
    *,
    scores: Sequence[str],
    kinds: Sequence[str] = (),
    about: str,
) -> EvaluationPlan:
    """Build the plan of a protocol that colours drawings.

    Args:
        session: Holds the user's flags.
        evaluate: Evaluates one picture.
        scores: Names of the scores of single pictures.
        kinds: Distances between sets: "frechet", "kernel".
        about: Explanation of the scores, for the tables and the page.

    Raises:
        ValueError: a flag is invalid, weights do not colour drawings, or there is no picture.
        OSError: weights or pictures cannot be read.
    """
    colorizers = session.open(open_colorizers, session.request.weights)
    distances, distance_scores, missing = open_distances(session, kinds)
    return EvaluationPlan(
        units=find_units(session, session.request.data),
        evaluate=partial(evaluate, session),
        scores={**distance_scores, **pick(scores)},
        ours=next(iter(colorizers)),
        about=about,
        distances=distances,
        facts={"weights": {way: one.facts for way, one in colorizers.items()}},
        missing=missing,
        session=session,
    )


def open_distances(
    session: Session, kinds: Sequence[str]
) -> tuple[dict[str, str], dict[str, Score], dict[str, str]]:
    """Load the feature network of distances between sets.

    Returns:
        Score name -> kind of distance, score name -> score, and heading of a score that cannot be
        computed -> reason.
    """
    choice = session.request.fid_features
    if kinds and (why := session.try_open("fid_features", load_features, choice)):
        wanted = PurePath(choice.partition("=")[0]).name
        return {}, {}, {distance_score(kind, wanted)[1].heading: why for kind in kinds}
    features = session.open(load_features, choice).name if kinds else ""
    named = {kind: distance_score(kind, features) for kind in kinds}
    return {name: kind for kind, (name, _) in named.items()}, dict(named.values()), {}


def extract_features(
    session: Session,
    set_name: str,
    truth: AnySize | None,
    made: Mapping[str, AnySize],
    hints: int | None = None,
) -> list[Feature]:
    """Return the features of the truth, if given, and of the picture that each method made."""
    if not session.request.fid_features:
        return []
    features = session.open(load_features, session.request.fid_features)
    seen = [] if truth is None else [Feature(set_name, features(truth), None, hints)]
    return seen + [Feature(set_name, features(one), way, hints) for way, one in made.items()]


# Protocol `colors`: colours below the lines against the painted truth, with and without hints. The
# painted truth is the picture with its lines painted over. If the picture has drawn lines, the
# composed picture is also compared with the original, at its full size.

HINTS = "0,16,140"

ABOUT = (
    "PSNR, SSIM, LPIPS and leakage: colours below the lines; all but leakage against the painted "
    "truth. Composed: with drawn lines, at the picture's size, against the picture; "
    f"the {PAINTED_TRUTH} is the most possible there."
)


def plan_colors(request: Request) -> EvaluationPlan:
    """Build the plan of the protocol `colors`; raises as `plan_coloring`."""
    request.counts(HINTS)
    session = Session(request)
    missing = {}
    if request.lpips and (why := session.try_open("lpips", load_lpips, request.lpips)):
        missing["LPIPS"] = why
    scores = ["psnr", "ssim", "lpips", "de_hints", "leakage", "psnr_composed", "ssim_composed"]
    if not session.request.lpips:
        scores.remove("lpips")
    plan = plan_coloring(session, evaluate_colors, scores=scores, about=ABOUT)
    return replace(plan, missing=missing)


def evaluate_colors(session: Session, unit: EvaluationUnit) -> Finding:
    """Evaluate every method on a picture, at every number of hints."""
    request = session.request
    case = make_case(
        read_unit(session, unit),
        unit.number,
        source=source_of(session, unit),
        network_size_px=request.network_size or None,
    )
    counts = request.counts(HINTS)
    sets, group = sets_of(case, unit.place), request.group_of(unit.name)
    rows, sheets = [], {}
    for count in counts:
        ways = dict(methods_at(count, session))
        if count == counts[0]:
            # Composed, the painted truth bounds all methods.
            ways[PAINTED_TRUTH] = lambda *_: case.painted
        trial = run_trial(case, count, ways, request.seed)
        for way, color in trial.colors.items():
            values = score(color, trial)
            if request.lpips:
                values["lpips"] = session.open(load_lpips, request.lpips)(color, case.painted)
            rows.append(ScoreRow(sets, unit.name, group, way, values, count))
        if unit.is_shown:
            sheets[f"{count} hints"] = sheet_row(trial)
    return Finding(rows, sheets=sheets)


def score(color: Frame, trial: Trial) -> dict[str, float]:
    """Compute the scores of the colours that one method made; undefined scores are left out."""
    case, drawn = trial.case, trial.case.original.line
    found = {
        "psnr": min(MOST_DB, psnr(color, case.painted)),
        "ssim": ssim(color, case.painted),
        **score_hints(color, trial),
    }
    if drawn is not None:
        whole = compose(color, drawn)
        found["psnr_composed"] = min(MOST_DB, psnr(whole, case.original.color))
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


# Protocol `paper_001`: FID without hints at 512 px; PSNR and SSIM of pictures of 1,500 px or more.
# Both sizes are the paper's; flags change them.
#
# Paper 001, 4.4 and table 2: XDoG lines and real pairs of line and colour, as separate sets.
# Pictures are coloured at 512, their lines laid over them by frequency separation (3.4), and
# compared with the original at its own size.

XDOG, DRAWN = "XDoG lines", "drawn lines"


def plan_fid_no_hints(request: Request) -> EvaluationPlan:
    """Build the plan of the protocol `paper_001`; raises as `plan_coloring`."""
    about = (
        f"Coloured without hints at a short side of {request.network_size}, lines laid over. "
        f"Distances: at {request.network_size}, against the pictures. PSNR and SSIM: at the "
        f"picture's own size, of pictures whose short side is {request.full_size:,} px or more. "
        f"Leakage: colours below the lines, at {request.network_size}."
    )
    return plan_coloring(
        Session(request),
        evaluate_fid_no_hints,
        scores=("psnr_full", "ssim_full", "leakage"),
        kinds=("frechet",),
        about=about,
    )


def evaluate_fid_no_hints(session: Session, unit: EvaluationUnit) -> Finding:
    """Colour a picture by every method; return features, leakage and, if large, PSNR and SSIM."""
    request, case, set_name = session.request, *read_case(session, unit)
    trial = Trial(case, no_hints(case.line.shape), fill_all(session, case.line))
    made: dict[str, Frame] = {way: compose(one, case.line) for way, one in trial.colors.items()}
    short_side_px = min(case.original.color.shape[:2])
    full = compare_full(session, case) if short_side_px >= request.full_size else {}
    group = request.group_of(unit.name)
    rows = [
        ScoreRow((set_name,), unit.name, group, way, full.get(way, {}) | score_hints(one, trial), 0)
        for way, one in trial.colors.items()
    ]
    shown = {"drawing": case.line, **made, "picture": case.color}
    return Finding(
        rows,
        extract_features(session, set_name, case.color, made, 0),
        {set_name: strip(case.name, shown)} if unit.is_shown else {},
        notes_on_size(request, short_side_px),
    )


def read_case(session: Session, unit: EvaluationUnit) -> tuple[Case, str]:
    """Read a picture at the network's size, with drawn or XDoG lines; return its set, too."""
    case = make_case(
        read_unit(session, unit),
        unit.number,
        source=source_of(session, unit),
        network_size_px=session.request.network_size,
        extract=extract_xdog,
    )
    return case, f"{unit.place}, {XDOG if case.original.line is None else DRAWN}"


def fill_all(session: Session, line: Line) -> dict[str, Frame]:
    """Colour a line drawing by every method, without hints."""
    ways = methods_at(0, session)
    return {way: fill(line, no_hints(line.shape)) for way, fill in ways.items()}


def compare_full(session: Session, case: Case) -> dict[str, dict[str, float]]:
    """Colour at the network's size, compose at full size as in a film; return PSNR and SSIM."""
    picture = case.original
    line = extract_xdog(picture.color, case.number) if picture.line is None else picture.line
    small = resize(line, fit_short_side(line.shape, session.request.network_size))
    found = {}
    for way, color in fill_all(session, small).items():
        made = compose(color, line)
        found[way] = {
            "psnr_full": min(MOST_DB, psnr(made, picture.color)),
            "ssim_full": ssim(made, picture.color),
        }
    return found


def notes_on_size(request: Request, short_side_px: int) -> list[str]:
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


def plan_fid_hints(request: Request) -> EvaluationPlan:
    """Build the plan of the protocol `paper_002`; raises as `plan_coloring`."""
    about = (
        f"Coloured at a short side of {request.network_size} with {FIXED_HINTS} hint pixels of the "
        f"picture, lines laid over. Distances: at {request.network_size}, against the pictures. "
        "dE at hints and leakage: colours below the lines."
    )
    return plan_coloring(
        Session(request),
        evaluate_fid_hints,
        scores=("de_hints", "leakage"),
        kinds=("frechet",),
        about=about,
    )


def evaluate_fid_hints(session: Session, unit: EvaluationUnit) -> Finding:
    """Colour a picture with hints by every method; return features and scores."""
    case, set_name = read_case(session, unit)
    trial = run_trial(case, FIXED_HINTS, methods_at(FIXED_HINTS, session), session.request.seed)
    made: dict[str, Frame] = {way: compose(one, case.line) for way, one in trial.colors.items()}
    group = session.request.group_of(unit.name)
    rows = [
        ScoreRow((set_name,), unit.name, group, way, score_hints(one, trial), FIXED_HINTS)
        for way, one in trial.colors.items()
    ]
    return Finding(
        rows,
        extract_features(session, set_name, case.color, made, FIXED_HINTS),
        {set_name: sheet_row(trial)} if unit.is_shown else {},
    )
