"""The game of generator and discriminator: eq. (2) of paper 001 on logits."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def generator_loss(fake_logits: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Give what a generator minimises, in float32: -E[log D(G(l, h))].

    This is the non-saturating form. Eq. (2) to the letter, E[log(1 - D(G(l, h)))], has the same
    fixed point but hardly a gradient while the discriminator sees through every fake.

    Source:
        Paper 001, eq. (2); Goodfellow et al., "Generative adversarial nets", 2014, section 3.
    """
    # -log(sigmoid(x)) = softplus(-x), without the sigmoid's rounding to 0 and 1.
    return F.softplus(-fake_logits.float()).mean()


def discriminator_loss(
    real_logits: Float[Tensor, " B"], fake_logits: Float[Tensor, " B"]
) -> Float[Tensor, ""]:
    """Give what a discriminator minimises, in float32: -E[log D(c)] - E[log(1 - D(G(l, h)))].

    The sum of both cross-entropies, not their mean. The fake pictures must be detached from their
    generator.

    Source:
        Paper 001, eq. (2), with its sign turned.
    """
    # -log(1 - sigmoid(x)) = softplus(x).
    return F.softplus(-real_logits.float()).mean() + F.softplus(fake_logits.float()).mean()
