"""Tensor types, convolution blocks, skip connections, initial weights, BatchNorm folding."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode

LinePixels = UInt8[Tensor, "B HintH HintW"]
"""Line drawings at the draft's size: 0 = ink, 255 = paper."""

LineBatch = Float[Tensor, "B 1 H W"]
"""Line drawings as network input: -1 = ink, 1 = paper."""

ColorBatch = Float[Tensor, "B 3 H W"]
"""sRGB pictures as network input and output: -1..1."""

HintBatch = Float[Tensor, "B C H W"]
"""Colour hints as input of a draft generator, encoded by `Colorization.encode_hint`."""

HintPixels = UInt8[Tensor, "B HintH HintW 4"]
"""Colour hints at the draft's size: sRGB and alpha (255 = hint, 0 = none), channels last."""


@runtime_checkable
class Constrained(Protocol):
    """Layer with bounded parameters, which are clamped after each step of the optimizer."""

    def constrain(self) -> None:
        """Clamp the parameters to their bounds."""
        ...


class Join(NamedTuple):
    """Skip connection of a U-Net: how encoder features and decoder features are joined."""

    factor: int
    """Number of channels after the join divided by the number before it."""
    apply: Callable[[Tensor, Tensor], Tensor]
    finish: Callable[[Tensor, Tensor], Tensor]
    """Joins the network output, before its tanh, and the input colours."""


def concatenate(skip: Tensor, deep: Tensor) -> Tensor:
    """Concatenate the skip's channels and the deep ones."""
    return torch.cat((skip, deep), dim=1)


def add_color(out: Tensor, color: Tensor) -> Tensor:
    """Add input colours before the tanh, so that an output of zeros returns them, times 0.99."""
    # atanh is infinite at 1.
    return out + torch.atanh(0.99 * color)


def leave_color(out: Tensor, color: Tensor) -> Tensor:
    """Return the output unchanged."""
    del color
    return out


ADD = Join(1, torch.add, add_color)
CONCATENATE = Join(2, concatenate, leave_color)


def convolution(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, norm: bool = False
) -> nn.Sequential:
    """Build a convolution without bias, BatchNorm if `norm`, and LeakyReLU 0.2."""
    padding = (kernel - 1) // 2
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)]
    if norm:
        layers.append(nn.BatchNorm2d(outputs))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2, inplace=True))


class _SkipDraws(TorchFunctionMode):
    """Skips random initialization, which takes torch four seconds on the meta device."""

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in ("normal_", "uniform_"):
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


@contextmanager
def empty_tensors() -> Iterator[None]:
    """Build networks without memory and values: for their shapes, or to load their tensors."""
    with torch.device("meta"), _SkipDraws():
        yield


def fold_batch_norm(module: nn.Module) -> None:
    """Fold every BatchNorm into the preceding convolution, in place; for inference only."""
    for child in module.children():
        fold_batch_norm(child)
    if not isinstance(module, nn.Sequential):
        return
    for index in range(1, len(module)):
        conv, norm = module[index - 1], module[index]
        if isinstance(norm, nn.BatchNorm2d):
            assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
            is_transposed = isinstance(conv, nn.ConvTranspose2d)
            module[index - 1] = fuse_conv_bn_eval(conv, norm, transpose=is_transposed)
            module[index] = nn.Identity()


def draw_weights(network: nn.Module) -> None:
    """Initialize layer after layer: weights N(0, 0.02), biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
