"""Palettes of a film: each colour of a frame's paint becomes the nearest entry."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, Int64

from lineart.image import to_hex
from lineart.imaging.hints.by_region import Colors
from lineart.imaging.paint.region_colors import (
    NEARLY_WHITE,
    ColorSource,
    Paint,
    find_open_border_regions,
)
from lineart.imaging.region_maps import count_pixels, find_runs

FAR_DE = 3.0
"""CIEDE2000 from which a hint is visibly another colour than the entry that it becomes."""
MAX_NAMED = 3
"""Most colours that a warning names."""
GIVEN = (ColorSource.HINT, ColorSource.SPLIT, ColorSource.KEY)
"""Sources of colours that an artist has chosen."""
WHITE = np.full((1, 3), 255, np.uint8)
CHUNK = 64
"""Colours that are compared with the palette at once, which bounds the memory."""


@dataclass(frozen=True)
class Palette:
    """The only colours of a film's paint; small, hashable and picklable."""

    rgb: bytes
    """Three bytes a colour; each once, sorted, so that neither order nor names matter."""

    @classmethod
    def of(cls, colors: Colors) -> "Palette":
        """Return the palette with these colours."""
        return cls(np.unique(colors, axis=0).tobytes())

    @property
    def colors(self) -> Colors:
        """The colours, sorted."""
        return np.frombuffer(self.rgb, np.uint8).reshape(-1, 3)

    @property
    def digest(self) -> str:
        """SHA-256 of the colours."""
        return hashlib.sha256(self.rgb).hexdigest()

    @cached_property
    def _lab(self) -> Float64[np.ndarray, "N 3"]:
        from skimage.color import rgb2lab

        lab: Float64[np.ndarray, "N 3"] = rgb2lab(self.colors)
        return lab

    def find_nearest(
        self, colors: Colors
    ) -> tuple[Int64[np.ndarray, " M"], Float64[np.ndarray, " M"]]:
        """Return the index of the nearest entry to each colour, and their CIEDE2000 difference.

        CIEDE2000 is the difference that studios know. Oklab is quicker, but overstates differences
        of dark colours: of black and a grey of level 6 it is 0.12, as of two shades of skin.
        """
        from skimage.color import deltaE_ciede2000, rgb2lab

        index = np.zeros(len(colors), np.int64)
        distance = np.zeros(len(colors))
        for start in range(0, len(colors), CHUNK):
            part = slice(start, start + CHUNK)
            lab = rgb2lab(colors[part])[:, np.newaxis]
            differences = deltaE_ciede2000(lab, self._lab[np.newaxis])
            index[part] = differences.argmin(axis=1)
            distance[part] = differences.min(axis=1)
        return index, distance


class PaletteMatch(NamedTuple):
    """Paint in the colours of a palette."""

    paint: Paint
    warnings: tuple[str, ...]
    """A sentence if hints or keys have colours that are not in the palette."""


def keep_to_palette(paint: Paint, palette: Palette) -> PaletteMatch:
    """Replace the colour of each region by the nearest one of a palette.

    White paper around the figures, see `find_open_border_regions`, that no hint or key has coloured
    stays white if the palette has no colour within `FAR_DE` of white: a palette of a character
    lists its paints, of which none is meant for the paper. Hints and keys whose colour differs by
    more than `FAR_DE` from all of the palette are a warning, the largest areas first.
    """
    colors, places = np.unique(paint.colors, axis=0, return_inverse=True)
    index, distance = palette.find_nearest(colors)
    nearest = palette.colors[index]
    is_hint = np.isin(paint.sources, GIVEN)
    is_hint[0] = False
    kept = paint._replace(colors=nearest[places.ravel()])
    if palette.find_nearest(WHITE)[1][0] > FAR_DE:
        paper = _find_paper(paint)
        kept.colors[paper], is_hint[paper] = WHITE, False
    areas = count_pixels(find_runs(paint.labels), len(paint.colors)) * is_hint
    shown = np.bincount(places.ravel(), areas, len(colors))
    far = np.flatnonzero((shown > 0) & (distance > FAR_DE))
    far = far[np.argsort(-shown[far], kind="stable")]
    named = [*_describe(colors[far], nearest[far], distance[far])]
    what = "keys or hints" if ColorSource.KEY in paint.sources else "hints"
    return PaletteMatch(kept, _warn(what, named) if named else ())


def _find_paper(paint: Paint) -> Int32[np.ndarray, " R"]:
    """Return the regions around the figures that no hint has coloured and that look white.

    A key that is a finished picture has white paper around them, too.
    """
    is_open = ~np.isin(paint.sources, GIVEN)
    is_open |= (paint.sources == ColorSource.KEY) & (paint.colors >= NEARLY_WHITE).all(axis=1)
    around = find_open_border_regions(paint.labels, is_open)
    _, distance = Palette.of(WHITE).find_nearest(paint.colors[around])
    paper: Int32[np.ndarray, " R"] = around[distance <= FAR_DE]
    return paper


def _describe(
    colors: Colors, nearest: Colors, distance: Float64[np.ndarray, " M"]
) -> Iterator[str]:
    for color, entry, difference in zip(colors, nearest, distance, strict=True):
        yield f"{to_hex(color)} became {to_hex(entry)} ({difference:.0f} dE)"


def _warn(what: str, named: list[str]) -> tuple[str]:
    count = "a colour" if len(named) == 1 else f"{len(named)} colours"
    more = ", ..." if len(named) > MAX_NAMED else ""
    return (f"its {what} have {count} not in the palette: {', '.join(named[:MAX_NAMED])}{more}",)
