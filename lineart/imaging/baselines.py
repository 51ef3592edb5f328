"""Ways to colour a drawing from hints without a network: what a network has to beat.

All give the colours below the lines. Hints that lie on ink speak for the ink and are left out,
unless there are no others. Without hints all leave white paper.
"""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Bool, Int32, UInt8
from scipy import sparse
from scipy.sparse import linalg

from lineart.image import Frame, Hint, Line, fit_short_side, resize
from lineart.imaging.cels import PAPER_FROM
from lineart.imaging.hints import resize_hints

Fill = Callable[[Line, Hint], Frame]
"""Colours a drawing from hints of the same size."""

INPAINT_SIDE_PX = 256
"""Short side at which inpainting runs; it does not see the lines, and colours are smooth."""

INPAINT_RADIUS_PX = 5.0
"""Neighbourhood of a pixel that is inpainted."""

LEVIN_SIGMA = 10.0
"""Grey levels between neighbours from which they stop to share their colour.

Sigma and leak are the best of 3 to 40 and 1e-6 to 1e-3, tried on 8 pictures with 16 and 140 hints.
"""

LEVIN_LEAK = 1e-4
"""Affinity across the strongest line: regions without a hint take their neighbours' colours."""

LEVIN_SIDE_PX = 512
"""Short side above which the equations take too long and the drawing is shrunk."""


def nearest_fill(line: Line, hint: Hint) -> Frame:
    """Give every pixel the colour of the nearest hint, over all lines."""
    is_source = hints_on_paper(line, hint)
    if not is_source.any():
        return _white(line)
    palette = _palette(hint, is_source)
    nearest: Frame = palette[_spread(_number(is_source))]
    return nearest


def inpaint_fill(line: Line, hint: Hint, *, side_px: int = INPAINT_SIDE_PX) -> Frame:
    """Paint between the hints by OpenCV's inpainting, without a look at the lines.

    OpenCV's other method, Telea's, gains a level every few pixels: from one dark hint it drifts by
    54 levels and more across 256 pixels, and was left out.

    Args:
        line: The drawing; it decides which hints lie on ink.
        hint: Hints of the same size.
        side_px: Short side, above 0, to which larger drawings are shrunk.

    Returns:
        The colours, of the size of `line`.

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
    """Let the hints flood the drawing; floods meet at lines, and in the open half-way."""
    is_source = hints_on_paper(line, hint)
    if not is_source.any():
        return _white(line)
    # OpenCV leaves the outermost pixels out, so there must be some that do not matter.
    markers = np.pad(_number(is_source), 1)
    framed = cv2.cvtColor(np.pad(line, 1, mode="edge"), cv2.COLOR_GRAY2RGB)
    floods = np.ascontiguousarray(cv2.watershed(framed, markers)[1:-1, 1:-1])
    flooded: Frame = _palette(hint, is_source)[_spread(np.maximum(floods, 0))]
    return flooded


def levin_fill(line: Line, hint: Hint, *, side_px: int = LEVIN_SIDE_PX) -> Frame:
    """Make every pixel the mean of its neighbours; one beyond a line counts next to nothing.

    The paper spreads two channels of colour and keeps the luminance of a photograph. A line drawing
    has no luminance to keep: all three channels are spread, and grey levels of the drawing only
    say who belongs together. Neighbours are four instead of eight, so that nothing slips through a
    thin diagonal line, and the affinity has one width for the whole drawing.

    Args:
        line: The drawing.
        hint: Hints of the same size.
        side_px: Short side, above 0, to which larger drawings are shrunk.

    Returns:
        The colours, of the size of `line`.

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
        # Fill-in is smallest, and pivoting idle, for this symmetric and diagonally dominant matrix.
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
"""Name -> way to colour."""


def hints_on_paper(line: Line, hint: Hint) -> Bool[np.ndarray, "H W"]:
    """Tell which pixels hold a hint for the colours below: those on paper, or all if none is."""
    is_hint: Bool[np.ndarray, "H W"] = hint[..., 3] > 0
    is_source: Bool[np.ndarray, "H W"] = is_hint & (line >= PAPER_FROM)
    return is_source if is_source.any() else is_hint


def _laplacian(line: Line) -> sparse.csr_matrix:
    """Give the matrix that takes from a pixel the mean of its neighbours, times their affinity."""
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
    """Number the sources from 1; all else is 0."""
    numbers = np.zeros(is_source.shape, np.int32)
    numbers[is_source] = np.arange(1, np.count_nonzero(is_source) + 1)
    return numbers


def _palette(hint: Hint, is_source: Bool[np.ndarray, "H W"]) -> UInt8[np.ndarray, "N 3"]:
    """Give the colour of each number, by number; 0 has none."""
    colors = hint[is_source, :3]
    return np.concatenate((np.zeros((1, 3), np.uint8), colors))


def _spread(numbers: Int32[np.ndarray, "H W"]) -> Int32[np.ndarray, "H W"]:
    """Give every pixel that has no number that of the nearest one which has."""
    is_open = (numbers == 0).astype(np.uint8)
    if not is_open.any():
        return numbers
    _, cell = cv2.distanceTransformWithLabels(
        is_open, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(cell.max()) + 1, np.int32)
    owner[cell[is_open == 0]] = numbers[is_open == 0]
    spread: Int32[np.ndarray, "H W"] = owner[cell]
    return spread
