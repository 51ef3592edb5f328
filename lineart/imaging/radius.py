"""How far a line may have moved and still be the same line.

It imports nothing, because `jobs.report` imports it to read its flags.
"""

REFERENCE_PX = 512
"""Short side of the drawings that a radius belongs to."""

RADIUS_PX = 2.0
"""Distance at which lines still count as the same: a line is that wide."""
