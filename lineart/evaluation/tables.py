"""Score rows grouped into summaries with pandas; Markdown and CSV tables of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pandas as pd

from lineart.evaluation.statistics import Bootstrap
from lineart.evaluation.types import (
    LIMITS,
    Estimate,
    EvaluationPlan,
    Margin,
    Score,
    ScoreRow,
    ScoreSummary,
    TableCell,
)

SOURCE = "source "
"""Prefix of the names of sets that are sources."""

PARTS = (SOURCE, "shot ")
"""Name prefixes of sets that are parts of other sets; they are listed last."""

GAIN = "gain in "
"""Prefix of the columns with our gain over a row's method."""


# Rows.


def to_frame(rows: Sequence[ScoreRow], scores: Iterable[str]) -> Any:
    """Return a data frame with a line for each row; scores that a row lacks are NaN."""
    columns = ["picture", "group", "sets", "hints", "method"]
    texts = [[row.picture, row.group, row.sets, row.hints, row.method] for row in rows]
    # Objects, because Arrow's texts cannot hold file names that are not UTF-8.
    frame = pd.DataFrame(texts, columns=columns, dtype=object)
    for name in scores:
        frame[name] = np.array([row.values.get(name, np.nan) for row in rows], np.float64)
    return frame


def rows_to_csv(frame: Any) -> bytes:
    """Return the frame of `to_frame` as CSV, with values rounded to 5 decimals."""
    shown = frame.assign(sets=["; ".join(sets) for sets in frame["sets"]])
    text: str = shown.round(5).to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8", "replace")


def summarize(
    frame: Any,
    distances: Iterable[tuple[TableCell, str, Estimate]],
    scores: Mapping[str, Score],
    ours: str,
    seed: int,
) -> list[ScoreSummary]:
    """Return all summaries by set, in the order of arrival, and hints; parts of sets come last.

    Args:
        frame: Score rows, from `to_frame`.
        distances: Table cell, score name and estimate of distances between sets.
        scores: Score name -> score.
        ours: Method that the others are compared with.
        seed: Seed of the intervals.
    """
    bootstrap = Bootstrap(seed)
    cells: dict[TableCell, tuple[dict[str, Estimate], dict[str, Margin]]] = {}
    by_set = add_gains(frame, scores, ours).explode("sets")
    for (name, hints, method), rows in by_set.groupby(
        ["sets", "hints", "method"], sort=False, dropna=False
    ):
        cell = TableCell(name, None if pd.isna(hints) else int(hints), method)
        cells[cell] = {}, {}
        for score in (one for one in scores if one in frame):
            known = rows[rows[score].notna()]
            if len(known):
                cells[cell][0][score] = _estimate(bootstrap, known, score)
            compared = rows[rows[GAIN + score].notna()]
            if len(compared):
                won = int((compared[GAIN + score] > 0).sum())
                cells[cell][1][score] = Margin(_estimate(bootstrap, compared, GAIN + score), won)
    for cell, score, estimate in distances:
        cells.setdefault(cell, ({}, {}))[0][score] = estimate
    sets = list(dict.fromkeys(cell.set for cell in cells))
    ordered = sorted(
        cells, key=lambda one: (one.set.startswith(PARTS), sets.index(one.set), one.hints or 0)
    )
    return [
        ScoreSummary(
            *cell,
            {name: cells[cell][0][name] for name in scores if name in cells[cell][0]},
            cells[cell][1],
        )
        for cell in ordered
    ]


def _estimate(bootstrap: Bootstrap, rows: Any, column: str) -> Estimate:
    return bootstrap.estimate(rows[column].to_numpy(), rows["group"].tolist())


def add_gains(frame: Any, scores: Mapping[str, Score], ours: str) -> Any:
    """Add our gain over each row's method on the same picture; NaN where there is none."""
    key = ["picture", "hints"]
    mine = frame[frame["method"] == ours].drop(columns=["group", "sets", "method"])
    theirs = frame[key].merge(mine, on=key, how="left")
    gains = {
        GAIN + name: (score.sign or np.nan)
        * (theirs[name] - frame[name]).where(frame["method"] != ours)
        for name, score in scores.items()
        if name in frame
    }
    return frame.assign(**gains)


# Tables.


def distinct(summaries: Sequence[ScoreSummary]) -> Iterator[tuple[str, list[ScoreSummary]]]:
    """Yield the name and summaries of each set; sets equal to an earlier one are left out.

    For example, if all pictures have drawn lines, "drawn lines" equals the whole place. If every
    set has a single row, as the shots of a film, all are rows of one table.
    """
    sets = _group_sets(summaries)
    if len(sets) == len(summaries) > 1:
        sets = {summaries[0].set: [replace(one, method=one.set) for one in summaries]}
    shown: list[list[ScoreSummary]] = []
    for name, rows in sets.items():
        contents = [replace(row, set="") for row in rows]
        if contents not in shown:
            shown.append(contents)
            yield name, rows


def _group_sets(summaries: Sequence[ScoreSummary]) -> dict[str, list[ScoreSummary]]:
    sets: dict[str, list[ScoreSummary]] = {}
    for summary in summaries:
        sets.setdefault(summary.set, []).append(summary)
    return sets


def is_compared(summary: ScoreSummary, name: str) -> bool:
    """Return whether ours is compared with a row's method in a score."""
    return name in summary.margins and summary.method not in LIMITS


def columns(rows: Sequence[ScoreSummary], scores: Mapping[str, Score]) -> list[str]:
    """Return the names of the scores that a set has, in the order of `scores`."""
    return [name for name in scores if any(name in row.scores for row in rows)]


