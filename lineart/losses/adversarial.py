"""The game of generator and discriminator: on logits in papers 001, 002, of squares in 000, 004."""

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


def least_squares_generator_loss(fake: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """Give what a generator minimises in the game of least squares, in float32.

    Args:
        fake: What the discriminator says of its pictures, a map or a number each.

    Source:
        Paper 000, eq. (1), second and fourth term; Mao et al., "Least squares GAN", 2017.
    """
    return (1 - fake.float()).square().mean()


def least_squares_discriminator_loss(
    real: Float[Tensor, "..."], fake: Float[Tensor, "..."]
) -> Float[Tensor, ""]:
    """Give what a discriminator minimises in the game of least squares, in float32.

    The sum of both sides; Chan et al.'s code takes half of it. The fake pictures must be detached
    from their generator.

    Real is 1 and fake is 0, as in Mao et al. and in Chan et al.'s code. Eq. (1) says literally
    E[D(real)^2] + E[(1 - D(fake))^2]: as a discriminator's aim that is the same game with the
    labels exchanged (D for 1 - D), but then its second term could not be the generator's aim too.

    Args:
        real: What the discriminator says of true pictures, a map or a number each.
        fake: The same of the generator's, in its own shape.

    Source:
        Mao et al., "Least squares generative adversarial networks", 2017; paper 000, eq. (1).
    """
    return (1 - real.float()).square().mean() + fake.float().square().mean()
