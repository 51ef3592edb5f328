"""Paper 000: photograph to line drawing and back, and networks of its geometry and region losses.

The paper adds a loss to an earlier model (Chan et al., "Learning to generate line drawings that
convey geometry and semantics", 2022) and does not describe layers; they are those of that model's
public code unless stated otherwise.
"""

from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lineart.models.layers import LineBatch, draw_weights
from lineart.models.pair import Pair, Small, Translated, Translation

DOWNSAMPLING = 4
UNET_LEVELS = 4
INCEPTION_MAPS = 768


def norm_relu(*layers: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """Build a block with instance norm (not affine) and ReLU after each layer."""
    block = nn.Sequential()
    for layer in layers:
        block.extend((layer, nn.InstanceNorm2d(layer.out_channels), nn.ReLU(inplace=True)))
    return block


def reflect_conv(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """Build a convolution that keeps the size, with reflection padding."""
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, padding_mode="reflect")


def downsample_conv(inputs: int) -> nn.Conv2d:
    """Build a convolution that halves the side and doubles the channels."""
    return nn.Conv2d(inputs, 2 * inputs, 3, stride=2, padding=1)


def upsample_conv(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """Build a transposed convolution that doubles the side."""
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)


class ResidualBlock(nn.Module):
    """Residual block of two convolutions with instance norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            norm_relu(reflect_conv(channels, channels, 3)),
            reflect_conv(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the features with their residual added."""
        refined: Tensor = features + self.body(features)
        return refined


class DrawingGenerator(nn.Module):
    """Generator: two downsampling convolutions, residual blocks, two upsampling convolutions.

    Input and output are -1..1: the last step is `2 * sigmoid(x) - 1`, where the public code has a
    sigmoid and pictures in 0..1. Biases before an instance norm have no effect; they are kept to
    match the public code's number of parameters.

    Args:
        inputs: Channels of the input picture.
        outputs: Channels of the output picture.
        width: Channels of the first convolution.
        blocks: Residual blocks.

    Source:
        Paper 000, figure 2 (G_A, G_B); layers and initial weights, N(0, 0.02): see the module.
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
        draw_weights(self)

    def forward(self, picture: Float[Tensor, "B C H W"]) -> Translated:
        """Translate to the other domain; height and width must be multiples of 4."""
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
        small=Small({"width": 4, "blocks": 1}),
        task=Translation(channels=1),
    )


class DepthHead(nn.Module):
    """Depth estimator on a frozen network's features of a drawing; trained with the generators.

    A first convolution adds a pixel on each side, then the maps are enlarged 16 times: Inception's
    14 x 14 maps of a 256 px picture become 256 x 256. Two choices are ours: instance norm in place
    of BatchNorm, so that pictures of a batch do not affect each other and a batch may hold one; and
    logits in place of a tanh scaled to 0..1.

    Args:
        inputs: Number of feature maps: 768 for Inception's Mixed_6b.
        width: Channels before the last convolution.
        blocks: Residual blocks.

    Source:
        Paper 000, eq. (2), G_Geom. The public code's "downsampling" is a transposed convolution.
    """

    def __init__(self, inputs: int = INCEPTION_MAPS, width: int = 64, blocks: int = 9) -> None:
        super().__init__()
        # Replicated, because reflection padding needs maps of at least 5 x 5.
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
        """Return logits of depth, 16 * (side + 2) pixels a side."""
        logits: Tensor = self.body(features)
        return logits


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Build two convolutions, each with a GroupNorm of one group and ReLU."""
    block = nn.Sequential()
    for channels in (inputs, outputs):
        conv = nn.Conv2d(channels, outputs, 3, padding=1, bias=False)
        block.extend((conv, nn.GroupNorm(1, outputs), nn.ReLU(inplace=True)))
    return block


class SegmentationUNet(nn.Module):
    """U-Net of four levels that segments a drawing into its photograph's regions.

    It is trained with the generators.

    Args:
        classes: Number of classes of the dataset's labels.
        width: Channels at full size.

    Source:
        Paper 000, eq. (5); Ronneberger et al., "U-Net", 2015. The paper only says "U-Net": the
        width, the padding that keeps the size, and the norm are ours.
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
        """Return the class logits of each pixel; height and width must be multiples of 16."""
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
