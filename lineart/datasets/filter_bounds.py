"""Quality bounds of training pictures for each task, and flags that replace them.

It imports no large package, because `lineart prepare_data` imports it to parse its flags.
"""

from dataclasses import asdict, dataclass, replace
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Bounds of accepted pictures; fractions are 0..1 of all pixels, luminance is 0..255.

    Source:
        Paper 001, section 4.1, lists what is dropped: monochrome, high key, low key, a short side
        below 512, one tone or colour all over. The other numbers are ours, chosen by viewing
        pictures.
    """

    min_short_side: int = 512
    """Minimum short side in pixels."""
    min_colored: float = 0.005
    """Fraction of coloured pixels; below it, a picture is monochrome."""
    max_bright: float = 0.97
    """Fraction of bright pixels (luminance above 215); above it, a picture is high key."""
    max_deepest: float = 180.0
    """2nd percentile of the luminance; above it, a picture is high key."""
    max_dark: float = 0.8
    """Fraction of dark pixels (luminance below 40); above it, a picture is low key."""
    min_highest: float = 80.0
    """98th percentile of the luminance; below it, a picture is low key."""
    max_tone: float = 0.85
    """Maximum fraction of pixels within 32 luminance levels, except paper; else a leaning tone."""
    max_hue: float = 0.95
    """Maximum fraction of coloured pixels within 30 degrees of hue; else a leaning colour."""
    min_range: int = 0
    """Difference of the largest and smallest channel value; below it, a picture is blank."""


OPEN = Filter(
    min_short_side=256,
    min_colored=0.0,
    max_bright=1.0,
    max_deepest=255.0,
    max_dark=1.0,
    min_highest=0.0,
    max_tone=1.0,
    max_hue=1.0,
    min_range=8,
)
"""Accepts all large, non-blank pictures: night photographs, sepia, ink on white paper."""

BOUNDS: Final = {"colorization": Filter(), "drawing": OPEN, "stylization": OPEN}
"""Task -> bounds, for both photographs and pictures of a style."""


@dataclass(frozen=True, kw_only=True)
class FilterBounds:
    """Quality bounds that replace those of the task; see `Filter`."""

    min_short_side: int | None = None
    """Minimum short side in pixels; default: 512 for colorization, otherwise 256."""
    min_colored: float | None = None
    """Fraction of coloured pixels; below it, a picture is monochrome. By default, this bound and
    those below, except the last, apply only to colorization."""
    max_bright: float | None = None
    """Fraction of bright pixels; above it, a picture is high key."""
    max_deepest: float | None = None
    """2nd percentile of the luminance, 0 to 255; above it, a picture is high key."""
    max_dark: float | None = None
    """Fraction of dark pixels; above it, a picture is low key."""
    min_highest: float | None = None
    """98th percentile of the luminance, 0 to 255; below it, a picture is low key."""
    max_tone: float | None = None
    """Maximum fraction of pixels within 32 luminance levels, except paper; else a leaning tone."""
    max_hue: float | None = None
    """Maximum fraction of coloured pixels within 30 degrees of hue; else a leaning colour."""
    min_range: int | None = None
    """Difference of the largest and smallest channel value; below it, a picture is blank.
    Default: 0 for colorization, otherwise 8."""

    def of(self, task: str) -> Filter:
        """Return the bounds of a task with these replacements."""
        given = {name: bound for name, bound in asdict(self).items() if bound is not None}
        return replace(BOUNDS[task], **given)
