from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import load, save

from lineart.codec import encode_png
from lineart.datasets.sequences import SequencePlace, TrueSequence
from lineart.evaluation.confidence import Confidences, find_curve
from lineart.evaluation.confidence import summarize_confidence as summarize
from lineart.evaluation.key_methods import KEY_BASELINES, OURS, carry_keys, run_baselines
from lineart.evaluation.key_scores import (
    Prediction,
    find_same,
    find_segments,
    judge,
    score_prediction,
)
from lineart.evaluation.key_sequences import Exercise, SequenceUnit, open_unit
from lineart.evaluation.key_sheets import RIGHT_ASKED, WRONG, sheet_row, show_errors
from lineart.evaluation.keys import find_pairs, leave_out, open_network, plan_keys
from lineart.evaluation.request import KEY_BASELINE_NAMES, KeysRequest
from lineart.jobs.evaluate import Evaluate, main
from lineart.weights import fingerprint, open_weights, read_weights
from tests.jobs.test_evaluate import read_scores, read_summary

SIZE = (150, 200)
PALETTE = np.array(
    [(255, 255, 255), (200, 60, 50), (60, 140, 70), (60, 80, 190), (230, 200, 90)], np.uint8
)


def draw(x: int) -> tuple[np.ndarray, np.ndarray]:
    """Return lines and true colours of a figure: a body with three parts, which moves."""
    truth, line = np.zeros(SIZE, np.uint8), np.full(SIZE, 255, np.uint8)
    parts = (
        ((x, 75), (44, 52), 1),
        ((x - 14, 60), (9, 9), 2),
        ((x + 15, 62), (10, 6), 3),
        ((x, 100), (20, 9), 4),
    )
    for center, axes, color in parts:
        cv2.ellipse(truth, center, axes, 0, 0, 360, color, -1)
        cv2.ellipse(line, center, axes, 0, 0, 360, 0, 2)
    return line, truth


@pytest.fixture
def sequence() -> TrueSequence:
    """Six drawings of a figure that walks to the right, 8 pixels a drawing."""
    lines, truth = zip(*(draw(x) for x in range(70, 118, 8)), strict=True)
    return TrueSequence("figure", "sample", np.stack(lines), np.stack(truth), PALETTE)


def test_segments_and_scores(sequence: TrueSequence) -> None:
    """Right segments and pixels are counted by the colour that most pixels of a segment have."""
    line, truth = sequence.lines[0], sequence.truth[0]
    segments = find_segments(line, truth)
    assert sorted(segments.colors) == [0, 1, 2, 3, 4]
    same = find_same(PALETTE)
    assert_array_equal(same, np.eye(5, dtype=bool))
    colors = truth.astype(np.int32)
    # Less than half of part 1, all of part 2, and part 3 without a colour.
    colors[(truth == 1) & (np.arange(SIZE[1]) < 50)] = 4
    colors[truth == 2] = 1
    colors[truth == 3] = -1
    sure = np.where(truth == 2, 0.5, 1.0).astype(np.float32)
    prediction = Prediction(colors, sure)
    verdicts = judge(segments, prediction, same)
    by_color = {int(c): n for n, c in enumerate(segments.colors)}
    assert [bool(verdicts.is_right[by_color[c]]) for c in range(5)] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert [bool(verdicts.is_none[by_color[c]]) for c in range(5)] == [False] * 3 + [True, False]
    assert verdicts.confidence[by_color[2]] == pytest.approx(0.5)
    scores = score_prediction(sequence, 0, prediction, segments, same)
    paper = line >= 150
    foreground = paper & (truth > 0)
    assert scores["acc"] == scores["acc_thres"] == pytest.approx(3 / 5)
    assert scores["pix_f_acc"] == pytest.approx((colors == truth)[foreground].mean())
    assert scores["pix_acc"] == pytest.approx((colors == truth)[paper].mean())
    assert scores["pix_b_iou"] == 1
    exercise = Exercise(sequence)
    shown = show_errors(exercise, 0, prediction._replace(confidence=np.ones(SIZE, np.float32)))
    assert tuple(shown[60, 56]) == WRONG
    doubted = show_errors(exercise, 0, Prediction(truth.astype(np.int32), sure))
    assert tuple(doubted[60, 56]) == RIGHT_ASKED


