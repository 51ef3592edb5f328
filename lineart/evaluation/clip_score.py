"""Protocol `paper_000`: CLIP score, how probable CLIP finds the right class, given the drawing.

It is no cosine: CLIP reads a prompt for every class of the data set, and the score is the
probability that it gives the right one. The paper compares weights trained with and without the
segmentation loss; give both. Which prompts it used it does not say.

Source:
    Paper 000, table 1, on MIT-Adobe FiveK.
"""

import json
import posixpath
from dataclasses import replace
from functools import lru_cache, partial

from lineart.evaluation.contact_sheet import strip
from lineart.evaluation.inputs import EvaluationUnit, find_units, read_unit
from lineart.evaluation.methods import PHOTOGRAPH, open_translators
from lineart.evaluation.networks import load_clip
from lineart.evaluation.request import Request
from lineart.evaluation.scores import pick
from lineart.evaluation.types import EvaluationPlan, Finding, ScoreRow
from lineart.image import fit_short_side, resize
from lineart.storage import read_file

MIDDLE = {"color", "images", "image", "image_2", "data", ""}
"""Folders that say nothing of what a photograph shows; the one above does."""


def plan_clip_score(request: Request) -> EvaluationPlan:
    """Plan the protocol.

    Raises:
        ValueError: the weights do something else, classes are missing, or there is no photograph.
        OSError: weights, photographs or classes are not there.
    """
    translators = open_translators(request.weights, request.network_size)
    units = find_units(request, request.data)
    classes = {unit.name: class_of(request, unit) for unit in units}
    names = tuple(sorted(set(classes.values())))
    if len(names) < 2:
        raise ValueError(
            f"all photographs are of one class, {names[0]!r}: CLIP needs several to choose from; "
            "put each class in a folder of its own, or give --classes"
        )
    missing = {}
    try:
        load_clip(request.clip, prompts(request, names))
    except (OSError, ValueError) as error:
        missing["CLIP score"] = str(error)
        request = replace(request, clip="")
    return EvaluationPlan(
        units=units,
        judge=partial(judge, request, names),
        scores=pick(("clip", "clip_first") if request.clip else ()),
        ours=next(iter(translators)),
        about=f"CLIP chooses among {len(names)} prompts, such as {prompts(request, names)[0]!r}.",
        facts={
            "weights": {way: one.facts for way, one in translators.items()},
            "classes": list(names),
        },
        missing=missing,
    )


def judge(request: Request, names: tuple[str, ...], unit: EvaluationUnit) -> Finding:
    """Draw a photograph in every way, and ask CLIP."""
    photo = read_unit(unit).color
    translators = open_translators(request.weights, request.network_size)
    made = {way: network.run(photo) for way, network in translators.items()}
    size = fit_short_side(photo.shape[:2], min(request.network_size, *photo.shape[:2]))
    made[PHOTOGRAPH] = resize(photo, size)
    sheets = {"drawings": strip(unit.name, made)} if unit.is_shown else {}
    if not request.clip:
        return Finding(sheets=sheets)
    classify = load_clip(request.clip, prompts(request, names))
    right = names.index(class_of(request, unit))
    rows = []
    for way, picture in made.items():
        probabilities = classify(picture)
        is_first = float(probabilities.argmax() == right)
        values = {"clip": float(probabilities[right]), "clip_first": is_first}
        rows.append(ScoreRow((unit.place,), unit.name, request.group_of(unit.name), way, values))
    return Finding(rows, sheets=sheets)


def prompts(request: Request, names: tuple[str, ...]) -> tuple[str, ...]:
    """Write a prompt for each class.

    Raises:
        ValueError: the prompt has no place for one.
    """
    if "{}" not in request.prompt:
        raise ValueError(f"--prompt {request.prompt!r} needs {{}} where the class stands")
    return tuple(request.prompt.replace("{}", name.replace("_", " ")) for name in names)


def class_of(request: Request, unit: EvaluationUnit) -> str:
    """Give the class of a photograph: from the file of classes, else its folder.

    Raises:
        ValueError: the file does not name the photograph.
    """
    if request.classes is None:
        folders = posixpath.dirname(unit.name).split("/")
        return next((name for name in reversed(folders) if name not in MIDDLE), "")
    classes = read_classes(request.classes)
    inside = unit.name.removeprefix(f"{unit.place}/")
    file = posixpath.basename(inside)
    for name in (inside, posixpath.splitext(inside)[0], file, posixpath.splitext(file)[0]):
        if name in classes:
            return classes[name]
    raise ValueError(f"--classes {request.classes} does not name {inside}")


@lru_cache(maxsize=1)
def read_classes(uri: str) -> dict[str, str]:
    """Read the file of classes.

    Raises:
        ValueError: it is no JSON object of texts.
        OSError: it is not there.
    """
    try:
        classes = json.loads(read_file(uri))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"--classes {uri} is no JSON: {error}") from error
    if not isinstance(classes, dict) or not all(isinstance(c, str) for c in classes.values()):
        raise ValueError(f"--classes {uri} must be an object, {{photograph: class}}")
    return classes
