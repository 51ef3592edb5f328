"""Pictures made by code, and a browser for the page."""

import cv2
import numpy as np
import pytest

from lineart.datasets.samples import NamedPicture
from tests.browser import browser, new_page
from tests.conftest import DrawLine

__all__ = ["browser", "new_page", "pair"]


@pytest.fixture
def pair(draw_line: DrawLine) -> NamedPicture:
    """A picture of four flat colours with drawn lines."""
    line = draw_line(3)
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    color = cv2.resize(blocks, (128, 72), interpolation=cv2.INTER_NEAREST)
    return NamedPicture("pair.png", np.minimum(color, line[..., None]), line)
