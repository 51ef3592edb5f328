"""Protocols that translate photographs: `paper_000` (CLIP score) and `paper_004` (KID)."""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from lineart.evaluation.distances import extract_features, open_distances
from lineart.evaluation.inputs import EvaluationUnit, find_units, read_unit
from lineart.evaluation.methods import NetworkMethod, open_translators
from lineart.evaluation.networks import load_clip
from lineart.evaluation.page import strip
from lineart.evaluation.request import ClipScoreRequest, KidRequest, PictureRequest
from lineart.evaluation.session import Session
from lineart.evaluation.types import (
    PHOTOGRAPH,
    AnySize,
    EvaluationPlan,
    Finding,
    ScoreRow,
    pick,
)
from lineart.image import Frame, fit_short_side, resize
from lineart.storage import read_file


def open_methods(request: PictureRequest, session: Session) -> Mapping[str, NetworkMethod]:
    """Open the networks of a request; raises as `open_translators`."""
    return session.open(open_translators, request.weights, request.network_size)


def translate(request: PictureRequest, session: Session, photo: Frame) -> dict[str, AnySize]:
    """Translate a photograph by every method; the photograph itself is the last."""
    made = {method: one.run(photo) for method, one in open_methods(request, session).items()}
    size = fit_short_side(photo.shape[:2], min(request.network_size, *photo.shape[:2]))
    made[PHOTOGRAPH] = resize(photo, size)
    return made


# Protocol `paper_000`: CLIP score, the probability of the right class given the drawing.
#
# The score is not a cosine similarity: CLIP classifies the drawing among one prompt per class of
# the dataset, and the score is the probability of the right prompt. Paper 000, table 1, on
# MIT-Adobe FiveK, compares weights trained with and without the segmentation loss; pass both. It
# does not state its prompts.

NO_CLASSES = {"color", "images", "image", "image_2", "data", ""}
"""Folder names that are not classes; the folder above names the class."""


def plan_clip_score(request: ClipScoreRequest) -> EvaluationPlan:
    """Build the plan of the protocol `paper_000`.

    Raises:
        ValueError: weights do not translate photographs, there is no photograph or only one class,
            a photograph has no class, or the prompt lacks `{}`.
        OSError: weights, photographs or classes cannot be read.
    """
    session = Session()
    translators = open_methods(request, session)
    units = find_units(request, session, request.images)
    names = tuple(sorted({class_of(request, session, unit) for unit in units}))
    if len(names) < 2:
        raise ValueError(
            f"all photographs are of one class, {names[0]!r}: CLIP needs several to choose from; "
            "put each class in a folder of its own, or give --classes"
        )
    asked = prompts(request, names)
    if why := session.why_not(load_clip, request.clip, asked):
        request = replace(request, clip="")
    return EvaluationPlan(
        units=units,
        evaluate=partial(evaluate_clip_score, request, session, names),
        scores=pick(() if why else ("clip", "clip_first")),
        ours=next(iter(translators)),
        about=f"CLIP chooses among {len(names)} prompts, such as {asked[0]!r}.",
        facts={
            "weights": {method: one.facts for method, one in translators.items()},
            "classes": list(names),
        },
        missing={"CLIP score": why} if why else {},
        session=session,
    )


def evaluate_clip_score(
    request: ClipScoreRequest, session: Session, names: tuple[str, ...], unit: EvaluationUnit
) -> Finding:
    """Translate a photograph by every method; score the results and the photograph by CLIP."""
    made = translate(request, session, read_unit(session, unit).color)
    sheets = {"drawings": strip(unit.name, made)} if unit.is_shown else {}
    if not request.clip:
        return Finding(sheets=sheets)
    classify = session.open(load_clip, request.clip, prompts(request, names))
    right = names.index(class_of(request, session, unit))
    rows = []
    for method, picture in made.items():
        probabilities = classify(picture)
        is_first = float(probabilities.argmax() == right)
        values = {"clip": float(probabilities[right]), "clip_first": is_first}
        rows.append(ScoreRow((unit.place,), unit.name, request.group_of(unit.name), method, values))
    return Finding(rows, sheets=sheets)


