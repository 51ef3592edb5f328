"""Single networks as ONNX: what goes into them, what comes out, and how they are written down."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lineart.export.graph import OPSET
from lineart.inference import LEAST_PX
from lineart.models import Colorization, Pair
from lineart.models.layers import fold_batch_norm

TRANSLATED: Final = ("heat", "logits")
"""What may stand beside a translated picture; see `models.Translated`."""


class IOSpec(NamedTuple):
    """How a network is called: float32[B, C, H, W] in -1..1 in, and out."""

    inputs: dict[str, int]
    """Name -> channels."""
    outputs: tuple[str, ...]
    multiple: int
    """Height and width must be multiples of this."""
    size_px: int | None
    """The only height and width that it takes; None: any."""

    def draw_inputs(self, count: int, scale: tuple[int, int], seed: int = 0) -> list[Tensor]:
        """Draw `count` inputs, `scale` times the least height and width."""
        least = max(self.multiple, LEAST_PX)
        height, width = (self.size_px or least * factor for factor in scale)
        random = torch.Generator().manual_seed(seed)
        return [
            torch.rand(count, channels, height, width, generator=random) * 2 - 1
            for channels in self.inputs.values()
        ]


def plugs_of(pair: Pair, name: str) -> IOSpec:
    """Say how a generator of a pair is called."""
    task = pair.task
    if isinstance(task, Colorization):
        if name == "color":
            return IOSpec({"line": 1, "draft": 3}, ("color",), pair.multiple, None)
        blank = np.zeros((1, 1, 1, 4), np.uint8)
        channels = task.encode_hint(blank, blank[..., 0]).shape[1]
        inputs = {"line": 1, "hint": channels}
        return IOSpec(inputs, ("draft",), pair.multiple // task.draft_scale, None)
    source, target = ("photo", 3), ("picture", task.channels)
    given, made = (source, target) if name == "target" else (target, source)
    plugs = IOSpec(dict([given]), (made[0],), pair.multiple, task.size_px)
    with torch.inference_mode():
        translated = pair.generators[name](*plugs.draw_inputs(1, (1, 1)))
    beside = [part for part in TRANSLATED if getattr(translated, part) is not None]
    return plugs._replace(outputs=(made[0], *beside))


class Halved(nn.Module):
    """A network that computes in 16-bit floats, and takes and gives 32-bit ones."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.half()

    def forward(self, first: Tensor, second: Tensor | None = None) -> Any:
        """Compute in half precision."""
        inputs = [value.half() for value in (first, second) if value is not None]
        return [value.float() for value in tensors_of(self.network(*inputs))]


def tensors_of(outputs: Any) -> list[Tensor]:
    """Give all tensors that a generator gives."""
    parts = [outputs] if isinstance(outputs, Tensor) else outputs
    return [part for part in parts if part is not None]


def export_generator(
    generator: nn.Module, *examples: Tensor, plugs: IOSpec | None = None, half: bool = False
) -> bytes:
    """Give a generator as ONNX, batch norm folded; batch, height and width are dynamic.

    Args:
        generator: It is copied.
        examples: Inputs B x C x H x W of one size; a B, H or W of 1 would stay 1 for ever.
        plugs: Names of inputs and outputs, and whether the size is welded.
        half: Weights and arithmetic in 16 bits; inputs and outputs stay 32-bit floats.
    """
    copy = deepcopy(generator).eval().requires_grad_(False)
    fold_batch_norm(copy)
    axes = {0: "B"} if plugs and plugs.size_px else {0: "B", 2: "H", 3: "W"}
    with _quiet():
        program = torch.onnx.export(
            Halved(copy) if half else copy,
            examples,
            dynamo=True,
            dynamic_shapes=[axes] * len(examples),
            input_names=list(plugs.inputs) if plugs else None,
            output_names=list(plugs.outputs) if plugs else None,
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    # Of each operator torch writes down where in the sources of this machine it comes from.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return bytes(model.SerializeToString())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what torch says while it exports: of axes' names, and of its own parts."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)
