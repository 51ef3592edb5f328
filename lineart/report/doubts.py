"""Doubts on the page of a film: regions whose colour a person should check, with crops."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int, UInt8

from lineart.film.outcome.doubt_list import DoubtList
from lineart.film.outcome.next_keys import choose_next, describe_doubt
from lineart.film.outcome.outputs import count_doubts
from lineart.image import Frame, resize
from lineart.imaging.paint.doubts import MAX_DOUBTS, Doubt
from lineart.report.frames import file_name
from lineart.report.html import as_text, data_uri, encode_webp
from lineart.report.shots import ShotSummary

DOUBTS_OPEN = 12
DOUBTS_LISTED = 100
"""Maximum number of listed entries; those after the first `DOUBTS_OPEN` are folded away."""
ASKED_LISTED = 6
"""Maximum number of drawings that are named to be coloured next."""
CROP_PX = 120
"""Maximum side of a crop, in pixels."""
CONTEXT_PX, CONTEXT = 60, 1 / 9
"""Minimum side of what a crop shows: in pixels, and relative to the frame's short side."""
MARGIN = 1 / 4
"""Margin of a crop on each side, relative to the long side of the region's box."""
QUALITY = 82
HEX = re.compile("#[0-9a-fA-F]{6}")

Place = tuple[str, int, int, int, int]
"""Frame, and left, top, right and bottom of a box in it, in pixels; right and bottom excluded."""


class DoubtEntry(NamedTuple):
    """A doubtful region, its frame, and frames of the same shot with a doubt like it."""

    frame: str
    doubt: Doubt
    alike: Sequence[str] = ()
    """In film order."""

    @property
    def place(self) -> Place:
        """Frame and box."""
        one = self.doubt
        return self.frame, one.left, one.top, one.right, one.bottom


def find_worst(rows: pa.Table, most: int) -> list[DoubtEntry]:
    """Return the doubts that weigh most, in that order.

    The doubts of a shot that are alike are one entry, see `DoubtList`.

    Args:
        rows: The manifest, in film order.
        most: Maximum number of entries.
    """
    listed, frames = DoubtList(rows), rows["frame"]
    entries = (listed.entry(place) for place in range(min(most, len(listed))))
    return [
        DoubtEntry(
            frames[worst.row].as_py(), worst.doubt, [frames[one.row].as_py() for one in others]
        )
        for worst, *others in entries
    ]


def crop_region(frame: Frame, doubt: Doubt) -> bytes | None:
    """Cut out a region with its surroundings, draw its box, and encode as WebP.

    Small parts are enlarged by a whole number, large ones reduced, to at most `CROP_PX`.

    Returns:
        The crop; None if the box lies outside of the frame.
    """
    height, width = frame.shape[:2]
    left, right = np.clip((doubt.left, doubt.right), 0, width).tolist()
    top, bottom = np.clip((doubt.top, doubt.bottom), 0, height).tolist()
    if right <= left or bottom <= top:
        return None
    longest = max(right - left, bottom - top)
    side = round(max(CONTEXT_PX, CONTEXT * min(height, width), longest * (1 + 2 * MARGIN)))
    y, x = _window(top, bottom, side, height), _window(left, right, side, width)
    shown = _scale(frame[y : y + side, x : x + side])
    scale = max(shown.shape[:2]) / max(min(side, height), min(side, width))
    corners = np.array([(left - x, top - y), (right - x, bottom - y)]) * scale
    return encode_webp(_draw_box(shown, np.rint(corners).astype(int)), QUALITY)


def _window(start: int, stop: int, side: int, size: int) -> int:
    """Return the start of a window of length `side`, centred on a range, inside of 0..size."""
    return max(0, min((start + stop - side) // 2, size - side))


def _scale(image: Frame) -> UInt8[np.ndarray, "CropH CropW 3"]:
    """Return a copy with a long side of at most `CROP_PX`."""
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest > CROP_PX:
        sizes = (max(1, round(side * CROP_PX / longest)) for side in (height, width))
        return resize(image, (next(sizes), next(sizes)))
    times = CROP_PX // longest
    return image.repeat(times, axis=0).repeat(times, axis=1)


def _draw_box(image: Frame, corners: Int[np.ndarray, "2 2"]) -> Frame:
    """Draw a white frame with dark edges just outside of a box.

    Args:
        image: Is changed.
        corners: Left and top, right and bottom; right and bottom excluded.
    """
    last = np.array(image.shape[1::-1]) - 1
    first, end = np.clip(corners[0] - 2, 1, last - 1), np.clip(corners[1] + 1, 1, last - 1)
    for color, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.rectangle(image, first.tolist(), end.tolist(), color, thickness)
    return image


def list_doubts(
    rows: pa.Table, shots: Iterable[ShotSummary], crops: Mapping[Place, bytes]
) -> dict[str, Any]:
    """Return the worst doubts of a film, and the numbers of doubts and of frames with doubts.

    Args:
        rows: The manifest, in film order.
        shots: All shots of the film.
        crops: Crops of some doubts.
    """
    counts = count_doubts(rows)
    worst = find_worst(rows, DOUBTS_LISTED)
    frames = {one.frame for one in worst}
    numbers = {
        row.frame: number
        for number, shot in enumerate(shots, 1)
        if shot.num_doubts
        for row in shot.rows
        if row.frame in frames
    }
    listed = [_layout(one, numbers[one.frame], crops.get(one.place)) for one in worst]
    regions = pc.sum(counts).as_py() or 0
    return {
        "regions": regions,
        "frames": pc.sum(pc.greater(counts, 0)).as_py() or 0,
        "open": listed[:DOUBTS_OPEN],
        "folded": listed[DOUBTS_OPEN:],
        "unlisted": regions - sum(1 + len(one.alike) for one in worst),
        "most": MAX_DOUBTS,
        "is_cut_off": bool(pc.any(pc.greater_equal(counts, MAX_DOUBTS)).as_py()),
    }


def list_next(rows: pa.Table, shots: Iterable[ShotSummary]) -> list[dict[str, Any]]:
    """Return the template variables of the drawings to colour next.

    Args:
        rows: The manifest, in film order.
        shots: All shots of the film.
    """
    numbers = {shot.rows[0].shot: number for number, shot in enumerate(shots, 1)}
    return [
        {
            "frame": as_text(one["frame"]),
            "number": numbers[one["shot"]],
            "doubt": describe_doubt(one),
        }
        for one in choose_next(rows, ASKED_LISTED)
    ]


def _layout(entry: DoubtEntry, number: int, crop: bytes | None) -> dict[str, Any]:
    """Return the template variables of a doubt; `number` is that of its shot, from 1."""
    doubt = entry.doubt
    return {
        "frame": as_text(entry.frame),
        "number": number,
        "alike": [file_name(frame) for frame in (*entry.alike[:1], *entry.alike[1:][-1:])],
        "num_alike": len(entry.alike),
        "region": doubt.region,
        "size": (doubt.right - doubt.left, doubt.bottom - doubt.top),
        "at": (doubt.left, doubt.top),
        "area": doubt.area,
        "color": as_text(doubt.color),
        "is_color": bool(HEX.fullmatch(doubt.color)),
        "sure": f"{100 * doubt.confidence:.0f} %",
        "why": as_text(doubt.why),
        "second": doubt.second if doubt.second and HEX.fullmatch(doubt.second) else "",
        "crop": data_uri(crop) if crop else "",
    }
