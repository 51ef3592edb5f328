"""Protocol `keys`: colours of keys carried through sequences with exact flat truth.

A key is a drawing of the sequence with its true colours. What a method gives another drawing is
scored by segments, connected paper of one true colour, and by pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from jaxtyping import Bool, UInt8

from lineart.datasets.sequences import SequenceKind, TrueSequence, is_held_out, is_learned
from lineart.evaluation.confidence import Confidences, draw_calibration, summarize_confidence
from lineart.evaluation.inputs import spread_evenly
from lineart.evaluation.key_methods import FLOW_VOTE, OURS, carry_keys, run_baselines
from lineart.evaluation.key_scores import (
    SAME_DE,
    Prediction,
    Segments,
    Verdicts,
    judge,
    score_prediction,
    score_sizes,
)
from lineart.evaluation.key_sequences import Exercise, SequenceUnit, find_units, open_unit
from lineart.evaluation.key_sheets import sheet_row
from lineart.evaluation.request import KeysRequest
from lineart.evaluation.types import EvaluationPlan, Finding, ScoreRow, pick
from lineart.image import Frame
from lineart.imaging.regions import INK_LEVEL
from lineart.keys import Key, PreparedKey, prepare_key
from lineart.keys.network import Network, read_network
from lineart.weights import fingerprint, is_included, open_weights, read_weights

SCORES = ("acc", "acc_thres", "pix_acc", "pix_f_acc", "pix_b_iou")
NONE_SCORES = ("none_found", "none_false")
CONFIDENCE_SCORES = ("coverage", "precision", "coverage_98", "ece", "auroc")

LABELS: Mapping[SequenceKind, str] = {
    "cycle": "cycles",
    "drawn": "open drawings",
    "sample": "sample film",
}
"""Kind of a sequence -> its name in tables."""

STARTS = 4
"""Keys of a sequence, each alone, evenly spaced."""
DISTANCES = (1, 2, 4, 8, 16)
"""Numbers of drawings from a key to a drawing after it."""
FAR = (32, 64)
"""Further distances, from the first drawing alone."""
SIZES = (10, 50, 200, 1000)
"""Areas in pixels from which segments are scored together, each up to the next."""
SHOWN = (8, 32)
"""Distances of the drawings on the contact sheets, from the first drawing."""


ABOUT = (
    "A key is a drawing of the sequence with its true colours. Segments: connected paper of one "
    f"true colour; right if most of its pixels have a colour within {SAME_DE:.0f} of the true one "
    "by CIEDE2000. Acc-Thres: segments of 10 px or more. Pixels are those of paper. Intervals draw "
    "sequences as a whole. Distance: drawings from the key. Baselines see the nearest key alone. "
    "Precision: right among the segments that are coloured with at least this confidence; "
    "coverage: their share of all."
)


def plan_keys(request: KeysRequest) -> EvaluationPlan:
    """Build the plan of the protocol.

    Raises:
        ValueError: there is no sequence, or none that the weights have not learned from; or they
            are of another network.
        OSError: a folder, or the weights, cannot be read.
    """
    units = list(find_units(request))
    open_network(request.weights)
    files = read_weights(open_weights(request.weights))
    is_own = not is_included(open_weights(request.weights))
    # Of other weights it is only known what is never for their training.
    is_seen = [not is_held_out(unit.name) if is_own else is_learned(unit.name) for unit in units]
    learned, count = sum(is_seen), len(units)
    if request.held_out_only:
        units = [unit for unit, seen in zip(units, is_seen, strict=True) if not seen]
    if not units:
        raise ValueError(
            "the weights have learned from each sequence, by its name; leave out --held-out-only"
        )
    return EvaluationPlan(
        units=[
            unit._replace(is_shown=place < request.num_sheet_samples)
            for place, unit in enumerate(units)
        ],
        evaluate=partial(evaluate_sequence, request),
        scores=pick([*SCORES, *NONE_SCORES, *CONFIDENCE_SCORES]),
        ours=OURS,
        about=ABOUT,
        facts={"weights": {OURS: {"model": "matching", "sha256": fingerprint(files)}}},
        notes=[note_learned(learned, count, is_own)] if learned and len(units) == count else [],
        hints_heading="distance, size, keys or confidence",
        uses_network=False,
        pooled=summarize_confidence,
        charts=partial(draw_calibration, method=OURS),
    )


def note_learned(learned: int, count: int, is_own: bool) -> str:
    """Return the note on sequences from which the weights have, or may have, learned."""
    what = "may have been learned by the" if is_own else "were learned by the included"
    return (
        f"{learned} of {count} sequences, by their names, {what} weights: "
        "scores of others are lower; give --held-out-only"
    )


@cache
def open_network(name_or_uri: str) -> Network:
    """Read a matching network, once in each process.

    Raises:
        ValueError: the weights are not those of a matching network.
        OSError: they cannot be read.
    """
    return read_network(read_weights(open_weights(name_or_uri)))


@dataclass
class Results:
    """Rows and confidences of a sequence."""

    exercise: Exercise
    rows: list[ScoreRow]
    judged: list[Confidences]

    def add(
        self, table: str, picture: str, hints: int | None, values: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Add a row of each method to a table of the sequence's kind."""
        sequence = self.exercise.sequence
        name = f"{LABELS[sequence.kind]}: {table}"
        self.rows += [
            ScoreRow((name,), f"{sequence.name} {picture}", sequence.name, method, scores, hints)
            for method, scores in values.items()
            if scores
        ]

    def add_confidence(self, number: int, keys: Sequence[int], verdicts: Verdicts) -> None:
        """Add the confidences of a drawing's counted segments."""
        sequence, segments = self.exercise.sequence, self.exercise.segments(number)
        is_reachable = self.exercise.is_reachable(number, keys)
        counted = segments.is_counted
        is_right = np.where(verdicts.is_none, ~is_reachable, verdicts.is_right)
        self.judged.append(
            Confidences(
                f"{LABELS[sequence.kind]}: confidence",
                OURS,
                sequence.name,
                verdicts.confidence[counted],
                is_right[counted],
                ~verdicts.is_none[counted],
            )
        )


