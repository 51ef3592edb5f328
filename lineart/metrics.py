"""Quality metrics of coloured pictures, in closed form on 8-bit sRGB.

With ground truth: PSNR, SSIM, CIEDE2000. Without: leakage across lines, flicker between frames.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from lineart.image import Frame, Line, fit_short_side, resize

PEAK = 255
"""Largest value of a channel."""

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

Lab = Float64[np.ndarray, "*N 3"]
"""Colours in CIE L*a*b*, D65, 2 degree observer: lightness 0..100, a and b about -110..110."""


def psnr(image: Frame, truth: Frame) -> float:
    """Compute the peak signal-to-noise ratio in dB; infinite for equal pictures."""
    error = np.mean(np.square(image.astype(np.float64) - truth))
    return float(10 * np.log10(PEAK**2 / error)) if error else float("inf")


def ssim(image: Frame, truth: Frame) -> float:
    """Compute the mean structural similarity of the channels; 1 for equal pictures.

    It uses uniform windows of 7 x 7 pixels inside the picture and unbiased variances, as
    scikit-image's `structural_similarity(image, truth, channel_axis=2)`.

    Raises:
        ValueError: A side is below 7 pixels.

    Source:
        Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to
        Structural Similarity", IEEE Transactions on Image Processing 13(4), 2004, eq. 13.
    """
    if min(image.shape[:2]) < SSIM_WINDOW_PX:
        raise ValueError(f"ssim needs at least {SSIM_WINDOW_PX} pixels a side, got {image.shape}")
    x, y = image.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = _window_means(x), _window_means(y)
    # Factor from the mean over a window to the unbiased estimate.
    unbiased = SSIM_WINDOW_PX**2 / (SSIM_WINDOW_PX**2 - 1)
    var_x = unbiased * (_window_means(x * x) - mean_x**2)
    var_y = unbiased * (_window_means(y * y) - mean_y**2)
    covariance = unbiased * (_window_means(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    same = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float(np.mean(same / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))))


def _window_means(values: Float64[np.ndarray, "H W 3"]) -> Float64[np.ndarray, "InnerH InnerW 3"]:
    """Return the mean of every window that lies inside the picture."""
    border = SSIM_WINDOW_PX // 2
    means: Float64[np.ndarray, "InnerH InnerW 3"]
    means = cv2.boxFilter(values, -1, (SSIM_WINDOW_PX, SSIM_WINDOW_PX))
    return means[border:-border, border:-border]


def ciede2000(
    colors: UInt8[np.ndarray, "*N 3"], true_colors: UInt8[np.ndarray, "*N 3"]
) -> Float64[np.ndarray, "*N"]:
    """Compute the CIEDE2000 difference of each pair of sRGB colours; about 1 is just visible."""
    return lab_difference(srgb_to_lab(colors), srgb_to_lab(true_colors))


# IEC 61966-2-1: linear sRGB to XYZ.
_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])


def srgb_to_lab(colors: UInt8[np.ndarray, "*N 3"]) -> Lab:
    """Convert sRGB, 0..255, to CIE L*a*b*."""
    values = colors.astype(np.float64) / PEAK
    linear = np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1)


def lab_difference(first: Lab, second: Lab) -> Float64[np.ndarray, "*N"]:
    """Compute the CIEDE2000 difference of each pair of colours.

    Source:
        Sharma, Wu, Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes,
        Supplementary Test Data, and Mathematical Observations", Color Research & Application
        30(1), 2005; equation numbers in comments are of this paper.
    """
    L1, a1, b1 = np.moveaxis(first, -1, 0)
    L2, a2, b2 = np.moveaxis(second, -1, 0)
    # Eq. 2-7: a is scaled up for pale colours; then chroma, and hue in radians.
    G = 0.5 * (1 - _saturation((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2))
    C1, h1 = np.hypot((1 + G) * a1, b1), np.arctan2(b1, (1 + G) * a1)
    C2, h2 = np.hypot((1 + G) * a2, b2), np.arctan2(b2, (1 + G) * a2)
    # Eq. 10, 11: hue difference by the shorter arc; 0 if either colour is grey.
    turn = (h2 - h1 + np.pi) % (2 * np.pi) - np.pi
    dH = 2 * np.sqrt(C1 * C2) * np.sin(turn / 2)
    # Eq. 12 to 14: the mean hue is on the shorter arc; it has no effect if a colour is grey.
    S_L, S_C, S_H, R_T = _weights((L1 + L2) / 2, (C1 + C2) / 2, h1 + turn / 2)
    dL, dC, dH = (L2 - L1) / S_L, (C2 - C1) / S_C, dH / S_H
    # Eq. 22.
    difference: Float64[np.ndarray, "*N"]
    difference = np.sqrt(np.maximum(dL**2 + dC**2 + dH**2 + R_T * dC * dH, 0))
    return difference


def _saturation(chroma: Float64[np.ndarray, "*N"]) -> Float64[np.ndarray, "*N"]:
    """Compute the square root in eq. 4 and 17: 0 for greys, towards 1 for saturated colours."""
    return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _weights(
    lightness: Float64[np.ndarray, "*N"],
    chroma: Float64[np.ndarray, "*N"],
    hue: Float64[np.ndarray, "*N"],
) -> tuple[Float64[np.ndarray, "*N"], ...]:
    """Compute S_L, S_C, S_H and R_T of eq. 15 to 21 for mean lightness, chroma and hue."""
    T = (
        1
        - 0.17 * np.cos(hue - np.deg2rad(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.deg2rad(6))
        - 0.20 * np.cos(4 * hue - np.deg2rad(63))
    )
    blue = np.exp(-(((np.rad2deg(hue) % 360 - 275) / 25) ** 2))
    S_L = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    R_T = -np.sin(np.deg2rad(60) * blue) * 2 * _saturation(chroma)
    return S_L, 1 + 0.045 * chroma, 1 + 0.015 * chroma * T, R_T


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
    lab = srgb_to_lab(color[corners[..., 0], corners[..., 1]])
    across = lab_difference(lab[0], lab[1]).sum()
    along = lab_difference(lab[:, 0], lab[:, 1]).sum()
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
