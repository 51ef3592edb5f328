"""Parts of a drawing by true colour: small ones cleaned, those that no line parts joined."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Int64, Integer, UInt8
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lineart.image import Line, Mask
from lineart.imaging.nearest import find_nearest
from lineart.imaging.regions import INK_LEVEL

Truth = UInt8[np.ndarray, "H W"]
"""Number of the true colour of each pixel, also below lines."""


def count_colors(parts: Sequence[Truth], num_colors: int) -> Int64[np.ndarray, " K"]:
    """Return the number of pixels of each color in all drawings."""
    areas = np.zeros(num_colors, np.int64)
    for one in parts:
        areas += np.bincount(one.ravel(), minlength=num_colors)
    return areas


def neighbours(
    numbers: Integer[np.ndarray, "H W"],
) -> tuple[tuple[Integer[np.ndarray, "_ _"], Integer[np.ndarray, "_ _"]], ...]:
    """Return the two ends of each pair of 4-neighbours."""
    return (numbers[:, 1:], numbers[:, :-1]), (numbers[1:], numbers[:-1])


def drop_small_parts(truth: Truth, least: int) -> Truth:
    """Give connected areas of less than `least` pixels the colours of the nearest other pixels."""
    is_small = np.zeros(truth.shape, bool)
    for color in np.unique(truth):
        _, labels, stats, _ = cv2.connectedComponentsWithStats(
            (truth == color).view(np.uint8), connectivity=4
        )
        few = stats[:, cv2.CC_STAT_AREA] < least
        few[0] = False
        is_small |= few[labels]
    return fill_from_nearest(truth, ~is_small)


def fill_from_nearest(truth: Truth, is_kept: Mask) -> Truth:
    """Give pixels that are not kept the colour of the nearest one that is."""
    if is_kept.all() or not is_kept.any():
        return truth
    filled: Truth = truth[is_kept][find_nearest(is_kept)]
    return filled


UNLINED_SHARE = 0.15
"""Share of a part's outline that touches another part without a line, from which they are one."""

LARGE_SHARE = 0.25
"""A group of parts has, of the colours with this share of it, the commonest of all drawings."""


def merge_unlined(
    truth: Truth, line: Line, areas: Int64[np.ndarray, " K"], *, paper: int | None = None
) -> Truth:
    """Join parts of a drawing whose border no line follows, and give each group one colour.

    Args:
        truth: Colours with shading.
        line: Lines.
        areas: Pixels of each colour in all drawings.
        paper: Number of the unpainted paper; areas of it that touch the border never join.
    """
    from skimage.measure import label

    is_paper = line >= INK_LEVEL
    parts = label(np.where(is_paper, truth.astype(np.int32) + 1, 0), background=0, connectivity=1)
    count = int(parts.max()) + 1
    colors = np.zeros(count, np.int64)
    colors[parts] = truth
    is_apart = np.zeros(count, bool)
    rim = np.concatenate((parts[0], parts[-1], parts[:, 0], parts[:, -1]))
    is_apart[rim] = paper is not None and colors[rim] == paper
    is_apart[0] = True
    groups = _join(parts, is_apart)
    sums = np.zeros((int(groups.max()) + 1, len(areas)), np.int64)
    np.add.at(sums, (groups, colors), np.bincount(parts.ravel(), minlength=count))
    is_large = sums >= LARGE_SHARE * sums.sum(axis=1, keepdims=True)
    chosen = np.where(is_large, 1 + areas + sums / truth.size, 0).argmax(axis=1).astype(np.uint8)
    return fill_from_nearest(np.where(is_paper, chosen[groups[parts]], truth), is_paper)


def _join(
    parts: Integer[np.ndarray, "H W"], is_apart: Bool[np.ndarray, " N"]
) -> Int64[np.ndarray, " N"]:
    """Return the number of the group of each part; parts that are apart stay alone.

    In each round, a group joins the neighbour that it touches most without a line.
    """
    count = len(is_apart)
    ends = np.concatenate(
        [np.stack([one.ravel(), other.ravel()]) for one, other in neighbours(parts)], axis=1
    )
    codes, contacts = np.unique(ends.max(axis=0) * count + ends.min(axis=0), return_counts=True)
    ends = np.stack(np.divmod(codes, count))
    groups = np.arange(count)
    while True:
        between = groups[ends]
        is_met = between[0] != between[1]
        outline = np.bincount(between[:, is_met].ravel(), np.tile(contacts[is_met], 2), count)
        is_free = is_met & ~is_apart[ends].any(axis=0)
        touching = coo_array((contacts[is_free], between[:, is_free]), shape=(count, count))
        touching = (touching + touching.T).tocsr()
        most = touching.max(axis=1).toarray().ravel()
        joining = np.flatnonzero(most >= np.maximum(UNLINED_SHARE * outline, 1))
        if not joining.size:
            return groups
        partners = np.asarray(touching.argmax(axis=1)).ravel()[joining]
        graph = coo_array((np.ones(joining.size), (joining, partners)), shape=(count, count))
        # Heads of joined groups are numbers of groups, so that the arrays keep their length.
        _, heads = connected_components(graph, directed=False)
        groups = heads.astype(np.int64)[groups]