def test_thin_segments_of_open_drawings() -> None:
    """Where colour and line do not meet exactly, the sliver between them is no segment."""
    line, truth = np.full((60, 60), 255, np.uint8), np.zeros((60, 60), np.uint8)
    line[:, 30:32] = 0
    truth[:, 27:] = 1
    truth[20:40, 5:15] = 2
    assert len(find_segments(line, truth).colors) == 4
    kept = find_segments(line, truth, is_open=True)
    assert sorted(kept.colors) == [0, 1, 2]


def test_methods(sequence: TrueSequence) -> None:
    """Every method repeats its key; ours and the flow follow the figure, a static copy does not."""
    assert tuple(KEY_BASELINES) == KEY_BASELINE_NAMES
    exercise = Exercise(sequence)
    for target, expected in ((0, dict.fromkeys((OURS, *KEY_BASELINE_NAMES), 1.0)), (3, {})):
        line = sequence.lines[target]
        predictions = {
            OURS: carry_keys(line, [exercise.key(0)], PALETTE),
            **run_baselines(KEY_BASELINE_NAMES, line, exercise.key(0), PALETTE),
        }
        segments = exercise.segments(target)
        scores = {
            method: score_prediction(sequence, target, one, segments, exercise.same)
            for method, one in predictions.items()
        }
        found = {method: one["acc"] for method, one in scores.items()}
        if expected:
            assert found == expected
        else:
            assert min(found[OURS], found["flow vote"]) == 1 > found["static copy"]


def test_shades_are_colours_by_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no line parts from its surroundings counts as these, or as what it is."""
    monkeypatch.setattr("lineart.evaluation.key_sequences.SAMPLE_DRAWINGS", 1)
    unit = SequenceUnit("window", "", (1, 4))
    joined, apart = (open_unit(unit, shades=shades) for shades in (False, True))
    assert_array_equal(joined.lines[0], apart.lines[0])
    segments = [len(Exercise(one).segments(0).areas) for one in (joined, apart)]
    assert segments[1] > 1.2 * segments[0]


def test_sheets_name_drawings_by_their_files(
    sequence: TrueSequence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drawing has the name of its file on sheets; one of the sample film has its number."""
    exercise = Exercise(sequence)
    carried = carry_keys(sequence.lines[2], [exercise.key(0)], PALETTE)
    shown: list[str] = []

    def record(_: str, pictures: dict[str, np.ndarray]) -> np.ndarray:
        shown[:] = [*pictures][:2]
        return np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr("lineart.evaluation.key_sheets.strip", record)
    cels = tuple(f"hero/{number:04}.png" for number in range(0, 90, 15))
    for place, titles in (
        (SequencePlace("hero", "cycle", (), cels), ["key 0000", "drawing 0030"]),
        ((0, 4), ["key 0", "drawing 2"]),
    ):
        sheet_row(exercise, SequenceUnit("hero", "", place), (0, 2), {OURS: carried})
        assert shown == titles


def test_left_out_colors(sequence: TrueSequence) -> None:
    """A key without a colour gives it to no region of its own drawing."""
    key = leave_out(sequence, np.arange(5) == 2)
    assert key is not None
    prediction = carry_keys(sequence.lines[0], [key], PALETTE)
    truth, paper = sequence.truth[0], sequence.lines[0] >= 150
    assert (prediction.colors[paper & (truth == 2)] == -1).mean() > 0.9
    assert (prediction.colors == truth)[paper & (truth != 2)].mean() > 0.99
    assert leave_out(sequence, np.ones(5, bool)) is None


def test_pairs() -> None:
    """Keys stand evenly; far drawings have the first key alone; short sequences have fewer."""
    pairs = find_pairs(72)
    assert len(pairs) == len(set(pairs)) == 22
    assert {key for key, _ in pairs} == {0, 18, 36, 54}
    assert [pair for pair in pairs if pair[1] - pair[0] > 16] == [(0, 32), (0, 64)]
    assert find_pairs(3) == [(0, 1), (0, 2), (1, 2)]
    assert find_pairs(1) == []


def test_confidence() -> None:
    """Precision and coverage have their closed forms; "none" is not coverage."""
    confidence = np.array([0.95, 0.95, 0.75, 0.55, 0.15], np.float32)
    is_right = np.array([True, True, True, False, False])
    curve = find_curve(confidence.astype(float), is_right)
    assert_allclose([*curve], [15, 55, 75, 95], atol=1e-4)
    assert [*curve.values()] == [0, 0, 100, 100]
    is_colored = np.array([True, False, True, True, True])
    judged = [Confidences("s", "keys", f"{n}", confidence, is_right, is_colored) for n in range(5)]
    found = {one.hints: one.scores for one in summarize(judged, 0)}
    assert found[None]["coverage_98"].mean == pytest.approx(2 / 5)
    assert found[70]["coverage"].mean == pytest.approx(2 / 5)
    assert found[70]["precision"].mean == 1
    assert found[50]["precision"].mean == pytest.approx(2 / 3)
    assert found[50]["precision"].low == pytest.approx(2 / 3)
    assert "precision" not in found[98]


