"""Paper 002: a U-Net that adds its skips, and its concatenating twin for comparison.

The paper gives a parameter count (13,071,072 a generator, 30 % below the concatenating U-Net) but
no table of layers. This one is a reconstruction that meets the count exactly: no biases, BatchNorm
on all layers but e0, e1 and d1. Which layers truly lack BatchNorm cannot be known.
"""

import cv2
import numpy as np
import torch
from jaxtyping import Float32, Int, Int32, UInt8
from torch import Tensor, nn

from lineart.models.layers import (
    ADD,
    CONCATENATE,
    ColorBatch,
    HintBatch,
    HintPixels,
    Join,
    LineBatch,
    LinePixels,
    convolution,
)
from lineart.models.pair import Pair

DRAFT_SCALE = 4
DOWNSAMPLING = 16
INK_BELOW = 110
"""Grey level of the shrunk drawing below which a pixel is ink."""


def encode_hint(hint: HintPixels, line: LinePixels) -> HintBatch:
    """Encode hints in three channels: every pixel gets the colour of the hint that floods it.

    Colours lie in -0.75..1; a drawing without hints is -1 everywhere.

    The paper says "RGB in -1..1" and neither how black differs from "no hint" nor how a few pixels
    reach a whole region. This is our reconstruction: it keeps the input at three channels, as the
    count demands, and hints are obeyed after minutes of training instead of days.
    """
    pairs = zip(hint, line, strict=True)
    return torch.from_numpy(np.stack([encode_one(pixels, drawing) for pixels, drawing in pairs]))


def encode_one(
    hint: UInt8[np.ndarray, "H W 4"], line: UInt8[np.ndarray, "H W"]
) -> Float32[np.ndarray, "3 H W"]:
    """Encode the hints of one drawing."""
    is_hint = hint[..., 3] > 0
    if not is_hint.any():
        return np.full((3, *line.shape), -1, np.float32)
    # A hint on ink speaks for the ink, not for what lies beside it.
    is_source = is_hint & (line >= INK_BELOW)
    sources = np.flatnonzero(is_source if is_source.any() else is_hint)
    color = hint[..., :3].reshape(-1, 3)[sources][flood(sources, line)]
    color[is_hint] = hint[is_hint, :3]
    encoded: Float32[np.ndarray, "3 H W"] = color.transpose(2, 0, 1) * np.float32(1.75 / 255)
    encoded -= np.float32(0.75)
    return encoded


def flood(
    sources: Int[np.ndarray, " N"], line: UInt8[np.ndarray, "H W"]
) -> Int32[np.ndarray, "H W"]:
    """Give for each pixel the source that reaches it first; floods cross lines last (watershed)."""
    labels = np.zeros(line.shape, np.int32)
    labels.ravel()[sources] = np.arange(1, len(sources) + 1)
    # OpenCV leaves the outermost pixels out, so there must be some that do not matter.
    labels = np.pad(labels, 1)
    framed = np.pad(line, 1, mode="edge")
    labels = cv2.watershed(cv2.cvtColor(framed, cv2.COLOR_GRAY2RGB), labels)[1:-1, 1:-1]
    # Where floods meet, the nearest one counts.
    is_open = (labels <= 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        is_open, cv2.DIST_L1, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(nearest.max()) + 1, np.int32)
    owner[nearest[is_open == 0]] = labels[is_open == 0]
    owners: Int32[np.ndarray, "H W"] = owner[nearest] - 1
    return owners


def encode_points(hint: HintPixels, line: LinePixels) -> HintBatch:
    """Encode hints in three channels as they are: colours in -0.75..1 at a hint, -1 elsewhere."""
    del line  # The network alone spreads the hints.
    pixels = torch.from_numpy(hint).permute(0, 3, 1, 2)
    colors = pixels[:, :3].float() * (1.75 / 255) - 0.75
    return torch.where(pixels[:, 3:] > 0, colors, -1.0)


def upsampling(channels: int, join: Join) -> nn.Sequential:
    """Give transposed convolution of joined features, BatchNorm, ReLU; doubles both sides."""
    layer = nn.ConvTranspose2d(channels * join.factor, channels, 4, 2, 1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


class JoinUNet(nn.Module):
    """A U-Net of four levels; `join` says how skips meet the decoder.

    Source:
        Paper 002, 3.2; layer names e0..e8 and d8..d1 are ours.
    """

    def __init__(self, inputs: int, width: int, join: Join) -> None:
        super().__init__()
        self.join = join.apply
        self.e0 = convolution(inputs, width)
        self.encoder = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for level in range(4):
            outer, inner = width << level, width << (level + 1)
            down = convolution(outer, inner, kernel=4, stride=2, norm=level > 0)
            self.encoder.append(nn.ModuleList([down, convolution(inner, inner, norm=True)]))
            merge = convolution(inner, outer, norm=level > 0)
            self.decoder.insert(0, nn.ModuleList([upsampling(inner, join), merge]))
        self.out = nn.Conv2d(width * join.factor, 3, 3, padding=1, bias=False)

    def forward(self, line: LineBatch, color: HintBatch) -> ColorBatch:
        """Colour a drawing from hints (draft) or from an enlarged draft (color)."""
        # Encoder.
        deep = self.e0(torch.cat((line, color), dim=1))
        skips: list[Tensor] = []
        for level in self.encoder:
            down, same = level.children()
            skips.append(deep)
            halved = down(deep)
            deep = same(halved)
        # Decoder. The deepest join is between the last two layers of the encoder.
        deep = self.join(halved, deep)
        for level in self.decoder:
            up, merge = level.children()
            deep = self.join(skips.pop(), merge(up(deep)))
        return torch.tanh(self.out(deep))


def additive_unet(width: int = 32, color_width: int = 0) -> Pair:
    """Build the pair of paper 002; `color_width` 0 means: as the draft generator's.

    The draft's U-Net runs at a quarter of the size.
    """
    color_width = color_width or width
    return Pair(
        model="additive_unet",
        arguments={"width": width, "color_width": color_width},
        generators={
            "draft": JoinUNet(1 + 3, width, ADD),
            "color": JoinUNet(1 + 3, color_width, ADD),
        },
        encode_hint=encode_hint,
        draft_scale=DRAFT_SCALE,
        multiple=DRAFT_SCALE * DOWNSAMPLING,
    )


def concat_unet(width: int = 32, color_width: int = 0) -> Pair:
    """Build the plain twin that the paper compares with: skips concatenated, hints not flooded."""
    color_width = color_width or width
    return Pair(
        model="concat_unet",
        arguments={"width": width, "color_width": color_width},
        generators={
            "draft": JoinUNet(1 + 3, width, CONCATENATE),
            "color": JoinUNet(1 + 3, color_width, CONCATENATE),
        },
        encode_hint=encode_points,
        draft_scale=DRAFT_SCALE,
        multiple=DRAFT_SCALE * DOWNSAMPLING,
    )
