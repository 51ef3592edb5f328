"""Discriminators: of whole pictures for papers 001 and 002, of patches for paper 000."""

from jaxtyping import Float
from torch import Tensor, nn

from lineart.models.layers import ColorBatch, convolution, draw_weights

LEVELS = 4
MULTIPLE = 1 << LEVELS


class ColorDiscriminator(nn.Module):
    """Strided convolutions to a sixteenth of the side, then a fully connected layer of one unit.

    Its input is the colours alone, without line drawing and hints, as D(c) in eq. (2) of paper 001.
    Its output is a logit; `losses.entropy_generator_loss` includes the sigmoid.

    Args:
        size_px: Side of the square pictures: 256 in paper 001, 128 in paper 002.
        width: Channels of the first convolution.

    Raises:
        ValueError: `size_px` is not a positive multiple of 16.

    Source:
        Paper 001, section 3.2 and figure 3; channels: its follow-up publication (Applied Sciences
        10(23):8699, 2020). The paper says "no normalization" of its generator and nothing of its
        discriminator, while DCGAN has BatchNorm. This one has none, so that pictures of a batch do
        not affect each other and a batch may hold one picture.
    """

    def __init__(self, size_px: int, width: int = 32) -> None:
        super().__init__()
        if size_px <= 0 or size_px % MULTIPLE:
            raise ValueError(f"size_px {size_px} is not a positive multiple of {MULTIPLE}")
        self.size_px = size_px
        self.body = nn.Sequential(convolution(3, width, kernel=4, stride=2))
        for level in range(LEVELS - 1):
            outer, inner = width << level, width << (level + 1)
            self.body.append(convolution(outer, outer))
            self.body.append(convolution(outer, inner, kernel=4, stride=2))
        self.unit = nn.Linear(inner * (size_px // MULTIPLE) ** 2, 1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialize the weights: Kaiming normal for LeakyReLU 0.2; the last bias 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, a=0.2)
        nn.init.zeros_(self.unit.bias)

    def forward(self, color: ColorBatch) -> Float[Tensor, " B"]:
        """Return one logit per picture: above 0 for real, below for fake.

        Raises:
            ValueError: The pictures are not `size_px` x `size_px`.
        """
        H, W = color.shape[2:]
        if (self.size_px, self.size_px) != (H, W):
            raise ValueError(
                f"pictures of {W}x{H} for a discriminator of {self.size_px}x{self.size_px};"
                " crop or resize them first"
            )
        logits: Tensor = self.unit(self.body(color).flatten(1))
        return logits.squeeze(1)


class PatchDiscriminator(nn.Module):
    """Convolutional discriminator of overlapping patches, 70 x 70 pixels with 3 layers.

    Args:
        inputs: Channels of the pictures: 1 for drawings, 3 for photographs.
        width: Channels of the first convolution.
        layers: Convolutions that halve the side. With 3, pictures need at least 24 pixels a side.

    Source:
        Paper 000, D_A and D_B; Isola et al., "Image-to-image translation", 2017, as in CycleGAN's
        and Chan et al.'s code: 64 channels, 3 layers, instance norm, first weights N(0, 0.02).
    """

    def __init__(self, inputs: int, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)
        )
        outer = width
        for layer in range(1, layers + 1):
            inner = width * min(2**layer, 8)
            stride = 2 if layer < layers else 1
            self.body.append(nn.Conv2d(outer, inner, 4, stride, 1))
            self.body.append(nn.InstanceNorm2d(inner))
            self.body.append(nn.LeakyReLU(0.2, inplace=True))
            outer = inner
        self.body.append(nn.Conv2d(outer, 1, 4, 1, 1))
        draw_weights(self)

    def forward(self, picture: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 PatchH PatchW"]:
        """Return one score per patch, without a sigmoid, for least-squares losses."""
        judgements: Tensor = self.body(picture)
        return judgements
