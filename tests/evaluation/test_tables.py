import csv
import io
import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from lineart.evaluation.tables import (
    MARGIN,
    distinct,
    explain,
    rows_to_csv,
    summarize,
    to_csv,
    to_frame,
    to_markdown,
    write_estimate,
    write_gain,
)
from lineart.evaluation.types import (
    PAINTED_TRUTH,
    Estimate,
    EvaluationPlan,
    Finding,
    Margin,
    ScoreRow,
    ScoreSummary,
    TableCell,
    distance_score,
    pick,
)

FID = dict([distance_score("frechet", "inception")])
SCORES = pick(("psnr", "de_hints", "held"))


@pytest.fixture
def row() -> ScoreRow:
    """A row to vary."""
    return ScoreRow(("here", "source s"), "a", "a", "ours", {"psnr": 20.0, "de_hints": 1.0}, 16)


def summaries_of(
    rows: list[ScoreRow], distances: Iterable[tuple[TableCell, str, Estimate]] = ()
) -> list[ScoreSummary]:
    """Summarise rows, with FID as a further score."""
    return summarize(to_frame(rows, SCORES), distances, {**FID, **SCORES}, "ours", 0)


def test_summary_is_arithmetic(row: ScoreRow) -> None:
    """Means, paired differences, deviations and wins are those computed by hand."""
    ours, other = (20.0, 24.0, 28.0), (19.0, 25.0, 22.0)
    rows = []
    for number, values in enumerate(zip(ours, other, strict=True)):
        for method, db in zip(("ours", "b"), values, strict=True):
            scores = {"psnr": db, "de_hints": 3.0 if (number, method) == (0, "b") else 1.0}
            rows.append(
                replace(row, picture=f"{number}", group=f"{number}", method=method, values=scores)
            )
    first, second = [one for one in summaries_of(rows) if one.set == "here"]
    assert (first.method, second.method, first.margins) == ("ours", "b", {})
    psnr = first.scores["psnr"]
    assert (psnr.mean, psnr.number, psnr.deviation) == (24, 3, 4)
    assert psnr.low is None
    margin = second.margins["psnr"]
    assert (margin.gain.mean, margin.won, margin.gain.number) == (pytest.approx(2), 2, 3)
    assert margin.gain.deviation == pytest.approx(np.std([1, -1, 6], ddof=1))
    # Less difference is better, and a draw is no win.
    assert second.margins["de_hints"].gain.mean == pytest.approx(2 / 3)
    assert second.margins["de_hints"].won == 1


def test_hints_and_sets_stand_in_order(row: ScoreRow) -> None:
    """Numbers of hints rise, sources come last, and scores that nobody has are missing."""
    rows = [replace(row, hints=count) for count in (140, 0)]
    rows.append(replace(row, sets=("there",), picture="b", values={"held": 1.0}, hints=None))
    found = summaries_of(rows)
    places = [(one.set, one.hints) for one in found]
    expected = [("here", 0), ("here", 140), ("there", None), ("source s", 0), ("source s", 140)]
    assert places == expected
    assert list(found[0].scores) == ["psnr", "de_hints"]
    assert list(found[2].scores) == ["held"]


def test_a_score_that_is_neither_good_nor_bad_has_no_winner(row: ScoreRow) -> None:
    """The share of held frames is no contest, and pictures that ours lacks are not compared."""
    rows = [
        replace(row, method=method, values={"held": 1.0, "psnr": 3.0}) for method in ("ours", "b")
    ]
    rows.append(replace(row, picture="z", method="b"))
    (other,) = [one for one in summaries_of(rows) if (one.set, one.method) == ("here", "b")]
    assert list(other.margins) == ["psnr"]
    assert (other.margins["psnr"].gain.number, other.scores["psnr"].number) == (1, 2)


def test_distances_stand_beside_the_scores_of_their_way(row: ScoreRow) -> None:
    """A distance of a whole set is a column of its own, and a set may have nothing else."""
    name, score = distance_score("frechet", "inception")
    assert (name, score.heading) == ("fid", "FID")
    assert distance_score("kernel", "inception")[1].heading == "KID x 100"
    assert distance_score("frechet", "x")[1].heading == "Frechet distance on x"
    distances = [(TableCell(one, 16, "ours"), "fid", Estimate(47.87, 9)) for one in ("here", "new")]
    first, new, _ = summaries_of([row], distances)
    assert list(first.scores) == ["fid", "psnr", "de_hints"]
    assert (new.set, new.scores["fid"].mean) == ("new", 47.87)


def test_a_set_like_another_is_left_out(row: ScoreRow) -> None:
    """The source holds the same pictures as the place, and is shown once."""
    other = replace(row, sets=("here",), picture="b", values={"psnr": 1.0})
    theirs = [replace(one, method="b") for one in (row, other)]
    assert [name for name, _ in distinct(summaries_of([row, theirs[0]]))] == ["here"]
    every = summaries_of([row, other, *theirs])
    assert [name for name, _ in distinct(every)] == ["here", "source s"]


def test_sets_of_one_row_are_one_table(row: ScoreRow) -> None:
    """A film and its shots, each with one method, stand below each other."""
    rows = [replace(row, sets=("film", f"shot {name}"), picture=name) for name in "ab"]
    ((name, shown),) = distinct(summaries_of([replace(one, values={"psnr": 2.0}) for one in rows]))
    assert name == "film"
    assert [one.method for one in shown] == ["film", "shot a", "shot b"]
    assert [one.scores["psnr"].number for one in shown] == [2, 1, 1]


