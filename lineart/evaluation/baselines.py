"""Baselines: methods that colour a drawing from hints without a network.

All return the colours below the lines. Hints on ink are ignored, because they colour the ink,
unless there are no others. Without hints the result is white.
"""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Bool, Int32
from scipy import sparse
from scipy.sparse import linalg

from lineart.image import Frame, Hint, Line, fit_short_side, resize
from lineart.imaging.hints.pixels import resize_hints
from lineart.imaging.lines.paper import PAPER_FROM
from lineart.imaging.nearest import find_nearest

Fill = Callable[[Line, Hint], Frame]
"""Function that colours a drawing from hints of the same size."""

INPAINT_SIDE_PX = 256
"""Short side at which inpainting runs; enough, because it ignores lines and is smooth."""

INPAINT_RADIUS_PX = 5.0
"""Radius of the neighbourhood from which a pixel is inpainted."""

LEVIN_SIGMA = 10.0
"""Standard deviation of the affinity between neighbours, in grey levels of the drawing.

Sigma and leak are the best of 3 to 40 and 1e-6 to 1e-3 on 8 pictures with 16 and 140 hints.
"""

LEVIN_LEAK = 1e-4
"""Least affinity between neighbours, so that regions without hints get adjacent colours."""

LEVIN_SIDE_PX = 512
"""Short side to which larger drawings are shrunk, because the equations take too long."""


def nearest_fill(line: Line, hint: Hint) -> Frame:
    """Colour every pixel as the nearest hint, regardless of lines."""
    is_source = hints_on_paper(line, hint)
    if not is_source.any():
        return _white(line)
    nearest: Frame = hint[is_source, :3][find_nearest(is_source)]
    return nearest


def inpaint_fill(line: Line, hint: Hint, *, side_px: int = INPAINT_SIDE_PX) -> Frame:
    """Fill the space between hints by OpenCV's inpainting, regardless of lines.

    OpenCV's other method, Telea's, is not used: it drifts by a level every few pixels, from one
    dark hint by 54 levels and more across 256 pixels.

    Args:
        line: Drawing; only decides which hints lie on ink.
        hint: Hints of the same size.
        side_px: Short side, above 0, to which larger drawings are shrunk.

    Returns:
        Colours of the size of `line`.

    Source:
        Bertalmio, Bertozzi, Sapiro, "Navier-Stokes, Fluid Dynamics, and Image and Video
        Inpainting", CVPR 2001, as OpenCV's `INPAINT_NS`.
    """
    is_source = hints_on_paper(line, hint)
    if not is_source.any():
        return _white(line)
    size = line.shape[0], line.shape[1]
    small = size if min(size) <= side_px else fit_short_side(size, side_px)
    known = resize_hints(np.where(is_source[..., np.newaxis], hint, np.uint8(0)), small)
    missing = (known[..., 3] == 0).astype(np.uint8)
    color = np.ascontiguousarray(known[..., :3])
    return resize(cv2.inpaint(color, missing, INPAINT_RADIUS_PX, cv2.INPAINT_NS), size)


def watershed_fill(line: Line, hint: Hint) -> Frame:
    """Spread hints by watershed on the drawing; colours meet at lines or half-way between hints."""
    is_source = hints_on_paper(line, hint)
    if not is_source.any():
        return _white(line)
    # OpenCV does not label the outermost pixels, so add a border and remove it afterwards.
    markers = np.pad(_number(is_source), 1)
    framed = cv2.cvtColor(np.pad(line, 1, mode="edge"), cv2.COLOR_GRAY2RGB)
    floods = np.ascontiguousarray(cv2.watershed(framed, markers)[1:-1, 1:-1])
    is_flooded = floods > 0
    source = floods[is_flooded][find_nearest(is_flooded)] - 1
    flooded: Frame = hint[is_source, :3][source]
    return flooded


def levin_fill(line: Line, hint: Hint, *, side_px: int = LEVIN_SIDE_PX) -> Frame:
    """Solve for colours in which each pixel is its neighbours' mean, weighted by affinity.

    The paper spreads two chroma channels and keeps the luminance of a photograph. A line drawing
    has no luminance to keep: all three channels are spread, and the drawing's grey levels only
    define the affinities. Pixels have four neighbours instead of eight, so that no colour crosses a
    thin diagonal line, and the affinity has one variance for the whole drawing.

    Args:
        line: Drawing.
        hint: Hints of the same size.
        side_px: Short side, above 0, to which larger drawings are shrunk.

    Returns:
        Colours of the size of `line`.

    Source:
        Levin, Lischinski, Weiss, "Colorization Using Optimization", SIGGRAPH 2004, eq. 1 and 2.
    """
    is_source = hints_on_paper(line, hint)
    if not is_source.any():
        return _white(line)
    size = line.shape[0], line.shape[1]
    if min(size) > side_px:
        small = fit_short_side(size, side_px)
        kept = resize_hints(np.where(is_source[..., np.newaxis], hint, np.uint8(0)), small)
        return resize(levin_fill(resize(line, small), kept, side_px=side_px), size)
    color = hint[..., :3].reshape(-1, 3).astype(np.float64)
    known = is_source.ravel()
    if not known.all():
        laplacian = _laplacian(line)
        rows = laplacian[~known]
        # The matrix is symmetric and diagonally dominant: this ordering has least fill-in, and
        # pivoting is not needed.
        factors = linalg.splu(
            rows[:, ~known].tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        color[~known] = factors.solve(-(rows[:, known] @ color[known]))
    solved: Frame = np.rint(color.clip(0, 255)).astype(np.uint8).reshape(*size, 3)
    return solved


BASELINES: dict[str, Fill] = {
    "nearest": nearest_fill,
    "inpaint": inpaint_fill,
    "watershed": watershed_fill,
    "levin": levin_fill,
}
"""Name -> colouring method."""


def hints_on_paper(line: Line, hint: Hint) -> Bool[np.ndarray, "H W"]:
    """Return the mask of hints on paper, or of all hints if none is on paper."""
    is_hint: Bool[np.ndarray, "H W"] = hint[..., 3] > 0
    is_source: Bool[np.ndarray, "H W"] = is_hint & (line >= PAPER_FROM)
    return is_source if is_source.any() else is_hint


def _laplacian(line: Line) -> sparse.csr_matrix:
    """Return the graph Laplacian D - A, where A holds the affinities between neighbours."""
    gray = line.ravel().astype(np.float64)
    index = np.arange(line.size).reshape(line.shape)
    one = np.concatenate((index[:, :-1].ravel(), index[:-1].ravel()))
    other = np.concatenate((index[:, 1:].ravel(), index[1:].ravel()))
    # Eq. 2, with one variance for all windows.
    affinity = np.exp(-((gray[one] - gray[other]) ** 2) / (2 * LEVIN_SIGMA**2))
    affinity = np.maximum(affinity, LEVIN_LEAK)
    half = sparse.csr_matrix((affinity, (one, other)), (line.size, line.size))
    both = half + half.T
    return sparse.diags(np.asarray(both.sum(axis=1)).ravel()).tocsr() - both


def _white(line: Line) -> Frame:
    return np.full((*line.shape, 3), 255, np.uint8)


def _number(is_source: Bool[np.ndarray, "H W"]) -> Int32[np.ndarray, "H W"]:
    """Number the sources from 1; other pixels are 0."""
    numbers = np.zeros(is_source.shape, np.int32)
    numbers[is_source] = np.arange(1, np.count_nonzero(is_source) + 1)
    return numbers
