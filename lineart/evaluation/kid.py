"""Protocol `paper_004`: KID between translated photographs and pictures of the style.

The untranslated photographs are scored, too: their distance from the style without a network.

Source:
    Kim, Kim, Kang, Lee, "U-GAT-IT", ICLR 2020, table 2, the method of paper 004: KID x 100, mean
    and standard deviation over subsets, of translated source against target pictures.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

from lineart.evaluation.colorization import extract_features, open_distances
from lineart.evaluation.contact_sheet import strip
from lineart.evaluation.inputs import EvaluationUnit, find_units, read_unit
from lineart.evaluation.methods import PHOTOGRAPH, open_translators
from lineart.evaluation.request import KidRequest
from lineart.evaluation.types import EvaluationPlan, Finding
from lineart.image import fit_short_side, resize

SET = "source to target"

ABOUT = (
    "Distances of translated photographs from the pictures of the style. KID x 100: mean and "
    "deviation over 100 subsets of 1,000 pictures, or of half of the smaller set."
)


class Sided(NamedTuple):
    """Unit of work: a photograph (source) or a picture of the style (target)."""

    name: str
    unit: EvaluationUnit
    is_target: bool


def plan_kid(request: KidRequest) -> EvaluationPlan:
    """Build the plan of the protocol.

    Raises:
        ValueError: weights do not translate photographs, or there is no picture.
        OSError: weights or pictures cannot be read.
    """
    translators = open_translators(request.weights, request.network_size)
    distances = open_distances(request.fid_features, ("kernel", "frechet"))
    request = replace(request, fid_features=distances.features)
    photos, styles = (find_units(request, uris) for uris in (request.images, request.targets))
    return EvaluationPlan(
        units=[
            *(Sided(unit.name, unit, False) for unit in photos),
            *(Sided(unit.name, unit, True) for unit in styles),
        ],
        judge=partial(judge, request),
        scores=distances.scores,
        ours=next(iter(translators)),
        about=ABOUT,
        distances=distances.kinds,
        facts={"weights": {way: one.facts for way, one in translators.items()}},
        missing=distances.missing,
    )


def judge(request: KidRequest, sided: Sided) -> Finding:
    """Extract the features of a picture of the style, or of a photograph by every method."""
    picture = read_unit(sided.unit).color
    if sided.is_target:
        return Finding(features=extract_features(request.fid_features, SET, picture, {}))
    translators = open_translators(request.weights, request.network_size)
    made = {way: network.run(picture) for way, network in translators.items()}
    size = fit_short_side(picture.shape[:2], min(request.network_size, *picture.shape[:2]))
    made[PHOTOGRAPH] = resize(picture, size)
    return Finding(
        features=extract_features(request.fid_features, SET, None, made),
        sheets={SET: strip(sided.name, made)} if sided.unit.is_shown else {},
    )
