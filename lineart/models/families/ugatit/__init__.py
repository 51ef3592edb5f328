"""Paper 004: full and light pairs of generators with attention, and their discriminators.

The paper shows its authors' TensorFlow code. The light generator has the stated 10,589,888
parameters only with the layers of the public PyTorch code: no bias except in the attention's 1x1
convolution, no scale and offset in instance normalization, and separate linear classifiers for
average and maximum pooling. The TensorFlow code's shared classifier, biases and scales make
10,600,388. The generators therefore have the PyTorch code's layers with the TensorFlow code's
normalization; the discriminators are the TensorFlow code's.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from lineart.models.families.ugatit.blocks import (
    AUTHORS,
    AdaptiveResBlock,
    Attention,
    Features,
    Mixing,
    ResBlock,
    convolution,
    normal_relu,
    patch_convolution,
    upsampling,
)
from lineart.models.layers import ColorBatch, draw_weights
from lineart.models.pair import Pair, Small, Translated, Translation

MULTIPLE = 4
"""Side of a picture divided by the side of the maps in attention and residual blocks."""

SMALL_CROP_PX = 96
"""Least side of the pictures that discriminators of six layers take."""


class WholeMap(nn.Module):
    """Flattens the feature map of a picture of fixed size.

    Args:
        size_px: Side of the square picture.

    Raises:
        ValueError: `size_px` is not a positive multiple of 4.
    """

    def __init__(self, size_px: int) -> None:
        super().__init__()
        if size_px <= 0 or size_px % MULTIPLE:
            raise ValueError(f"size_px {size_px} is not a positive multiple of {MULTIPLE}")
        self.size_px = size_px

    def forward(self, features: Features) -> Float[Tensor, "B Inputs"]:
        """Flatten the features.

        Raises:
            ValueError: The features are those of a picture of another size.
        """
        side = self.size_px
        H, W = (MULTIPLE * length for length in features.shape[2:])
        if (side, side) != (H, W):
            raise ValueError(
                f"this generator takes {side}x{side} pictures alone, and these are {W}x{H};"
                " resize them, or train the light variant, which takes other sizes"
            )
        return features.flatten(1)


class Style(nn.Module):
    """Computes AdaLIN's scale and offset from the `inputs` values that `summary` returns."""

    def __init__(self, summary: nn.Module, inputs: int, channels: int) -> None:
        super().__init__()
        self.summary = summary
        self.body = nn.Sequential(
            nn.Linear(inputs, channels, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels, channels, bias=False),
            nn.ReLU(inplace=True),
        )
        self.gamma = nn.Linear(channels, channels, bias=False)
        self.beta = nn.Linear(channels, channels, bias=False)

    def forward(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return scale (gamma) and offset (beta) of each channel."""
        deep = self.body(self.summary(features))
        return self.gamma(deep), self.beta(deep)


def light_style(channels: int) -> Style:
    """Build the style of the light variant, from each channel's mean: any picture size."""
    return Style(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), channels, channels)


