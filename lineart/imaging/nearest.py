"""The nearest of some pixels."""

import cv2
import numpy as np
from jaxtyping import Bool, Int32


def find_nearest(is_known: Bool[np.ndarray, "H W"]) -> Int32[np.ndarray, "H W"]:
    """Return the number of the known pixel that is nearest to each pixel.

    Args:
        is_known: Which pixels are known, at least one.

    Returns:
        Numbers from 0, in reading order, so that `values[is_known][numbers]` fills a picture.
    """
    _, nearest = cv2.distanceTransformWithLabels(
        (~is_known).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest -= 1
    numbers: Int32[np.ndarray, "H W"] = nearest
    return numbers