def test_command(sequence: TrueSequence, tmp_path: Path) -> None:
    """The command writes tables by distance, size and keys, confidence with a chart, and sheets."""
    for number in range(6):
        for kind, picture in (
            ("line", sequence.lines[number]),
            ("flat", sequence.colors(number)),
        ):
            path = tmp_path / "figures" / "ranger" / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(picture))
    asked = KeysRequest(
        sequences=(str(tmp_path / "figures"),), baselines=("static copy",), num_keys=2
    )
    out = tmp_path / "out"
    assert main(Evaluate(request=asked, output=str(out))) == 0
    (note, *_) = [one for one in read_summary(out)["notes"] if "learned" in one]
    assert note.startswith("1 of 1 sequences, by their names, were learned by the included weights")
    assert note in (out / "table.md").read_text()
    summaries: Any = read_summary(out)["summaries"]
    cells = {(one["set"], one["hints"], one["method"]): one for one in summaries}
    first = cells["sample film: by distance", 1, "keys"]["scores"]["acc_thres"]
    assert first["mean"] == 1
    assert first["number"] == len([1 for pair in find_pairs(6) if pair[1] - pair[0] == 1])
    copied = cells["sample film: one key", None, "static copy"]
    assert copied["margins"]["pix_f_acc"]["gain"]["mean"] > 0.05
    assert cells["sample film: by size", 200, "keys"]["scores"]["acc_thres"]["mean"] == 1
    assert cells["sample film: even keys", 2, "keys"]["scores"]["pix_acc"]["mean"] > 0.99
    assert ("sample film: keys asked for", 2, "keys") in cells
    assert cells["sample film: confidence", 50, "keys"]["scores"]["precision"]["mean"] == 1
    found = cells["sample film: a colour left out of the key", None, "keys"]["scores"]
    assert found["none_false"]["mean"] < 0.5
    page = (out / "report.html").read_text()
    assert "Share right by confidence" in page
    assert "<svg" in page
    assert {row["method"] for row in read_scores(out)} == {"keys", "static copy"}


def test_own_weights(sequence: TrueSequence, tmp_path: Path) -> None:
    """Weights of a folder match: with other numbers they give other shares."""
    files = read_weights(open_weights("keys"))
    tensors = {name: value * 0 for name, value in load(files["matching.safetensors"]).items()}
    own = tmp_path / "own"
    own.mkdir()
    (own / "config.json").write_bytes(files["config.json"])
    (own / "matching.safetensors").write_bytes(save(tensors))
    included, other = (Exercise(sequence, 1, open_network(name)) for name in ("keys", str(own)))
    one, two = (
        carry_keys(sequence.lines[2], [each.key(0)], PALETTE, each.adjacent(2, [0]), each.network)
        for each in (included, other)
    )
    assert one.confidence.max() > two.confidence.max()
    plan = plan_keys(KeysRequest(sample_seeds=(4, 5, 0), weights=str(own)))
    assert plan.facts["weights"][OURS]["sha256"] != fingerprint(files)
    assert plan.notes[0].startswith("3 of 9 sequences, by their names, may have been learned")
    plan = plan_keys(KeysRequest(sample_seeds=(4, 0), weights=str(own), held_out_only=True))
    assert [unit.name[-1] for unit in plan.units] == ["4"] * 3


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without sequences, or without held-out ones that are asked for, the command says so."""
    out = str(tmp_path / "out")
    assert main(Evaluate(request=KeysRequest(), output=out)) == 2
    assert "in --sequences, or a seed in --sample-seeds" in capsys.readouterr().err
    asked = KeysRequest(sample_seeds=(1,), weights="default")
    assert main(Evaluate(request=asked, output=out)) == 2
    told = capsys.readouterr().err
    assert "no weights of a matching network: they are of the model 'hint_unet'; give the" in told
    asked = KeysRequest(sample_seeds=(1,), held_out_only=True)
    assert main(Evaluate(request=asked, output=out)) == 2
    assert "leave out --held-out-only" in capsys.readouterr().err
