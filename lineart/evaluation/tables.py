"""Summaries of score rows: means, paired differences, and Markdown and CSV tables."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from lineart.evaluation.methods import LIMITS
from lineart.evaluation.statistics import Estimate, StreamingMean
from lineart.evaluation.types import Score, ScoreRow, TableCell

PARTS = ("source ", "shot ")
"""Name prefixes of sets that are parts of other sets; they are listed last."""


@dataclass(frozen=True)
class Margin:
    """Paired difference of our method and another one."""

    gain: Estimate
    """Difference per picture, with the sign of the score: above 0, ours is better."""
    won: int
    """Number of pictures on which ours is strictly better."""


@dataclass(frozen=True)
class ScoreSummary:
    """Scores of one method on one set at one number of hints."""

    set: str
    hints: int | None
    way: str
    scores: Mapping[str, Estimate]
    """Score name -> estimate; scores that the set lacks are missing."""
    margins: Mapping[str, Margin]
    """Score name -> margin of our method over this one; empty for ours."""


@dataclass
class _Cells:
    """Running means of one method on one set, by score name."""

    scores: dict[str, StreamingMean] = field(default_factory=dict)
    gains: dict[str, StreamingMean] = field(default_factory=dict)
    wins: dict[str, int] = field(default_factory=dict)


class ScoreSummaries:
    """Aggregates score rows; memory grows with sets, methods and scores, not with pictures.

    Args:
        scores: Score name -> score of all values in the rows.
        ours: Method that the others are compared with.
        seed: Seed of the intervals.
    """

    def __init__(self, scores: Mapping[str, Score], ours: str, seed: int) -> None:
        self._scores, self._ours, self._seed = scores, ours, seed
        self._cells: dict[TableCell, _Cells] = {}

    def add(self, rows: Sequence[ScoreRow]) -> None:
        """Add rows; all rows of a picture must be in the same call."""
        ours = {(row.picture, row.hints): row for row in rows if row.way == self._ours}
        for row in rows:
            for name in row.sets:
                cells = self._cells.setdefault(TableCell(name, row.hints, row.way), _Cells())
                self._add(cells, row, ours.get((row.picture, row.hints)))

    def _add(self, cells: _Cells, row: ScoreRow, ours: ScoreRow | None) -> None:
        for name, value in row.values.items():
            cells.scores.setdefault(name, StreamingMean(self._seed)).add(value, row.group)
            if ours is None or ours is row or name not in ours.values:
                continue
            if sign := self._scores[name].sign:
                gain = sign * (ours.values[name] - value)
                cells.gains.setdefault(name, StreamingMean(self._seed)).add(gain, row.group)
                cells.wins[name] = cells.wins.get(name, 0) + (gain > 0)

    def finish(self, distances: Iterable[tuple[TableCell, str, Estimate]]) -> list[ScoreSummary]:
        """Return all summaries by set, in the order of arrival, and hints; parts of sets come last.

        Args:
            distances: Table cell, score name and estimate of distances between sets.
        """
        whole: dict[TableCell, dict[str, Estimate]] = {place: {} for place in self._cells}
        for place, name, estimate in distances:
            whole.setdefault(place, {})[name] = estimate
        sets = list(dict.fromkeys(place.set for place in whole))
        places = sorted(
            whole, key=lambda p: (p.set.startswith(PARTS), sets.index(p.set), p.hints or 0)
        )
        return [self._summarize(place, whole[place]) for place in places]

    def _summarize(self, place: TableCell, distances: Mapping[str, Estimate]) -> ScoreSummary:
        cells = self._cells.get(place, _Cells())
        found = {**distances, **{name: t.estimate() for name, t in cells.scores.items()}}
        margins = {
            name: Margin(tally.estimate(), cells.wins[name]) for name, tally in cells.gains.items()
        }
        ordered = {name: found[name] for name in self._scores if name in found}
        return ScoreSummary(*place, ordered, margins)


def distinct(summaries: Sequence[ScoreSummary]) -> Iterator[tuple[str, list[ScoreSummary]]]:
    """Yield the name and summaries of each set; sets equal to an earlier one are left out.

    For example, if all pictures have drawn lines, "drawn lines" equals the whole place. If every
    set has a single row, as the shots of a film, all are rows of one table.
    """
    sets: dict[str, list[ScoreSummary]] = {}
    for summary in summaries:
        sets.setdefault(summary.set, []).append(summary)
    if len(sets) == len(summaries) > 1:
        sets = {summaries[0].set: [replace(one, way=one.set) for one in summaries]}
    shown: list[list[ScoreSummary]] = []
    for name, rows in sets.items():
        contents = [replace(row, set="") for row in rows]
        if contents not in shown:
            shown.append(contents)
            yield name, rows


def columns(rows: Sequence[ScoreSummary], scores: Mapping[str, Score]) -> list[str]:
    """Return the names of the scores that a set has, in the order of `scores`."""
    return [name for name in scores if any(name in row.scores for row in rows)]


def pictures_in(rows: Sequence[ScoreSummary]) -> int:
    """Return the largest number of pictures behind a score of a set."""
    return max((one.number for row in rows for one in row.scores.values()), default=0)


def to_markdown(
    summaries: Sequence[ScoreSummary],
    scores: Mapping[str, Score],
    about: str,
    remarks: Sequence[str],
) -> str:
    """Return one Markdown table per set: means, deviations, intervals and margins.

    Args:
        summaries: Rows of the tables.
        scores: Score name -> score, in the order of the columns.
        about: Explanation of the scores.
        remarks: Missing scores and other notes, listed above the tables.
    """
    text = [
        about,
        "Mean ± standard deviation over pictures (of a kernel distance: over subsets), in brackets "
        "the 95 % interval of the mean (bootstrap over pictures or their groups). Then how much "
        "better ours is, and on how many pictures.",
        *(["", *(f"- {one}" for one in remarks)] if remarks else []),
    ]
    for name, rows in distinct(summaries):
        names = columns(rows, scores)
        titles = " | ".join(scores[one].heading for one in names)
        text += ["", f"## {name}: {pictures_in(rows)}", "", f"| hints | way | {titles} |"]
        text.append("|---" * (2 + len(names)) + "|")
        for row in rows:
            cells = " | ".join(write_cell(row, one, scores[one].decimals) for one in names)
            text.append(f"| {'' if row.hints is None else row.hints} | {row.way} | {cells} |")
    return "\n".join(text) + "\n"


def write_cell(summary: ScoreSummary, name: str, decimals: int) -> str:
    """Return the text of a mean and its margin; empty if the summary lacks the score."""
    if name not in summary.scores:
        return ""
    text = write_estimate(summary.scores[name], decimals)
    if name not in summary.margins or summary.way in LIMITS:
        return text
    margin = summary.margins[name]
    return f"{text} ({margin.gain.mean:+.{decimals}f}, {margin.won}/{margin.gain.number})"


def write_estimate(estimate: Estimate, decimals: int) -> str:
    """Return the text of a mean with deviation and interval, if it has them."""
    return " ".join(part for part in write_parts(estimate, decimals) if part)


def write_parts(estimate: Estimate, decimals: int) -> tuple[str, str, str]:
    """Return texts of mean, deviation over pictures or subsets, and interval; empty if missing."""
    spread = estimate.over_subsets if estimate.deviation is None else estimate.deviation
    deviation = "" if spread is None else f"± {spread:.{decimals}f}"
    interval = ""
    if estimate.low is not None and estimate.high is not None:
        interval = f"[{estimate.low:.{decimals}f}, {estimate.high:.{decimals}f}]"
    return f"{estimate.mean:.{decimals}f}", deviation, interval


TABLE = ("set", "hints", "way", "score", *Estimate.__dataclass_fields__)


def to_csv(summaries: Sequence[ScoreSummary]) -> str:
    """Return CSV with a row for each estimate."""
    text = io.StringIO()
    writer = csv.DictWriter(text, TABLE, lineterminator="\n")
    writer.writeheader()
    for summary in summaries:
        place = {"set": summary.set, "hints": summary.hints, "way": summary.way}
        for name, estimate in summary.scores.items():
            writer.writerow({**place, "score": name, **asdict(estimate)})
    return text.getvalue()


class RowsFile:
    """Writes score rows to a stream as CSV; scores that a picture lacks are empty."""

    FIELDS = ("picture", "group", "sets", "hints", "way")

    def __init__(self, stream: io.TextIOBase, scores: Iterable[str]) -> None:
        self._writer = csv.DictWriter(stream, [*self.FIELDS, *scores], lineterminator="\n")
        self._writer.writeheader()

    def add(self, rows: Sequence[ScoreRow]) -> None:
        """Write rows, with values rounded to 5 decimals."""
        for row in rows:
            known = {
                "picture": row.picture,
                "group": row.group,
                "sets": "; ".join(row.sets),
                "hints": row.hints,
                "way": row.way,
            }
            rounded = {name: round(value, 5) for name, value in row.values.items()}
            self._writer.writerow(known | rounded)