def evaluate_sequence(request: KeysRequest, unit: SequenceUnit) -> Finding:
    """Carry the colours of keys through a sequence by every method, and score them."""
    exercise = Exercise(
        open_unit(unit, shades=request.shades), request.adjacent, open_network(request.weights)
    )
    results = Results(exercise, [], [])
    sheets: dict[str, Frame] = {}
    for key, target in find_pairs(len(exercise.sequence.lines)):
        predictions = compare_pair(request, exercise, key, target)
        score_pair(results, (key, target), predictions)
        if unit.is_shown and key == 0 and target in SHOWN:
            sheets[f"{target} drawings from the key"] = sheet_row(
                exercise, unit, (key, target), predictions
            )
    leave_out_colors(results)
    correct_regions(results)
    carry_several(request, results)
    return Finding(results.rows, sheets=sheets, judged=results.judged)


def find_pairs(count: int) -> list[tuple[int, int]]:
    """Return pairs of key and drawing of a sequence."""
    starts = range(0, count, max(1, count // STARTS))[:STARTS]
    near = [(key, key + one) for key in starts for one in DISTANCES]
    pairs = [*near, *((0, one) for one in FAR)]
    return [pair for pair in pairs if pair[1] < count]


def compare_pair(
    request: KeysRequest, exercise: Exercise, key: int, target: int
) -> dict[str, Prediction]:
    """Colour a drawing from one key by every method."""
    line, palette = exercise.sequence.lines[target], exercise.sequence.palette
    prepared, beside = exercise.key(key), exercise.adjacent(target, [key])
    return {
        OURS: carry_keys(line, [prepared], palette, beside, exercise.network),
        **run_baselines(request.baselines, line, prepared, palette),
    }


def score_pair(
    results: Results, pair: tuple[int, int], predictions: Mapping[str, Prediction]
) -> None:
    """Score a drawing coloured from one key: in all, by distance, by size, by confidence."""
    exercise, (key, target) = results.exercise, pair
    segments = exercise.segments(target)
    values = {
        method: score_prediction(exercise.sequence, target, prediction, segments, exercise.same)
        for method, prediction in predictions.items()
    }
    verdicts = {
        method: judge(segments, prediction, exercise.same)
        for method, prediction in predictions.items()
    }
    results.add("one key", f"{target} from {key}", None, values)
    results.add("by distance", f"{target} from {key}, apart", target - key, values)
    sizes = {method: score_sizes(segments, one, SIZES) for method, one in verdicts.items()}
    for size in SIZES:
        some = {method: {"acc_thres": one[size]} for method, one in sizes.items() if size in one}
        results.add("by size", f"{target} from {key}, size", size, some)
    results.add_confidence(target, [key], verdicts[OURS])
    is_reachable = exercise.is_reachable(target, [key])
    if not is_reachable.all():
        lacking = score_none(segments, verdicts[OURS], is_reachable)
        picture = f"{target} from {key}, none"
        results.add("colours that the key lacks", picture, None, {OURS: lacking})


def score_none(
    segments: Segments, verdicts: Verdicts, is_reachable: Bool[np.ndarray, " N"]
) -> dict[str, float]:
    """Score what was given no colour: of segments whose colour no key has, and of the others."""
    counted = segments.is_counted
    parts = {"none_found": counted & ~is_reachable, "none_false": counted & is_reachable}
    return {
        name: float(verdicts.is_none[part].mean()) for name, part in parts.items() if part.any()
    }


# Colours left out of keys.


def leave_out_colors(results: Results) -> None:
    """Carry keys without one of their colours, each in turn but the background's."""
    exercise = results.exercise
    sequence = exercise.sequence
    for target in (one for one in DISTANCES[2:] if one < len(sequence.lines)):
        for color in find_left_out(exercise, target):
            key = leave_out(sequence, exercise.same[color])
            if key is None:
                continue
            adjacent = [line for _, line in exercise.near(target)]
            prediction = carry_keys(
                sequence.lines[target], [key], sequence.palette, adjacent, exercise.network
            )
            segments = exercise.segments(target)
            verdicts = judge(segments, prediction, exercise.same)
            is_there = exercise.is_reachable(target, [0]) & ~exercise.same[color][segments.colors]
            scores = score_none(segments, verdicts, is_there)
            picture = f"{target} without {color}"
            results.add("a colour left out of the key", picture, None, {OURS: scores})


LEFT_OUT = 3
"""Colours that are left out of a key, one at a time."""


def find_left_out(exercise: Exercise, target: int) -> list[int]:
    """Return the colours of the most segments of a drawing, without that of the largest."""
    segments = exercise.segments(target)
    colors = segments.colors[segments.is_counted]
    if not colors.size:
        return []
    largest = segments.colors[segments.areas.argmax()]
    counts = np.bincount(colors, minlength=len(exercise.same))
    counts[exercise.same[largest]] = 0
    order = np.argsort(-counts, kind="stable")
    return [int(one) for one in order[:LEFT_OUT] if counts[one]]


def leave_out(sequence: TrueSequence, is_out: Bool[np.ndarray, " K"]) -> PreparedKey | None:
    """Return the first key without some colours, as unknown regions; None if nothing is left."""
    line, truth = sequence.lines[0], sequence.truth[0]
    alpha = np.where(is_out[truth], np.uint8(0), np.uint8(255))
    alpha[line < INK_LEVEL] = 0
    if not alpha.any():
        return None
    hints: UInt8[np.ndarray, "H W 4"] = np.dstack((sequence.colors(0), alpha))
    return prepare_key(Key(line, hints))


# A corrected region.


def correct_regions(results: Results) -> None:
    """Score drawings beside one whose largest wrong region a dab corrects, without and with it.

    The dab is a key of one region, beside the first drawing as a key.
    """
    exercise, count = results.exercise, len(results.exercise.sequence.lines)
    for number in spread_evenly(range(1, count - 1), STARTS):
        dab = correct_region(exercise, number)
        if dab is None:
            continue
        for target in (number - 1, number + 1):
            if target > 0:
                _score_corrected(results, target, number, dab)


def correct_region(exercise: Exercise, number: int) -> PreparedKey | None:
    """Return a key of the largest region that one key gets wrong; None if all are right."""
    sequence, segments = exercise.sequence, exercise.segments(number)
    line, network = sequence.lines[number], exercise.network
    carried = carry_keys(line, [exercise.key(0)], sequence.palette, network=network)
    is_right = judge(segments, carried, exercise.same).is_right
    areas = np.where(is_right, 0, segments.areas)
    if areas.max(initial=0) < CORRECTED_PX:
        return None
    is_dab = segments.labels == areas.argmax() + 1
    alpha = np.where(is_dab, np.uint8(255), np.uint8(0))
    return prepare_key(Key(line, np.dstack((sequence.colors(number), alpha))))


CORRECTED_PX = 50
"""Smallest region that is corrected, in pixels."""


def _score_corrected(results: Results, target: int, number: int, dab: PreparedKey) -> None:
    exercise, sequence = results.exercise, results.exercise.sequence
    segments, line = exercise.segments(target), sequence.lines[target]
    for dabs in ([], [dab]):
        keys = [*dabs, exercise.key(0)]
        found = carry_keys(line, keys, sequence.palette, network=exercise.network)
        scores = score_prediction(sequence, target, found, segments, exercise.same)
        picture = f"{target} beside {number}, {len(dabs)} dabs"
        results.add("a corrected region beside", picture, len(dabs), {OURS: scores})


# Several keys.


def carry_several(request: KeysRequest, results: Results) -> None:
    """Carry several keys to drawings all over the sequence: evenly spaced ones, asked ones."""
    count = len(results.exercise.sequence.lines)
    step = max(1, count // request.num_drawings)
    targets = range(0, count, step)
    asked = [0]
    for number in range(1, request.num_keys + 1):
        even = spread_evenly(targets, number)
        if len(even) < number or len(asked) < number:
            return
        _carry_set(request, results, "even keys", even, targets)
        lowest = _carry_set(request, results, "keys asked for", asked, targets)
        if lowest is not None:
            asked = [*asked, lowest]


def _carry_set(
    request: KeysRequest,
    results: Results,
    table: str,
    keys: Sequence[int],
    targets: range,
) -> int | None:
    """Score the drawings that are no keys; return the one with the lowest confidence."""
    exercise, sequence = results.exercise, results.exercise.sequence
    lowest: tuple[float, int] | None = None
    for target in targets:
        if target in keys:
            continue
        line, near = sequence.lines[target], sorted(keys, key=lambda one: (abs(one - target), one))
        prepared, beside = [exercise.key(one) for one in near], exercise.adjacent(target, near)
        predictions = {OURS: carry_keys(line, prepared, sequence.palette, beside, exercise.network)}
        if table == "even keys":
            some = [one for one in request.baselines if one == FLOW_VOTE]
            predictions |= run_baselines(some, line, prepared[0], sequence.palette)
        segments = exercise.segments(target)
        values = {
            method: score_prediction(sequence, target, prediction, segments, exercise.same)
            for method, prediction in predictions.items()
        }
        results.add(table, f"{target}, {len(keys)} {table}", len(keys), values)
        doubt = weigh_confidence(segments, judge(segments, predictions[OURS], exercise.same))
        lowest = min(lowest or (doubt, target), (doubt, target))
    return None if lowest is None else lowest[1]


def weigh_confidence(segments: Segments, verdicts: Verdicts) -> float:
    """Return the mean confidence of a drawing, large segments counting more."""
    weights = np.minimum(np.sqrt(segments.areas), 60) + 10
    return float((verdicts.confidence * weights).sum() / max(weights.sum(), 1e-6))
