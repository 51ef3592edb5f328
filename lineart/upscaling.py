"""Pictures at twice their size by the networks of waifu2x, which also remove noise and aliasing.

Source:
    nagadomi, "waifu2x", https://github.com/nagadomi/waifu2x, 2015: the network `upconv_7`, trained
    on anime-style art. Paper 004 names waifu2x as the remedy for aliasing.
"""

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from lineart.image import Frame
from lineart.runtime.device import Precision, dtype_of, pick_precision

CHANNELS = (3, 16, 32, 64, 128, 128, 256)
"""Channels of the picture and of the layers before the last."""
MARGIN_PX = 7
"""Distance up to which the surroundings of a pixel count for its enlargement."""
TILE_PX = 256
"""Side of the parts into which pictures are divided, in pixels of the input; does not affect the
result."""

Doubled = UInt8[np.ndarray, "DoubleH DoubleW 3"]
"""A frame at twice its size."""


class Upscaler:
    """Enlarges pictures to twice their size.

    Where a picture is one flat colour as far as the network sees, the colour stays exact: the
    network would make white 254.

    Args:
        weights: File of the network's weights, see `weights.waifu2x`.
        device: Device on which the network runs.
        precision: Number format; None: the fastest of the device, see `pick_precision`.

    Raises:
        ValueError: the file is not of this network.
    """

    def __init__(
        self, weights: bytes, *, device: str = "cpu", precision: Precision | None = None
    ) -> None:
        self.device = torch.device(device)
        self.precision = pick_precision(self.device, precision)
        self._dtype = dtype_of(self.precision)
        network = build_network(weights).to(self.device, self._dtype)
        self._network: nn.Module = network.to(memory_format=torch.channels_last)

    def __call__(self, picture: Frame) -> Doubled:
        """Return a picture at twice its size."""
        padded = cv2.copyMakeBorder(picture, *(MARGIN_PX,) * 4, cv2.BORDER_REPLICATE)
        doubled = picture.repeat(2, axis=0).repeat(2, axis=1)
        is_drawn = _find_drawn(picture)
        for rows, columns in _tiles(*picture.shape[:2]):
            if not is_drawn[rows, columns].any():
                continue
            around = (slice(one.start, one.stop + 2 * MARGIN_PX) for one in (rows, columns))
            made = self._enlarge(padded[*around])
            drawn = is_drawn[rows, columns].repeat(2, axis=0).repeat(2, axis=1)
            part = doubled[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop]
            part[drawn] = made[drawn]
        return doubled

    @torch.inference_mode()
    def _enlarge(self, part: Frame) -> Doubled:
        pixels = torch.from_numpy(np.ascontiguousarray(part)).to(self.device).permute(2, 0, 1)[None]
        levels: Float[Tensor, "1 3 H W"] = pixels.to(self._dtype).div_(255)
        made = self._network(levels.contiguous(memory_format=torch.channels_last))[0]
        whole = made.float().mul_(255).round_().clamp_(0, 255).to(torch.uint8)
        result: Doubled = whole.permute(1, 2, 0).cpu().numpy()
        return result


def _find_drawn(picture: Frame) -> Bool[np.ndarray, "H W"]:
    """Return which pixels have another colour near them."""
    around = np.ones((2 * MARGIN_PX + 1,) * 2, np.uint8)
    drawn: Bool[np.ndarray, "H W"]
    drawn = (cv2.dilate(picture, around) != cv2.erode(picture, around)).any(axis=2)
    return drawn


def _tiles(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            yield (
                slice(top, min(height, top + TILE_PX)),
                slice(left, min(width, left + TILE_PX)),
            )


def build_network(data: bytes) -> nn.Sequential:
    """Build a network from its file in the format of ncnn.

    For each layer the file has a tag of 4 bytes, weights in float16 and biases in float32. The
    network takes RGB, 0..1; its result is twice the input without `MARGIN_PX` on each side.

    Raises:
        ValueError: the file is not of this network.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(CHANNELS):
        layers += [nn.Conv2d(inputs, outputs, 3), nn.LeakyReLU(0.1, inplace=True)]
    network = nn.Sequential(*layers, nn.ConvTranspose2d(CHANNELS[-1], 3, 4, stride=2, padding=3))
    start = 0
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            start = _fill(layer, data, start)
    if start != len(data):
        raise ValueError(_OTHER)
    return network.eval()


_HALF = b"\x47\x6b\x30\x01"
"""Tag of weights in float16."""
_OTHER = "the weights of waifu2x are of another network, or damaged"


def _fill(layer: nn.Conv2d | nn.ConvTranspose2d, data: bytes, start: int) -> int:
    """Set the weights of a layer from the file, and return where the next one begins."""
    assert layer.bias is not None
    is_transposed = isinstance(layer, nn.ConvTranspose2d)
    # Outputs come first, other than in torch for a transposed convolution.
    weight = layer.weight.swapaxes(0, 1) if is_transposed else layer.weight
    middle = start + len(_HALF) + 2 * weight.numel()
    end = middle + 4 * layer.bias.numel()
    if data[start : start + len(_HALF)] != _HALF or len(data) < end:
        raise ValueError(_OTHER)
    values = np.frombuffer(data[start + len(_HALF) : middle], "<f2").astype(np.float32)
    with torch.no_grad():
        weight.copy_(torch.from_numpy(values).reshape(weight.shape))
        layer.bias.copy_(torch.from_numpy(np.frombuffer(data[middle:end], "<f4").copy()))
    return end
