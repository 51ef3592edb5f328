"""Protocols that translate photographs: `paper_000` (CLIP score) and `paper_004` (KID)."""

import json
import posixpath
from functools import partial
from typing import NamedTuple

from lineart.evaluation.colors import extract_features, open_distances
from lineart.evaluation.inputs import EvaluationUnit, find_units, read_unit
from lineart.evaluation.methods import open_translators
from lineart.evaluation.networks import load_clip
from lineart.evaluation.page import strip
from lineart.evaluation.request import Request
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


def translate_all(session: Session, photo: Frame) -> dict[str, AnySize]:
    """Translate a photograph by every method; the photograph itself is the last."""
    size_px = session.request.network_size
    translators = session.open(open_translators, session.request.weights, size_px)
    made = {way: network.run(photo) for way, network in translators.items()}
    made[PHOTOGRAPH] = resize(
        photo, fit_short_side(photo.shape[:2], min(size_px, *photo.shape[:2]))
    )
    return made


# Protocol `paper_000`: CLIP score, the probability of the right class given the drawing.
#
# The score is not a cosine similarity: CLIP classifies the drawing among one prompt per class of
# the dataset, and the score is the probability of the right prompt. Paper 000, table 1, on
# MIT-Adobe FiveK, compares weights trained with and without the segmentation loss; pass both. It
# does not state its prompts.

NO_CLASSES = {"color", "images", "image", "image_2", "data", ""}
"""Folder names that are not classes; the folder above names the class."""


def plan_clip_score(request: Request) -> EvaluationPlan:
    """Build the plan of the protocol `paper_000`.

    Raises:
        ValueError: weights do not translate photographs, there is no photograph or only one class,
            a photograph has no class, or the prompt lacks `{}`.
        OSError: weights, photographs or classes cannot be read.
    """
    session = Session(request)
    translators = session.open(open_translators, request.weights, request.network_size)
    units = find_units(session, request.data)
    classes = {unit.name: class_of(session, unit) for unit in units}
    names = tuple(sorted(set(classes.values())))
    if len(names) < 2:
        raise ValueError(
            f"all photographs are of one class, {names[0]!r}: CLIP needs several to choose from; "
            "put each class in a folder of its own, or give --classes"
        )
    asked = prompts(request, names)
    why = session.try_open("clip", load_clip, request.clip, asked)
    return EvaluationPlan(
        units=units,
        evaluate=partial(evaluate_clip_score, session, names),
        scores=pick(() if why else ("clip", "clip_first")),
        ours=next(iter(translators)),
        about=f"CLIP chooses among {len(names)} prompts, such as {asked[0]!r}.",
        facts={
            "weights": {way: one.facts for way, one in translators.items()},
            "classes": list(names),
        },
        missing={"CLIP score": why} if why else {},
        session=session,
    )


def evaluate_clip_score(session: Session, names: tuple[str, ...], unit: EvaluationUnit) -> Finding:
    """Translate a photograph by every method; score the results and the photograph by CLIP."""
    request = session.request
    made = translate_all(session, read_unit(session, unit).color)
    sheets = {"drawings": strip(unit.name, made)} if unit.is_shown else {}
    if not request.clip:
        return Finding(sheets=sheets)
    classify = session.open(load_clip, request.clip, prompts(request, names))
    right = names.index(class_of(session, unit))
    rows = []
    for way, picture in made.items():
        probabilities = classify(picture)
        is_first = float(probabilities.argmax() == right)
        values = {"clip": float(probabilities[right]), "clip_first": is_first}
        rows.append(ScoreRow((unit.place,), unit.name, request.group_of(unit.name), way, values))
    return Finding(rows, sheets=sheets)


def prompts(request: Request, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the prompt of each class; `_` in names becomes a space.

    Raises:
        ValueError: `request.prompt` lacks `{}`.
    """
    if "{}" not in request.prompt:
        raise ValueError(f"--prompt {request.prompt!r} needs {{}} where the class stands")
    return tuple(request.prompt.replace("{}", name.replace("_", " ")) for name in names)


def class_of(session: Session, unit: EvaluationUnit) -> str:
    """Return the class of a photograph: from the classes file if there is one, else its folder.

    The file may name a photograph by path or file name, with or without suffix.

    Raises:
        ValueError: the file does not name the photograph.
    """
    uri = session.request.classes
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


def plan_kid(request: Request) -> EvaluationPlan:
    """Build the plan of the protocol `paper_004`.

    Raises:
        ValueError: `request.targets` is None, weights do not translate photographs, or there is no
            picture.
        OSError: weights or pictures cannot be read.
    """
    if request.targets is None:
        raise ValueError("paper_004 needs --targets, the pictures of the style")
    session = Session(request)
    translators = session.open(open_translators, request.weights, request.network_size)
    distances, scores, missing = open_distances(session, ("kernel", "frechet"))
    photos, styles = (find_units(session, uris) for uris in (request.data, request.targets))
    return EvaluationPlan(
        units=[
            *(SidedUnit(unit.name, unit, False) for unit in photos),
            *(SidedUnit(unit.name, unit, True) for unit in styles),
        ],
        evaluate=partial(evaluate_kid, session),
        scores=scores,
        ours=next(iter(translators)),
        about=ABOUT,
        distances=distances,
        facts={"weights": {way: one.facts for way, one in translators.items()}},
        missing=missing,
        session=session,
    )


def evaluate_kid(session: Session, sided: SidedUnit) -> Finding:
    """Extract the features of a picture of the style, or of a photograph by every method."""
    picture = read_unit(session, sided.unit).color
    if sided.is_target:
        return Finding(features=extract_features(session, SET, picture, {}))
    made = translate_all(session, picture)
    return Finding(
        features=extract_features(session, SET, None, made),
        sheets={SET: strip(sided.name, made)} if sided.unit.is_shown else {},
    )
