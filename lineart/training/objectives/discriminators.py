"""Discriminators of translating pairs, one for each domain, and their adversarial losses."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lineart.losses.adversarial import (
    least_squares_discriminator_loss,
    least_squares_generator_loss,
)
from lineart.training.device import Device
from lineart.training.objective import Terms

Pictures = Mapping[str, Tensor]
"""Domain ("target" or "source") -> batch of pictures."""


class Discriminators:
    """Discriminators of target and source domain with least-squares losses.

    Args:
        networks: Domain -> its discriminator; may be empty.
        answers: Returns the logits in a discriminator's output; each tensor adds a loss.
        device: Device on which the discriminators are trained.

    Source:
        Papers 000, eq. (1), and 004, "loss function".
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        answers: Callable[[Any], Sequence[Tensor]],
        device: Device,
    ) -> None:
        self.networks = {name: device.place(network) for name, network in networks.items()}
        self.answers = answers
        self.shared = {name: device.share(network) for name, network in self.networks.items()}
        self.fixed = {name: device.compile(network) for name, network in self.networks.items()}
        self.fakes: dict[str, Tensor] = {}

    def generator_loss(self, fakes: Pictures) -> Float[Tensor, ""]:
        """Compute the generators' loss and keep the fakes; discriminators get no gradients."""
        self.fakes = {domain: fake.detach() for domain, fake in fakes.items()}
        losses = []
        for domain, fake in fakes.items():
            # Gradients flow through the discriminator, but do not accumulate in its parameters.
            self.networks[domain].requires_grad_(False)
            judged = self.answers(self.fixed[domain](fake))
            self.networks[domain].requires_grad_(True)
            losses += [least_squares_generator_loss(answer) for answer in judged]
        return torch.stack(losses).sum()

    def loss(self, reals: Pictures, weight: float) -> Terms:
        """Compute the discriminators' loss on the last fakes: a weighted term for each domain."""
        terms: Terms = {}
        for domain, real in reals.items() if self.networks else ():
            both = torch.cat((real, self.fakes[domain].to(real)))
            losses = [
                least_squares_discriminator_loss(*answer.chunk(2))
                for answer in self.answers(self.shared[domain](both))
            ]
            terms[f"judge_{domain}"] = weight * torch.stack(losses).sum()
        return terms
