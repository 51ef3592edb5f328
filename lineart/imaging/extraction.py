"""Extraction of line drawings from colour pictures, by the two methods of paper 001."""

import cv2
import numpy as np

from lineart.image import Frame, Line

XDOG_SIGMAS = (0.3, 0.4, 0.5)


def xdog(
    image: Frame,
    *,
    sigma: float = 0.4,
    ratio: float = 4.5,
    sharpness: float = 0.95,
    threshold: float = -0.1,
    steepness: float = 200.0,
) -> Line:
    """Extract black lines on white with an extended difference of Gaussians.

    Args:
        image: Colour picture.
        sigma: Standard deviation of the inner Gaussian in pixels, above 0 (alpha in paper 001, one
            of 0.3, 0.4, 0.5).
        ratio: Outer sigma divided by inner sigma, above 1 (k).
        sharpness: Weight of the outer Gaussian (p).
        threshold: Difference in grey levels below which a pixel is ink (epsilon).
        steepness: Slope of the soft threshold (phi).

    Raises:
        ValueError: `sigma` is not positive or `ratio` is not above 1.

    Source:
        Paper 001, 3.1, after Winnemöller, Kyprianidis, Olsen, "XDoG", 2012. Its public code
        only adds 1 to the hyperbolic tangent, so that ink becomes grey 127, which frequency
        separation would erase. Here ink is black.
    """
    if sigma <= 0 or ratio <= 1:
        raise ValueError(f"xdog needs sigma > 0 and ratio > 1, got sigma={sigma}, ratio={ratio}")
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.GaussianBlur(gray, (0, 0), sigma)
    coarse = cv2.GaussianBlur(gray, (0, 0), sigma * ratio)
    # In flat areas the difference is (1 - p) of the grey level, above the threshold: they become
    # paper, even black ones.
    difference = fine - sharpness * coarse
    soft = 1 + np.tanh(steepness * (difference - threshold))
    ink = np.where(difference < threshold, soft, np.float32(1))
    line: Line = np.rint(ink * 255).astype(np.uint8)
    return line


def dilate_abs_sub(image: Frame, kernel_px: int = 4) -> Line:
    """Extract soft grey lines: the difference of the picture and its dilation with a square.

    Raises:
        ValueError: `kernel_px` is below 2, for which there is no difference.

    Source:
        Paper 001, algorithm 1, with a kernel of 4 or 5 pixels.
    """
    if kernel_px < 2:
        raise ValueError(f"dilate_abs_sub needs a kernel of at least 2 pixels, got {kernel_px}")
    dilated = cv2.dilate(image, np.ones((kernel_px, kernel_px), np.uint8))
    line: Line = cv2.cvtColor(255 - cv2.absdiff(dilated, image), cv2.COLOR_RGB2GRAY)
    return line
