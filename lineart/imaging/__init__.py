"""Image operations without networks.

The flags of `lineart report difference` are parsed with these constants, so this file imports no
image library.
"""

REFERENCE_PX = 512
"""Short side of the drawings for which radii are given."""

RADIUS_PX = 2.0
"""Largest distance, in pixels, at which two lines count as the same: the width of a line."""
