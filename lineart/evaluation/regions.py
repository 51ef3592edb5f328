"""Protocol `regions`: flat-coloured pictures from hints in shares of their regions.

Everything is at the picture's own size: baselines run there, and networks at the size of their
input, enlarged and finished as `lineart colorize` does.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lineart.datasets.samples import NamedPicture
from lineart.evaluation.baselines import BASELINES
from lineart.evaluation.colors import MAX_DB, plan_coloring
from lineart.evaluation.inputs import EvaluationUnit, read_unit, source_of
from lineart.evaluation.methods import ColorFrame, name_finishes, open_colorizers
from lineart.evaluation.page import show_hints, strip
from lineart.evaluation.request import RegionsRequest
from lineart.evaluation.session import Session
from lineart.evaluation.tables import SOURCE
from lineart.evaluation.true_regions import (
    TINY_PIXELS,
    TOLERANCE,
    TrueRegions,
    choose_regions,
    find_true_regions,
    hint_auc,
    place_hints,
    score_regions,
)
from lineart.evaluation.types import EvaluationPlan, Finding, ScoreRow, pick
from lineart.image import Frame, Hint, Line
from lineart.imaging.compositing.frequency import DEFAULT_SIGMA, compose_as_drawn, low_band
from lineart.imaging.hints.pixels import find_hints
from lineart.imaging.paint.finish import finish_colors
from lineart.metrics import leakage, psnr, ssim

SCORES = (
    "psnr_composed",
    "ssim_composed",
    "acc_hinted",
    "acc_unhinted",
    "acc_closed",
    "acc",
    "acc_thres",
    "pix_acc",
    "pix_f_acc",
    "pix_b_iou",
    "flatness",
    "leakage",
)

AREAS = {"psnr_auc": "psnr_composed", "ssim_auc": "ssim_composed", "acc_auc": "acc_thres"}
"""Hint-AUC -> the score whose area it is."""

ABOUT = (
    "Hints: share of the true regions, in %, that have a dab of 3 x 3 pixels of their true colour; "
    "{order}. A region is right if at least half of its pixels differ from its true colour by at "
    f"most {TOLERANCE} of 255 in every channel; regions of up to {TINY_PIXELS} px count in Acc "
    "alone. Composed: with the drawn lines in their own strength, at the picture's size. "
    "Hint-AUC: area under a score's curve over the shares, 0 to 100 %."
)
ORDERS = {"largest": "the largest regions first", "random": "random regions"}


def plan_regions(request: RegionsRequest) -> EvaluationPlan:
    """Build the plan of the protocol `regions`; raises as `plan_coloring`."""
    session = Session()
    plan = plan_coloring(
        request,
        session,
        partial(evaluate_regions, request, session),
        scores=pick([*SCORES, *AREAS]),
        about=ABOUT.format(order=ORDERS[request.order]),
    )
    return replace(plan, ours=name_finishes(plan.ours)[1], hints_heading="hints, %")


class Painting(NamedTuple):
    """A drawing with hints in some of its regions, painted by every method, and the scores."""

    hint: Hint
    colors: Mapping[str, Frame]
    """Method -> colours below the lines, at the size of the drawing."""
    values: Mapping[str, Mapping[str, float]]
    """Method -> score name -> value."""


def evaluate_regions(request: RegionsRequest, session: Session, unit: EvaluationUnit) -> Finding:
    """Paint a picture by every method, for each share of hinted regions."""
    picture = read_unit(session, unit)
    if picture.line is None:
        raise ValueError(
            "it has no drawn lines; put pairs of the same name into folders color/ and line/"
        )
    truth = find_true_regions(picture.color, picture.line)
    sets = (unit.place, f"{SOURCE}{source_of(session, unit)}")
    row = ScoreRow(sets, unit.name, request.group_of(unit.name), "", {})
    rows, sheets = [], {}
    curves: dict[str, dict[int, Mapping[str, float]]] = {}
    # Several small shares may be of the same regions.
    painted: dict[bytes, Painting] = {}
    for share in request.shares:
        is_hinted = choose_regions(truth, share, _order(request, unit))
        key = is_hinted.tobytes()
        if key not in painted:
            painted[key] = paint_picture(request, session, picture, (truth, is_hinted))
        for method, values in painted[key].values.items():
            rows.append(replace(row, method=method, values=values, hints=share))
            curves.setdefault(method, {})[share] = values
        if unit.is_shown:
            sheets[f"{share} % of the regions"] = sheet_row(picture, painted[key])
    areas = replace(row, sets=tuple(f"{name}, Hint-AUC" for name in sets))
    rows += [replace(areas, method=method, values=hint_aucs(one)) for method, one in curves.items()]
    return Finding(rows, sheets=sheets)


def _order(request: RegionsRequest, unit: EvaluationUnit) -> np.random.Generator | None:
    """Return what draws the regions, the same for each share; None for the largest."""
    if request.order == "largest":
        return None
    return np.random.default_rng((request.seed, unit.number))


def hint_aucs(curve: Mapping[int, Mapping[str, float]]) -> dict[str, float]:
    """Return the Hint-AUC of each score in `AREAS`; share in percent -> scores."""
    return {
        area: hint_auc({share: values[name] for share, values in curve.items()})
        for area, name in AREAS.items()
    }


def paint_picture(
    request: RegionsRequest,
    session: Session,
    picture: NamedPicture,
    hinted: tuple[TrueRegions, Any],
) -> Painting:
    """Paint a picture by every method from hints in the chosen regions, and score it."""
    assert picture.line is not None
    hint = place_hints(*hinted)
    colors: dict[str, Frame] = {}
    for method, network in session.open(open_colorizers, request.weights).items():
        assert network.run_frame is not None
        colors |= finish_network(
            method, network.run_frame, picture.line, hint, request.network_size
        )
    colors |= {name: BASELINES[name](picture.line, hint) for name in request.baselines}
    values = {method: score(color, picture, hinted) for method, color in colors.items()}
    return Painting(hint, colors, values)


def finish_network(
    method: str, color_frame: ColorFrame, line: Line, hint: Hint, size_px: int
) -> dict[str, Frame]:
    """Colour a drawing by a network; return its colours as they are, and with each finish.

    Args:
        method: Name of the network.
        color_frame: The network.
        line: Drawing at full size.
        hint: Hints at the same size.
        size_px: Short side of the network's input; paint takes half of it.
    """
    given = find_hints(hint)
    guess, hints = color_frame(line, given, "soft", size_px)
    soft, paint = name_finishes(method)
    return {
        method: low_band(guess.colors, (line.shape[0], line.shape[1]), sigma=DEFAULT_SIGMA),
        soft: finish_colors(line, hints, guess, "soft"),
        paint: finish_colors(line, hints, color_frame(line, given, "paint", size_px)[0], "paint"),
    }


def score(color: Frame, picture: NamedPicture, hinted: tuple[TrueRegions, Any]) -> dict[str, float]:
    """Compute the scores of colours below the lines; undefined scores are left out."""
    assert picture.line is not None
    whole = compose_as_drawn(color, picture.line, sigma=0.0)
    leaks = leakage(color, picture.line)
    return {
        "psnr_composed": min(MAX_DB, psnr(whole, picture.color)),
        "ssim_composed": ssim(whole, picture.color),
        **score_regions(color, *hinted),
        **({} if leaks is None else {"leakage": leaks}),
    }


def sheet_row(picture: NamedPicture, painting: Painting) -> Frame:
    """Build the sheet row: drawing, hints, composed picture of each method, truth."""
    line = picture.line
    assert line is not None
    made = {
        method: compose_as_drawn(color, line, sigma=0.0)
        for method, color in painting.colors.items()
    }
    shown = {"drawing": line, "hints": show_hints(line, painting.hint), **made}
    return strip(picture.name, shown | {"truth": picture.color})
