"""Many scores -> means, paired differences, and a table to read."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from lineart.evaluation.scores import PAINTED_TRUTH, Score

METRICS = {"psnr": 1, "ssim": 1, "de_hints": -1, "psnr_composed": 1, "ssim_composed": 1}
"""Name -> 1 where more is better, -1 where less is."""

DECIMALS = {"psnr": 1, "ssim": 3, "de_hints": 1, "psnr_composed": 1, "ssim_composed": 3}
HEADINGS = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "de_hints": "dE at hints",
    "psnr_composed": "PSNR composed",
    "ssim_composed": "SSIM composed",
}

SOURCE = "source "
"""How the names of sets begin that are sources."""

Rows = Mapping[tuple[str, str], Score]
"""Place and name of a picture -> its score."""


@dataclass(frozen=True)
class Mean:
    """A mean over pictures, with its standard error (None for a single one)."""

    mean: float
    error: float | None
    number: int


@dataclass(frozen=True)
class Margin:
    """How much better ours is, picture by picture: above 0 it is, whatever the metric."""

    mean: float
    error: float | None
    number: int
    won: int
    """Pictures on which ours is strictly better."""


@dataclass(frozen=True)
class Summary:
    """What one way is worth on one set at one number of hints."""

    set: str
    hints: int
    way: str
    metrics: Mapping[str, Mean]
    """Only those that the set has."""
    margins: Mapping[str, Margin]
    """Ours against this way; empty for ours."""


def summarize(scores: Iterable[Score], ours: str) -> list[Summary]:
    """Give the means of every way on every set, and ours against each; sources come last.

    Frames of one cycle and panels of one page are alike, so that standard errors, which take
    pictures for independent, are too small there.
    """
    groups: dict[str, dict[tuple[int, str], dict[tuple[str, str], Score]]] = {}
    for score in scores:
        for name in sets_of(score):
            ways = groups.setdefault(name, {}).setdefault((score.hints, score.way), {})
            ways[score.place, score.picture] = score
    return [
        Summary(name, hints, way, means(rows), compare(ways.get((hints, ours), {}), rows))
        for name, ways in sorted(groups.items(), key=lambda group: _order(group[0]))
        for (hints, way), rows in sorted(ways.items(), key=lambda item: item[0][0])
    ]


def sets_of(score: Score) -> list[str]:
    """Give the sets that a score belongs to: its place, parts of it, and its source."""
    sets = [score.place]
    if score.is_drawn:
        sets.append(f"{score.place}, drawn lines")
    if score.is_enlarged:
        sets.append(f"{score.place}, full size")
    return [*sets, f"{SOURCE}{score.source}"]


def _order(name: str) -> tuple[bool, str]:
    return name.startswith(SOURCE), name


def means(rows: Rows) -> dict[str, Mean]:
    """Give the mean of each metric over the pictures that have it."""
    found = {}
    for metric in METRICS:
        values = [value for row in rows.values() if (value := getattr(row, metric)) is not None]
        if values:
            found[metric] = Mean(float(np.mean(values)), standard_error(values), len(values))
    return found


def compare(ours: Rows, others: Rows) -> dict[str, Margin]:
    """Give how much better ours is in each metric, over the pictures that both have."""
    if ours is others:
        return {}
    found = {}
    for metric, sign in METRICS.items():
        pairs = [
            (getattr(ours[k], metric), getattr(others[k], metric)) for k in others if k in ours
        ]
        gains = [sign * (a - b) for a, b in pairs if a is not None and b is not None]
        if gains:
            won = sum(gain > 0 for gain in gains)
            found[metric] = Margin(float(np.mean(gains)), standard_error(gains), len(gains), won)
    return found


def standard_error(values: Sequence[float]) -> float | None:
    """Give the standard error of the mean; one value has none."""
    if len(values) < 2:
        return None
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def to_csv(scores: Sequence[Score]) -> str:
    """Write all scores as CSV; what a picture does not have is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Score)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {k: round(v, 5) if isinstance(v, float) else v for k, v in asdict(score).items()}
        for score in scores
    )
    return text.getvalue()


def to_markdown(summaries: Sequence[Summary], ours: str) -> str:
    """Write a table a set: means, and ours against each other way."""
    text = [
        "Mean ± standard error over pictures. In brackets: how much better "
        f"`{ours}` is, picture by picture, and on how many of them.",
        "PSNR and SSIM: colours below the lines, to the painted truth. Composed: with drawn "
        f"lines, at the picture's size, to the picture; `{PAINTED_TRUTH}` is the most possible.",
        "Sets that hold the same pictures as one above are left out.",
    ]
    sets: dict[str, list[Summary]] = {}
    for summary in summaries:
        sets.setdefault(summary.set, []).append(summary)
    shown: list[list[Summary]] = []
    for name, rows in sets.items():
        # Where all lines are drawn ones, say, that set is the place.
        contents = [replace(row, set="") for row in rows]
        if contents in shown:
            continue
        shown.append(contents)
        metrics = [metric for metric in METRICS if any(metric in row.metrics for row in rows)]
        number = max(mean.number for row in rows for mean in row.metrics.values())
        titles = " | ".join(HEADINGS[metric] for metric in metrics)
        text += ["", f"## {name}: {number}", "", f"| hints | way | {titles} |"]
        text.append("|---" * (2 + len(metrics)) + "|")
        for row in rows:
            cells = " | ".join(format_cell(row, metric) for metric in metrics)
            text.append(f"| {row.hints} | {row.way} | {cells} |")
    return "\n".join(text) + "\n"


def format_cell(summary: Summary, metric: str) -> str:
    """Write a mean and its margin; nothing where the set does not have it."""
    if metric not in summary.metrics:
        return ""
    mean, digits = summary.metrics[metric], DECIMALS[metric]
    text = _plus_minus(f"{mean.mean:.{digits}f}", mean.error, digits)
    if metric not in summary.margins:
        return text
    margin = summary.margins[metric]
    gain = _plus_minus(f"{margin.mean:+.{digits}f}", margin.error, digits)
    return f"{text} ({gain}, {margin.won}/{margin.number})"


def _plus_minus(text: str, error: float | None, digits: int) -> str:
    return text if error is None else f"{text} ± {error:.{digits}f}"
