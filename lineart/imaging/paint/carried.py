"""Paint from colours of keys, with hints; regions that no key colours are filled otherwise."""

from typing import Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from lineart.image import Frame, Size
from lineart.imaging.compositing.frequency import DEFAULT_SIGMA, ColorMap, low_band
from lineart.imaging.hints.by_region import Colors, collect_hints
from lineart.imaging.hints.pixels import HintPixels
from lineart.imaging.paint.dividing import divide_regions
from lineart.imaging.paint.fills import cut_fills
from lineart.imaging.paint.region_colors import (
    BACKGROUND_CONFIDENCE,
    CONFIDENCE,
    NEARLY_WHITE,
    ColorSource,
    Paint,
    fill_open,
    find_open_border_regions,
)
from lineart.imaging.region_maps import RegionMap, look_up, spread_regions

Unknown = Literal["soft", "placeholder", "paper"]
"""Colours of regions whose colour no key has: those of the network, `PLACEHOLDER`, or white."""
PLACEHOLDER = (255, 0, 255)
"""A colour that nobody overlooks."""


class KnownColors(NamedTuple):
    """Colours of the regions of a drawing that keys or hints have; entry 0 is ink."""

    labels: RegionMap
    """Regions; numbered from 1, the last number is there."""
    colors: Colors
    sources: UInt8[np.ndarray, " N"]
    """`ColorSource` of each colour; `BLANK` if there is none, and of ink."""
    confidence: Float32[np.ndarray, " N"]
    """Probability that it is right, 0..1."""
    second: UInt8[np.ndarray, "N 4"]
    """Second best colour, of alpha 0 if there is none."""

    @property
    def is_open(self) -> Bool[np.ndarray, " N"]:
        """Which regions have no colour."""
        found: Bool[np.ndarray, " N"] = self.sources == ColorSource.BLANK
        found[0] = False
        return found

    def paint(self) -> Paint:
        """Return it as paint, in which open regions have no colour yet."""
        labels, colors, sources, confidence, second = self
        spread = spread_regions(labels)
        return Paint(labels, spread, colors.copy(), sources.copy(), confidence.copy(), second)


def without_colors(labels: RegionMap) -> KnownColors:
    """Return the regions of a drawing without keys."""
    count = int(labels.max()) + 1
    colors = np.full((count, 3), 255, np.uint8)
    sources, confidence = np.full(count, ColorSource.BLANK, np.uint8), np.zeros(count, np.float32)
    return KnownColors(labels, colors, sources, confidence, np.zeros((count, 4), np.uint8))


def apply_hints(known: KnownColors, hints: HintPixels) -> KnownColors:
    """Return carried colours with hints, which win in their regions.

    Args:
        known: Colours of the regions.
        hints: Hints at the drawing's size.
    """
    if not hints.rows.size:
        return known
    labels, colors, sources, confidence, second = _cut_fills(known, hints)
    given = collect_hints(labels, hints)
    labels, hinted = divide_regions(labels, given)
    count, parts, owners = len(colors), len(hinted) - len(colors), given.color_regions
    colors = np.concatenate((colors, hinted[count:]))
    sources = np.pad(sources, (0, parts), constant_values=ColorSource.SPLIT)
    confidence = np.pad(confidence, (0, parts), constant_values=CONFIDENCE[ColorSource.SPLIT])
    second = np.pad(second, ((0, parts), (0, 0)))
    colors[owners], sources[owners], second[owners] = hinted[owners], ColorSource.HINT, 0
    confidence[owners] = CONFIDENCE[ColorSource.HINT]
    return KnownColors(labels, colors, sources, confidence, second)


def _cut_fills(known: KnownColors, hints: HintPixels) -> KnownColors:
    """Return carried colours with fills as regions of their own; see `fills.cut_fills`."""
    labels = cut_fills(known.labels, hints)
    count = int(labels.max(initial=0)) + 1 - len(known.colors)
    return KnownColors(
        labels,
        np.pad(known.colors, ((0, count), (0, 0)), constant_values=255),
        np.pad(known.sources, (0, count), constant_values=ColorSource.BLANK),
        np.pad(known.confidence, (0, count)),
        np.pad(known.second, ((0, count), (0, 0))),
    )


