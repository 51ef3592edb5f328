"""Paint as numbers of colours, whose palette may be swapped."""

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from lineart.image import Color, Frame
from lineart.imaging.region_maps import Numbers, look_up

MAX_INDEXED = 256
"""Most colours that an indexed PNG holds."""


class PaintMap(NamedTuple):
    """Paint of a frame, below its lines."""

    numbers: Numbers
    """Number of the colour of each pixel."""
    palette: UInt8[np.ndarray, "N C"]
    """Colours: RGB, or RGBA for a cel. Alpha is 255 inside of the character, and 0 outside and in
    the soft rim of its lines; colours below alpha 0 count, too, because the rim is made of them."""

    def fill(self) -> Frame:
        """Return the picture of the paint, also where it is transparent."""
        return color_numbers(self.palette[:, :3], self.numbers)

    @property
    def is_inside(self) -> Bool[np.ndarray, "H W"] | None:
        """Which pixels of a cel are inside of the character; None if the frame is no cel."""
        if self.palette.shape[1] == 3:
            return None
        inside: Bool[np.ndarray, "H W"] = (self.palette[:, 3] == 255).take(self.numbers)
        return inside

    def swap(self, colors: Mapping[Color, Color]) -> "PaintMap":
        """Return the paint with other colours, all changed at once: two may change places."""
        palette = self.palette.copy()
        for entry in palette:
            red, green, blue = (int(level) for level in entry[:3])
            entry[:3] = colors.get((red, green, blue), (red, green, blue))
        return PaintMap(self.numbers, palette)

    def settle(self) -> "PaintMap":
        """Return the same paint with each colour once, sorted, and without unused ones."""
        is_used = np.bincount(self.numbers.ravel(), minlength=len(self.palette)) > 0
        kept, places = np.unique(self.palette[is_used], axis=0, return_inverse=True)
        number = np.zeros(len(self.palette), np.uint8 if len(kept) <= MAX_INDEXED else np.int32)
        number[is_used] = places.ravel()
        return PaintMap(number.take(self.numbers), kept)


def color_numbers(colors: UInt8[np.ndarray, "N 3"], index: Numbers) -> Frame:
    """Return the picture whose pixels have the colours of these numbers."""
    # One look-up of four bytes takes a third of the time of three.
    packed = np.zeros((len(colors), 4), np.uint8)
    packed[:, :3] = colors
    filled = look_up(packed.view(np.int32).ravel(), index)
    rgba = filled.view(np.uint8).reshape(*index.shape, 4)
    frame: Frame = cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)
    return frame


def number_colors(
    index: Numbers, colors: UInt8[np.ndarray, "N 3"], matte: UInt8[np.ndarray, "H W"] | None = None
) -> PaintMap:
    """Return paint with each of its colours once, sorted, and without unused ones.

    Args:
        index: Number of the colour of each pixel.
        colors: Colours; several may be equal.
        matte: Opacity of a cel; None if the frame is opaque.
    """
    palette = colors
    if matte is not None:
        count = len(colors)
        opacity = np.repeat(np.array([0, 255], np.uint8), count)
        palette = np.column_stack((np.tile(colors, (2, 1)), opacity))
        index = index + np.where(matte == 255, np.int32(count), np.int32(0))
    return PaintMap(index, palette).settle()
