"""Quality metrics of coloured pictures, on 8-bit sRGB.

With ground truth: PSNR, SSIM and CIEDE2000, by scikit-image. Without: leakage across lines,
flicker between frames. Of a confidence: calibration (ECE) and order (AUROC). FID and KID are in
`evaluation.distances`.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, UInt8
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lineart.image import Frame, Line, fit_short_side, resize

SSIM_WINDOW_PX = 7
"""Side of the windows of SSIM."""

INK_BELOW, PAPER_FROM = 128, 190
"""Grey level of a drawing below which a pixel is ink, and least grey level of paper."""

LINE_PX = 8
"""Half the width of the widest line that leakage measures; wider ink is a black area."""

MARGIN_PX = 2
"""Distance from a line's edge at which leakage reads colours, to avoid its soft edge."""

COHERENCE = 0.5
"""Least coherence of the ink's gradients, 0..1, for a line to have a direction."""

LOW_BAND_PX = 128
"""Short side of the pictures that flicker compares; so small, they have no lines and no grain."""

LINE_TOLERANCE = 8
"""Largest difference in grey levels that counts as unchanged, to allow for codec noise."""

BINS = 10
"""Number of bins of the confidence in the expected calibration error."""


def psnr(image: UInt8[np.ndarray, "*N"], truth: UInt8[np.ndarray, "*N"]) -> float:
    """Compute the peak signal-to-noise ratio in dB, of levels 0..255; infinite for equal arrays."""
    with np.errstate(divide="ignore"):
        return float(peak_signal_noise_ratio(truth, image))


def ssim(image: Frame, truth: Frame) -> float:
    """Compute the mean structural similarity of the channels; 1 for equal pictures.

    It uses uniform windows of 7 x 7 pixels inside the picture and unbiased variances.

    Raises:
        ValueError: A side is below 7 pixels.

    Source:
        Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to
        Structural Similarity", IEEE Transactions on Image Processing 13(4), 2004, eq. 13.
    """
    if min(image.shape[:2]) < SSIM_WINDOW_PX:
        raise ValueError(f"ssim needs at least {SSIM_WINDOW_PX} pixels a side, got {image.shape}")
    return float(structural_similarity(image, truth, win_size=SSIM_WINDOW_PX, channel_axis=2))


def ciede2000(
    colors: UInt8[np.ndarray, "*N 3"], true_colors: UInt8[np.ndarray, "*N 3"]
) -> Float64[np.ndarray, "*N"]:
    """Compute the CIEDE2000 difference of each pair of sRGB colours; about 1 is just visible.

    Colours are converted to CIE L*a*b* with D65 and the 2 degree observer.

    Source:
        Sharma, Wu, Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes,
        Supplementary Test Data, and Mathematical Observations", Color Research & Application
        30(1), 2005.
    """
    difference: Float64[np.ndarray, "*N"]
    difference = deltaE_ciede2000(rgb2lab(colors), rgb2lab(true_colors))
    return difference


def leakage(color: Frame, line: Line) -> float | None:
    """Compute the share of colour change along lines in all change beside them; 0 is best.

    Colours should change across lines, not along them. Each point on the centre line of a stroke
    is the centre of a square with two sides along the line and two corners on either side of it.
    The corners' colours are compared by CIEDE2000: `across` between the two sides of the line,
    `along` on the same side. The score is along / (along + across), summed over all points whose
    corners are on paper: 0 if colours change only at lines, 0.5 if they are independent of lines,
    towards 1 if they run over them.

    Args:
        color: Colours with or without lines; only pixels on paper are read.
        line: Drawing of the same size.

    Returns:
        Score 0..1; None if no colour changes or no point has all corners on paper.

    Source:
        Ours; in none of the papers.
    """
    corners = _corners(line)
    if not corners.shape[2]:
        return None
    lab = rgb2lab(color[corners[..., 0], corners[..., 1]])
    across = deltaE_ciede2000(lab[0], lab[1]).sum()
    along = deltaE_ciede2000(lab[:, 0], lab[:, 1]).sum()
    return float(along / (along + across)) if along + across > 0 else None


