"""Training samples of the network that finds borders on bare paper; repeatable by seed and index.

A sample is a drawing whose colours are flat and known, and of whose lines some are missing.
"""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Int64, UInt8, UInt16

from lineart.datasets.flat_parts import Truth, drop_small_parts
from lineart.datasets.flat_truth import (
    Colors,
    draw_borders,
    find_palette,
    number_pixels,
)
from lineart.datasets.key_augmentation import erase_discs
from lineart.datasets.samples import Pictures, cumulate, pick
from lineart.datasets.shard_rows import Cache
from lineart.image import Frame, Hint, Line, pack_colors, unpack_colors
from lineart.imaging.hints.pixels import no_hints
from lineart.imaging.lines.ink import darken_lines
from lineart.imaging.regions import INK_LEVEL
from lineart.imaging.samples.cels import flatten, turn_hue

SCALES = (0.95, 1.5)
"""Range of the short side of a whole drawing divided by the sample's side."""
SMALLEST_PART = 30
"""Smaller areas of one colour join their neighbours."""
MIN_COLORS, MAX_COLORS = 4, 9
"""Range of the colours of a picture without drawn lines."""
MERGED = 0.4
"""Share of the pictures without drawn lines in which lines between some colours are missing."""
ERASED = 0.1
"""Share of the samples with gaps in lines."""
GAP_SHARE = (0.02, 0.12)
"""Range of the radius of a gap, as a share of the longer side."""
BARE_PAPER = 225
"""Least grey level of paper around which no line is, at the sample's size."""
MIN_DABBED_PX = 8
"""Smallest area that gets a dab."""
DABBED = 0.7
"""Share of the samples with a dab in each area; in the others, in 30 to 100 % of them."""
LEFT_WHITE = 0.15
"""Share of the samples without dabs of white."""
CENTRAL, DEPTH = 0.8, 0.9
"""Share of the samples with dabs in the middle of their areas: at this depth or more, of the
deepest."""
TURNED, REDRAWN = 0.4, 0.1
"""Shares of the samples whose hues are turned, and in which some colours are drawn at random."""
CACHE_BYTES = 128_000_000
"""Largest size of the flat drawings that a process keeps."""
NEIGHBOURHOOD = np.ones((3, 3), np.uint8)


class BorderSample(NamedTuple):
    """Drawing with hints, and where its colours meet on bare paper."""

    line: Line
    hint: Hint
    borders: UInt8[np.ndarray, "H W"]
    """1 = a border, and one pixel on both sides of it; 0 = none."""
    color: Frame
    """Flat colours below the lines."""


class FlatPicture(NamedTuple):
    """Drawing and its flat colours."""

    line: Line
    truth: Truth
    """Number of the colour of each pixel, also below lines."""
    palette: Colors


class BorderSamples:
    """Endless sequence of samples; the n-th depends only on the seed and n.

    Args:
        pictures: Flat-coloured pictures, with drawn lines or without.
        side: Side of a sample in pixels.
        balance: See `datasets.samples.cumulate`.
        seed: Seed of all randomness.
    """

    def __init__(self, pictures: Pictures, side: int, balance: float, seed: int) -> None:
        self.pictures, self.side, self.seed = pictures, side, seed
        self.cumulative = cumulate(pictures.sources, balance)
        self._drawn = Cache[FlatPicture](CACHE_BYTES)

    def __getitem__(self, index: int) -> BorderSample:
        """Make the sample with this index."""
        rng = np.random.default_rng((self.seed, index))
        number = pick(self.cumulative, rng)
        picture = self.pictures.read(number)
        if picture.line is None:
            flat = flatten_painted(picture.color, rng)
        else:
            line, color = picture.line, picture.color
            flat = self._drawn.get(number, lambda: _with_bytes(flatten_drawn(line, color)))
        return make_border_sample(flat, self.side, rng)


def make_border_sample(flat: FlatPicture, side: int, rng: np.random.Generator) -> BorderSample:
    """Make a sample: a crop, lines with gaps, other colours, dabs of hints."""
    flat = _crop(flat, rng)
    if rng.random() < ERASED:
        flat = flat._replace(line=erase_discs(flat.line, int(rng.integers(1, 5)), GAP_SHARE, rng))
    flat = _fit(flat, side)
    flat = flat._replace(palette=_recolor(flat.palette, rng))
    return BorderSample(
        flat.line, _dab(flat, rng), find_borders(flat.line, flat.truth), flat.palette[flat.truth]
    )


def find_borders(line: Line, truth: Truth) -> UInt8[np.ndarray, "H W"]:
    """Return 1 where different colours meet and no line is, and one pixel around, else 0."""
    meets = cv2.compare(
        cv2.dilate(truth, NEIGHBOURHOOD), cv2.erode(truth, NEIGHBOURHOOD), cv2.CMP_NE
    )
    is_bare = cv2.compare(cv2.erode(line, NEIGHBOURHOOD), BARE_PAPER, cv2.CMP_GE)
    found: UInt8[np.ndarray, "H W"] = cv2.dilate(meets & is_bare, NEIGHBOURHOOD) & np.uint8(1)
    return found


def flatten_drawn(line: Line, color: Frame) -> FlatPicture:
    """Return a drawing with its finished colours flat; shades stay."""
    palette = find_palette([line], [color])
    truth = drop_small_parts(number_pixels(line, color, palette), SMALLEST_PART)
    return FlatPicture(darken_lines(line), truth, palette)


