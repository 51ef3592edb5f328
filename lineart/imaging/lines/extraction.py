"""Extraction of line drawings from colour pictures, by the two methods of paper 001."""

import cv2
import numpy as np
from jaxtyping import UInt8

from lineart.image import Frame, Line

XDOG_SIGMAS = (0.3, 0.4, 0.5)
"""Standard deviations of the inner Gaussian in pixels: alpha in paper 001."""
RATIO = 4.5
"""Outer sigma divided by inner sigma (k)."""
SHARPNESS = 0.95
"""Weight of the outer Gaussian (p)."""
THRESHOLD = -0.1
"""Difference in grey levels below which a pixel is ink (epsilon)."""
STEEPNESS = 200.0
"""Slope of the soft threshold (phi)."""


def xdog(image: Frame, *, sigma: float = 0.4) -> Line:
    """Extract black lines on white with an extended difference of Gaussians.

    Args:
        image: Colour picture.
        sigma: Standard deviation of the inner Gaussian in pixels, above 0, as in `XDOG_SIGMAS`.

    Raises:
        ValueError: `sigma` is not positive.

    Source:
        Paper 001, 3.1, after Winnemöller, Kyprianidis, Olsen, "XDoG", 2012. Its public code
        only adds 1 to the hyperbolic tangent, so that ink becomes grey 127, which frequency
        separation would erase. Here ink is black.
    """
    if sigma <= 0:
        raise ValueError(f"xdog needs sigma > 0, got {sigma}")
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.GaussianBlur(gray, (0, 0), sigma)
    coarse = cv2.GaussianBlur(gray, (0, 0), sigma * RATIO)
    # In flat areas the difference is (1 - p) of the grey level, above the threshold: they become
    # paper, even black ones.
    difference = fine - SHARPNESS * coarse
    line: Line = np.full(gray.shape, 255, np.uint8)
    is_ink = difference < THRESHOLD
    soft = 1 + np.tanh(STEEPNESS * (difference[is_ink] - THRESHOLD))
    line[is_ink] = np.rint(soft * 255)
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


LINE_SHARE, JOINT_SHARE = 1 / 48, 1 / 20
"""Width of the widest lines that `find_drawn_lines` finds, as a share of the short side: of any
lines, and where they are as dark as most."""
MIN_LINE_PX = 5
"""The same in pixels, of small pictures."""
MIN_DARKER = 32
"""Levels by which a line is darker than the paint beside it, at least."""
SAME_INK = 24
"""Levels by which what is as dark as most lines is lighter at most."""


def find_drawn_lines(picture: Frame) -> Line:
    """Find the lines of a finished coloured drawing: what is thin and darker than the paint around.

    The level of a line is its brightest channel as a share of that of the paint which it covers, so
    that its soft edges stay soft. What is as dark as most of these lines may be wider: lines, where
    they meet, and dots. Larger dark areas are paint, and a line in them or at their rim that is no
    darker is not found.

    Args:
        picture: Finished picture with its lines.

    Source:
        The black top-hat of mathematical morphology: Serra, "Image Analysis and Mathematical
        Morphology", 1982.
    """
    bright = picture.max(axis=2)
    line = _find_thin(bright, LINE_SHARE)
    ink = bright[line < 128]
    if ink.size:
        joints = _find_thin(bright, JOINT_SHARE)
        joints[bright > np.median(ink) + SAME_INK] = 255
        line = np.minimum(line, joints)
    return line


def _find_thin(bright: UInt8[np.ndarray, "H W"], share: float) -> Line:
    """Return the level of what is darker than all around and no wider than a share of the size."""
    width_px = max(MIN_LINE_PX, round(min(bright.shape) * share)) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width_px, width_px))
    paint = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, disc)
    line: Line = cv2.divide(bright, paint, scale=255)
    line[cv2.subtract(paint, bright) < MIN_DARKER] = 255
    return line
