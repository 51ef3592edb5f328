"""Adversarial losses: cross-entropy (papers 001, 002) and least squares (papers 000, 004)."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def generator_loss(fake_logits: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Compute the generator's non-saturating loss, in float32: -E[log D(G(l, h))].

    The literal form of eq. (2), E[log(1 - D(G(l, h)))], has the same fixed point, but nearly no
    gradient while the discriminator recognises every fake.

    Source:
        Paper 001, eq. (2); Goodfellow et al., "Generative adversarial nets", 2014, section 3.
    """
    # -log(sigmoid(x)) = softplus(-x), which avoids a sigmoid rounded to 0 or 1.
    return F.softplus(-fake_logits.float()).mean()


def discriminator_loss(
    real_logits: Float[Tensor, " B"], fake_logits: Float[Tensor, " B"]
) -> Float[Tensor, ""]:
    """Compute the discriminator's loss, in float32: -E[log D(c)] - E[log(1 - D(G(l, h)))].

    It is the sum of both cross-entropies, not their mean. Fake pictures must be detached from their
    generator.

    Source:
        Paper 001, eq. (2), negated.
    """
    # -log(1 - sigmoid(x)) = softplus(x).
    return F.softplus(-real_logits.float()).mean() + F.softplus(fake_logits.float()).mean()


def least_squares_generator_loss(fake: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """Compute the generator's least-squares loss, in float32.

    Args:
        fake: Discriminator output for generated pictures: a map or a number per picture.

    Source:
        Paper 000, eq. (1), second and fourth term; Mao et al., "Least squares GAN", 2017.
    """
    return (1 - fake.float()).square().mean()


def least_squares_discriminator_loss(
    real: Float[Tensor, "..."], fake: Float[Tensor, "..."]
) -> Float[Tensor, ""]:
    """Compute the discriminator's least-squares loss, in float32.

    It is the sum of both terms; Chan et al.'s code takes half of it. Fake pictures must be detached
    from their generator.

    The labels are 1 for real and 0 for fake, as in Mao et al. and in Chan et al.'s code. The
    literal eq. (1) is E[D(real)^2] + E[(1 - D(fake))^2]. For the discriminator that is the same
    with the labels exchanged (1 - D for D), but its second term could not be the generator's loss.

    Args:
        real: Discriminator output for real pictures: a map or a number per picture.
        fake: Discriminator output for generated pictures; the shape may differ from `real`.

    Source:
        Mao et al., "Least squares generative adversarial networks", 2017; paper 000, eq. (1).
    """
    return (1 - real.float()).square().mean() + fake.float().square().mean()
