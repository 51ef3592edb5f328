"""Default radius for comparing line drawings.

It imports nothing, because `jobs.report` imports it to parse its flags.
"""

REFERENCE_PX = 512
"""Short side of the drawings for which radii are given."""

RADIUS_PX = 2.0
"""Largest distance, in pixels, at which two lines count as the same: the width of a line."""