def whiten_background(known: KnownColors) -> KnownColors:
    """Return carried colours with a white background, if no other region is open.

    It is what `fill_unknown` does for drawings with hints, without a guess.
    """
    is_open = known.is_open
    around = find_open_border_regions(known.labels, is_open)
    if not around.size or np.count_nonzero(is_open) > around.size:
        return known
    colors, sources, confidence = (one.copy() for one in known[1:4])
    colors[around], sources[around] = 255, ColorSource.NEIGHBOUR
    confidence[around] = BACKGROUND_CONFIDENCE
    return known._replace(colors=colors, sources=sources, confidence=confidence)


def fill_unknown(
    paint: Paint, unknown: Unknown, guess: ColorMap | None, *, uses_neighbours: bool
) -> None:
    """Choose the colours of the regions that have neither a carried colour nor a hint.

    Args:
        paint: Is changed.
        unknown: Where the colours are from.
        guess: The network's colours, for `soft`; None if no region is open.
        uses_neighbours: Whether `soft` takes white, or the colour of a region beside it, as
            `paint_regions` does for drawings with hints.
    """
    opened = paint.sources == ColorSource.BLANK
    opened[0] = False
    if not opened.any():
        return
    if unknown != "soft":
        paint.colors[opened] = PLACEHOLDER if unknown == "placeholder" else 255
        return
    assert guess is not None
    paint.sources[opened] = ColorSource.NETWORK
    paint.confidence[opened] = CONFIDENCE[ColorSource.GUESS]
    fill_open(paint, opened, guess, uses_neighbours=uses_neighbours)


def soften_unknown(paint: Paint, color: ColorMap, *, is_hinted: bool) -> Frame:
    """Return the network's colours at the size of a drawing, exact where they are known.

    Those of the network stay where hints of a region disagree, and where no key has a colour.

    Args:
        paint: After `fill_unknown`.
        color: The network's colours.
        is_hinted: Whether a region whose colour is not known has one all the same, as
            `finish.soften` gives it to drawings with hints.
    """
    size = paint.labels.shape[0], paint.labels.shape[1]
    soft = low_band(color, size, sigma=DEFAULT_SIGMA)
    exact = [ColorSource.HINT, ColorSource.KEY, ColorSource.BLANK]
    if is_hinted:
        exact.append(ColorSource.NETWORK)
    mask = look_up(np.isin(paint.sources, exact).view(np.uint8), paint.spread)
    cv2.copyTo(paint.fill(), mask, soft)
    return soft


def sample_colors(known: KnownColors, size: Size) -> UInt8[np.ndarray, "GridH GridW 4"]:
    """Return carried colours as hints on a grid over the drawing: those in the middle of its cells.

    Args:
        known: Colours of the regions.
        size: Height and width of the grid.
    """
    height, width = known.labels.shape
    rows = (2 * np.arange(size[0]) + 1) * height // (2 * size[0])
    columns = (2 * np.arange(size[1]) + 1) * width // (2 * size[1])
    hints = np.column_stack((known.colors, np.full(len(known.colors), 255, np.uint8)))
    hints[known.sources != ColorSource.KEY] = 0
    grid: UInt8[np.ndarray, "GridH GridW 4"]
    grid = hints[known.labels[rows[:, np.newaxis], columns]]
    return grid


def sample_painted(known: KnownColors) -> HintPixels:
    """Return carried colours other than white paper as hints on every eighth pixel."""
    step = 8
    small = known.labels[::step, ::step]
    is_painted = (known.sources == ColorSource.KEY) & (known.colors < NEARLY_WHITE).any(axis=1)
    rows, columns = np.nonzero(is_painted[small])
    values = np.full((len(rows), 4), 255, np.uint8)
    values[:, :3] = known.colors[small[rows, columns]]
    size = known.labels.shape[0], known.labels.shape[1]
    count = len(rows)
    dabs, is_on_line = np.zeros(count, np.int32), np.zeros(count, bool)
    return HintPixels(size, rows * step, columns * step, values, dabs, is_on_line)
