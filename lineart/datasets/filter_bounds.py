"""What a picture must measure to be learned from: the bounds of each task, and flags for them.

It imports nothing large, because `jobs.prepare_data` imports it to read its flags.
"""

from dataclasses import asdict, dataclass, replace
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Bounds of what is kept; shares are 0..1 of a picture's pixels, luminance is 0..255.

    Source:
        Paper 001, section 4.1, names what is dropped: monochrome, high key, low key, a short side
        below 512, one tone or colour all over. The numbers are ours, from looking.
    """

    min_short_side: int = 512
    """Short side in pixels."""
    min_colored: float = 0.005
    """Share of coloured pixels; below it a picture is monochrome."""
    max_bright: float = 0.97
    """Share of bright pixels (luminance above 215); above it a picture is high key."""
    max_deepest: float = 180.0
    """Luminance of the darkest 2 %; above it a picture is high key."""
    max_dark: float = 0.8
    """Share of dark pixels (luminance below 40); above it a picture is low key."""
    min_highest: float = 80.0
    """Luminance of the brightest 2 %; below it a picture is low key."""
    max_tone: float = 0.85
    """Share of one tone, 32 levels wide, white paper left out; above it the tone leans."""
    max_hue: float = 0.95
    """Share of one colour, 30 degrees of hue wide; above it the colour leans."""
    min_range: int = 0
    """Levels between a picture's darkest and brightest value; below it a picture is blank."""


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
"""Everything that is large enough and not blank: night photographs, sepia, ink on white paper."""

BOUNDS: Final = {"colorization": Filter(), "drawing": OPEN, "stylization": OPEN}
"""What is kept for each task, of photographs and of pictures of a style alike."""


@dataclass(frozen=True, kw_only=True)
class FilterBounds:
    """What replaces a bound of the task, where it is not None; see `Filter`."""

    min_short_side: int | None = None
    """Short side in pixels; 512 for colorization, otherwise 256."""
    min_colored: float | None = None
    """Share of coloured pixels; below it a picture is monochrome. This and the others but the last
    bound only what colorization learns from, unless they are given."""
    max_bright: float | None = None
    """Share of bright pixels; above it a picture is high key."""
    max_deepest: float | None = None
    """Luminance of the darkest 2 %; above it a picture is high key."""
    max_dark: float | None = None
    """Share of dark pixels; above it a picture is low key."""
    min_highest: float | None = None
    """Luminance of the brightest 2 %; below it a picture is low key."""
    max_tone: float | None = None
    """Share of one tone, white paper left out; above it the tone leans."""
    max_hue: float | None = None
    """Share of one colour; above it the colour leans."""
    min_range: int | None = None
    """Levels between darkest and brightest value; below it a picture is blank. 8 for what is not
    colorization."""

    def of(self, task: str) -> Filter:
        """Give the bounds of a task, where nothing replaces them."""
        given = {name: bound for name, bound in asdict(self).items() if bound is not None}
        return replace(BOUNDS[task], **given)
