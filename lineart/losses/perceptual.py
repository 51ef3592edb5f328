"""How far pictures are for a network that knows what pictures show."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lineart.models.layers import ColorBatch


def content_loss(features: nn.Module, fake: ColorBatch, real: ColorBatch) -> Float[Tensor, ""]:
    """Give the mean squared difference of the feature maps, in float32.

    Gradients go through the features to `fake`; `real` is a target and gets none.

    Args:
        features: A frozen network that takes ColorBatch, from `models.pretrained.load_features`.
        fake: A generator's pictures.
        real: The true ones.

    Source:
        Paper 001, eq. (4); eq. (1) writes this term as a second "L_recon".
    """
    with torch.no_grad():
        target = features(real).float()
    # Eq. 4.
    difference: Tensor = features(fake).float() - target
    return difference.square().mean()