def prompts(request: ClipScoreRequest, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the prompt of each class; `_` in names becomes a space.

    Raises:
        ValueError: `request.prompt` lacks `{}`.
    """
    if "{}" not in request.prompt:
        raise ValueError(f"--prompt {request.prompt!r} needs {{}} where the class stands")
    return tuple(request.prompt.replace("{}", name.replace("_", " ")) for name in names)


def class_of(request: ClipScoreRequest, session: Session, unit: EvaluationUnit) -> str:
    """Return the class of a photograph: from the classes file if there is one, else its folder.

    The file may name a photograph by path or file name, with or without suffix.

    Raises:
        ValueError: the file does not name the photograph.
    """
    uri = request.classes
    if uri is None:
        folders = posixpath.dirname(unit.name).split("/")
        return next((name for name in reversed(folders) if name not in NO_CLASSES), "")
    classes = session.open(read_classes, uri)
    inside = unit.name.removeprefix(f"{unit.place}/")
    file = posixpath.basename(inside)
    for name in (inside, posixpath.splitext(inside)[0], file, posixpath.splitext(file)[0]):
        if name in classes:
            return classes[name]
    raise ValueError(f"--classes {uri} does not name {inside}")


def read_classes(uri: str) -> dict[str, str]:
    """Read the JSON file that maps photographs to classes.

    Raises:
        ValueError: the file is not a JSON object with string values.
        OSError: the file cannot be read.
    """
    try:
        classes = json.loads(read_file(uri))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"--classes {uri} is no JSON: {error}") from error
    if not isinstance(classes, dict) or not all(isinstance(c, str) for c in classes.values()):
        raise ValueError(f"--classes {uri} must be an object, {{photograph: class}}")
    return classes


# Protocol `paper_004`: KID between translated photographs and pictures of the style. The
# untranslated photographs are scored, too: their distance from the style without a network.
#
# Kim, Kim, Kang, Lee, "U-GAT-IT", ICLR 2020, table 2, the method of paper 004: KID x 100, mean and
# standard deviation over subsets, of translated source against target pictures.

SET = "source to target"

ABOUT = (
    "Distances of translated photographs from the pictures of the style. KID x 100: mean and "
    "deviation over 100 subsets of 1,000 pictures, or of half of the smaller set."
)


class SidedUnit(NamedTuple):
    """Unit of work: a photograph (source) or a picture of the style (target)."""

    name: str
    unit: EvaluationUnit
    is_target: bool


def plan_kid(request: KidRequest) -> EvaluationPlan:
    """Build the plan of the protocol `paper_004`.

    Raises:
        ValueError: weights do not translate photographs, or there is no picture.
        OSError: weights or pictures cannot be read.
    """
    session = Session()
    translators = open_methods(request, session)
    distances = open_distances(session, request.fid_features, ("kernel", "frechet"))
    request = replace(request, fid_features=distances.features)
    photos, styles = (
        find_units(request, session, places) for places in (request.images, request.targets)
    )
    return EvaluationPlan(
        units=[
            *(SidedUnit(unit.name, unit, False) for unit in photos),
            *(SidedUnit(unit.name, unit, True) for unit in styles),
        ],
        evaluate=partial(evaluate_kid, request, session),
        scores=distances.scores,
        ours=next(iter(translators)),
        about=ABOUT,
        distances=distances.kinds,
        facts={"weights": {method: one.facts for method, one in translators.items()}},
        missing=distances.missing,
        session=session,
    )


def evaluate_kid(request: KidRequest, session: Session, sided: SidedUnit) -> Finding:
    """Extract the features of a picture of the style, or of a photograph by every method."""
    picture = read_unit(session, sided.unit).color
    if sided.is_target:
        return Finding(features=extract_features(session, request.fid_features, SET, picture, {}))
    made = translate(request, session, picture)
    return Finding(
        features=extract_features(session, request.fid_features, SET, None, made),
        sheets={SET: strip(sided.name, made)} if sided.unit.is_shown else {},
    )
