"""Scores of colours that keys gave a drawing, against its exact flat colours."""

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8

from lineart.datasets.flat_parts import Truth
from lineart.datasets.sequences import TrueSequence
from lineart.image import Line
from lineart.imaging.region_maps import RegionMap
from lineart.imaging.regions import INK_LEVEL
from lineart.metrics import ciede2000

SAME_DE = 5.0
"""Colours nearer than this, by CIEDE2000, are equal."""

COUNTED_PX = 10
"""Segments from this number of pixels count in `acc_thres`."""

THIN_PX = 2.0
"""Segments of open drawings that are nowhere farther than this from their edge are no parts: they
lie between a line and a colour's edge."""

NONE = -1
"""Number of the colour of a pixel that was given none."""


class Segments(NamedTuple):
    """Parts of a drawing that are scored: connected paper of one true colour."""

    labels: RegionMap
    """Number of the segment of each pixel, from 1; 0 = ink, and what is not scored."""
    colors: Int64[np.ndarray, " N"]
    """Number of the true colour of each segment; entry n is segment n + 1."""
    areas: Int64[np.ndarray, " N"]
    """Pixels of each."""

    @property
    def is_counted(self) -> Bool[np.ndarray, " N"]:
        """Segments that are not tiny."""
        return self.areas >= COUNTED_PX


class Prediction(NamedTuple):
    """Colours that a method gives a drawing."""

    colors: Int32[np.ndarray, "H W"]
    """Number of the colour of each pixel in the palette of the truth, or `NONE`."""
    confidence: Float32[np.ndarray, "H W"]
    """Probability that it is right, 0..1."""


class Verdicts(NamedTuple):
    """What a method gave the segments of a drawing; entry n is segment n + 1."""

    is_right: Bool[np.ndarray, " N"]
    """Whether the colour of most of its pixels is the true one."""
    is_none: Bool[np.ndarray, " N"]
    """Whether most of its pixels were given none."""
    confidence: Float32[np.ndarray, " N"]
    """Mean over the pixels."""


def find_segments(line: Line, truth: Truth, *, is_open: bool = False) -> Segments:
    """Find the segments of a drawing; in open drawings, thin ones are left out."""
    from skimage.measure import label

    is_paper = line >= INK_LEVEL
    labels = label(np.where(is_paper, truth.astype(np.int32) + 1, 0), background=0, connectivity=1)
    if is_open:
        depth = np.zeros(int(labels.max()) + 1, np.float32)
        np.maximum.at(depth, labels.ravel(), _depth(labels).ravel())
        is_kept = depth >= THIN_PX
        is_kept[0] = False
        labels = np.where(is_kept, np.cumsum(is_kept), 0)[labels]
    count = int(labels.max()) + 1
    colors = np.zeros(count, np.int64)
    colors[labels] = truth
    areas = np.bincount(labels.ravel(), minlength=count)
    return Segments(labels.astype(np.int32), colors[1:], areas[1:])


def _depth(labels: np.ndarray) -> Float32[np.ndarray, "H W"]:
    """Return the distance of each pixel to the nearest one of another segment or ink."""
    inside = np.pad(labels, 1)
    same = inside > 0
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        same &= inside == np.roll(inside, step, axis)
    depth = cv2.distanceTransform(same.view(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.where(labels > 0, depth + 1, 0).astype(np.float32)


def find_same(palette: UInt8[np.ndarray, "K 3"]) -> Bool[np.ndarray, "K K"]:
    """Return which colours of a palette look equal."""
    count = len(palette)
    one, other = np.repeat(palette, count, axis=0), np.tile(palette, (count, 1))
    return ciede2000(one, other).reshape(count, count) < SAME_DE


def judge(segments: Segments, prediction: Prediction, same: Bool[np.ndarray, "K K"]) -> Verdicts:
    """Judge what a method gave each segment."""
    count, num_colors = len(segments.colors), len(same)
    where = segments.labels > 0
    labels = segments.labels[where].astype(np.int64) - 1
    # The last column counts the pixels without a colour.
    codes = labels * (num_colors + 1) + prediction.colors[where] % (num_colors + 1)
    votes = np.bincount(codes, minlength=count * (num_colors + 1)).reshape(count, -1)
    best = votes.argmax(axis=1)
    is_none = best == num_colors
    is_right = ~is_none & same[best % num_colors, segments.colors]
    confidence = np.bincount(labels, prediction.confidence[where], count) / np.maximum(
        segments.areas, 1
    )
    return Verdicts(is_right, is_none, confidence.astype(np.float32))


def score_prediction(
    sequence: TrueSequence,
    number: int,
    prediction: Prediction,
    segments: Segments,
    same: Bool[np.ndarray, "K K"],
) -> dict[str, float]:
    """Compute the scores of a drawing; undefined ones are left out."""
    verdicts = judge(segments, prediction, same)
    truth = sequence.truth[number]
    is_paper = sequence.lines[number] >= INK_LEVEL
    background = find_background(truth)
    given = prediction.colors.clip(0)
    is_right = (prediction.colors != NONE) & same[given, truth]
    is_back, is_given_back = (
        same[background, truth],
        (prediction.colors != NONE) & same[background, given],
    )
    found = {
        "acc": _mean(verdicts.is_right),
        "acc_thres": _mean(verdicts.is_right[segments.is_counted]),
        "pix_acc": _mean(is_right[is_paper]),
        "pix_f_acc": _mean(is_right[is_paper & ~is_back]),
        "pix_b_iou": _mean((is_back & is_given_back)[is_paper & (is_back | is_given_back)]),
    }
    return {name: value for name, value in found.items() if value is not None}


def _mean(values: Bool[np.ndarray, " N"]) -> float | None:
    return float(values.mean()) if values.size else None


def find_background(truth: Truth) -> int:
    """Return the colour that most pixels of the picture's border have."""
    rim = np.concatenate((truth[0], truth[-1], truth[:, 0], truth[:, -1]))
    return int(np.bincount(rim).argmax())


def score_sizes(
    segments: Segments, verdicts: Verdicts, bounds: tuple[int, ...]
) -> Mapping[int, float]:
    """Return the share of right segments from each size to the next, by its lower bound."""
    found = {}
    for low, high in zip(bounds, (*bounds[1:], np.inf), strict=True):
        share = _mean(verdicts.is_right[(segments.areas >= low) & (segments.areas < high)])
        if share is not None:
            found[low] = share
    return found