def pictures_in(rows: Sequence[ScoreSummary]) -> int:
    """Return the largest number of pictures behind a score of a set."""
    return max((one.number for row in rows for one in row.scores.values()), default=0)


ABOUT_MEANS = (
    "Mean ± standard deviation over pictures (of a kernel distance: over subsets), in brackets the "
    "95 % interval of the mean (bootstrap over pictures or their groups)."
)
ABOUT_GAINS = (
    "Then how much better ours is on the same pictures, with the interval of that, and on how many "
    "of them; equal results count as not better."
)


def has_comparison(summaries: Sequence[ScoreSummary]) -> bool:
    """Return whether ours is compared with another method anywhere."""
    return any(is_compared(one, name) for one in summaries for name in one.margins)


def explain(plan: EvaluationPlan, summaries: Sequence[ScoreSummary]) -> str:
    """Return the plan's explanation of the scores that the summaries have."""
    known = {name for one in summaries for name in one.scores}
    some = (about for name, about in plan.about_scores.items() if name in known)
    return " ".join((*some, plan.about))


def to_markdown(
    summaries: Sequence[ScoreSummary],
    scores: Mapping[str, Score],
    about: str,
    remarks: Sequence[str],
    *,
    hints_heading: str = "hints",
) -> str:
    """Return one Markdown table per set: means, deviations, intervals and margins.

    Args:
        summaries: Rows of the tables.
        scores: Score name -> score, in the order of the columns.
        about: Explanation of the scores.
        remarks: Missing scores and other notes, listed above the tables.
        hints_heading: Heading of the column of hints.
    """
    text = [
        about,
        " ".join((ABOUT_MEANS, *([ABOUT_GAINS] if has_comparison(summaries) else []))),
        *(["", *(f"- {one}" for one in remarks)] if remarks else []),
    ]
    for name, rows in distinct(summaries):
        names = columns(rows, scores)
        titles = " | ".join(scores[one].heading for one in names)
        text += [
            "",
            f"## {name}: {pictures_in(rows)}",
            "",
            f"| {hints_heading} | method | {titles} |",
        ]
        text.append("|---" * (2 + len(names)) + "|")
        for row in rows:
            cells = " | ".join(write_cell(row, one, scores[one].decimals) for one in names)
            text.append(f"| {'' if row.hints is None else row.hints} | {row.method} | {cells} |")
    return "\n".join(text) + "\n"


def write_cell(summary: ScoreSummary, name: str, decimals: int) -> str:
    """Return the text of a mean and its margin; empty if the summary lacks the score."""
    if name not in summary.scores:
        return ""
    text = write_estimate(summary.scores[name], decimals)
    if not is_compared(summary, name):
        return text
    margin = summary.margins[name]
    return f"{text} ({write_gain(margin, decimals)}, {margin.won}/{margin.gain.number})"


def write_gain(margin: Margin, decimals: int) -> str:
    """Return the text of our mean gain, with its interval if it has one."""
    mean, _, interval = write_parts(margin.gain, decimals)
    plus = "+" if round(margin.gain.mean, decimals) > 0 else ""
    return " ".join(part for part in (plus + mean, interval) if part)


def write_estimate(estimate: Estimate, decimals: int) -> str:
    """Return the text of a mean with deviation and interval, if it has them."""
    return " ".join(part for part in write_parts(estimate, decimals) if part)


def write_parts(estimate: Estimate, decimals: int) -> tuple[str, str, str]:
    """Return texts of mean, deviation over pictures or subsets, and interval; empty if missing.

    Zero has no sign, also where a small number is rounded to it.
    """
    spread = estimate.over_subsets if estimate.deviation is None else estimate.deviation
    deviation = "" if spread is None else f"± {spread:.{decimals}f}"
    interval = ""
    if estimate.low is not None and estimate.high is not None:
        interval = f"[{estimate.low:z.{decimals}f}, {estimate.high:z.{decimals}f}]"
    return f"{estimate.mean:z.{decimals}f}", deviation, interval


MARGIN = ("gain", "gain_low", "gain_high", "wins", "pairs")
"""Columns of a comparison: our mean gain, its interval, wins of ours among pairs of pictures."""


def to_csv(summaries: Sequence[ScoreSummary], *, hints_heading: str = "hints") -> str:
    """Return CSV with a row for each estimate, and how much better ours is.

    A source that is all of a place is left out. `hints_heading` is as for `to_markdown`.
    """
    kept = _drop_whole_sources(summaries)
    rows = [
        (one.set, one.hints, one.method, score, *astuple(estimate), *_compare(one, score))
        for one in kept
        for score, estimate in one.scores.items()
    ]
    columns = ["set", hints_heading, "method", "score", *Estimate.__dataclass_fields__, *MARGIN]
    text: str = pd.DataFrame(rows, columns=columns, dtype=object).to_csv(
        index=False, lineterminator="\n"
    )
    return text


def _drop_whole_sources(summaries: Sequence[ScoreSummary]) -> list[ScoreSummary]:
    """Leave out the sources that are equal to another set."""
    sets = _group_sets(summaries)
    contents = {name: [replace(row, set="") for row in rows] for name, rows in sets.items()}
    places = [rows for name, rows in contents.items() if not name.startswith(SOURCE)]
    return [
        one
        for one in summaries
        if not one.set.startswith(SOURCE) or contents[one.set] not in places
    ]


def _compare(summary: ScoreSummary, name: str) -> tuple[float | int | None, ...]:
    """Return the values of `MARGIN`; None if a method is not compared."""
    if not is_compared(summary, name):
        return (None,) * len(MARGIN)
    margin = summary.margins[name]
    gain = margin.gain
    return gain.mean, gain.low, gain.high, margin.won, gain.number
