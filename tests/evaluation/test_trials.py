from dataclasses import replace

import numpy as np
import pytest

from lineart.datasets.samples import Picture
from lineart.evaluation.colors import (
    MOST_DB,
    hint_difference,
    score,
    sets_of,
    sheet_row,
)
from lineart.evaluation.methods import make_case, run_trial
from lineart.imaging.baselines import BASELINES, nearest_fill
from lineart.imaging.cels import remove_lines
from lineart.imaging.extraction import dilate_abs_sub, xdog


def test_truth_is_perfect(pair: Picture) -> None:
    """The painted truth gets the highest score; composed it is the picture, but for soft rims."""
    case = make_case(pair, 0)
    trial = run_trial(case, 20, {"truth": lambda *_: case.painted}, 0)
    found = score(trial.colors["truth"], trial)
    assert (found["psnr"], found["de_hints"]) == (MOST_DB, 0)
    assert found["ssim"] == pytest.approx(1)
    assert 20 < found["psnr_composed"] < MOST_DB
    assert 0 <= found["leakage"] < 0.5


def test_line_is_drawn_or_extracted(pair: Picture) -> None:
    """Drawn lines are used; without them even numbers get soft lines, odd ones XDoG's."""
    color = pair.color
    np.testing.assert_array_equal(make_case(pair, 0).line, pair.line)
    bare = replace(pair, line=None)
    np.testing.assert_array_equal(make_case(bare, 1).line, xdog(color, sigma=0.4))
    pale = 255 - dilate_abs_sub(color, 4).astype(int)
    soft = make_case(bare, 2).line
    np.testing.assert_array_equal(soft, 255 - np.minimum(pale * 3, 255))
    np.testing.assert_array_equal(make_case(bare, 2).painted, remove_lines(color, soft))
    trial = run_trial(make_case(bare, 2), 0, {"n": nearest_fill}, 0)
    found = score(trial.colors["n"], trial)
    assert not {"psnr_composed", "ssim_composed", "de_hints"} & found.keys()
    assert sets_of(trial.case, "here") == ("here", "source ")


def test_composed_at_full_size(pair: Picture) -> None:
    """Coloured at half the size, composed at its own: colours and lines fit, edges are soft."""
    case = make_case(pair, 0, source="s", network_size_px=36)
    assert case.color.shape == (36, 64, 3)
    trial = run_trial(case, 0, {"truth": lambda *_: case.painted}, 0)
    found = score(trial.colors["truth"], trial)
    assert found["psnr"] == MOST_DB
    assert 15 < found["psnr_composed"] < MOST_DB
    assert sets_of(case, "a") == ("a", "a, drawn lines", "a, full size", "source s")
    grown = make_case(pair, 0, source="s", network_size_px=144)
    assert sets_of(grown, "a") == ("a", "a, drawn lines", "source s")


def test_all_ways_see_the_same_hints(pair: Picture) -> None:
    """Hints depend on seed, number and count alone, have the picture's colours, and are as many."""
    case = make_case(pair, 4)
    first = run_trial(case, 16, {"a": nearest_fill}, 7)
    again = run_trial(case, 16, {"b": nearest_fill, "c": BASELINES["levin"]}, 7)
    np.testing.assert_array_equal(first.hint, again.hint)
    np.testing.assert_array_equal(first.colors["a"], again.colors["b"])
    is_hint = first.hint[..., 3] > 0
    assert is_hint.sum() == 16
    np.testing.assert_array_equal(first.hint[is_hint, :3], case.color[is_hint])
    for other in (run_trial(case, 16, {}, 8), run_trial(make_case(pair, 5), 16, {}, 7)):
        assert (other.hint != first.hint).any()


def test_difference_counts_hints_on_paper_alone(pair: Picture) -> None:
    """Wrong colours below ink and without a hint do not count; at a hint on paper they do."""
    case = make_case(pair, 0)
    trial = run_trial(case, 200, {}, 0)
    counts = (trial.hint[..., 3] > 0) & (case.line >= 190)
    wrong = np.where(counts[..., None], case.painted, 255 - case.painted)
    assert hint_difference(wrong, trial) == 0
    worse = hint_difference(255 - case.painted, trial)
    assert worse is not None
    assert worse > 5
    ink = replace(trial, hint=np.where((case.line < 190)[..., None], trial.hint, np.uint8(0)))
    assert hint_difference(wrong, ink) is None


def test_a_trial_is_shown_with_all_that_belongs_to_it(pair: Picture) -> None:
    """Drawing, hints, each way and the truth stand side by side; equal ways look alike."""
    trial = run_trial(make_case(pair, 0), 3, {"a": nearest_fill, "b": nearest_fill}, 0)
    row = sheet_row(trial)
    assert row.shape[1] % 5 == 0
    cells = np.split(row[18:], 5, axis=1)
    np.testing.assert_array_equal(cells[2][18:], cells[3][18:])
    assert (cells[2][18:] != cells[4][18:]).any()