def _with_bytes(flat: FlatPicture) -> tuple[FlatPicture, int]:
    return flat, sum(part.nbytes for part in flat)


def flatten_painted(color: Frame, rng: np.random.Generator) -> FlatPicture:
    """Return a painted picture in few colours, with lines where they meet.

    Some lines are missing: all between two colours.
    """
    count = int(rng.integers(MIN_COLORS, MAX_COLORS + 1))
    codes, numbers = np.unique(pack_colors(flatten(color, count, rng)), return_inverse=True)
    truth = drop_small_parts(numbers.reshape(color.shape[:2]).astype(np.uint8), SMALLEST_PART)
    palette = unpack_colors(codes)
    merged = np.arange(len(palette), dtype=np.uint8)
    if rng.random() < MERGED:
        for first, second in rng.integers(0, len(palette), (int(rng.integers(1, 4)), 2)):
            merged[merged == merged[first]] = merged[second]
    line = draw_borders(merged[truth])
    thickness = int(rng.integers(1, 4))
    return FlatPicture(cv2.erode(line, np.ones((thickness, thickness), np.uint8)), truth, palette)


def _crop(flat: FlatPicture, rng: np.random.Generator) -> FlatPicture:
    """Crop at random, by `SCALES`, and mirror half of the samples."""
    height, width = flat.line.shape
    scale = np.exp(rng.uniform(*np.log(SCALES)))
    cut = round(min(height, width) / scale)
    y, x = (int(rng.integers(0, max(0, length - cut) + 1)) for length in (height, width))
    step = int(rng.choice((-1, 1)))
    line, truth = (one[y : y + cut, x : x + cut][:, ::step] for one in flat[:2])
    # Beside a whole drawing, its paper goes on.
    more = [(0, cut - length) for length in line.shape]
    return FlatPicture(
        np.pad(line, more, mode="edge"), np.pad(truth, more, mode="edge"), flat.palette
    )


def _fit(flat: FlatPicture, side: int) -> FlatPicture:
    way = cv2.INTER_AREA if flat.line.shape[0] > side else cv2.INTER_LINEAR
    line = cv2.resize(flat.line, (side, side), interpolation=way)
    truth = cv2.resize(flat.truth, (side, side), interpolation=cv2.INTER_NEAREST)
    return FlatPicture(line, truth, flat.palette)


def _recolor(palette: Colors, rng: np.random.Generator) -> Colors:
    """Turn all hues, draw some colours anew, or leave the palette as it is."""
    kind = rng.random()
    if kind < TURNED:
        turned: Colors = turn_hue(palette[np.newaxis], rng.random())[0]
        return turned
    if kind < TURNED + REDRAWN:
        is_new = rng.random(len(palette)) < 0.6
        palette = palette.copy()
        palette[is_new] = rng.integers(0, 256, (int(is_new.sum()), 3))
    return palette


def _dab(flat: FlatPicture, rng: np.random.Generator) -> Hint:
    """Dab the areas of one colour between lines, all or a share of them."""
    areas = _number_areas(flat)
    leaves_white = rng.random() < LEFT_WHITE
    share = 1.0 if rng.random() < DABBED else rng.uniform(0.3, 1.0)
    radius, is_central = int(rng.integers(0, 3)), rng.random() < CENTRAL
    same = cv2.erode(areas, NEIGHBOURHOOD) == cv2.dilate(areas, NEIGHBOURHOOD)
    depth = cv2.distanceTransform((same & (areas > 0)).view(np.uint8), cv2.DIST_L2, 3).ravel()
    hint = no_hints(flat.line.shape)
    for places in _split(areas):
        color = flat.palette[flat.truth.ravel()[places[0]]]
        if rng.random() > share or (leaves_white and color.min() >= 246):
            continue
        deepest = depth[places].max()
        enough = DEPTH * deepest if is_central else min(1.5, deepest)
        count = 1 if rng.random() < 0.8 else int(rng.integers(2, 4))
        for place in rng.choice(places[depth[places] >= enough], count):
            y, x = divmod(int(place), areas.shape[1])
            near = (
                slice(max(0, y - radius), y + radius + 1),
                slice(max(0, x - radius), x + radius + 1),
            )
            hint[near][areas[near] == areas[y, x]] = (*color, 255)
    return hint


def _number_areas(flat: FlatPicture) -> UInt16[np.ndarray, "H W"]:
    """Number the connected areas of one colour between lines, from 1; ink is 0."""
    areas = np.zeros(flat.line.shape, np.uint16)
    is_paper = flat.line >= INK_LEVEL
    for color in np.unique(flat.truth):
        own = ((flat.truth == color) & is_paper).view(np.uint8)
        _, numbers = cv2.connectedComponents(own, connectivity=4, ltype=cv2.CV_16U)
        areas = np.where(numbers > 0, numbers + areas.max(), areas)
    return areas


def _split(areas: UInt16[np.ndarray, "H W"]) -> list[Int64[np.ndarray, " _"]]:
    """Return the places of each area that a dab fits into."""
    order = np.argsort(areas.ravel(), kind="stable")
    counts = np.bincount(areas.ravel())
    parts = np.split(order, np.cumsum(counts)[:-1])
    return [part for part in parts[1:] if len(part) >= MIN_DABBED_PX]
