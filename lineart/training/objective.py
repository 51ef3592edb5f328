"""Interface of objectives: the networks of a stage, their losses and their predictions."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

Terms = dict[str, Float[Tensor, ""]]
"""Loss terms by name, already weighted, to sum and to log."""

Features = Mapping[str, nn.Module]
"""Loss term -> its frozen feature network."""


@runtime_checkable
class Objective(Protocol):
    """Losses of a stage and the networks trained with them.

    The constructor takes a pair (its generators are copied), a recipe, one of its stages, a device
    and the frozen feature networks. Batches come from the task's `to_batch`.
    """

    generators: dict[str, nn.Module]
    """Trained with `generator_loss`; their moving average is the result."""
    heads: dict[str, nn.Module]
    """Auxiliary networks trained with `generator_loss` and used only in training."""
    discriminators: dict[str, nn.Module]
    """Trained with `discriminator_loss`; empty without an adversarial loss."""
    learning: list[nn.Module]
    """All trained networks as the losses call them: compiled and wrapped for data parallelism."""

    def generator_loss(self, batch: Any) -> Terms:
        """Compute the generators' loss terms; the discriminators accumulate no gradients."""
        ...

    def discriminator_loss(self, batch: Any) -> Terms:
        """Compute the discriminators' loss terms on the fakes of the last `generator_loss`."""
        ...

    def predict(self, generators: Mapping[str, nn.Module], batch: Any) -> dict[str, Tensor]:
        """Return the named pictures that the given generators, such as the averages, produce.

        Each is B x 3 x H x W or B x 1 x H x W in -1..1; one has the name of a generator.
        """
        ...
