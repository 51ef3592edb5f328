"""Is it real, or a network's? Papers 001 and 002 ask it of a picture, paper 000 of its patches."""

from jaxtyping import Float
from torch import Tensor, nn

from lineart.models.layers import ColorBatch, convolution

LEVELS = 4
MULTIPLE = 1 << LEVELS


class ColorDiscriminator(nn.Module):
    """Strided convolutions down to a sixteenth of the side, then one fully connected unit.

    It sees the colours alone, neither line nor hint, as D(c) in the paper's eq. (2). It gives the
    logit; the sigmoid behind it is part of `losses.adversarial`.

    Args:
        size_px: Side of the pictures: 256 in paper 001, 128 in paper 002.
        width: Channels of the first convolution.

    Raises:
        ValueError: `size_px` is not a positive multiple of 16.

    Source:
        Paper 001, section 3.2 and figure 3; channels: its follow-up publication (Applied Sciences
        10(23):8699, 2020). The paper says "no normalization" of its generator and nothing of its
        discriminator, while DCGAN has BatchNorm. Here is none: each picture is judged by itself,
        and a batch may hold one picture.
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
        """Draw the weights: Kaiming for LeakyReLU 0.2."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, a=0.2)
        nn.init.zeros_(self.unit.bias)

    def forward(self, color: ColorBatch) -> Float[Tensor, " B"]:
        """Give one logit a picture: above 0 for real, below for fake.

        Raises:
            ValueError: The pictures do not have the size that this discriminator was built for.
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
    """Convolutions that judge each patch of a picture by itself: with 3 layers, 70 pixels a side.

    Args:
        inputs: Channels of the pictures: 1 for drawings, 3 for photographs.
        width: Channels of the first convolution.
        layers: Convolutions that halve the side. With 3 the side is 24 pixels at least.

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
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights, and set the biases to 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.02)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, picture: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 PatchH PatchW"]:
        """Give a map of judgements, a number a patch; for least squares, so without a sigmoid."""
        judgements: Tensor = self.body(picture)
        return judgements
