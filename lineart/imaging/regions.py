"""Regions of a line drawing: the connected areas of paper, with gaps in the lines closed."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from lineart.image import Frame, Line, Size, check_picture, darkest_channel
from lineart.imaging.region_maps import (
    Numbers,
    RegionMap,
    fill_from_neighbours,
    number_areas,
    number_pixels,
    search_factor,
    shorten,
)

INK_LEVEL = 150
"""Levels below it are ink."""

GAP = 8.0
"""Default largest closed gap, in pixels of a drawing with 1080 lines."""
MAX_GAP = 64.0


def scale_gap(gap: float, size: Size) -> float:
    """Return the width in pixels, on a drawing of a size, of a gap given for one of 1080 lines."""
    return gap * min(size) / 1080


def find_regions(line: Line | Frame, *, gap_px: float | None = None) -> RegionMap:
    """Find the regions of a drawing: 4-connected areas of paper, separated by ink and closed gaps.

    Args:
        line: Drawing; lines in colour, such as trace lines, are ink like black ones.
        gap_px: Width of the largest gap in a line that is closed, at least 0; 0 closes none.
            Default: `GAP`, scaled to the short side.

    Raises:
        ValueError: `gap_px` is negative, or the drawing is no uint8 array.
    """
    check_picture(line, "the drawing", 1, 3)
    if gap_px is None:
        gap_px = scale_gap(GAP, (line.shape[0], line.shape[1]))
    if not gap_px >= 0:
        raise ValueError(f"gap_px {gap_px} is not 0 or more; 0 closes no gap")
    paper = (darkest_channel(line) >= INK_LEVEL).view(np.uint8)
    closed, count = _find_closed(paper, gap_px)
    rest = np.flatnonzero((closed == 0) & paper.view(bool))
    rest = fill_from_neighbours(closed, rest)
    labels = closed.astype(np.int32)
    if rest.size:
        # Areas that closed gaps have cut into specks alone, or that the smaller size has lost.
        more = number_pixels(rest, labels.shape[1])
        labels.ravel()[rest] = np.where(more > 0, more + count, 0)
    return labels


def shrink_ink(picture: UInt8[np.ndarray, "H W"], factor: int) -> UInt8[np.ndarray, "h w"]:
    """Shrink to the lowest level of each cell of `factor` x `factor` pixels: no line breaks."""
    if factor == 1:
        return picture
    lowest = cv2.erode(picture, np.ones((factor, factor), np.uint8), anchor=(0, 0))
    return np.ascontiguousarray(lowest[::factor, ::factor])


def _find_closed(paper: UInt8[np.ndarray, "H W"], gap_px: float) -> tuple[Numbers, int]:
    """Number the regions that lines with closed gaps part; pixels near lines may be left out.

    Returns:
        Numbers, and the highest one.
    """
    height, width = paper.shape
    factor = search_factor((height, width))
    cells = shrink_ink(paper, factor)
    # A cell with ink is ink, so that gaps are up to a cell narrower.
    gap = gap_px if factor == 1 else max(0.0, gap_px - factor) / factor
    small = number_areas(cv2.subtract(cells, close_gaps(cells, gap)))
    count = int(small.max(initial=0))
    short = shorten(small, count)
    if factor == 1:
        return short, count
    size = (small.shape[1] * factor, small.shape[0] * factor)
    large = cv2.resize(short, size, interpolation=cv2.INTER_NEAREST)[:height, :width]
    return cv2.copyTo(large, paper), count


# Gaps.

RADII = (1.0, 0.5)
"""Radii of the discs that find gaps, as shares of half the largest gap; small ones serve regions
into which large discs do not fit."""


def close_gaps(
    paper: UInt8[np.ndarray, "H W"], gap_px: float, *, shares: tuple[float, ...] = RADII
) -> UInt8[np.ndarray, "H W"]:
    """Find the pixels that close the gaps of lines.

    Where a disc as wide as the gap does not pass, the paper is narrow. Such a place is a gap if the
    passage is short and one of its sides is the end of a stroke; a narrow part of a region between
    two unbroken lines is none.

    Args:
        paper: 1 = paper, 0 = ink.
        gap_px: Width of the largest gap.
        shares: Radii of the discs, as `RADII`.

    Returns:
        1 at pixels of paper that close a gap, else 0.
    """
    barrier = np.zeros_like(paper)
    radii = {math.ceil(share * gap_px / 2 + 0.5) for share in shares} if gap_px > 0 else set()
    for radius in radii:
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
    touching: Bool[np.ndarray, " clusters"] = is_short & (width < 2)
    asked = np.flatnonzero(is_short & (width >= 2))
    touching[asked] = _is_stroke_end(paper, first[asked], -outward[asked], radius)
    asked = asked[~touching[asked]]
    touching[asked] = _is_stroke_end(paper, last[asked], outward[asked], radius)
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
