import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lineart.codec import encode_png
from lineart.evaluation.page import (
    pick_best,
    scores_page,
    show_cell,
    show_hints,
    span_of,
    stack_rows,
    strip,
)
from lineart.evaluation.run import file_name
from lineart.evaluation.tables import summarize, to_frame
from lineart.evaluation.types import (
    SCORES,
    Estimate,
    EvaluationPlan,
    EvaluationResult,
    Margin,
    ScoreRow,
    ScoreSummary,
    pick,
)
from lineart.imaging.hints.pixels import no_hints
from tests.browser import PHONE, NewPage, scrolls_sideways

HOSTILE = "<script>alert(1)</script>&\u202e"
RUN = {"flags": {"protocol": "colors", "output": HOSTILE}, "machine": {"cores": 2}}


@pytest.fixture
def plan() -> EvaluationPlan:
    """A plan of two methods whose scores are known."""
    return EvaluationPlan([], lambda _: None, pick(("psnr", "de_hints")), "ours", "about")  # type: ignore[arg-type, return-value]


def result_of(rows: list[ScoreRow], plan: EvaluationPlan) -> EvaluationResult:
    """Give a result with the summaries of rows."""
    summaries = summarize(to_frame(rows, plan.scores), [], plan.scores, plan.ours, 0)
    return EvaluationResult(summaries, num_units=len(rows))


def test_page_holds_every_table_and_shows_names_as_text(plan: EvaluationPlan) -> None:
    """Sets, methods, failures and settings are there, and none of their names is code."""
    rows = [
        ScoreRow((f"set {HOSTILE}",), "a", "a", method, {"psnr": 20.0}, 3)
        for method in ("ours", HOSTILE)
    ]
    result = result_of(rows, plan)
    result.failures = [(HOSTILE, HOSTILE)]
    result.num_failed = 1
    result.notes.update([HOSTILE])
    result.sheets = {HOSTILE: [np.zeros((20, 30, 3), np.uint8)]}
    page = scores_page(plan, result, RUN)
    assert "<script" not in page
    assert "\u202e" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 6
    assert page.count("<img") == 1
    assert len(re.findall(r'class="mean">20\.0<', page)) == 2
    assert "1 failure" in page


def test_page_of_nothing(plan: EvaluationPlan) -> None:
    """Without a table the page says so much."""
    page = scores_page(plan, result_of([], plan), RUN)
    assert "Scores: colors" in page
    assert "<td" in page


def test_cells_lie_in_the_range_of_their_column() -> None:
    """An interval begins and ends where it does between the column's least and most."""
    low, high = Estimate(10.0, 4, 1.0, 8.0, 12.0), Estimate(16.0, 4, 1.0, 14.0, 18.0)
    margins = {"psnr": Margin(Estimate(-6.0, 4, 1.0, -7.0, -5.0), 1)}
    method, other = (
        ScoreSummary("s", 3, "a", {"psnr": low}, margins),
        ScoreSummary("s", 3, "b", {"psnr": high}, {}),
    )
    limit = ScoreSummary("s", 3, "painted truth", {"psnr": Estimate(60.0, 4)}, margins)
    ends = span_of("psnr", [method, other, limit])
    assert ends == (8, 18)
    cell = show_cell(method, "psnr", SCORES["psnr"], ends)
    assert cell["bar"] == {"left": 0, "middle": 20, "width": 40}
    assert [cell[part] for part in ("text", "deviation", "bounds")] == [
        "10.0",
        "± 1.0",
        "[8.0, 12.0]",
    ]
    assert cell["gain"] == "-6.0 [-7.0, -5.0], better on 1 of 4"
    shown = show_cell(limit, "psnr", SCORES["psnr"], ends)
    assert (shown["text"], shown["gain"], shown["bar"]) == ("60.0", "", None)
    assert show_cell(method, "ssim", SCORES["ssim"], ends) == {"text": ""}
    assert span_of("psnr", [method, limit]) is None


def test_best_is_of_the_same_hints_and_no_limit() -> None:
    """More is better or less is; the painted truth is no rival, and one method has none."""
    means = {"a": 3.0, "b": 5.0, "painted truth": 9.0}
    rows = [
        ScoreSummary("s", 3, method, {"psnr": Estimate(mean, 1)}, {})
        for method, mean in means.items()
    ]
    rows.append(ScoreSummary("s", 7, "a", {"psnr": Estimate(99.0, 1)}, {}))
    assert pick_best("psnr", 3, rows, 1) == "b"
    assert pick_best("psnr", 3, rows, -1) == "a"
    assert pick_best("psnr", 3, rows, 0) is None
    assert pick_best("psnr", 7, rows, 1) is None


def test_names_of_files_are_plain() -> None:
    """Whatever a set is called, its sheet is a file in the output."""
    assert file_name("../a, drawn lines") == "a_drawn_lines"
    assert file_name("///") == "all"


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE}])
def test_page_in_a_browser(
    plan: EvaluationPlan, new_page: NewPage, tmp_path: Path, options: dict[str, object]
) -> None:
    """On desktop and phone wide tables scroll by themselves, and intervals lie in their columns."""
    methods = ["ours", HOSTILE, *(f"method {number}" for number in range(3))]
    rows = [
        ScoreRow(("a",), f"{picture}", f"{picture}", method, {"psnr": 20.0 + picture * place}, 3)
        for picture in range(9)
        for place, method in enumerate(methods)
    ]
    result = result_of(rows, plan)
    result.sheets = {"a": [np.zeros((276, 2400, 3), np.uint8)]}
    result.summaries += [replace(one, set="source b") for one in result.summaries[:2]]
    address = tmp_path / "report.html"
    address.write_text(scores_page(plan, result, RUN))
    page = new_page(**options)
    page.goto(address.as_uri())
    assert not scrolls_sideways(page)
    assert page.locator("tr.ours .method").first.inner_text() == "ours"
    assert page.locator(".best:visible").count() == 1
    page.locator("summary").click()
    assert page.locator(".best:visible").count() == 2
    boxes = [one.bounding_box() for one in page.locator(".range").all()]
    bars = [one.bounding_box() for one in page.locator(".range i").all()]
    assert len(bars) == len(methods) + 2
    for box, bar in zip(boxes, bars, strict=True):
        assert box is not None
        assert bar is not None
        assert box["x"] - 1 <= bar["x"]
        assert bar["x"] + bar["width"] <= box["x"] + box["width"] + 2


# Contact sheets.


def test_pictures_stand_side_by_side() -> None:
    """A row has a cell for each picture, drawings too; rows of other widths stack."""
    black, line = np.zeros((30, 60, 3), np.uint8), np.zeros((50, 20), np.uint8)
    row = strip("both", {"color": black, "line": line})
    alone = strip("one", {"color": black})
    assert row.shape == (alone.shape[0], 2 * alone.shape[1], 3)
    np.testing.assert_array_equal(row[36:, : alone.shape[1]], alone[36:])
    stacked = stack_rows([row, alone])
    assert stacked.shape == (2 * row.shape[0], row.shape[1], 3)
    assert encode_png(stacked).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="at least one"):
        stack_rows([])


def test_hints_are_dots_of_their_color() -> None:
    """A hint is a dot on the pale drawing; a sheet without one is only pale."""
    line = np.full((60, 60), 255, np.uint8)
    line[10] = 0
    hint = no_hints((60, 60))
    assert set(np.unique(show_hints(line, hint))) == {178, 255}
    hint[30, 40] = 200, 10, 20, 255
    np.testing.assert_array_equal(show_hints(line, hint)[30, 40], (200, 10, 20))
