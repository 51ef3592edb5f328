"""Extract a line drawing from a colour picture, in the two ways of paper 001."""

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
        image: A colour picture.
        sigma: Radius of the inner Gaussian in pixels (alpha in paper 001, one of 0.3, 0.4, 0.5).
        ratio: Outer radius over inner radius (k).
        sharpness: Weight of the outer Gaussian (p).
        threshold: Grey levels below which a difference is ink (epsilon).
        steepness: Slope of the soft threshold (phi).

    Raises:
        ValueError: `sigma` is not positive or `ratio` is not above 1.

    Source:
        Paper 001, 3.1, after Winnemöller, Kyprianidis, Olsen, "XDoG", 2012. Its public code adds 1
        to the hyperbolic tangent and stops there, so that ink comes out as grey 127; frequency
        separation would erase such lines. Here ink is black.
    """
    if sigma <= 0 or ratio <= 1:
        raise ValueError(f"xdog needs sigma > 0 and ratio > 1, got sigma={sigma}, ratio={ratio}")
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.GaussianBlur(gray, (0, 0), sigma)
    coarse = cv2.GaussianBlur(gray, (0, 0), sigma * ratio)
    # A flat area leaves (1 - p) of its grey, which is above the threshold: paper, black ones too.
    difference = fine - sharpness * coarse
    soft = 1 + np.tanh(steepness * (difference - threshold))
    ink = np.where(difference < threshold, soft, np.float32(1))
    line: Line = np.rint(ink * 255).astype(np.uint8)
    return line


def dilate_abs_sub(image: Frame, kernel_px: int = 4) -> Line:
    """Extract soft grey lines: what a dilation with a square changes.

    Raises:
        ValueError: `kernel_px` is below 2, which changes nothing.

    Source:
        Paper 001, algorithm 1, with a kernel of 4 or 5 pixels.
    """
    if kernel_px < 2:
        raise ValueError(f"dilate_abs_sub needs a kernel of at least 2 pixels, got {kernel_px}")
    dilated = cv2.dilate(image, np.ones((kernel_px, kernel_px), np.uint8))
    line: Line = cv2.cvtColor(255 - cv2.absdiff(dilated, image), cv2.COLOR_RGB2GRAY)
    return line
