"""Content loss: distance of pictures in the feature space of a frozen network."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lineart.models.layers import ColorBatch


def content_loss(features: nn.Module, fake: ColorBatch, real: ColorBatch) -> Float[Tensor, ""]:
    """Compute the mean squared difference of feature maps, in float32.

    Gradients flow through the feature network to `fake`; none to `real`.

    Args:
        features: Frozen network that takes ColorBatch, from `models.pretrained.load_features`.
        fake: Generated pictures.
        real: Target pictures.

    Source:
        Paper 001, eq. (4); eq. (1) writes this term as a second "L_recon".
    """
    with torch.no_grad():
        target = features(real).float()
    # Eq. 4.
    difference: Tensor = features(fake).float() - target
    return difference.square().mean()
