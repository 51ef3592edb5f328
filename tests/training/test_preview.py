from typing import Any

import numpy as np

from lineart.codec import decode_color
from lineart.training.loop import train
from lineart.training.preview import (
    CAPTION_PX,
    MAX_GRIDS,
    choose_evenly,
    progress_sheet,
    write_sheets,
)
from lineart.training.recipes import RECIPES, tiny


def test_a_sheet_follows_one_column_through_time() -> None:
    """Below the captions stand the first column once, and the followed one of every grid."""
    rng = np.random.default_rng(0)
    grids = {n: rng.integers(0, 256, (40, 60, 3), dtype=np.uint8) for n in (500, 1000)}
    sheet = progress_sheet(grids, ("photograph", "target", "back"), "target")
    assert sheet.shape == (CAPTION_PX + 40, 60, 3)
    below = sheet[CAPTION_PX:]
    assert (below[:, :20] == grids[500][:, :20]).all()
    assert (below[:, 20:40] == grids[500][:, 20:40]).all()
    assert (below[:, 40:] == grids[1000][:, 20:40]).all()


def test_many_moments_are_thinned_to_the_first_the_last_and_some_between() -> None:
    """Of a hundred moments a sheet shows a few, evenly spread."""
    chosen = choose_evenly(range(100), MAX_GRIDS)
    assert (len(chosen), chosen[0], chosen[-1]) == (MAX_GRIDS, 0, 99)
    assert set(np.diff(chosen)) <= {14, 15}


def test_a_run_leaves_a_sheet_of_its_fixed_photographs(start_run: Any) -> None:
    """Six photographs, and their drawings after each checkpoint."""
    run = start_run(tiny(RECIPES["line_drawing"]()))
    train(run)
    write_sheets(run.output)
    assert [entry.path for entry in run.output.entries("sheets")] == ["sheets/drawing.png"]
    sheet = decode_color(run.output.read("sheets/drawing.png"))
    assert sheet.shape == (CAPTION_PX + 6 * 264, 3 * 264, 3)
