"""Painted squares to learn from, as pictures and as prepared shards, and stand-ins for networks.

It needs no package beyond the program's own, so that drills run where pytest is not installed.
"""

from collections.abc import Iterable

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.codec import encode_png
from lineart.datasets.maps import encode_depth
from lineart.datasets.samples import NamedPicture
from lineart.datasets.shards import ShardRow, finish, write_shard
from lineart.storage import Storage

SIDES = ("train", "validation")
SHARDS = (*SIDES, *(f"{domain}/{side}" for domain in ("source", "target") for side in SIDES))
"""Folders of a prepared set: of pairs that colour, then of both domains of those that translate."""


def painted(seed: int) -> NamedPicture:
    """Paint 16 squares; a class for each row of them, and a depth that grows to the right."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return NamedPicture(
        f"painted {seed}",
        np.kron(blocks, np.ones((24, 24, 1), np.uint8)),
        None,
        segmentation=np.repeat(np.arange(4, dtype=np.uint8), 24)[:, None].repeat(96, axis=1),
        depth=np.tile(np.linspace(0, 1, 96, dtype=np.float32), (96, 1)),
    )


def write_shards(there: Storage, pictures: Iterable[NamedPicture]) -> Storage:
    """Write painted pictures as a prepared set for either task; the same for all sides."""
    rows = [_row(picture) for picture in pictures]
    for side in SHARDS:
        finish(there.child(side), [write_shard(there.child(side), 0, rows)])
    return there


def _row(picture: NamedPicture) -> ShardRow:
    height, width = picture.color.shape[:2]
    assert picture.segmentation is not None
    assert picture.depth is not None
    return ShardRow(
        *(picture.name, encode_png(picture.color), None, width, height),
        *("", "", "", "drawn"),
        licence="CC0",
        author=None,
        segmentation=encode_png(np.ascontiguousarray(picture.segmentation)),
        depth=encode_depth(picture.depth),
    )


class Shrunk(nn.Module):
    """Stands for a feature network: an eighth of the picture."""

    def forward(self, color: Tensor) -> Tensor:
        """Average 8x8 pixels."""
        return F.avg_pool2d(color, 8)


class Deep(nn.Module):
    """Stands for Inception: 768 maps of a sixteenth of the side."""

    def forward(self, color: Tensor) -> Tensor:
        """Repeat means of 16x16 pixels."""
        return F.avg_pool2d(color, 16).repeat(1, 256, 1, 1)


STAND_INS: dict[str, nn.Module] = {"content": Shrunk(), "semantics": Shrunk(), "geometry": Deep()}
"""Loss term -> what stands for the frozen network that it compares by."""
