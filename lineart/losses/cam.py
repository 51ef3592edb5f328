"""CAM loss: cross-entropy of the auxiliary classifier in a generator with attention."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def cam_loss(
    source_logits: Float[Tensor, "B Logits"], identity_logits: Float[Tensor, "Identities Logits"]
) -> Float[Tensor, ""]:
    """Compute the cross-entropy of the classifier of the input's domain, in float32.

    It is the sum of both cross-entropies, not their mean.

    Args:
        source_logits: Logits for inputs of the generator's source domain, label 1.
        identity_logits: Logits for inputs that already are of its target domain, label 0.

    Source:
        Paper 004, `cam_loss`; its authors' code.
    """
    # -log(sigmoid(x)) = softplus(-x), -log(1 - sigmoid(x)) = softplus(x).
    return F.softplus(-source_logits.float()).mean() + F.softplus(identity_logits.float()).mean()