def test_table_is_markdown(row: ScoreRow) -> None:
    """Every row has as many cells as its heading; what is known stands beside the mean."""
    rows = []
    for number in range(9):
        for method, less in (("ours", 0.0), ("b", 1.5), (PAINTED_TRUTH, -9.0)):
            name, values = f"{number}", {"psnr": 20.0 + number - less}
            rows.append(replace(row, picture=name, group=name, method=method, values=values))
    table = to_markdown(summaries_of(rows), SCORES, "about", ["FID is left out: why"])
    assert re.search(
        r"\| 16 \| b \| 22\.5 ± 2\.7 \[2\d\.\d, 2\d\.\d\] \(\+1\.5 \[1\.5, 1\.5\], 9/9\) \|", table
    )
    assert re.search(rf"\| 16 \| {PAINTED_TRUTH} \| 33\.0 ± 2\.7 \[[^(]*\] \|", table)
    assert "\n- FID is left out: why\n" in table
    assert "equal results count as not better" in table
    assert "dE at hints" not in table
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {4}
    assert [line for line in table.splitlines() if line.startswith("##")] == ["## here: 9"]


def test_table_explains_what_it_has(row: ScoreRow) -> None:
    """Without a second method there is no comparison; without a score no sentence on it."""
    found = summaries_of([row])
    assert "better" not in to_markdown(found, SCORES, "about", [])
    limit = replace(row, method=PAINTED_TRUTH)
    assert "better" not in to_markdown(summaries_of([row, limit]), SCORES, "about", [])
    told = {"psnr": "PSNR: so.", "held": "Held: so."}
    plan = EvaluationPlan([], lambda _: Finding(), SCORES, "ours", "About.", about_scores=told)
    assert explain(plan, found) == "PSNR: so. About."


def test_zero_has_no_sign() -> None:
    """Numbers that are rounded to zero from below are written as zero."""
    small = Estimate(-0.0004, 9, 1.0, -0.0002, 0.0003)
    assert write_estimate(small, 3) == "0.000 ± 1.000 [0.000, 0.000]"
    assert write_gain(Margin(small, 4), 3) == "0.000 [0.000, 0.000]"
    assert write_gain(Margin(replace(small, mean=0.0004), 4), 3) == "0.000 [0.000, 0.000]"
    assert write_gain(Margin(small, 4), 4) == "-0.0004 [-0.0002, 0.0003]"
    assert write_gain(Margin(replace(small, mean=0.0006), 4), 3) == "+0.001 [0.000, 0.000]"


def test_estimates_are_written_with_what_they_have() -> None:
    """A deviation and an interval where there are such, else the number alone."""
    assert write_estimate(Estimate(1.0, 5, 2.0, 0.5, 1.5), 1) == "1.0 ± 2.0 [0.5, 1.5]"
    assert write_estimate(Estimate(1.0, 5, over_subsets=2.0), 2) == "1.00 ± 2.00"
    assert write_estimate(Estimate(1.0, 1), 2) == "1.00"


def test_csv_holds_everything(row: ScoreRow) -> None:
    """Every row comes back with what it has, and so does every estimate."""
    other = replace(row, picture="b, c", values={"psnr": 1 / 3})
    rows = [row, other, replace(row, picture="\udcff", hints=None)]
    read = list(csv.DictReader(io.StringIO(rows_to_csv(to_frame(rows, SCORES)).decode())))
    assert [one["picture"] for one in read] == ["a", "b, c", "?"]
    assert [one["hints"] for one in read] == ["16", "16", ""]
    assert (read[1]["psnr"], read[1]["de_hints"], read[1]["hints"]) == ("0.33333", "", "16")
    assert read[0]["sets"] == "here; source s"
    table = list(csv.DictReader(io.StringIO(to_csv(summaries_of([row])))))
    assert len(table) == 2
    assert (table[0]["score"], table[0]["mean"], table[0]["low"]) == ("psnr", "20.0", "")


def test_csv_has_what_the_table_has(row: ScoreRow) -> None:
    """The comparison stands in it, under the same heading; a source that is all is left out."""
    rows = []
    for number in range(9):
        for method, less in (("ours", 0.0), ("b", number / 2), (PAINTED_TRUTH, -9.0)):
            name, values = f"{number}", {"psnr": 20.0 - less}
            rows.append(replace(row, picture=name, group=name, method=method, values=values))
    text = to_csv(summaries_of(rows), hints_heading="distance, size")
    ours, other, limit = csv.DictReader(io.StringIO(text))
    assert [one["distance, size"] for one in (ours, other, limit)] == ["16"] * 3
    assert {one["set"] for one in (ours, other, limit)} == {"here"}
    assert (float(other["gain"]), other["wins"], other["pairs"]) == (2, "8", "9")
    assert float(other["gain_low"]) < 2 < float(other["gain_high"])
    for one in (ours, limit):
        assert {one[name] for name in MARGIN} == {""}
    rows.append(replace(row, sets=("here", "source t"), picture="c"))
    names = [one["set"] for one in csv.DictReader(io.StringIO(to_csv(summaries_of(rows))))]
    assert set(names) == {"here", "source s", "source t"}
