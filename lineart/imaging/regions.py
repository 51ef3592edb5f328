"""Regions of a line drawing: the connected areas of paper, with gaps in the lines closed."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int32, UInt8

from lineart.image import Frame, Line, Size, darkest_channel

RegionMap = Int32[np.ndarray, "H W"]
"""Number of the region of each pixel, from 1; 0 = ink."""

INK_LEVEL = 150
"""Levels below it are ink."""

GAP_SHARE = 8 / 1080
"""Default largest closed gap, as a share of the drawing's short side."""

MIN_PIXELS = 4
"""Smaller areas of paper are specks: they join a region that they touch, or count as ink."""


def find_regions(line: Line | Frame, *, gap_px: float | None = None) -> RegionMap:
    """Find the regions of a drawing: 4-connected areas of paper, separated by ink and closed gaps.

    Args:
        line: Drawing; lines in colour, such as trace lines, are ink like black ones.
        gap_px: Width of the largest gap in a line that is closed, at least 0; 0 closes none.
            Default: `GAP_SHARE` of the short side.

    Raises:
        ValueError: `gap_px` is negative.
    """
    if gap_px is None:
        gap_px = GAP_SHARE * min(line.shape[:2])
    if gap_px < 0:
        raise ValueError(f"gap_px {gap_px} is negative; 0 closes no gap")
    paper = (darkest_channel(line) >= INK_LEVEL).view(np.uint8)
    labels = _find_closed(paper, gap_px)
    fill_from_neighbours(labels, paper > labels)
    # Areas that closed gaps have cut into specks alone, or that the smaller size has lost.
    rest = paper > labels
    if rest.any():
        more = _label(rest.view(np.uint8))
        more[more > 0] += labels.max()
        labels += more
    return labels


SEARCH_SIDE_PX = 540
"""Short side, at least, at which regions and gaps are searched in larger drawings."""


