"""Objectives by name."""

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Final

from lineart.training.objective import Objective
from lineart.training.objectives.borders import BorderObjective
from lineart.training.objectives.colorization import ColorObjective, DraftObjective, HintedObjective
from lineart.training.objectives.line_drawing import LineDrawingObjective
from lineart.training.objectives.matching import MatchingObjective
from lineart.training.objectives.ugatit import UgatitObjective

OBJECTIVES: Final[dict[str, Callable[..., Objective]]] = {
    "draft": DraftObjective,
    "color": ColorObjective,
    "hinted": HintedObjective,
    "line_drawing": LineDrawingObjective,
    "ugatit": UgatitObjective,
    "matching": MatchingObjective,
    "borders": BorderObjective,
}
"""Name in `TrainingStage.objective` -> class."""


def find_objective(name: str) -> Callable[..., Objective]:
    """Return an objective by its name in `OBJECTIVES`, or by "MODULE:CLASS".

    Raises:
        ValueError: there is no such objective, or its module cannot be imported.
    """
    if name in OBJECTIVES:
        return OBJECTIVES[name]
    try:
        found: Callable[..., Objective] = resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        names = ", ".join(OBJECTIVES)
        raise ValueError(
            f"there is no objective {name!r}; give one of {names}, or MODULE:CLASS, whose import "
            f"ends in: {error}"
        ) from error
    return found
