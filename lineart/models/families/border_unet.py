"""Network that finds where colours meet on bare paper; ours.

Where a drawing has no line between two hints, the shapes around them tell where one colour ends: a
belly, a lock of hair, a badge. A small U-Net learns it from flat-coloured drawings, of whose lines
some are missing. It has two convolutions at full size where those of paper 002 have one, and learns
this in half of the time of one of paper 002.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.models.layers import LineBatch
from lineart.models.pair import BorderSearch, Pair, Small

GROWTH = (1, 2, 3, 4, 4)
"""Channels of each level, in multiples of the first one's; each has half the size of the last."""


def two_convolutions(inputs: int, outputs: int) -> nn.Sequential:
    """Build two convolutions, each with BatchNorm and ReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class BorderUNet(nn.Module):
    """U-Net with concatenating skip connections, max pooling and bilinear enlargement.

    Args:
        width: Channels of the first level.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [width * growth for growth in GROWTH]
        self.encoder = nn.ModuleList(two_convolutions(*pair) for pair in pairwise([1 + 4, *widths]))
        self.decoder = nn.ModuleList(
            two_convolutions(outer + inner, outer) for outer, inner in pairwise(widths)
        )
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, line: LineBatch, paint: Float[Tensor, "B 4 H W"]) -> Float[Tensor, "B 1 H W"]:
        """Return the logit of a border at each pixel of a drawing with marked paint."""
        skips: list[Tensor] = []
        deep = torch.cat((line, paint), dim=1)
        for level in self.encoder:
            deep = level(F.max_pool2d(deep, 2) if skips else deep)
            skips.append(deep)
        for level, skip in zip(reversed(self.decoder), reversed(skips[:-1]), strict=True):
            large = F.interpolate(deep, size=skip.shape[2:], mode="bilinear")
            deep = level(torch.cat((skip, large), dim=1))
        logits: Tensor = self.out(deep)
        return logits


def border_unet(width: int = 12) -> Pair:
    """Build the network; `width` is the number of channels of its first level."""
    return Pair(
        model="border_unet",
        arguments={"width": width},
        generators={"borders": BorderUNet(width)},
        multiple=1 << (len(GROWTH) - 1),
        small=Small({"width": 4}),
        task=BorderSearch(),
    )