def search_factor(size: Size) -> int:
    """Return the whole factor by which a drawing is shrunk to search it."""
    return max(1, min(size) // SEARCH_SIDE_PX)


def shrink_ink(picture: UInt8[np.ndarray, "H W"], factor: int) -> UInt8[np.ndarray, "h w"]:
    """Shrink to the lowest level of each cell of `factor` x `factor` pixels: no line breaks."""
    if factor == 1:
        return picture
    lowest = cv2.erode(picture, np.ones((factor, factor), np.uint8), anchor=(0, 0))
    return np.ascontiguousarray(lowest[::factor, ::factor])


def _find_closed(paper: UInt8[np.ndarray, "H W"], gap_px: float) -> RegionMap:
    """Number the regions that lines with closed gaps part; pixels near lines may be left out."""
    height, width = paper.shape
    factor = search_factor((height, width))
    if factor == 1:
        return _label(cv2.subtract(paper, close_gaps(paper, gap_px)))
    cells = shrink_ink(paper, factor)
    # A cell with ink is ink, so that gaps are up to a cell narrower.
    gap = max(0.0, gap_px - factor) / factor
    small = _label(cv2.subtract(cells, close_gaps(cells, gap)))
    size = (small.shape[1] * factor, small.shape[0] * factor)
    large = cv2.resize(small, size, interpolation=cv2.INTER_NEAREST)
    labels: RegionMap = large[:height, :width] * paper
    return labels


# Gaps.

RADII = (1.0, 0.5)
"""Radii of the discs that find gaps, as shares of half the largest gap; small ones serve regions
into which large discs do not fit."""


def close_gaps(paper: UInt8[np.ndarray, "H W"], gap_px: float) -> UInt8[np.ndarray, "H W"]:
    """Find the pixels that close the gaps of lines.

    Where a disc as wide as the gap does not pass, the paper is narrow. Such a place is a gap if the
    passage is short and one of its sides is the end of a stroke; a narrow part of a region between
    two unbroken lines is none.

    Args:
        paper: 1 = paper, 0 = ink.
        gap_px: Width of the largest gap.

    Returns:
        1 at pixels of paper that close a gap, else 0.
    """
    barrier = np.zeros_like(paper)
    for share in RADII:
        radius = math.ceil(share * gap_px / 2 + 0.5)
        if gap_px > 0:
            _close_with_disc(paper, radius, barrier)
    return barrier


def _close_with_disc(
    paper: UInt8[np.ndarray, "H W"], radius: int, barrier: UInt8[np.ndarray, "H W"]
) -> None:
    """Add to `barrier` the gaps through which a disc does not pass."""
    contacts = _contacts(find_passages(paper, radius, reach_px=2.0 * radius + 1))
    if contacts is None:
        return
    keep = _touches_stroke_end(paper, contacts, radius)
    kept = keep[contacts.cluster]
    barrier[contacts.rows[kept], contacts.columns[kept]] = 1


def find_passages(
    paper: UInt8[np.ndarray, "H W"], radius: int, *, reach_px: float = math.inf
) -> UInt8[np.ndarray, "H W"]:
    """Find the middle of each passage between two places that a disc fits into, but not through.

    Args:
        paper: 1 = paper, 0 = ink. The border of the picture is a wall.
        radius: Radius of the disc in pixels.
        reach_px: Largest distance from both places.

    Returns:
        1 at pixels of paper on a line across each passage, else 0.
    """
    walled = cv2.copyMakeBorder(paper, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cores = cv2.erode(walled, _disc(radius))
    distance, nearest = cv2.distanceTransformWithLabels(
        1 - cores, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
    )
    distance, nearest = distance[1:-1, 1:-1], nearest[1:-1, 1:-1]
    is_narrow = (paper != 0) & (distance <= reach_px)
    passages = np.zeros_like(paper)
    meets = is_narrow[:, :-1] & is_narrow[:, 1:] & (nearest[:, :-1] != nearest[:, 1:])
    passages[:, :-1] = meets
    meets = is_narrow[:-1] & is_narrow[1:] & (nearest[:-1] != nearest[1:])
    passages[:-1] |= meets
    return passages


class _Contacts(NamedTuple):
    """Pixels where two discs' areas meet, grouped into clusters; one cluster crosses a passage."""

    rows: np.ndarray
    columns: np.ndarray
    cluster: np.ndarray
    first: np.ndarray
    """Index of the pixel at one end of each cluster."""
    last: np.ndarray


def _contacts(contact: UInt8[np.ndarray, "H W"]) -> _Contacts | None:
    found = cv2.findNonZero(contact)
    if found is None:
        return None
    # Imported here: SciPy would take longer to import than all else in a worker without paint.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    points = found.reshape(-1, 2)
    columns, rows = points.T
    # There are few such pixels: labelling their graph takes less than labelling the picture.
    neighbours = KDTree(points).query_pairs(1.5, output_type="ndarray")
    links = coo_array((np.ones(len(neighbours), bool), neighbours.T), shape=(len(rows),) * 2)
    _, cluster = connected_components(links, directed=False)
    is_wide = _spans(columns, cluster) >= _spans(rows, cluster)
    along = np.where(is_wide[cluster], columns, rows)
    order = np.lexsort((along, cluster))
    rows, columns, cluster = rows[order], columns[order], cluster[order]
    first = np.searchsorted(cluster, np.arange(cluster[-1] + 1))
    last = np.append(first[1:], len(cluster)) - 1
    return _Contacts(rows, columns, cluster, first, last)


def _spans(values: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Return the largest minus the least value of each cluster."""
    least = np.full(cluster.max() + 1, np.iinfo(np.int32).max, np.int32)
    most = np.zeros(cluster.max() + 1, np.int32)
    np.minimum.at(least, cluster, values)
    np.maximum.at(most, cluster, values)
    return most - least


ANGLES = 32
END_ARC = 120
"""A stroke's end fills at most this many degrees of a circle around it."""


def _touches_stroke_end(
    paper: UInt8[np.ndarray, "H W"], contacts: _Contacts, radius: int
) -> Bool[np.ndarray, " clusters"]:
    """Return which clusters are short and have the end of a stroke at one of their ends."""
    points = np.stack((contacts.rows, contacts.columns), axis=1).astype(np.float32)
    first, last = points[contacts.first], points[contacts.last]
    across = last - first
    width = np.hypot(*across.T)
    is_short = width <= 2 * radius + 2
    outward = across / np.maximum(width, 1e-6)[:, np.newaxis]
    is_end = _is_stroke_end(paper, first, -outward, radius) | _is_stroke_end(
        paper, last, outward, radius
    )
    touching: Bool[np.ndarray, " clusters"] = is_short & (is_end | (width < 2))
    return touching


def _is_stroke_end(
    paper: UInt8[np.ndarray, "H W"],
    points: np.ndarray,
    outward: np.ndarray,
    radius: int,
) -> Bool[np.ndarray, " clusters"]:
    """Return where a circle around a point meets one narrow arc of ink, on the outward side."""
    height, width = paper.shape
    turns = np.deg2rad(np.linspace(-120, 120, ANGLES))
    angle = np.arctan2(outward[:, 0], outward[:, 1])[:, np.newaxis] + turns
    is_end = np.zeros(len(points), bool)
    for circle in (radius + 2, 2 * radius + 3, 3 * radius + 5):
        y = np.rint(points[:, :1] + outward[:, :1] * 1.5 + circle * np.sin(angle)).astype(int)
        x = np.rint(points[:, 1:] + outward[:, 1:] * 1.5 + circle * np.cos(angle)).astype(int)
        is_inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        ink = is_inside & (paper[y.clip(0, height - 1), x.clip(0, width - 1)] == 0)
        runs = (np.diff(ink, axis=1, prepend=False) & ink).sum(axis=1)
        is_end |= (runs == 1) & (ink.sum(axis=1) <= END_ARC / 240 * ANGLES)
    return is_end


def _disc(radius: int) -> UInt8[np.ndarray, "D D"]:
    disc: UInt8[np.ndarray, "D D"]
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return disc


# Labels.


def fill_from_neighbours(
    labels: RegionMap,
    where: Bool[np.ndarray, "H W"],
    *,
    within: RegionMap | None = None,
    most: int | None = None,
) -> None:
    """Give pixels without a region that of a 4-neighbour, until none has such a neighbour.

    Args:
        labels: Regions, changed in place.
        where: Pixels to fill, which are 0.
        within: A neighbour must have the same number there.
        most: Maximum number of steps, of a pixel each; None: as many as it takes.
    """
    rows, columns = np.nonzero(where)
    height, width = labels.shape
    for _ in range(labels.size if most is None else most):
        best = np.zeros(rows.size, np.int32)
        for dy, dx in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            y, x = (rows + dy).clip(0, height - 1), (columns + dx).clip(0, width - 1)
            found = labels[y, x]
            if within is not None:
                found = np.where(within[y, x] == within[rows, columns], found, 0)
            best = np.where(best == 0, found, best)
        labels[rows, columns] = best
        if not best.any():
            return
        rows, columns = rows[best == 0], columns[best == 0]


def _label(paper: UInt8[np.ndarray, "H W"]) -> RegionMap:
    """Number the 4-connected areas of at least `MIN_PIXELS`, from 1 in reading order."""
    count, labels = cv2.connectedComponents(paper, connectivity=4, ltype=cv2.CV_32S)
    is_kept = np.bincount(labels.ravel(), minlength=count) >= MIN_PIXELS
    is_kept[0] = False
    numbers = np.where(is_kept, np.cumsum(is_kept), 0).astype(np.int32)
    numbered: RegionMap = numbers[labels]
    return numbered


def spread_regions(labels: RegionMap) -> RegionMap:
    """Give each pixel of ink the nearest region, for paint below lines; without regions, none."""
    height, width = labels.shape
    factor = search_factor((height, width))
    if factor == 1:
        return _spread(labels)
    # Two regions meet below a line: a step of a few pixels does not show.
    area = (width // factor, height // factor)
    small = _spread(cv2.resize(labels, area, interpolation=cv2.INTER_NEAREST))
    large: RegionMap = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    np.copyto(large, labels, where=labels > 0)
    return large


def _spread(labels: RegionMap) -> RegionMap:
    ink = (labels == 0).view(np.uint8)
    if ink.all():
        return labels
    _, nearest = cv2.distanceTransformWithLabels(
        ink, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    region_of = np.zeros(nearest.max() + 1, np.int32)
    is_region = ink == 0
    region_of[nearest[is_region]] = labels[is_region]
    return region_of[nearest]
