"""What the auxiliary classifier of a generator with attention learns."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def cam_loss(
    source_logits: Float[Tensor, "B Logits"], identity_logits: Float[Tensor, "Identities Logits"]
) -> Float[Tensor, ""]:
    """Give the cross-entropy of a generator's classifier, in float32: which domain was its input?

    The sum of both cross-entropies, not their mean.

    Args:
        source_logits: Of pictures that the generator had to translate; they should be 1.
        identity_logits: Of pictures that were of its target's domain already; they should be 0.

    Source:
        Paper 004, `cam_loss`; its authors' code.
    """
    # -log(sigmoid(x)) = softplus(-x), -log(1 - sigmoid(x)) = softplus(x).
    return F.softplus(-source_logits.float()).mean() + F.softplus(identity_logits.float()).mean()
