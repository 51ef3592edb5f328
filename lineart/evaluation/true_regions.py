"""Scores of painted pictures by the regions of a flat-coloured truth: right regions, and how flat.

Published systems know the segments of their drawings and compare exact colours. Here the regions
come from the picture itself, which may be compressed with losses, so that colours have tolerances.
"""

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int64, UInt8

from lineart.image import Frame, Hint, Line
from lineart.imaging.hints.pixels import no_hints
from lineart.imaging.lines.paper import PAPER_FROM, whiten_paper
from lineart.imaging.region_maps import RegionMap
from lineart.imaging.regions import find_regions
from lineart.metrics import ciede2000

SAME_LEVELS = 12
"""Pixels beside each other whose channels differ by at most this have one flat colour."""

TOLERANCE = 8
"""Largest difference in a channel, of 255, between a right pixel and the region's true colour."""

MIN_PIXELS = 4
"""Smaller areas are specks of soft edges and of compression."""

TINY_PIXELS = 10
"""Regions up to this size count in `acc` alone, as in the published scores, and get no hints."""

SAMPLES = 64
"""Pixels of each region by which flatness is measured, evenly spaced over the region."""

NEIGHBOURHOOD = np.ones((3, 3), np.uint8)


class TrueRegions(NamedTuple):
    """Regions of a flat-coloured picture, with numbers from 1; entries of number 0 are not used."""

    labels: RegionMap
    """Number of the region of each pixel; 0 = lines, soft edges and shading."""
    colors: UInt8[np.ndarray, "N 3"]
    """Median of each channel."""
    areas: Int64[np.ndarray, " N"]
    """Number of pixels."""
    deepest: Int64[np.ndarray, "N 2"]
    """Row and column of a pixel with the largest distance to the region's edge."""
    samples: Int64[np.ndarray, "N S"]
    """Indices, in the flat picture, of pixels of each region."""
    is_background: Bool[np.ndarray, " N"]
    """Regions with the colour that is most frequent at the picture's border."""
    is_closed: Bool[np.ndarray, " N"]
    """Regions whose part of the drawing, closed by lines, has no other true colour."""

    @property
    def is_counted(self) -> Bool[np.ndarray, " N"]:
        """Regions that are not tiny."""
        return self.areas > TINY_PIXELS


def find_true_regions(color: Frame, line: Line) -> TrueRegions:
    """Find the regions of a flat-coloured picture with drawn lines.

    A region is a 4-connected area of pixels around which, in 3 x 3 pixels, is paper of one colour.
    So a dab of 3 x 3 pixels fits into each, and the soft edges of lines and colours are in none.
    Areas of less than `MIN_PIXELS` do not count, nor do those of which less than half have
    their median colour, such as shading.

    Args:
        color: Picture with its lines.
        line: Its lines, at the same size.

    Raises:
        ValueError: no region has more than `TINY_PIXELS`.
    """
    change = cv2.subtract(cv2.dilate(color, NEIGHBOURHOOD), cv2.erode(color, NEIGHBOURHOOD))
    is_paper = cv2.erode(whiten_paper(line), NEIGHBOURHOOD) >= PAPER_FROM
    is_flat = (change.max(axis=2) <= SAME_LEVELS) & is_paper
    labels = _number_areas(is_flat.view(np.uint8), color)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    if not (areas > TINY_PIXELS).any():
        raise ValueError(
            f"no area of one colour has more than {TINY_PIXELS} pixels; regions are scored on "
            "flat-coloured pictures with lines"
        )
    pixels = _pixels_by_region(labels, areas)
    colors = _medians(color, pixels)
    deepest = _find_deepest(labels, pixels)
    return TrueRegions(
        labels,
        colors,
        areas,
        deepest,
        np.stack([_spread_evenly(one) for one in pixels]),
        _find_background(labels, colors),
        _find_closed(line, colors, areas, deepest),
    )


def _number_areas(is_flat: UInt8[np.ndarray, "H W"], color: Frame) -> RegionMap:
    """Number the areas that are large enough and have one colour."""
    count, labels = cv2.connectedComponents(is_flat, connectivity=4, ltype=cv2.CV_32S)
    areas = np.bincount(labels.ravel(), minlength=count)
    areas[0] = 0
    colors = _medians(color, _pixels_by_region(labels, areas))
    is_kept = (areas >= MIN_PIXELS) & (2 * _count_near(color, labels, colors) >= areas)
    is_kept[0] = False
    numbers: RegionMap = np.where(is_kept, np.cumsum(is_kept), 0).astype(np.int32)[labels]
    return numbers


