"""Regions of a drawing with their properties, measured at a working size of about 540 lines."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from lineart.image import Frame, Line, Size, darkest_channel, fit_short_side
from lineart.imaging.paint.region_colors import border_regions
from lineart.imaging.region_maps import (
    RegionMap,
    count_pixels,
    find_runs,
    look_up,
    spread_regions,
)
from lineart.imaging.regions import INK_LEVEL
from lineart.keys.border_matrix import BorderMatrix, find_borders
from lineart.keys.flow import SoftInk, make_soft_ink
from lineart.keys.patches import Patches, take_patches
from lineart.keys.runs import SmallMap, find_moments, find_row_runs

WORK_SIDE_PX = 540
"""Short side at which larger drawings are measured."""
BACKGROUND_SHARE = 0.15
"""A region that has more than this share of the picture's border is background."""
MIN_AREA = 0.25
"""Area, in pixels of the working size, that smaller regions count as having."""
MIN_EXTENT, MIN_DIAGONAL = 8, 32
"""Least side and least diagonal, in pixels, of the box around the ink, by which lengths are
divided."""
AREA_FLOOR, DEPTH_FLOOR = 1e-6, 1e-4
"""Added to areas and depths by the diagonal, so that they have logarithms."""
MIN_NEIGHBOUR_BORDER = 2
"""Regions with a longer common border, in pixels, count as neighbours in `shape_features`."""
INK_TAIL, FEW_INK_PIXELS = 0.01, 10
"""Share of the ink that the box around it leaves out at each side; with at most so many pixels of
ink, the box is the whole picture."""


class Drawing(NamedTuple):
    """Regions and what matching needs of them; row r of each array is region r + 1.

    Lengths are in pixels of the working size.
    """

    labels: SmallMap
    """Regions at the working size; regions too thin for it have one pixel."""
    spread: SmallMap
    """The same, with each pixel of ink in its nearest region."""
    depth: Float32[np.ndarray, "h w"]
    """Distance to the nearest ink."""
    ink: SoftInk
    """What the optical flow sees."""
    area: Float32[np.ndarray, " N"]
    """At least `MIN_AREA`."""
    center: Float32[np.ndarray, "N 2"]
    """Centre of mass, x and y."""
    relative_center: Float32[np.ndarray, "N 2"]
    """Centre within the box around the ink, 0..1 in it."""
    diagonal: float
    """Diagonal of the box around the ink, at least `MIN_DIAGONAL`."""
    shape_features: Float32[np.ndarray, "N 9"]
    """Properties that a move, a turn and a scaling leave: logarithm of the area, of the mean and of
    the largest depth (all by the diagonal), of spread, of elongation and of compactness, logarithm
    of the number of neighbours, share of the outline on the picture's border, and beside the
    background."""
    direction: Float32[np.ndarray, "N 2"]
    """Main axis as cosine and sine of twice its angle, shorter for round regions."""
    patches: Patches
    """What each looks like."""
    borders: BorderMatrix
    """Borders between regions, across lines and where there is none."""
    open_borders: BorderMatrix
    """Borders without a line."""

    @property
    def total(self) -> int:
        """Number of regions."""
        return len(self.area)

    @property
    def size(self) -> Size:
        """The working size."""
        return self.labels.shape[0], self.labels.shape[1]


def work_size(size: Size) -> Size:
    """Return the size at which a drawing is measured."""
    return fit_short_side(size, WORK_SIDE_PX) if min(size) > WORK_SIDE_PX else size


