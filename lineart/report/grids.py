"""Picture grids of a training, thinned and reduced to fit on one page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np

from lineart.codec import decode_color
from lineart.image import Frame
from lineart.report.text import data_uri, encode_thumbnail

Item = TypeVar("Item")

GRIDS_SHOWN = 48
"""Maximum number of grids on a page, divided equally among stages; each gets at least one."""
GRID_BYTES = 13_000_000
"""Maximum size of all grids on a page in bytes, before Base64, which adds a third."""
GRID_HEIGHT_PX = 1600
"""Maximum height of a reduced grid in pixels."""
GRID_PIXELS = 50_000_000
"""Maximum number of pixels of a grid; a larger one is left out."""
LONGEST_PX = 16_000
"""Maximum side of a reduced grid in pixels; WebP allows 16,383."""


@dataclass(frozen=True)
class Grid:
    """A picture grid saved during training."""

    stage: str
    images: int
    """Number of images seen in this stage when it was saved."""
    picture: bytes
    """File content: PNG, WebP or JPEG."""


@dataclass(frozen=True)
class _Picture:
    """A grid that was decoded successfully, encoded for the page."""

    images: int
    data: bytes
    size: tuple[int, int]
    """Height and width before reduction, in pixels."""


def prepare_grids(
    grids: Sequence[Grid], limit_bytes: int = GRID_BYTES
) -> dict[str, list[dict[str, Any]]]:
    """Build the template variables of each stage's grids, in order of images seen.

    Each stage shows an evenly spaced choice of at most its share of `GRIDS_SHOWN`. If these are
    larger than `limit_bytes`, they are reduced, and thinned further until they fit. Grids that
    cannot be decoded are left out.
    """
    stages: dict[str, dict[int, Grid]] = {}
    for grid in grids:
        stages.setdefault(grid.stage, {})[grid.images] = grid
    few = max(1, GRIDS_SHOWN // max(1, len(stages)))
    chosen = {
        name: _choose([by_images[images] for images in sorted(by_images)], few)
        for name, by_images in stages.items()
    }
    fits = sum(len(grid.picture) for part in chosen.values() for grid in part) <= limit_bytes
    read = {name: _read(part, smaller=not fits) for name, part in chosen.items()}
    return {name: [_show(p) for p in part] for name, part in _fit(read, limit_bytes).items()}


def _choose(items: Sequence[Item], count: int) -> list[Item]:
    """Choose evenly spaced items, with the first and the last; of one, only the last."""
    if len(items) <= count:
        return list(items)
    if count == 1:
        return [items[-1]]
    return [items[place] for place in np.linspace(0, len(items) - 1, count).round().astype(int)]


def _read(grids: Sequence[Grid], *, smaller: bool) -> list[_Picture]:
    """Decode grids for their sizes, and reduce them if `smaller`; skip undecodable ones."""
    pictures = []
    for grid in grids:
        try:
            image = decode_color(grid.picture, max_pixels=GRID_PIXELS)
        except ValueError:
            continue
        data = _shrink(image) if smaller else grid.picture
        pictures.append(_Picture(grid.images, data, image.shape[:2]))
    return pictures


def _shrink(image: Frame) -> bytes:
    """Encode as WebP of at most `GRID_HEIGHT_PX` height and `LONGEST_PX` width."""
    longest = max(image.shape[:2])
    if longest > LONGEST_PX:
        scale = LONGEST_PX / longest
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return encode_thumbnail(image, GRID_HEIGHT_PX)


def _fit(stages: Mapping[str, list[_Picture]], limit_bytes: int) -> dict[str, list[_Picture]]:
    """Choose evenly spaced pictures, as many per stage as fit into `limit_bytes`."""
    fitting = dict(stages)
    for count in range(GRIDS_SHOWN, -1, -1):
        fitting = {name: _choose(part, count) if count else [] for name, part in stages.items()}
        if sum(len(picture.data) for part in fitting.values() for picture in part) <= limit_bytes:
            break
    return fitting


def _show(picture: _Picture) -> dict[str, Any]:
    height, width = picture.size
    return {
        "images": picture.images,
        "uri": data_uri(picture.data),
        "height": height,
        "width": width,
    }
