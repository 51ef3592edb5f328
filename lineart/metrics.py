"""How near a picture comes to the truth: PSNR, SSIM, CIEDE2000. Closed forms, 8-bit sRGB."""

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from lineart.image import Frame

PEAK = 255
"""Largest value of a channel."""

SSIM_WINDOW_PX = 7

Lab = Float64[np.ndarray, "*N 3"]
"""Colours in CIE L*a*b*, D65, 2 degrees: lightness 0..100, a and b about -110..110."""


def psnr(image: Frame, truth: Frame) -> float:
    """Give the peak signal-to-noise ratio in dB; infinite for equal pictures."""
    error = np.mean(np.square(image.astype(np.float64) - truth))
    return float(10 * np.log10(PEAK**2 / error)) if error else float("inf")


def ssim(image: Frame, truth: Frame) -> float:
    """Give the mean structural similarity of the channels; 1 for equal pictures.

    Uniform windows of 7 x 7 pixels inside the picture, unbiased variances: what scikit-image's
    `structural_similarity(image, truth, channel_axis=2)` gives.

    Raises:
        ValueError: a side is below 7 pixels.

    Source:
        Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to
        Structural Similarity", IEEE Transactions on Image Processing 13(4), 2004, eq. 13.
    """
    if min(image.shape[:2]) < SSIM_WINDOW_PX:
        raise ValueError(f"ssim needs at least {SSIM_WINDOW_PX} pixels a side, got {image.shape}")
    x, y = image.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = _window_means(x), _window_means(y)
    # From the mean over a window to the unbiased estimate.
    unbiased = SSIM_WINDOW_PX**2 / (SSIM_WINDOW_PX**2 - 1)
    var_x = unbiased * (_window_means(x * x) - mean_x**2)
    var_y = unbiased * (_window_means(y * y) - mean_y**2)
    covariance = unbiased * (_window_means(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    same = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float(np.mean(same / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))))


def _window_means(values: Float64[np.ndarray, "H W 3"]) -> Float64[np.ndarray, "InnerH InnerW 3"]:
    """Give the mean of every window that lies inside the picture."""
    border = SSIM_WINDOW_PX // 2
    means: Float64[np.ndarray, "InnerH InnerW 3"]
    means = cv2.boxFilter(values, -1, (SSIM_WINDOW_PX, SSIM_WINDOW_PX))
    return means[border:-border, border:-border]


def ciede2000(
    colors: UInt8[np.ndarray, "*N 3"], true_colors: UInt8[np.ndarray, "*N 3"]
) -> Float64[np.ndarray, "*N"]:
    """Give the colour difference of each sRGB pair; about 1 is just visible."""
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
    """Turn sRGB, 0..255, to CIE L*a*b*."""
    values = colors.astype(np.float64) / PEAK
    linear = np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1)


def lab_difference(first: Lab, second: Lab) -> Float64[np.ndarray, "*N"]:
    """Give the CIEDE2000 difference of each pair of colours.

    Source:
        Sharma, Wu, Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes,
        Supplementary Test Data, and Mathematical Observations", Color Research & Application
        30(1), 2005; the equations' numbers are its own.
    """
    L1, a1, b1 = np.moveaxis(first, -1, 0)
    L2, a2, b2 = np.moveaxis(second, -1, 0)
    # Eq. 2-7: a is stretched where colours are pale; chroma and hue, in radians.
    G = 0.5 * (1 - _saturation((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2))
    C1, h1 = np.hypot((1 + G) * a1, b1), np.arctan2(b1, (1 + G) * a1)
    C2, h2 = np.hypot((1 + G) * a2, b2), np.arctan2(b2, (1 + G) * a2)
    # Eq. 10, 11: the shorter way round. A grey has no hue, and so no difference of hue.
    turn = (h2 - h1 + np.pi) % (2 * np.pi) - np.pi
    dH = 2 * np.sqrt(C1 * C2) * np.sin(turn / 2)
    # Eq. 12 to 14: the mean hue lies on the shorter way; beside a grey nothing depends on it.
    S_L, S_C, S_H, R_T = _weights((L1 + L2) / 2, (C1 + C2) / 2, h1 + turn / 2)
    dL, dC, dH = (L2 - L1) / S_L, (C2 - C1) / S_C, dH / S_H
    # Eq. 22.
    difference: Float64[np.ndarray, "*N"]
    difference = np.sqrt(np.maximum(dL**2 + dC**2 + dH**2 + R_T * dC * dH, 0))
    return difference


def _saturation(chroma: Float64[np.ndarray, "*N"]) -> Float64[np.ndarray, "*N"]:
    """Give the square root that eq. 4 and 17 share: 0 for greys, towards 1 for strong colours."""
    return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _weights(
    lightness: Float64[np.ndarray, "*N"],
    chroma: Float64[np.ndarray, "*N"],
    hue: Float64[np.ndarray, "*N"],
) -> tuple[Float64[np.ndarray, "*N"], ...]:
    """Give S_L, S_C, S_H and R_T of eq. 15 to 21 for mean lightness, chroma and hue."""
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
