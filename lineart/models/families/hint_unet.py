"""One network that corrects a map of spread hints; ours.

The papers' pairs see hints through a map of a quarter of the drawing's size, on which thin shapes
and their neighbours mix. Here hints are spread at the drawing's size
(`hint_maps.spread_hints`), and a U-Net of paper 002 learns what such maps do wrong. There is no
draft.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lineart.models.diffusion import MULTIPLE
from lineart.models.hint_maps import spread_hints
from lineart.models.join_unet import SMALL, JoinUNet
from lineart.models.layers import ADD, ColorBatch, HintBatch, LineBatch
from lineart.models.pair import Colorization, Pair, Small

BLOCK = 2
"""Side of the blocks of pixels that the U-Net takes as one, with their values as channels."""


class HintUNet(nn.Module):
    """U-Net of paper 002 on blocks of pixels; its output is added to the map of hints.

    A drawing without hints stays white: guesses of what nobody asked for would be grey.

    There is no tanh, which would hardly let gradients pass where a map is white or black.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.unet = JoinUNet((1 + 4) * BLOCK**2, width, ADD, outputs=3 * BLOCK**2)

    def forward(self, line: LineBatch, hint: HintBatch) -> ColorBatch:
        """Colour a drawing; both inputs have its size."""
        blocks = F.pixel_unshuffle(torch.cat((line, hint), dim=1), BLOCK)
        change: Tensor = F.pixel_shuffle(self.unet.transform(blocks), BLOCK)
        color = hint[:, :3] + change
        if self.training:
            return color
        is_hinted = hint[:, 3:].amax(dim=(1, 2, 3), keepdim=True) > 0
        return torch.where(is_hinted, color.clamp(-1, 1), hint[:, :3])


def hint_unet(width: int = 16) -> Pair:
    """Build the network; `width` is the number of channels of its first convolution."""
    network = HintUNet(width)
    # It starts from the map of hints.
    nn.init.normal_(network.unet.out.weight, std=SMALL)
    return Pair(
        model="hint_unet",
        arguments={"width": width},
        generators={"color": network},
        multiple=MULTIPLE,
        small=Small({"width": 4}),
        task=Colorization(encode_hint=spread_hints, draft_scale=1),
    )
