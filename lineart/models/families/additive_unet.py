"""Paper 002: U-Net with additive skip connections, and a concatenating one for comparison.

The paper gives a parameter count (13,071,072 per generator, 30 % below the concatenating U-Net) but
no table of layers. This reconstruction has exactly that count: no biases, BatchNorm on all layers
except e0, e1 and d1. Which layers of the paper lack BatchNorm is unknown.
"""

import torch
from torch import Tensor, nn

from lineart.models.hint_maps import flood_hints, point_hints
from lineart.models.layers import (
    ADD,
    CONCATENATE,
    ColorBatch,
    HintBatch,
    Join,
    LineBatch,
    convolution,
)
from lineart.models.pair import Colorization, Pair, Small

DRAFT_SCALE = 4
DOWNSAMPLING = 16
SMALL = 0.003
"""Standard deviation of the last convolution's initial weights: output colours start near input."""


def upsampling(channels: int, join: Join) -> nn.Sequential:
    """Build transposed convolution of joined features, BatchNorm and ReLU; doubles both sides."""
    layer = nn.ConvTranspose2d(channels * join.factor, channels, 4, 2, 1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


class JoinUNet(nn.Module):
    """U-Net of four levels whose skip connections are added or concatenated, as `join` defines.

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
        self.finish = join.finish

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
        return torch.tanh(self.finish(self.out(deep), color))


def additive_unet(width: int = 32, color_width: int = 0) -> Pair:
    """Build the pair of paper 002.

    The draft generator runs at a quarter of the side. One skip connection is not in the paper: from
    input colours to output colours. The networks thus start from the flooded hints, or the draft,
    and learn corrections to them. It adds no parameters.

    Args:
        width: Channels of the draft generator's first convolution.
        color_width: Those of the color generator; 0 means `width`.
    """
    pair = build_pair(
        "additive_unet",
        ADD,
        (width, color_width),
        Colorization(encode_hint=flood_hints, draft_scale=DRAFT_SCALE, floods_hints=True),
    )
    for generator in pair.generators.values():
        assert isinstance(generator, JoinUNet)
        nn.init.normal_(generator.out.weight, std=SMALL)
    return pair


def concat_unet(width: int = 32, color_width: int = 0) -> Pair:
    """Build the pair that paper 002 compares with: concatenated skips, hints not flooded."""
    task = Colorization(encode_hint=point_hints, draft_scale=DRAFT_SCALE)
    return build_pair("concat_unet", CONCATENATE, (width, color_width), task)


def build_pair(model: str, join: Join, widths: tuple[int, int], task: Colorization) -> Pair:
    """Build a pair of U-Nets of these widths; a second width of 0 means the first one."""
    width, color_width = widths[0], widths[1] or widths[0]
    return Pair(
        model=model,
        arguments={"width": width, "color_width": color_width},
        generators={
            "draft": JoinUNet(1 + 3, width, join),
            "color": JoinUNet(1 + 3, color_width, join),
        },
        multiple=DRAFT_SCALE * DOWNSAMPLING,
        small=Small({"width": 4, "color_width": 8}),
        task=task,
    )
