"""Protocol `paper_001`: FID without hints at 512 px; PSNR and SSIM of pictures of 1,500 px or more.

Both sizes are the paper's; flags change them.

Source:
    Paper 001, 4.4 and table 2: XDoG lines and real pairs of line and colour, as separate sets.
    Pictures are coloured at 512, their lines laid over them by frequency separation (3.4), and
    compared with the original at its own size.
"""

from dataclasses import replace
from functools import partial

from lineart.datasets.samples import Picture
from lineart.evaluation.colorization import extract_features, open_distances, plan_coloring
from lineart.evaluation.colors import MOST_DB
from lineart.evaluation.contact_sheet import strip
from lineart.evaluation.inputs import EvaluationUnit, read_unit
from lineart.evaluation.methods import methods_at
from lineart.evaluation.request import FidNoHintsRequest, PictureRequest
from lineart.evaluation.trials import XDOG_SIGMA
from lineart.evaluation.types import EvaluationPlan, Finding, ScoreRow
from lineart.image import Frame, Line, fit_short_side, resize
from lineart.imaging.extraction import xdog
from lineart.imaging.frequency import compose
from lineart.imaging.hints import no_hints
from lineart.metrics import leakage, psnr, ssim

XDOG, DRAWN = "XDoG lines", "drawn lines"


def plan_fid_no_hints(request: FidNoHintsRequest) -> EvaluationPlan:
    """Build the plan of the protocol; raises as `plan_coloring`."""
    scores = ("psnr_full", "ssim_full", "leakage")
    about = (
        f"Coloured without hints at a short side of {request.network_size}, lines laid over. "
        f"Distances: at {request.network_size}, against the pictures. PSNR and SSIM: at the "
        f"picture's own size, of pictures whose short side is {request.full_size:,} px or more. "
        f"Leakage: colours below the lines, at {request.network_size}."
    )
    distances = open_distances(request.fid_features, ("frechet",))
    request = replace(request, fid_features=distances.features)
    return plan_coloring(
        request, partial(judge, request), scores=scores, about=about, distances=distances
    )


def judge(request: FidNoHintsRequest, unit: EvaluationUnit) -> Finding:
    """Colour a picture by every method; return features, leakage and, if large, PSNR and SSIM."""
    set_name, picture, color, line = prepare(request, unit)
    colors = fill_all(request, line)
    made: dict[str, Frame] = {way: compose(one, line) for way, one in colors.items()}
    short_side_px = min(picture.color.shape[:2])
    full = compare_full(request, picture) if short_side_px >= request.full_size else {}
    rows = []
    for way, one in colors.items():
        leak = leakage(one, line)
        values = full.get(way, {}) | ({} if leak is None else {"leakage": leak})
        rows.append(ScoreRow((set_name,), unit.name, request.group_of(unit.name), way, values, 0))
    shown = {"drawing": line, **made, "picture": color}
    return Finding(
        rows,
        extract_features(request.fid_features, set_name, color, made, 0),
        {set_name: strip(picture.name, shown)} if unit.is_shown else {},
        list(notes(request, short_side_px)),
    )


def prepare(request: PictureRequest, unit: EvaluationUnit) -> tuple[str, Picture, Frame, Line]:
    """Read a picture; return set name, picture, and its colours and lines at the network's size."""
    picture = read_unit(unit)
    color = resize(picture.color, fit_short_side(picture.color.shape[:2], request.network_size))
    kind = XDOG if picture.line is None else DRAWN
    return f"{unit.place}, {kind}", picture, color, draw(picture, color)


def draw(picture: Picture, color: Frame) -> Line:
    """Return the picture's drawn lines at the size of `color`, or extract them from `color`."""
    if picture.line is None:
        return xdog(color, sigma=XDOG_SIGMA)
    return resize(picture.line, color.shape[:2])


def fill_all(request: FidNoHintsRequest, line: Line) -> dict[str, Frame]:
    """Colour a line drawing by every method, without hints."""
    ways = methods_at(0, request.weights)
    return {way: fill(line, no_hints(line.shape)) for way, fill in ways.items()}


def compare_full(request: FidNoHintsRequest, picture: Picture) -> dict[str, dict[str, float]]:
    """Colour at the network's size, compose at full size as in a film; return PSNR and SSIM."""
    line = draw(picture, picture.color)
    small = resize(line, fit_short_side(line.shape, request.network_size))
    found = {}
    for way, color in fill_all(request, small).items():
        made = compose(color, line)
        found[way] = {
            "psnr_full": min(MOST_DB, psnr(made, picture.color)),
            "ssim_full": ssim(made, picture.color),
        }
    return found


def notes(request: FidNoHintsRequest, short_side_px: int) -> list[str]:
    """Return the notes on a picture that is enlarged, or too small for PSNR and SSIM."""
    if short_side_px >= request.full_size:
        return []
    is_small = short_side_px < request.network_size
    small = [f"short side below {request.network_size} px: enlarged"] if is_small else []
    return [*small, f"short side below {request.full_size:,} px: without PSNR and SSIM"]