def full_style(channels: int, size_px: int) -> Style:
    """Build the style of the full variant, from the whole map: fixed picture size."""
    return Style(WholeMap(size_px), channels * (size_px // MULTIPLE) ** 2, channels)


class UgatitGenerator(nn.Module):
    """Generator: encoder, attention, residual blocks with AdaLIN, decoder.

    Args:
        width: Channels of the first convolution; attention and residual blocks have four times as
            many.
        blocks: Number of residual blocks before the attention, and of those after it.
        style: Computes AdaLIN's scale and offset.
        mixing: Constants of AdaLIN.
    """

    def __init__(self, width: int, blocks: int, style: Style, mixing: Mixing) -> None:
        super().__init__()
        # Each of the two downsampling levels doubles the channels.
        channels = MULTIPLE * width
        self.encoder = nn.Sequential(*convolution(3, width, kernel=7), *normal_relu(width))
        for inputs in (width, 2 * width):
            self.encoder.extend(convolution(inputs, 2 * inputs, stride=2))
            self.encoder.extend(normal_relu(2 * inputs))
        self.encoder.extend(ResBlock(channels) for _ in range(blocks))
        self.attention = Attention(nn.Linear(channels, 2, bias=False))
        self.style = style
        self.blocks = nn.ModuleList(AdaptiveResBlock(channels, mixing) for _ in range(blocks))
        self.decoder = nn.Sequential()
        for inputs in (channels, channels // 2):
            self.decoder.extend(upsampling(inputs, inputs // 2, mixing.correction))
        self.decoder.extend([*convolution(width, 3, kernel=7), nn.Tanh()])
        draw_weights(self)

    def forward(self, photo: ColorBatch) -> Translated:
        """Translate pictures; the heat map has a quarter of their side.

        Raises:
            ValueError: This is a full generator and the pictures do not have its fixed size.
        """
        weighed, logits = self.attention(self.encoder(photo))
        features = torch.relu(weighed)
        heat = features.sum(dim=1, keepdim=True)
        gamma, beta = self.style(features)
        for block in self.blocks:
            features = block(features, gamma, beta)
        return Translated(self.decoder(features), heat, logits)


class DiscriminatorOutput(NamedTuple):
    """Output of the discriminator; each pair holds the local part's, then the global part's."""

    logits: tuple[Tensor, Tensor]
    """B 1 h w each: one per patch, trained by least squares to 1 for real and 0 for fake."""
    cam_logits: tuple[Tensor, Tensor]
    """B 2 each: of average and maximum pooling."""
    heats: tuple[Tensor, Tensor]
    """B 1 h w each: heat maps of attention, larger = more, in no fixed range."""


class UgatitPatchDiscriminator(nn.Module):
    """Patch discriminator: convolutions, the last with stride 1, attention, a logit per patch."""

    def __init__(self, width: int, strided: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*patch_convolution(3, width, stride=2))
        for level in range(strided):
            stride = 2 if level < strided - 1 else 1
            self.body.extend(patch_convolution(width << level, width << (level + 1), stride))
        channels = width << strided
        self.attention = Attention(nn.Linear(channels, 1))
        self.out = nn.Sequential(nn.ReflectionPad2d((1, 2, 1, 2)), nn.Conv2d(channels, 1, 4))
        draw_weights(self)
        # The authors' code has no spectral norm in the attention's 1x1 convolution either.
        self.normed = [
            name
            for name, module in self.named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear) and module is not self.attention.merge
        ]
        for name in self.normed:
            spectral_norm(self.get_submodule(name))

    def forward(self, picture: ColorBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Return the patches' logits, the classifier's logits and the heat map."""
        with parametrize.cached():
            self.update_norms(picture.device)
            weighed, cam_logits = self.attention(self.body(picture))
            features = nn.functional.leaky_relu(weighed, 0.2)
            return self.out(features), cam_logits, features.sum(dim=1, keepdim=True)

    def update_norms(self, device: torch.device) -> None:
        """Run the power iterations of spectral norm in float32, and cache the weights.

        CUDA's autocast would run them in bfloat16, the CPU's does not.
        """
        with torch.autocast(device.type, enabled=False):
            for name in self.normed:
                _ = self.get_submodule(name).weight


class Discriminator(nn.Module):
    """Local discriminator of small patches and global one of large ones, with spectral norm.

    Args:
        width: Channels of the first convolution.
        layers: Convolutions of the global part before its attention; the local part has two less.

    Raises:
        ValueError: `layers` is below 4.

    Source:
        Paper 004, `discriminator_local` and `discriminator_global`.
    """

    def __init__(self, width: int = 64, layers: int = 6) -> None:
        super().__init__()
        if layers < 4:
            raise ValueError(f"layers {layers} is below 4; the local discriminator has two less")
        self.least_px = 3 << (layers - 1)
        self.local_part = UgatitPatchDiscriminator(width, layers - 3)
        self.global_part = UgatitPatchDiscriminator(width, layers - 1)

    def forward(self, picture: ColorBatch) -> DiscriminatorOutput:
        """Return the output of both parts.

        Raises:
            ValueError: A side is below `least_px`, 3 << (layers - 1): 96 for 6 layers, 24 for 4.
        """
        H, W = picture.shape[2:]
        if min(H, W) < self.least_px:
            raise ValueError(
                f"pictures of {W}x{H} are too small for these discriminators, the least side is"
                f" {self.least_px}; give larger ones, or build discriminators with fewer layers"
            )
        near, far = self.local_part(picture), self.global_part(picture)
        return DiscriminatorOutput((near[0], far[0]), (near[1], far[1]), (near[2], far[2]))


def build_pair(
    model: str, mixing: Mixing, *, width: int, blocks: int, size_px: int | None = None
) -> Pair:
    """Build a pair: light if `size_px` is None, else full for pictures of that side."""
    channels = MULTIPLE * width

    def build() -> UgatitGenerator:
        style = light_style(channels) if size_px is None else full_style(channels, size_px)
        return UgatitGenerator(width, blocks, style, mixing)

    fixed_size = {} if size_px is None else {"size_px": size_px}
    small = Small({"width": 4, "blocks": 1}, SMALL_CROP_PX)
    if size_px is not None:
        small.arguments["size_px"] = SMALL_CROP_PX
    return Pair(
        model=model,
        arguments={"width": width, "blocks": blocks, **fixed_size},
        generators={"target": build(), "source": build()},
        multiple=MULTIPLE,
        small=small,
        task=Translation(channels=3, size_px=size_px),
    )


def ugatit(width: int = 64, blocks: int = 4, size_px: int = 256) -> Pair:
    """Build the full pair of paper 004, for pictures of `size_px` x `size_px` only."""
    return build_pair("ugatit", AUTHORS, width=width, blocks=blocks, size_px=size_px)


def ugatit_light(width: int = 64, blocks: int = 4) -> Pair:
    """Build the light pair of paper 004, for pictures of any size."""
    return build_pair("ugatit_light", AUTHORS, width=width, blocks=blocks)
