"""Paper 001: two U-Nets without normalization: a draft at half the side, then the full size.

The blocks are the paper's; the channels are those of its follow-up publication (Applied Sciences
10(23):8699, 2020) and its public code.
"""

import torch
from torch import Tensor, nn

from lineart.models.layers import (
    ColorBatch,
    HintBatch,
    HintPixels,
    LineBatch,
    LinePixels,
    concatenate,
    convolution,
)
from lineart.models.pair import Colorization, Pair, Small

DRAFT_SCALE = 2
DRAFT_LEVELS = 4
CARDINALITY = 32


def encode_hint(hint: HintPixels, line: LinePixels) -> HintBatch:
    """Encode hints as RGBA: RGB -1..1 and alpha 1 at hints, all four channels 0 elsewhere.

    Source:
        Paper 001, figure 2 and its code; the paper's text inverts alpha.
    """
    del line  # The network itself spreads the hints.
    pixels = hint.permute(0, 3, 1, 2).float()
    alpha = (pixels[:, 3:] > 0).float()
    return torch.cat(((pixels[:, :3] / 127.5 - 1) * alpha, alpha), dim=1)


class ResNeXtBlock(nn.Module):
    """ResNeXt block: residual bottleneck of half the channels with a grouped convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        groups = min(CARDINALITY, inner)
        self.body = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(inner, inner, 3, padding=1, groups=groups, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(inner, channels, 1, bias=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return LeakyReLU 0.2 of the features with their residual added."""
        return nn.functional.leaky_relu(features + self.body(features), 0.2)


def upsampling(inputs: int, channels: int, blocks: int) -> nn.Sequential:
    """Build a decoder level: convolution, ResNeXt blocks, pixel shuffle to twice the side."""
    return nn.Sequential(
        convolution(inputs, channels),
        *(ResNeXtBlock(channels) for _ in range(blocks)),
        nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False),
        nn.PixelShuffle(2),
        nn.LeakyReLU(0.2, inplace=True),
    )


class ResNeXtUNet(nn.Module):
    """U-Net of `levels` levels with concatenated skips and ResNeXt blocks in its decoder."""

    def __init__(self, inputs: int, width: int, *, levels: int, blocks: int) -> None:
        super().__init__()
        self.first = convolution(inputs, width)
        self.encoder = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for level in range(levels):
            outer, inner = width << level, width << (level + 1)
            down = convolution(outer, inner, kernel=4, stride=2)
            self.encoder.append(nn.ModuleList([down, convolution(inner, inner)]))
            self.decoder.insert(0, upsampling(2 * inner, inner, blocks))
        self.last = convolution(2 * width, width)
        self.out = nn.Conv2d(width, 3, 3, padding=1, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialize the weights: Kaiming normal for LeakyReLU 0.2, Xavier normal before tanh."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2)
        nn.init.xavier_normal_(self.out.weight)

    def forward(self, line: LineBatch, color: HintBatch) -> ColorBatch:
        """Colour a drawing from hints (draft) or from an enlarged draft (color)."""
        # Encoder.
        deep = self.first(torch.cat((line, color), dim=1))
        skips: list[Tensor] = []
        for level in self.encoder:
            down, same = level.children()
            skips.append(deep)
            halved = down(deep)
            deep = same(halved)
        # Decoder. The deepest join is between the last two layers of the encoder.
        deep = concatenate(halved, deep)
        for up in self.decoder:
            deep = concatenate(skips.pop(), up(deep))
        return torch.tanh(self.out(self.last(deep)))


def two_stage(width: int = 32, blocks: int = 10) -> Pair:
    """Build the pair of paper 001, with `blocks` ResNeXt blocks in each decoder level."""
    draft = ResNeXtUNet(1 + 4, width, levels=DRAFT_LEVELS, blocks=blocks)
    color = ResNeXtUNet(1 + 3, width, levels=DRAFT_LEVELS - 1, blocks=blocks)
    return Pair(
        model="two_stage",
        arguments={"width": width, "blocks": blocks},
        generators={"draft": draft, "color": color},
        multiple=DRAFT_SCALE << DRAFT_LEVELS,
        small=Small({"width": 4, "blocks": 1}),
        task=Colorization(encode_hint=encode_hint, draft_scale=DRAFT_SCALE),
    )
