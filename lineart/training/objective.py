"""Interface of objectives, and what they share: copies to train, least-squares discriminators."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lineart.losses import least_squares_discriminator_loss, least_squares_generator_loss
from lineart.training.device import Device

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

    trained_parameters: ClassVar[Mapping[str, str]]
    """Loss term -> regular expression of the parameters "GENERATOR.NAME" that it trains; terms that
    are not listed train all parameters of all generators."""
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


def copy_to_train(network: nn.Module, device: Device) -> nn.Module:
    """Return a copy on the device, in training mode."""
    return device.place(deepcopy(network)).train().requires_grad_(True)


class Discriminators:
    """Discriminators with their adversarial losses.

    Args:
        networks: Name -> discriminator; may be empty.
        device: Device on which the discriminators are trained.
        logits_of: Returns the logits in a discriminator's output; each tensor adds a loss.
        losses: Losses of generators and discriminators; default: least squares, as in papers 000,
            eq. (1), and 004, "loss function".
        term: Name of a discriminator's loss term, with its own name for "{}".
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        device: Device,
        *,
        logits_of: Callable[[Any], Sequence[Tensor]] = lambda logits: [logits],
        losses: tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]] = (
            least_squares_generator_loss,
            least_squares_discriminator_loss,
        ),
        term: str = "judge_{}",
    ) -> None:
        self.networks = {name: device.place(network) for name, network in networks.items()}
        self.logits_of, self.term = logits_of, term
        self.for_generator, self.for_discriminator = losses
        self.shared = {name: device.share(network) for name, network in self.networks.items()}
        self.fixed = {name: device.compile(network) for name, network in self.networks.items()}
        self.fakes: dict[str, Tensor] = {}

    def generator_loss(self, fakes: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Compute the generators' loss and keep the fakes; discriminators get no gradients."""
        self.fakes = {name: fake.detach() for name, fake in fakes.items()}
        losses = []
        for name, fake in fakes.items():
            # Gradients flow through the discriminator, but do not accumulate in its parameters.
            self.networks[name].requires_grad_(False)
            several = self.logits_of(self.fixed[name](fake))
            self.networks[name].requires_grad_(True)
            losses += [self.for_generator(logits) for logits in several]
        return torch.stack(losses).sum()

    def loss(self, reals: Mapping[str, Tensor], weight: float = 1.0) -> Terms:
        """Compute the loss on the last fakes: a weighted term for each discriminator."""
        terms: Terms = {}
        for name, shared in self.shared.items():
            both = torch.cat((reals[name], self.fakes[name].to(reals[name])))
            several = self.logits_of(shared(both))
            losses = [self.for_discriminator(*logits.chunk(2)) for logits in several]
            terms[self.term.format(name)] = weight * torch.stack(losses).sum()
        return terms
