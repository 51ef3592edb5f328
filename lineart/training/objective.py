"""What a stage minimises, as the loop sees it: two losses, and pictures to look at."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

Terms = dict[str, Float[Tensor, ""]]
"""Loss terms, named and weighted, ready to sum and to log."""

Features = Mapping[str, nn.Module]
"""Loss term -> the frozen network that it compares by."""


@runtime_checkable
class Objective(Protocol):
    """What a stage minimises, and the networks that learn by it.

    It is made of a pair (its generators are copied), a recipe, one of the recipe's stages, a
    device, and frozen networks. Its batches are what its task's `to_batch` gives.
    """

    generators: dict[str, nn.Module]
    """They learn by `generator_loss`; their running average is the result."""
    heads: dict[str, nn.Module]
    """They learn by `generator_loss` too, but are of use in training alone."""
    discriminators: dict[str, nn.Module]
    """They learn by `discriminator_loss`; empty where there is no adversary."""
    learning: list[nn.Module]
    """The same networks as the losses call them: compiled, and shared by several processes."""

    def generator_loss(self, batch: Any) -> Terms:
        """Give what the generators minimise; no gradient reaches the discriminators."""
        ...

    def discriminator_loss(self, batch: Any) -> Terms:
        """Give what the discriminators minimise, on the fakes of the last `generator_loss`."""
        ...

    def predict(self, generators: Mapping[str, nn.Module], batch: Any) -> dict[str, Tensor]:
        """Give the pictures that other generators, such as the average, make of a batch.

        Each is B x 3 or 1 x H x W in -1..1; one is named as a generator of this stage.
        """
        ...