def _pixels_by_region(
    labels: RegionMap, areas: Int64[np.ndarray, " N"]
) -> list[Int64[np.ndarray, " _"]]:
    """Return the flat indices of the pixels of each number, in reading order; of 0, none."""
    inside = np.flatnonzero(labels)
    order = inside[np.argsort(labels.ravel()[inside], kind="stable")]
    return np.split(order, np.cumsum(areas)[:-1])


def _medians(color: Frame, pixels: list[Int64[np.ndarray, " _"]]) -> UInt8[np.ndarray, "N 3"]:
    flat = color.reshape(-1, 3)
    medians = np.zeros((len(pixels), 3), np.uint8)
    for number, one in enumerate(pixels):
        if one.size:
            # A level of the picture, never a mean of two.
            medians[number] = np.sort(flat[one], axis=0)[one.size // 2]
    return medians


def _find_deepest(
    labels: RegionMap, pixels: list[Int64[np.ndarray, " _"]]
) -> Int64[np.ndarray, "N 2"]:
    # A border, so that dabs lie inside the picture.
    inside = cv2.copyMakeBorder((labels > 0).view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1].ravel()
    places = [one[depth[one].argmax()] if one.size else 0 for one in pixels]
    return np.stack(np.divmod(np.array(places, np.int64), labels.shape[1]), axis=1)


def _spread_evenly(pixels: Int64[np.ndarray, " _"]) -> Int64[np.ndarray, " S"]:
    """Return `SAMPLES` of the pixels; small regions have some of them several times."""
    if not pixels.size:
        return np.zeros(SAMPLES, np.int64)
    return pixels[np.arange(SAMPLES) * pixels.size // SAMPLES]


def _find_background(labels: RegionMap, colors: UInt8[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
    rim = np.concatenate((labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]))
    counts = np.bincount(rim, minlength=len(colors))
    counts[0] = 0
    is_background = _is_near(colors, colors[counts.argmax()]) & bool(counts.any())
    is_background[0] = False
    return is_background


def _find_closed(
    line: Line,
    colors: UInt8[np.ndarray, "N 3"],
    areas: Int64[np.ndarray, " N"],
    deepest: Int64[np.ndarray, "N 2"],
) -> Bool[np.ndarray, " N"]:
    drawn = find_regions(whiten_paper(line), gap_px=0.0)[deepest[:, 0], deepest[:, 1]]
    is_counted = areas > TINY_PIXELS
    is_closed = np.zeros(len(areas), bool)
    for number in np.unique(drawn[is_counted]):
        members = is_counted & (drawn == number)
        is_closed[members] = np.ptp(colors[members], axis=0).max() <= TOLERANCE
    return is_closed


def _is_near(
    colors: UInt8[np.ndarray, "*N 3"], true_colors: UInt8[np.ndarray, "*M 3"]
) -> Bool[np.ndarray, "*N"]:
    """Return where no channel differs by more than `TOLERANCE`."""
    difference = np.abs(colors.astype(np.int16) - true_colors)
    is_near: Bool[np.ndarray, "*N"] = difference.max(axis=-1) <= TOLERANCE
    return is_near


def _count_near(
    color: Frame, labels: RegionMap, colors: UInt8[np.ndarray, "N 3"]
) -> Int64[np.ndarray, " N"]:
    """Return how many pixels of each region have its colour."""
    is_near = cv2.absdiff(color, colors[labels]).max(axis=2) <= TOLERANCE
    return np.bincount(labels[is_near], minlength=len(colors))


# Hints.


def choose_regions(
    truth: TrueRegions, share: int, rng: np.random.Generator | None = None
) -> Bool[np.ndarray, " N"]:
    """Return which regions get a hint: the largest ones, or random ones; tiny ones never.

    Args:
        truth: Regions.
        share: Percentage of the regions that are not tiny, rounded down.
        rng: Draws the regions; None for the largest.

    Source:
        Madono, Mingcheng, Simo-Serra, "Hint-AUC: Deterministic Region-based Hint Generation for
        Line Art Colorization Evaluation", IEEE Transactions on Visualization and Computer Graphics,
        2026: the largest regions.
    """
    numbers = np.flatnonzero(truth.is_counted)
    if rng is None:
        order = numbers[np.argsort(-truth.areas[numbers], kind="stable")]
    else:
        order = rng.permutation(numbers)
    is_hinted = np.zeros(len(truth.areas), bool)
    is_hinted[order[: len(order) * share // 100]] = True
    return is_hinted


def place_hints(truth: TrueRegions, is_hinted: Bool[np.ndarray, " N"]) -> Hint:
    """Return hints: a dab of 3 x 3 pixels of the true colour, deep inside each chosen region."""
    hint = no_hints((truth.labels.shape[0], truth.labels.shape[1]))
    for number in np.flatnonzero(is_hinted):
        y, x = truth.deepest[number]
        hint[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = (*truth.colors[number], 255)
    return hint


def hint_auc(scores: Mapping[int, float]) -> float:
    """Return the mean of a score over the shares of hinted regions, 0 to 100 %, by trapezoids.

    Args:
        scores: Share in percent, with 0 and 100 among them -> score.

    Source:
        As `choose_regions`.
    """
    shares = sorted(scores)
    return float(np.trapezoid([scores[share] for share in shares], shares) / 100)


# Scores.


def score_regions(
    color: Frame, truth: TrueRegions, is_hinted: Bool[np.ndarray, " N"]
) -> dict[str, float]:
    """Compute the scores of a painted picture; those of an empty choice of regions are left out.

    A region is right if at least half of its pixels have its true colour within `TOLERANCE` levels
    in every channel.

    Args:
        color: Painted picture; only pixels in regions are read.
        truth: Regions of the truth.
        is_hinted: Regions that had a hint.

    Returns:
        - `acc`: right regions, of all; `acc_thres`: of those above `TINY_PIXELS`.
        - `acc_hinted`, `acc_unhinted`: of those above `TINY_PIXELS` with and without a hint;
          `acc_closed`: of the hinted ones in closed parts of the drawing.
        - `pix_acc`: pixels of right regions, of all regions; `pix_f_acc`: without the background.
        - `pix_b_iou`: pixels of regions that are background and painted as such, of those that are
          or are painted so. Its mean over pictures is the published Pix-B-MIoU.
        - `flatness`: mean over the regions of the mean CIEDE2000 to the region's painted median.

    Source:
        Dai, Zhou, Li, Li, Loy, "Learning Inclusion Matching for Animation Paint Bucket
        Colorization", CVPR 2024, for all but hints and flatness, with exact colours.
    """
    right = 2 * _count_near(color, truth.labels, truth.colors) >= truth.areas
    areas, counted = truth.areas, truth.is_counted
    of = {
        "acc": (areas > 0, None),
        "acc_thres": (counted, None),
        "acc_hinted": (counted & is_hinted, None),
        "acc_unhinted": (counted & ~is_hinted, None),
        "acc_closed": (counted & is_hinted & truth.is_closed, None),
        "pix_acc": (areas > 0, areas),
        "pix_f_acc": ((areas > 0) & ~truth.is_background, areas),
    }
    found = {
        name: float(np.average(right[chosen], weights=None if by is None else by[chosen]))
        for name, (chosen, by) in of.items()
        if chosen.any()
    }
    if truth.is_background.any():
        found["pix_b_iou"] = _background_iou(color, truth)
    return found | {"flatness": _flatness(color, truth)}


def _background_iou(color: Frame, truth: TrueRegions) -> float:
    largest = np.where(truth.is_background, truth.areas, 0).argmax()
    paper = np.broadcast_to(truth.colors[largest], truth.colors.shape)
    is_painted = 2 * _count_near(color, truth.labels, paper) >= truth.areas
    either = truth.areas[truth.is_background | is_painted].sum()
    return float(truth.areas[truth.is_background & is_painted].sum() / either)


def _flatness(color: Frame, truth: TrueRegions) -> float:
    picked = color.reshape(-1, 3)[truth.samples[truth.areas > 0]]
    median = np.sort(picked, axis=1)[:, SAMPLES // 2, np.newaxis]
    return float(ciede2000(picked, np.broadcast_to(median, picked.shape)).mean())
