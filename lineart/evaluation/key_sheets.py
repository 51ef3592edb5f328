"""Contact sheets of drawings coloured from keys."""

from collections.abc import Mapping

import numpy as np

from lineart.datasets.sequences import TrueSequence
from lineart.evaluation.key_methods import FLOW_VOTE, OURS
from lineart.evaluation.key_scores import Prediction, judge
from lineart.evaluation.key_sequences import Exercise, SequenceUnit
from lineart.evaluation.page import strip
from lineart.image import Frame
from lineart.imaging.regions import INK_LEVEL

ASKED_BELOW = 0.8
"""Confidence below which the contact sheets take a colour as one to ask about."""

INK_COLOR = 0
RIGHT, WRONG, WRONG_ASKED, RIGHT_ASKED = (
    (235, 235, 235),
    (215, 30, 30),
    (245, 160, 40),
    (90, 130, 235),
)


def sheet_row(
    exercise: Exercise,
    unit: SequenceUnit,
    pair: tuple[int, int],
    predictions: Mapping[str, Prediction],
) -> Frame:
    """Build a row of a key and a drawing: both, flow vote, ours, truth, errors."""
    key, target = pair
    sequence = exercise.sequence
    line = sequence.lines[target]
    shown = {
        f"key {unit.label(key)}": _ink(sequence.colors(key), sequence.lines[key]),
        f"drawing {unit.label(target)}": line,
        **{
            method: _ink(paint_prediction(sequence, prediction), line)
            for method, prediction in predictions.items()
            if method in (FLOW_VOTE, OURS)
        },
        "truth": _ink(sequence.colors(target), line),
        "errors": show_errors(exercise, target, predictions[OURS]),
    }
    return strip(sequence.name, shown)


def paint_prediction(sequence: TrueSequence, prediction: Prediction) -> Frame:
    """Return the colours of a prediction; pixels without one are magenta."""
    palette = np.concatenate((sequence.palette, np.array([[255, 0, 255]], np.uint8)))
    painted: Frame = palette[prediction.colors]
    return painted


def _ink(color: Frame, line: np.ndarray) -> Frame:
    inked = color.copy()
    inked[line < INK_LEVEL] = INK_COLOR
    return inked


def show_errors(exercise: Exercise, number: int, prediction: Prediction) -> Frame:
    """Colour segments: red wrong and sure, orange wrong and asked, blue right and asked."""
    segments = exercise.segments(number)
    verdicts = judge(segments, prediction, exercise.same)
    is_sure = (verdicts.confidence >= ASKED_BELOW) & ~verdicts.is_none
    kinds = np.where(verdicts.is_right, np.where(is_sure, 0, 3), np.where(is_sure, 1, 2))
    palette = np.array([RIGHT, WRONG, WRONG_ASKED, RIGHT_ASKED], np.uint8)
    colors = np.concatenate((np.zeros((1, 3), np.uint8), palette[kinds]))
    painted: Frame = colors[segments.labels]
    return painted
