"""Regions of a finished frame as they are pointed at: of one colour each, with their doubts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8

from lineart.codec import decode_cel, decode_line_art
from lineart.image import Hint
from lineart.imaging.compositing.matte import split_cel
from lineart.imaging.paint.doubts import MIN_AREA, Doubt
from lineart.imaging.paint.region_colors import find_open_border_regions
from lineart.imaging.region_maps import RegionMap, count_pixels, find_boxes, find_runs, look_up
from lineart.imaging.regions import GAP
from lineart.keys import Key
from lineart.keys.key_drawing import key_drawing_colors

MAX_COLORS = 12
"""A region of more colours is a gradient, and stays whole."""
FLAT_SHARE = 0.5
"""Share of a region's pixels that have its main colour, at least, if it has one."""
SAME_PART = 0.8
"""A doubt on a smaller share of a region than this is on a part of it."""


@dataclass(frozen=True)
class FrameRegions:
    """Regions of a frame; entry r of the arrays is region r, entry 0 ink."""

    picture: Hint
    """The finished frame, with its alpha."""
    labels: RegionMap
    parents: Int32[np.ndarray, " N"]
    """The drawing's region that each is a part of."""
    boxes: Int64[np.ndarray, "N 4"]
    """Left, top, right and bottom in pixels; the last two are exclusive."""
    areas: Int64[np.ndarray, " N"]
    """Number of pixels."""
    colors: UInt8[np.ndarray, "N 3"]
    """Main colour."""
    is_flat: Bool[np.ndarray, " N"]
    """Whether most pixels have it."""
    is_clear: Bool[np.ndarray, " N"]
    """Whether a cel is transparent there."""
    doubted: dict[int, int]
    """Place of a doubt -> its region."""

    @property
    def is_doubted(self) -> Bool[np.ndarray, " N"]:
        """Which regions are those of doubts."""
        found = np.zeros(len(self.areas), bool)
        found[[*self.doubted.values()]] = True
        return found

    def with_parts(self, chosen: Bool[np.ndarray, " N"]) -> Bool[np.ndarray, " N"]:
        """Return regions with all other parts of the drawing's regions that they are parts of."""
        found: Bool[np.ndarray, " N"] = np.isin(self.parents, self.parents[chosen])
        return found

    def at_border(self, is_open: Bool[np.ndarray, " N"]) -> Bool[np.ndarray, " N"]:
        """Return which open regions count as white if a key leaves them open."""
        found = np.zeros(len(self.areas), bool)
        found[find_open_border_regions(self.labels, is_open)] = True
        return found


def find_frame_regions(
    line: bytes, frame: bytes, doubts: Sequence[Doubt], gap: float = GAP
) -> FrameRegions:
    """Find the regions of a frame.

    A region of the drawing that has several colours is several, and so is one of which a doubt is a
    part.

    Args:
        line: File of the drawing.
        frame: File of the frame.
        doubts: Doubts of the frame.
        gap: Largest gap in lines that is closed, as for the frame.

    Raises:
        ValueError: a file is no picture, or their sizes differ.
    """
    drawing, _ = split_cel(decode_line_art(line))
    picture = decode_cel(frame)
    if drawing.shape[:2] != picture.shape[:2]:
        raise ValueError(
            f"the frame is {picture.shape[1]}x{picture.shape[0]} and its drawing "
            f"{drawing.shape[1]}x{drawing.shape[0]}; the drawing has changed since, colour it again"
        )
    own = key_drawing_colors(Key(drawing, np.ascontiguousarray(picture[:, :, :3]), gap=gap))
    parent = np.concatenate(([0], own.parent)).astype(np.int32)
    labels = _number(look_up(_join_parts(own.labels, parent), own.labels))
    labels, doubted = _find_doubted(labels, picture, doubts)
    parents = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    parents[labels.ravel()] = look_up(parent, own.labels).ravel()
    return _measure(picture, labels, parents, doubted)


def _join_parts(labels: RegionMap, parent: np.ndarray) -> np.ndarray:
    """Return for each part the number of the one that it is joined with.

    Specks, and the parts of gradients, are joined with the largest part of their region.
    """
    areas = count_pixels(find_runs(labels), len(parent))
    order = np.argsort(areas, kind="stable")
    largest = np.zeros(int(parent.max(initial=0)) + 1, np.int32)
    largest[parent[order]] = order
    is_seen = areas >= MIN_AREA
    many = np.bincount(parent[is_seen], minlength=len(largest)) > MAX_COLORS
    joined = np.where(is_seen & ~many[parent], np.arange(len(parent)), largest[parent])
    joined[0] = 0
    return joined.astype(np.int32)


def _number(labels: RegionMap) -> RegionMap:
    """Number regions without gaps."""
    is_used = np.bincount(labels.ravel()) > 0
    is_used[:1] = True
    numbered: RegionMap = look_up((np.cumsum(is_used) - 1).astype(np.int32), labels)
    return numbered


def _find_doubted(
    labels: RegionMap, picture: Hint, doubts: Sequence[Doubt]
) -> tuple[RegionMap, dict[int, int]]:
    """Find the region of each doubt; a part becomes a region of its own."""
    labels, found = labels.copy(), dict[int, int]()
    count = int(labels.max(initial=0)) + 1
    for place, doubt in enumerate(doubts):
        rows, columns = slice(doubt.top, doubt.bottom), slice(doubt.left, doubt.right)
        box = labels[rows, columns]
        color = np.frombuffer(bytes.fromhex(doubt.color.lstrip("#")), np.uint8)
        is_alike = (picture[rows, columns, :3] == color).all(axis=2) & (box > 0)
        inside = np.bincount(box[is_alike if is_alike.any() else box > 0], minlength=count)
        whole = np.bincount(labels.ravel(), minlength=count)
        # That which the box holds most of, and whose area is like the doubt's.
        likeness = np.minimum(inside, doubt.area) / np.maximum(whole, doubt.area)
        region = int(likeness.argmax())
        if not inside[region]:
            continue
        if doubt.area < SAME_PART * whole[region] and region not in found.values():
            box[box == region] = count
            region, count = count, count + 1
        found[place] = region
    return labels, found


def _measure(
    picture: Hint, labels: RegionMap, parents: Int32[np.ndarray, " N"], doubted: dict[int, int]
) -> FrameRegions:
    runs, count = find_runs(labels), len(parents)
    areas = count_pixels(runs, count)
    pixels = np.ascontiguousarray(picture).view("<u4")[:, :, 0].astype(np.int64)
    packed = labels.ravel().astype(np.int64) << 32 | pixels.ravel()
    values, counts = np.unique(packed, return_counts=True)
    owner, order = values >> 32, np.argsort(counts, kind="stable")
    main, share = np.zeros(count, np.int64), np.zeros(count)
    # The last write to a region remains, so write its main colour last.
    main[owner[order]] = values[order] & 0xFFFFFFFF
    share[owner[order]] = counts[order]
    colors = main.astype("<u4").view(np.uint8).reshape(count, 4)
    return FrameRegions(
        picture,
        labels,
        parents,
        find_boxes(runs, labels.shape[1], count),
        areas,
        np.ascontiguousarray(colors[:, :3]),
        share >= FLAT_SHARE * np.maximum(areas, 1),
        colors[:, 3] == 0,
        doubted,
    )