def _corners(line: Line) -> np.ndarray:
    """Return the corners of the squares: side of the line, end, square -> row and column."""
    ink = (line < INK_BELOW).astype(np.uint8)
    radius = cv2.distanceTransform(
        cv2.copyMakeBorder(ink, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 5
    )
    radius = radius[1:-1, 1:-1]
    normal, coherence = _normals(line)
    is_middle = (ink > 0) & (radius >= cv2.dilate(radius, np.ones((3, 3), np.uint8)))
    is_middle &= (radius <= LINE_PX) & (coherence >= COHERENCE)
    rows, columns = np.nonzero(is_middle)
    angle, reach = normal[rows, columns], radius[rows, columns] + MARGIN_PX
    # Signs of the two sides of the line and of the two ends of the square.
    side, end = np.array([1, -1])[:, None, None], np.array([1, -1])[None, :, None]
    y = np.rint(rows + reach * (side * np.sin(angle) + end * np.cos(angle))).astype(np.intp)
    x = np.rint(columns + reach * (side * np.cos(angle) - end * np.sin(angle))).astype(np.intp)
    height, width = line.shape
    is_inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    is_paper = line[y.clip(0, height - 1), x.clip(0, width - 1)] >= PAPER_FROM
    counts = (is_inside & is_paper).all(axis=(0, 1))
    return np.stack((y, x), axis=-1)[:, :, counts]


def _normals(line: Line) -> tuple[Float32[np.ndarray, "H W"], Float32[np.ndarray, "H W"]]:
    """Return each pixel's direction across the ink, in radians, and its coherence, 0..1.

    Source:
        Bigün, Granlund, "Optimal Orientation Detection of Linear Symmetry", ICCV 1987.
    """
    soft = cv2.GaussianBlur(line.astype(np.float32), (0, 0), 1.0)
    dx, dy = cv2.Sobel(soft, -1, 1, 0), cv2.Sobel(soft, -1, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(part, (0, 0), 2.0) for part in (dx * dx, dy * dy, dx * dy))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    coherence = np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, np.float32(1e-6))
    return angle, coherence


def flicker(before: tuple[Line, Frame], after: tuple[Line, Frame]) -> float | None:
    """Compute the change of colours between frames where the drawing is unchanged.

    Both coloured frames are shrunk by area to a short side of 128 pixels, which leaves the low
    frequencies. Pixels count if the drawing is unchanged in them and their 8 neighbours.

    Args:
        before: Drawing and coloured frame.
        after: Drawing and coloured frame of the next frame, of the same size.

    Returns:
        Mean absolute difference over pixels and channels in levels of 0..255; None if the drawing
        changes everywhere.

    Source:
        Ours; in none of the papers.
    """
    size = fit_short_side(before[0].shape[:2], LOW_BAND_PX)
    is_still = _still(before[0], after[0], size)
    if not is_still.any():
        return None
    first, second = (resize(color, size).astype(np.float64) for _, color in (before, after))
    return float(np.abs(second - first)[is_still].mean())


def _still(first: Line, second: Line, size: tuple[int, int]) -> Bool[np.ndarray, "SmallH SmallW"]:
    """Return the mask of `size` of pixels around which two drawings are the same."""
    changed = (cv2.absdiff(first, second) > LINE_TOLERANCE).astype(np.float32)
    share = cv2.resize(changed, size[::-1], interpolation=cv2.INTER_AREA)
    is_still: Bool[np.ndarray, "SmallH SmallW"]
    is_still = cv2.dilate(share, np.ones((3, 3), np.uint8)) == 0
    return is_still


def ece(
    confidence: Float[np.ndarray, " N"],
    is_right: Bool[np.ndarray, " N"],
    weight: Float[np.ndarray, " N"] | None = None,
) -> float:
    """Return the expected calibration error: mean distance of confidence and share right, 0..1.

    Args:
        confidence: Confidences, 0..1, in `BINS` bins of equal width.
        is_right: Which answers are right.
        weight: Weight of each answer; None: all count the same.

    Source:
        Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    weight = np.ones(len(confidence)) if weight is None else weight
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, weight * (confidence - is_right), BINS)
    return float(np.abs(gaps).sum() / weight.sum())


def auroc(
    confidence: Float[np.ndarray, " N"],
    is_right: Bool[np.ndarray, " N"],
    weight: Float[np.ndarray, " N"] | None = None,
) -> float | None:
    """Return the area below the ROC curve, 0..1; equal confidences count half.

    Args:
        confidence: Confidences of the answers.
        is_right: Which answers are right.
        weight: Weight of each answer; None: all count the same.

    Returns:
        None if all answers are right, or all wrong.
    """
    weight = np.ones(len(confidence)) if weight is None else weight
    levels, place = np.unique(confidence, return_inverse=True)
    right = np.bincount(place, weight * is_right, len(levels))
    wrong = np.bincount(place, weight * ~is_right, len(levels))
    pairs = right.sum() * wrong.sum()
    return float((right * (np.cumsum(wrong) - wrong / 2)).sum() / pairs) if pairs else None
