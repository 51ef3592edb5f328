"""Protocol `paper_000`: CLIP score, the probability of the right class given the drawing.

The score is not a cosine similarity: CLIP classifies the drawing among one prompt per class of the
dataset, and the score is the probability of the right prompt. The paper compares weights trained
with and without the segmentation loss; pass both. It does not state its prompts.

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
from lineart.evaluation.request import ClipScoreRequest
from lineart.evaluation.scores import pick
from lineart.evaluation.types import EvaluationPlan, Finding, ScoreRow
from lineart.image import fit_short_side, resize
from lineart.storage import read_file

MIDDLE = {"color", "images", "image", "image_2", "data", ""}
"""Folder names that are not classes; the folder above names the class."""


def plan_clip_score(request: ClipScoreRequest) -> EvaluationPlan:
    """Build the plan of the protocol.

    Raises:
        ValueError: weights do not translate photographs, there is no photograph or only one class,
            a photograph has no class, or the prompt lacks `{}`.
        OSError: weights, photographs or classes cannot be read.
    """
    translators = open_translators(request.weights, request.network_size)
    units = find_units(request, request.images)
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


def judge(request: ClipScoreRequest, names: tuple[str, ...], unit: EvaluationUnit) -> Finding:
    """Translate a photograph by every method; score the results and the photograph by CLIP."""
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


def prompts(request: ClipScoreRequest, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the prompt of each class; `_` in names becomes a space.

    Raises:
        ValueError: `request.prompt` lacks `{}`.
    """
    if "{}" not in request.prompt:
        raise ValueError(f"--prompt {request.prompt!r} needs {{}} where the class stands")
    return tuple(request.prompt.replace("{}", name.replace("_", " ")) for name in names)


def class_of(request: ClipScoreRequest, unit: EvaluationUnit) -> str:
    """Return the class of a photograph: from the classes file if there is one, else its folder.

    The file may name a photograph by path or file name, with or without suffix.

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
