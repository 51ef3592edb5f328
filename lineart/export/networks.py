"""ONNX export of single networks, with names and shapes of their inputs and outputs."""

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
"""Optional outputs beside a translated picture; fields of `models.Translated`."""


class IOSpec(NamedTuple):
    """Inputs and outputs of a network; pictures are float32[B, C, H, W] in -1..1."""

    inputs: dict[str, int]
    """Name -> number of channels."""
    outputs: tuple[str, ...]
    multiple: int
    """Height and width must be multiples of this."""
    size_px: int | None
    """Fixed height and width; None accepts any multiple."""

    def draw_inputs(self, count: int, scale: tuple[int, int], seed: int = 0) -> list[Tensor]:
        """Draw random inputs of `count` pictures, `scale` times the least height and width."""
        least = max(self.multiple, LEAST_PX)
        height, width = (self.size_px or least * factor for factor in scale)
        random = torch.Generator().manual_seed(seed)
        return [
            torch.rand(count, channels, height, width, generator=random) * 2 - 1
            for channels in self.inputs.values()
        ]


def plugs_of(pair: Pair, name: str) -> IOSpec:
    """Return the inputs and outputs of the generator `name` of a pair."""
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
    """Wrapper of a network that computes in float16, with float32 inputs and outputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.half()

    def forward(self, first: Tensor, second: Tensor | None = None) -> Any:
        """Compute in half precision."""
        inputs = [value.half() for value in (first, second) if value is not None]
        return [value.float() for value in tensors_of(self.network(*inputs))]


def tensors_of(outputs: Any) -> list[Tensor]:
    """Return all tensors in a generator's output, without None."""
    parts = [outputs] if isinstance(outputs, Tensor) else outputs
    return [part for part in parts if part is not None]


def export_generator(
    generator: nn.Module, *examples: Tensor, plugs: IOSpec | None = None, half: bool = False
) -> bytes:
    """Export a generator as ONNX with BatchNorm folded and dynamic batch, height and width.

    Args:
        generator: Generator; it is copied, not changed.
        examples: Inputs B x C x H x W of one size; a B, H or W of 1 would become fixed.
        plugs: Names of inputs and outputs; a `size_px` fixes height and width. None: torch's names.
        half: Weights and arithmetic in float16; inputs and outputs stay float32.
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
    # Remove the source locations that torch stores for each node: they hold paths of this machine.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return bytes(model.SerializeToString())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress torch's warnings and output during the export."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)
