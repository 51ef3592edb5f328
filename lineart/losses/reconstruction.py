"""Reconstruction losses: L1 and L2 distances to target pictures."""

from jaxtyping import Float
from torch import Tensor

from lineart.models.layers import ColorBatch

Pictures = Float[Tensor, "B C H W"]
"""Colour pictures or drawings, -1..1."""


def l1(fake: Pictures, real: Pictures) -> Float[Tensor, ""]:
    """Compute the mean absolute difference, in float32."""
    return (fake.float() - real.float()).abs().mean()


def l1_at(fake: ColorBatch, real: ColorBatch, mask: Float[Tensor, "B 1 H W"]) -> Float[Tensor, ""]:
    """Compute the mean absolute difference where `mask` is 1, in float32; 0 for an empty mask."""
    difference = (fake.float() - real.float()).abs().mean(dim=1, keepdim=True) * mask
    return difference.sum() / mask.sum().clamp(min=1)


def l2(fake: ColorBatch, real: ColorBatch) -> Float[Tensor, ""]:
    """Compute the mean squared difference, in float32."""
    return (fake.float() - real.float()).square().mean()
