"""U-Net of paper 002, whose skip connections are added or concatenated.

The paper gives a parameter count (13,071,072 per generator, 30 % below the concatenating U-Net) but
no table of layers. This reconstruction has exactly that count: no biases, BatchNorm on all layers
except e0, e1 and d1. Which layers of the paper lack BatchNorm is unknown.
"""

import torch
from torch import Tensor, nn

from lineart.models.layers import ColorBatch, HintBatch, Join, LineBatch, convolution

DOWNSAMPLING = 16
"""Height and width must be multiples of this."""
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

    def __init__(self, inputs: int, width: int, join: Join, outputs: int = 3) -> None:
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
        self.out = nn.Conv2d(width * join.factor, outputs, 3, padding=1, bias=False)
        self.finish = join.finish

    def forward(self, line: LineBatch, color: HintBatch) -> ColorBatch:
        """Colour a drawing from hints (draft) or from an enlarged draft (color)."""
        change = self.transform(torch.cat((line, color), dim=1))
        return torch.tanh(self.finish(change, color))

    def transform(self, pictures: Tensor) -> Tensor:
        """Return the output of the last convolution."""
        # Encoder.
        deep = self.e0(pictures)
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
        change: Tensor = self.out(deep)
        return change
