"""Damage of drafts on arrays, with which that on tensors is compared."""

import cv2
import numpy as np

from lineart.image import Frame
from lineart.imaging.samples.artifacts import Artifacts


def apply_artifacts(color: Frame, artifacts: Artifacts) -> Frame:
    """Sample the draft bilinearly at `source` and blend the spray over it."""
    height, width = color.shape[:2]
    places = ((artifacts.source + 1) * np.array((width, height), np.float32) - 1) / 2
    moved = cv2.remap(color, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    opacity = artifacts.spray[..., 3:] / np.float32(255)
    blend = moved + opacity * (artifacts.spray[..., :3] - moved.astype(np.float32))
    damaged: Frame = np.rint(blend).astype(np.uint8)
    return damaged
