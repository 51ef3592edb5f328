"""Model file of the family that `test_family` adds: two convolutions for each generator."""

import torch
from torch import nn

from lineart.models.layers import ColorBatch, HintBatch, HintPixels, LineBatch, LinePixels
from lineart.models.pair import Colorization, Pair, Small

DRAFT_SCALE = 2


def encode_hint(hint: HintPixels, line: LinePixels) -> HintBatch:
    """Encode hints as grey, alpha and the drawing, which no other family's encoding has."""
    pixels = hint.permute(0, 3, 1, 2).float() / 127.5 - 1
    drawing = line[:, None].float() / 255
    return torch.cat((pixels[:, :3].mean(dim=1, keepdim=True), pixels[:, 3:], drawing), dim=1)


class Toy(nn.Module):
    """Two convolutions."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        first, last = nn.Conv2d(inputs, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        self.body = nn.Sequential(first, nn.BatchNorm2d(width), nn.ReLU(), last, nn.Tanh())

    def forward(self, line: LineBatch, color: HintBatch) -> ColorBatch:
        """Colour a drawing from hints or from an enlarged draft."""
        colors: ColorBatch = self.body(torch.cat((line, color), dim=1))
        return colors


def toy(width: int = 32) -> Pair:
    """Build the pair."""
    return Pair(
        model="toy",
        arguments={"width": width},
        generators={"draft": Toy(1 + 3, width), "color": Toy(1 + 3, width)},
        multiple=2 * DRAFT_SCALE,
        small=Small({"width": 3}, crop_px=32),
        task=Colorization(encode_hint=encode_hint, draft_scale=DRAFT_SCALE),
    )
