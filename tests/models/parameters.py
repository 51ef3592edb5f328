"""Number of parameters of a network."""

from torch import nn


def count_parameters(module: nn.Module) -> int:
    """Count parameters as paper 002 does, including BatchNorm's running mean and variance."""
    tensors = [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]
    return sum(tensor.numel() for tensor in tensors)
