"""Objectives of all model families, by name."""

from collections.abc import Callable
from typing import Final

from lineart.training.objective import Objective
from lineart.training.objectives.colorization import ColorObjective, DraftObjective
from lineart.training.objectives.line_drawing import LineDrawingObjective
from lineart.training.objectives.ugatit import UgatitObjective

OBJECTIVES: Final[dict[str, Callable[..., Objective]]] = {
    "draft": DraftObjective,
    "color": ColorObjective,
    "line_drawing": LineDrawingObjective,
    "ugatit": UgatitObjective,
}
"""Name in `TrainingStage.objective` -> class."""