def find_paper(line: Line | Frame, size: Size) -> UInt8[np.ndarray, "h w"]:
    """Shrink a drawing to a mask: 1 = paper, 0 = a cell with any ink."""
    is_ink = (darkest_channel(line) < INK_LEVEL).view(np.uint8) * np.uint8(255)
    if is_ink.shape != size:
        is_ink = cv2.resize(is_ink, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    paper: UInt8[np.ndarray, "h w"] = (is_ink == 0).view(np.uint8)
    return paper


def find_depth(paper: UInt8[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Return the distance to ink; the border of the picture is none."""
    walled = cv2.copyMakeBorder(paper, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    if walled.all():
        return np.full(paper.shape, float(max(paper.shape)), np.float32)
    distance: Float32[np.ndarray, "h w"] = cv2.distanceTransform(walled, cv2.DIST_L2, 3)
    return np.ascontiguousarray(distance[1:-1, 1:-1])


def count_areas(labels: RegionMap, total: int | None = None) -> Int64[np.ndarray, " N"]:
    """Return the number of pixels of each region; entry r is region r + 1.

    Args:
        labels: Regions.
        total: Number of regions, of which the last may have no pixels; default: those that have.
    """
    total = int(labels.max(initial=0)) if total is None else total
    return count_pixels(find_runs(labels), total + 1)[1:]


def shrink_regions(labels: RegionMap, paper: UInt8[np.ndarray, "h w"]) -> SmallMap:
    """Shrink regions to the size of `paper`; one that would be lost gets the cells left free."""
    height, width = paper.shape
    if labels.shape == paper.shape:
        return labels
    small: SmallMap = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    np.copyto(small, 0, where=paper == 0)
    count = int(labels.max(initial=0))
    is_lost = count_pixels(find_runs(small), count + 1) == 0
    is_lost[0] = False
    if is_lost.any():
        rows, columns = np.nonzero(look_up(is_lost, labels))
        cells = rows * height // labels.shape[0] * width + columns * width // labels.shape[1]
        # Of several regions in a cell the first has it, so that others keep other cells.
        cells, first = np.unique(cells, return_index=True)
        free = small.ravel()[cells] == 0
        small.ravel()[cells[free]] = labels[rows, columns][first[free]]
    return small


def measure(line: Line | Frame, labels: RegionMap) -> Drawing:
    """Measure the regions of a drawing.

    Args:
        line: Drawing.
        labels: Its regions, numbered without gaps, at its size.
    """
    paper = find_paper(line, work_size((line.shape[0], line.shape[1])))
    areas = count_areas(labels)
    return measure_small(paper, shrink_regions(labels, paper), areas * (paper.size / labels.size))


def measure_small(
    paper: UInt8[np.ndarray, "h w"],
    labels: SmallMap,
    areas: Float64[np.ndarray, " N"],
    ink: SoftInk | None = None,
) -> Drawing:
    """Measure regions at the working size.

    Args:
        paper: 1 = paper, 0 = ink.
        labels: Regions, numbered from 1 to N without gaps, at the same size.
        areas: Area of each region in pixels of this size.
        ink: Soft ink of the drawing; default: made of `paper`.
    """
    depth = find_depth(paper)
    spread = spread_regions(labels)
    count = len(areas)
    borders = find_borders(spread, count)
    area = np.maximum(areas, MIN_AREA).astype(np.float32)
    runs = find_row_runs(labels, count)
    moments = find_moments(runs, (labels.shape[1] / 2, labels.shape[0] / 2))
    box = _ink_box(paper)
    extent = np.maximum(box[1] - box[0], MIN_EXTENT)
    diagonal = float(max(np.hypot(*(box[1] - box[0])), MIN_DIAGONAL))
    on_picture_border = np.bincount(border_regions(labels), minlength=count + 1)[1:]
    is_background = on_picture_border > BACKGROUND_SHARE * 2 * sum(labels.shape)
    outline = np.maximum(borders.totals() + on_picture_border, 1)
    beside_background = borders.times(is_background.astype(np.float32)[:, np.newaxis])[:, 0]
    is_neighbour = borders.lengths > MIN_NEIGHBOUR_BORDER
    elongation = np.log(moments.long / moments.short)
    mean_depth = runs.sum_pixels(depth) / np.maximum(runs.sum(runs.lengths), 1)
    shape_features = (
        np.log(area / diagonal**2 + AREA_FLOOR),
        np.log(mean_depth / diagonal + DEPTH_FLOOR),
        np.log(runs.highest(depth) / diagonal + DEPTH_FLOOR),
        np.log((moments.long + moments.short) / area),
        elongation,
        np.log(outline**2 / area),
        np.log1p(np.bincount(borders.rows[is_neighbour], minlength=count)),
        on_picture_border / outline,
        beside_background / outline,
    )
    axis = np.stack((np.cos(2 * moments.angle), np.sin(2 * moments.angle)), axis=1)
    soft = make_soft_ink(paper) if ink is None else ink
    return Drawing(
        labels=labels,
        spread=spread,
        depth=depth,
        ink=soft,
        area=area,
        center=moments.center.astype(np.float32),
        relative_center=((moments.center - box[0]) / extent).astype(np.float32),
        diagonal=diagonal,
        shape_features=np.stack(shape_features, axis=1).astype(np.float32),
        direction=(axis * (1 - np.exp(-elongation))[:, np.newaxis]).astype(np.float32),
        patches=take_patches(labels, soft, moments, diagonal),
        borders=borders,
        open_borders=find_borders(labels, count),
    )


def _ink_box(paper: UInt8[np.ndarray, "h w"]) -> Float64[np.ndarray, "2 2"]:
    """Return the corners of the box around the ink without its outermost percent.

    The first row is the left upper corner, x and y, the second the right lower one.
    """
    height, width = paper.shape
    corners = []
    for axis, side in ((0, width), (1, height)):
        ink = paper.shape[axis] - paper.sum(axis=axis, dtype=np.int64)
        total = int(ink.sum())
        if total <= FEW_INK_PIXELS:
            return np.array([[0, 0], [width - 1, height - 1]], np.float64)
        passed = np.cumsum(ink) / total
        low, high = (np.searchsorted(passed, share) for share in (INK_TAIL, 1 - INK_TAIL))
        corners.append((min(low, side - 1), min(high, side - 1)))
    return np.array(corners, np.float64).T
