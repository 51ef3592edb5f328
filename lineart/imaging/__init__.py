"""Image operations without networks.

Commands parse their flags with these constants, so this file imports no image library.
"""

from typing import Final, Literal

BaselineName = Literal["nearest", "inpaint", "watershed", "levin"]

BASELINE_NAMES: Final[tuple[BaselineName, ...]] = ("nearest", "inpaint", "watershed", "levin")
"""Names of the colouring methods without a network, in the order of `paint.baselines.BASELINES`."""

REFERENCE_PX = 512
"""Short side of the drawings for which radii are given."""

RADIUS_PX = 2.0
"""Largest distance, in pixels, at which two lines count as the same: the width of a line."""
