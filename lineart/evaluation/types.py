"""Types passed between the parts of an evaluation, and the definitions of the scores."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from lineart.evaluation.session import Session

AnySize = UInt8[np.ndarray, "_ _ 3"]
"""Colour picture whose size is independent of other arrays in the same call."""

PAINTED_TRUTH = "painted truth"
PHOTOGRAPH = "photograph"
"""Name of the untranslated photographs among the methods."""

LIMITS: Final = {PAINTED_TRUTH, PHOTOGRAPH}
"""Methods that are references only: shown, but neither compared nor ranked."""


# Scores; `lineart.metrics` computes most of them.


@dataclass(frozen=True)
class Score:
    """Definition of a score."""

    heading: str
    about: str
    """Unit and meaning, shown on the page."""
    decimals: int
    sign: int
    """1: higher is better; -1: lower is better; 0: neither."""


SCORES: Final[dict[str, Score]] = {
    "psnr": Score("PSNR", "dB, colours below the lines against the painted truth", 1, 1),
    "ssim": Score("SSIM", "colours below the lines against the painted truth", 3, 1),
    "de_hints": Score("dE at hints", "CIEDE2000 at the hints that lie on paper", 1, -1),
    "leakage": Score(
        "leakage", "colour change along lines over all change beside them, 0 to 1", 3, -1
    ),
    "lpips": Score("LPIPS", "colours below the lines against the painted truth", 3, -1),
    "psnr_composed": Score("PSNR composed", "dB, with drawn lines, against the picture", 1, 1),
    "ssim_composed": Score("SSIM composed", "with drawn lines, against the picture", 3, 1),
    "acc_hinted": Score("Acc hinted", "right regions with a hint, 0 to 1", 3, 1),
    "acc_unhinted": Score("Acc unhinted", "right regions without a hint, 0 to 1", 3, 1),
    "acc_closed": Score("Acc closed", "right of those with a hint, alone between lines", 3, 1),
    "acc": Score("Acc", "right regions of all, 0 to 1", 3, 1),
    "acc_thres": Score("Acc-Thres", "right regions without tiny ones, 0 to 1", 3, 1),
    "pix_acc": Score("Pix-Acc", "pixels of right regions, 0 to 1", 3, 1),
    "pix_f_acc": Score("Pix-F-Acc", "the same without the background", 3, 1),
    "pix_b_iou": Score("Pix-B-MIoU", "background, intersection over union, 0 to 1", 3, 1),
    "flatness": Score("flatness", "CIEDE2000 to the median inside each region", 2, -1),
    "psnr_auc": Score("Hint-AUC of PSNR", "dB, composed", 2, 1),
    "ssim_auc": Score("Hint-AUC of SSIM", "composed", 3, 1),
    "acc_auc": Score("Hint-AUC of Acc-Thres", "0 to 1", 3, 1),
    "psnr_full": Score("PSNR", "dB, composed at the picture's size, against the picture", 2, 1),
    "ssim_full": Score("SSIM", "composed at the picture's size, against the picture", 3, 1),
    "clip": Score("CLIP score", "probability that CLIP gives the right class", 4, 1),
    "clip_first": Score("right class first", "share of pictures, 0 to 1", 3, 1),
    "none_found": Score("none, found", "of segments whose colour no key has, 0 to 1", 3, 1),
    "none_false": Score("none, false", "of segments whose colour a key has, 0 to 1", 3, -1),
    "coverage": Score("coverage", "segments coloured with this confidence, 0 to 1", 3, 1),
    "precision": Score("precision", "right segments among these, 0 to 1", 3, 1),
    "coverage_98": Score("coverage at 98 %", "most coverage at a precision of 0.98", 3, 1),
    "ece": Score("ECE", "mean distance of confidence and share right, ten bins", 3, -1),
    "auroc": Score("AUROC", "a right segment is surer than a wrong one, 0 to 1", 3, 1),
    "flicker": Score(
        "flicker", "change of the low band where the drawing does not change, of 255", 2, -1
    ),
    "held": Score("held", "share of frames whose colours are those of an equal drawing", 3, 0),
}
"""Name -> score of single pictures; `distance_score` defines the distances between sets."""

INCEPTION = "inception"
"""The features by which FID and KID are defined."""

DISTANCES: Final = {
    "frechet": ("fid", "FID", "Frechet distance", 2),
    "kernel": ("kid", "KID x 100", "kernel distance x 100", 3),
}
"""Kind -> name and heading on Inception, heading on other features, decimals."""


def pick(names: Iterable[str]) -> dict[str, Score]:
    """Return the named scores, in the order given."""
    return {name: SCORES[name] for name in names}


def distance_score(kind: str, features: str) -> tuple[str, Score]:
    """Return name and score of a distance; only on Inception is it called FID or KID."""
    name, heading, general, decimals = DISTANCES[kind]
    about = "of the whole set"
    if features == INCEPTION:
        return name, Score(heading, about, decimals, -1)
    return f"{kind}_{features}", Score(f"{general} on {features}", about, decimals, -1)


# Results of single pictures.


@dataclass(frozen=True)
class ScoreRow:
    """Scores of one method on one picture."""

    sets: tuple[str, ...]
    """Sets, each with a table of its own, in which the row counts."""
    picture: str
    group: str
    """Group of pictures that the bootstrap draws together."""
    method: str
    values: Mapping[str, float]
    """Score name -> value; scores that the picture lacks are missing."""
    hints: int | None = None
    """Number of hints, or share of hinted regions in percent."""


@dataclass(frozen=True)
class Feature:
    """Feature vector of one picture, for distances between sets."""

    set: str
    vector: Float32[np.ndarray, " D"]
    method: str | None = None
    """Method that made the picture; None for the truth or target of the distance."""
    hints: int | None = None


@dataclass(frozen=True)
class Finding:
    """Result of one unit of work."""

    rows: Sequence[ScoreRow] = ()
    features: Sequence[Feature] = ()
    sheets: Mapping[str, AnySize] = field(default_factory=dict)
    """Name of a contact sheet -> row of this unit."""
    notes: Sequence[str] = ()
    """Remarks for the reader, such as scores left out; equal ones are counted."""
    failures: Sequence[tuple[str, str]] = ()
    """Picture, and the reason why it could not be evaluated."""
    judged: Sequence[Any] = ()
    """What `EvaluationPlan.pooled` sums up over all pictures."""


# Plans and summaries.


@dataclass(frozen=True)
class EvaluationPlan:
    """Work of a protocol: units, the function to apply, and scores."""

    units: Sequence[Any]
    """Units of work; each has a `name`."""
    evaluate: Callable[[Any], Finding]
    """Evaluates a unit, in this or another process."""
    scores: Mapping[str, Score]
    """Score name -> score, in the order of the columns."""
    ours: str
    """Method that the others are compared with."""
    about: str
    """Explanation of the scores in a few sentences."""
    distances: Mapping[str, str] = field(default_factory=dict)
    """Name of a distance between sets -> "frechet" or "kernel"."""
    about_scores: Mapping[str, str] = field(default_factory=dict)
    """Score name -> explanation that is shown only where a picture has the score."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts for the outputs, such as models and SHA-256 of the weights."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Score that cannot be computed -> reason."""
    notes: Sequence[str] = ()
    """Sentences for the outputs."""
    hints_heading: str = "hints"
    """Heading of the column of `ScoreRow.hints`."""
    uses_network: bool = True
    """Whether `evaluate` runs a network, and so benefits from a GPU."""
    pooled: Callable[[Sequence[Any], int], list["ScoreSummary"]] | None = None
    """Sums up `Finding.judged` of all units with a seed; None: there is none."""
    charts: Callable[[Sequence[Any]], list[dict[str, Any]]] | None = None
    """Draws charts of them, as `lineart.report.charts.draw_chart`."""
    session: Session | None = None
    """Session that the plan has opened networks in; closed before other processes open theirs."""


class TableCell(NamedTuple):
    """Key of a table row: a method on a set of pictures at a number of hints."""

    set: str
    hints: int | None
    method: str


@dataclass(frozen=True)
class Estimate:
    """A mean with standard deviation and 95 % interval."""

    mean: float
    number: int
    """Number of values, or of pictures for a distance between sets."""
    deviation: float | None = None
    """Standard deviation of the values; None for a single value."""
    low: float | None = None
    high: float | None = None
    """Ends of the 95 % interval; None for fewer than `statistics.MIN_GROUPS` groups."""
    over_subsets: float | None = None
    """Standard deviation over random subsets, for kernel distances only."""


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
    method: str
    scores: Mapping[str, Estimate]
    """Score name -> estimate; scores that the set lacks are missing."""
    margins: Mapping[str, Margin]
    """Score name -> margin of our method over this one; empty for ours."""


@dataclass
class EvaluationResult:
    """Result of an evaluation."""

    summaries: list[ScoreSummary] = field(default_factory=list)
    rows: bytes = b""
    """Scores of single pictures, as CSV."""
    num_units: int = 0
    num_judged: int = 0
    """Pictures with a score or a feature."""
    num_rows: int = 0
    num_failed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Picture and reason of the first `run.FAILURES_LISTED` failures."""
    notes: Counter[str] = field(default_factory=Counter)
    """Note -> how often it was made."""
    sheets: dict[str, list[AnySize]] = field(default_factory=dict)
    """Name of a contact sheet -> its rows."""
    charts: list[dict[str, Any]] = field(default_factory=list)
    """Charts of the page, as `lineart.report.charts.draw_chart` gives them."""
