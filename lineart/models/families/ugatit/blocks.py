"""Blocks of paper 004's networks: AdaLIN and LIN, residual blocks, attention."""

from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

EPSILON = 1e-5

Features = Float[Tensor, "B C H W"]
Channelwise = Float[Tensor, "#B C 1 1"]


class Mixing(NamedTuple):
    """Constants of adaptive layer-instance normalization."""

    rho: float
    """Initial weight of instance normalization, 0..1; layer normalization has the rest."""
    smoothing: float
    """Subtracted from rho in use, so that some layer normalization remains."""
    correction: int
    """0: population variance; 1: sample variance with Bessel's correction."""


AUTHORS: Final = Mixing(rho=1.0, smoothing=0.1, correction=0)


def mix_norms(features: Features, rho: Channelwise, correction: int) -> Float[Tensor, "B C H W"]:
    """Normalize in float32: `rho` times instance norm plus `1 - rho` times layer norm."""
    features = features.float()
    variance, mean = torch.var_mean(features, (2, 3), keepdim=True, correction=correction)
    all_variance, all_mean = torch.var_mean(
        features, (1, 2, 3), keepdim=True, correction=correction
    )
    instance = rho * torch.rsqrt(variance + EPSILON)
    layer = (1 - rho) * torch.rsqrt(all_variance + EPSILON)
    # rho (x - mean) / std + (1 - rho) (x - all_mean) / all_std, in one pass over x.
    return features * (instance + layer) - (mean * instance + all_mean * layer)


class AdaLIN(nn.Module):
    """Adaptive layer-instance normalization: scale and offset are computed from the picture."""

    def __init__(self, channels: int, mixing: Mixing) -> None:
        super().__init__()
        self.mixing = mixing
        self.rho = nn.Parameter(torch.full((1, channels, 1, 1), mixing.rho))

    def forward(self, features: Features, gamma: Tensor, beta: Tensor) -> Features:
        """Normalize, scale by `gamma` and shift by `beta`."""
        rho = (self.rho - self.mixing.smoothing).clamp(0, 1)
        normal = mix_norms(features, rho, self.mixing.correction)
        gamma, beta = gamma[..., None, None].float(), beta[..., None, None].float()
        return (normal * gamma + beta).to(features.dtype)

    def constrain(self) -> None:
        """Clamp rho to 0..1."""
        with torch.no_grad():
            self.rho.clamp_(0, 1)


class LayerInstanceNorm(nn.Module):
    """Layer-instance normalization with learned scale and offset; initially layer norm only."""

    def __init__(self, channels: int, correction: int) -> None:
        super().__init__()
        self.correction = correction
        self.rho = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, features: Features) -> Features:
        """Normalize, scale and shift."""
        normal = mix_norms(features, self.rho, self.correction)
        return (normal * self.gamma + self.beta).to(features.dtype)

    def constrain(self) -> None:
        """Clamp rho to 0..1."""
        with torch.no_grad():
            self.rho.clamp_(0, 1)


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """Build reflection padding and a convolution without bias."""
    pad = nn.ReflectionPad2d(kernel // 2)
    return [pad, nn.Conv2d(inputs, outputs, kernel, stride, bias=False)]


def normal_relu(channels: int) -> list[nn.Module]:
    """Build instance norm and ReLU."""
    return [nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)]


class ResBlock(nn.Module):
    """Residual block of two convolutions with instance norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *convolution(channels, channels),
            *normal_relu(channels),
            *convolution(channels, channels),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, features: Features) -> Features:
        """Return the features with their residual added."""
        refined: Tensor = self.body(features)
        return features + refined


class AdaptiveResBlock(nn.Module):
    """Residual block of two convolutions with AdaLIN."""

    def __init__(self, channels: int, mixing: Mixing) -> None:
        super().__init__()
        self.first = nn.Sequential(*convolution(channels, channels))
        self.first_norm = AdaLIN(channels, mixing)
        self.second = nn.Sequential(*convolution(channels, channels))
        self.second_norm = AdaLIN(channels, mixing)

    def forward(self, features: Features, gamma: Tensor, beta: Tensor) -> Features:
        """Return the features with their residual added; `gamma` and `beta` are AdaLIN's."""
        deep = torch.relu(self.first_norm(self.first(features), gamma, beta))
        refined: Tensor = self.second_norm(self.second(deep), gamma, beta)
        return features + refined


def upsampling(inputs: int, outputs: int, correction: int) -> list[nn.Module]:
    """Build a decoder level: upsampling to twice the side, convolution, LIN, ReLU."""
    norm = LayerInstanceNorm(outputs, correction)
    return [
        nn.Upsample(scale_factor=2),
        *convolution(inputs, outputs),
        norm,
        nn.ReLU(inplace=True),
    ]


class Attention(nn.Module):
    """Class activation maps: weights features by a classifier of their pooled values.

    Args:
        classifier: With one output, average and maximum pooling share it; with two, each has one.

    Source:
        Paper 004, `fully_connected_with_w`.
    """

    def __init__(self, classifier: nn.Linear) -> None:
        super().__init__()
        channels = classifier.in_features
        self.classifier = classifier
        self.merge = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, features: Features) -> tuple[Features, Float[Tensor, "B 2"]]:
        """Return the weighted features before activation, and the classifier's logits."""
        # Read the weight once: with spectral norm each access runs a power iteration.
        weight = self.classifier.weight.expand(2, -1)
        pooled = torch.stack((features.mean((2, 3)), features.amax((2, 3))), dim=1)
        logits = (pooled * weight).sum(dim=2)
        if self.classifier.bias is not None:
            logits = logits + self.classifier.bias
        weighed = features[:, None] * weight[..., None, None]
        return self.merge(weighed.flatten(1, 2)), logits


def patch_convolution(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    """Build padding, 4x4 convolution and LeakyReLU 0.2; stride 1 keeps the side."""
    behind = 3 - stride
    pad = nn.ReflectionPad2d((1, behind, 1, behind))
    return [pad, nn.Conv2d(inputs, outputs, 4, stride), nn.LeakyReLU(0.2, inplace=True)]
