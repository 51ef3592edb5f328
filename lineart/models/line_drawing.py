"""Paper 000: photographs to line drawings and back, and the two networks that judge a drawing.

The paper adds a loss to an earlier model (Chan et al., "Learning to generate line drawings that
convey geometry and semantics", 2022) and is silent about layers; they are those of that model's
public code, where nothing else is said.
"""

from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lineart.models.layers import LineBatch
from lineart.models.pair import Pair, Translated, Translation

DOWNSAMPLING = 4
UNET_LEVELS = 4
INCEPTION_MAPS = 768


def norm_relu(*layers: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """Give instance norm (not affine) and ReLU behind each layer."""
    block = nn.Sequential()
    for layer in layers:
        block.extend((layer, nn.InstanceNorm2d(layer.out_channels), nn.ReLU(inplace=True)))
    return block


def reflect_conv(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """Give a convolution that keeps the size and sees the picture reflected at its rim."""
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, padding_mode="reflect")


def downsample_conv(inputs: int) -> nn.Conv2d:
    """Give a convolution to half the side and twice the channels."""
    return nn.Conv2d(inputs, 2 * inputs, 3, stride=2, padding=1)


def upsample_conv(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """Give a transposed convolution to twice the side."""
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)


class ResidualBlock(nn.Module):
    """Two convolutions with instance norm, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            norm_relu(reflect_conv(channels, channels, 3)),
            reflect_conv(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Refine features."""
        refined: Tensor = features + self.body(features)
        return refined


class DrawingGenerator(nn.Module):
    """Two halvings, residual blocks, two doublings.

    Pictures are -1..1 on both sides: the last step is `2 * sigmoid(x) - 1`, where the public code
    has a sigmoid and pictures in 0..1. Biases in front of an instance norm change nothing; they
    stand here so that the public code's number of parameters is met.

    Args:
        inputs: Channels of the picture that goes in.
        outputs: Channels of the one that comes out.
        width: Channels of the first convolution.
        blocks: Residual blocks.

    Source:
        Paper 000, figure 2 (G_A, G_B); layers and first weights, N(0, 0.02): see the module.
    """

    def __init__(self, inputs: int, outputs: int, width: int = 64, blocks: int = 3) -> None:
        super().__init__()
        self.body = nn.Sequential(
            norm_relu(
                reflect_conv(inputs, width, 7), downsample_conv(width), downsample_conv(2 * width)
            ),
            *(ResidualBlock(4 * width) for _ in range(blocks)),
            norm_relu(upsample_conv(4 * width, 2 * width), upsample_conv(2 * width, width)),
            reflect_conv(width, outputs, 7),
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights, and set the biases to 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=0.02)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, picture: Float[Tensor, "B C H W"]) -> Translated:
        """Give the picture of the other domain; height and width are multiples of 4."""
        return Translated(2 * torch.sigmoid(self.body(picture)) - 1)


def line_drawing(width: int = 64, blocks: int = 3) -> Pair:
    """Build the pair of paper 000: photograph to line drawing, and back."""
    return Pair(
        model="line_drawing",
        arguments={"width": width, "blocks": blocks},
        generators={
            "target": DrawingGenerator(3, 1, width, blocks),
            "source": DrawingGenerator(1, 3, width, blocks),
        },
        multiple=DOWNSAMPLING,
        task=Translation(channels=1),
    )


class DepthHead(nn.Module):
    """Depth from what a frozen network sees in a drawing; trained along with the drawing.

    The maps are enlarged 16 times, behind a first convolution that adds a pixel on each side:
    Inception's 14 x 14 maps of a picture of 256 px become its 256 x 256. Normalisation is ours:
    instance norm in place of BatchNorm, so that pictures do not depend on each other and a batch
    may hold one. So are the logits, in place of a tanh brought to 0..1.

    Args:
        inputs: Feature maps: 768 behind Inception's Mixed_6b.
        width: Channels before the last convolution.
        blocks: Residual blocks.

    Source:
        Paper 000, eq. (2), G_Geom. The public code's "downsampling" is a transposed convolution.
    """

    def __init__(self, inputs: int = INCEPTION_MAPS, width: int = 64, blocks: int = 9) -> None:
        super().__init__()
        # Reflection would need maps of at least 5 x 5.
        first = nn.Conv2d(inputs, 8 * width, 7, padding=4, padding_mode="replicate")
        self.body = nn.Sequential(
            norm_relu(first, nn.ConvTranspose2d(8 * width, 4 * width, 4, stride=2, padding=1)),
            *(ResidualBlock(4 * width) for _ in range(blocks)),
            norm_relu(
                upsample_conv(4 * width, 2 * width),
                upsample_conv(2 * width, width),
                upsample_conv(width, width),
            ),
            reflect_conv(width, 1, 7),
        )

    def forward(
        self, features: Float[Tensor, "B C FeatureH FeatureW"]
    ) -> Float[Tensor, "B 1 DepthH DepthW"]:
        """Give logits of depth, 16 * (side + 2) pixels a side."""
        logits: Tensor = self.body(features)
        return logits


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Give two convolutions, each with a norm over the whole picture and ReLU."""
    block = nn.Sequential()
    for channels in (inputs, outputs):
        conv = nn.Conv2d(channels, outputs, 3, padding=1, bias=False)
        block.extend((conv, nn.GroupNorm(1, outputs), nn.ReLU(inplace=True)))
    return block


class SegmentationUNet(nn.Module):
    """A U-Net of four levels that finds the photograph's regions in its drawing; trained along.

    Args:
        classes: Of the data's labels.
        width: Channels at full size.

    Source:
        Paper 000, eq. (5); Ronneberger et al., "U-Net", 2015. The paper says no more than "U-Net":
        the width, the padding that keeps the size, and the norm are ours.
    """

    def __init__(self, classes: int, width: int = 32) -> None:
        super().__init__()
        self.first = double_conv(1, width)
        self.encoder = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for level in range(UNET_LEVELS):
            outer, inner = width << level, width << (level + 1)
            self.encoder.append(nn.Sequential(nn.MaxPool2d(2), double_conv(outer, inner)))
            up = nn.ConvTranspose2d(inner, outer, 2, stride=2)
            self.decoder.insert(
                0, nn.Sequential(OrderedDict(up=up, merge=double_conv(inner, outer)))
            )
        self.out = nn.Conv2d(width, classes, 1)

    def forward(self, drawing: LineBatch) -> Float[Tensor, "B Classes H W"]:
        """Give each pixel's logits; height and width are multiples of 16."""
        # Encoder.
        deep = self.first(drawing)
        skips: list[Tensor] = []
        for down in self.encoder:
            skips.append(deep)
            deep = down(deep)
        # Decoder.
        for level in self.decoder:
            up, merge = level.children()
            deep = merge(torch.cat((skips.pop(), up(deep)), dim=1))
        logits: Tensor = self.out(deep)
        return logits
