"""How far colours are from the true ones."""

from jaxtyping import Float
from torch import Tensor

from lineart.models.layers import ColorBatch


def l1(fake: ColorBatch, real: ColorBatch) -> Float[Tensor, ""]:
    """Give the mean absolute difference, in float32."""
    return (fake.float() - real.float()).abs().mean()


def l2(fake: ColorBatch, real: ColorBatch) -> Float[Tensor, ""]:
    """Give the mean squared difference, in float32."""
    return (fake.float() - real.float()).square().mean()
