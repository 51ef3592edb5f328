"""Export of a trained pair as ONNX: each network, and one model of the whole pipeline."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import onnx
import torch
from onnxscript import GraphBuilder, OpBuilder, ir
from torch import Tensor, nn

from lineart.inference import MIN_PX
from lineart.models import Colorization, Pair
from lineart.models.layers import fold_batch_norm
from lineart.onnx.graph import (
    BYTE,
    FLOAT,
    OPSET,
    Value,
    embed,
    start_graph,
    to_model,
    to_unit,
)
from lineart.onnx.hints import GRAPHS, pool
from lineart.onnx.metadata import Facts, colorizer_facts, network_facts, translator_facts
from lineart.onnx.spec import IOSpec, spec_of, tensors_of
from lineart.onnx.verify import compare_colorizer, compare_network, compare_translator
from lineart.weights.onnx_file import MODEL


def export_pair(pair: Pair, facts: Facts, *, half: bool = False) -> dict[str, bytes]:
    """Export a pair: `NAME.onnx` for each network, and `model.onnx` for the whole pipeline.

    Args:
        pair: Pair in float32 and evaluation mode.
        facts: Metadata common to all files; inputs, outputs and accuracy of each are added.
        half: Weights and arithmetic in float16; inputs and outputs keep their types.

    Returns:
        File name -> content.

    Raises:
        ValueError: Outputs of ONNX Runtime and PyTorch differ by more than the bound.
    """
    files, networks = {}, {}
    for name, generator in pair.generators.items():
        spec = spec_of(pair, name)
        data = export_generator(generator, *spec.draw_inputs(2, (2, 3)), spec=spec, half=half)
        difference = compare_network(data, generator, spec, half=half)
        networks[name] = onnx.load_from_string(data)
        added = network_facts(name, spec, difference, half=half)
        files[f"{name}.onnx"] = _with_facts(networks[name], facts | added)
    if isinstance(pair.task, Colorization):
        model = join_colorizer(pair, networks)
        compared = compare_colorizer(model.SerializeToString(), pair, half=half)
        added = colorizer_facts(compared, half=half)
    else:
        model = join_translator(pair, networks["target"])
        levels = compare_translator(model.SerializeToString(), pair, half=half)
        added = translator_facts(pair, levels, half=half)
    files[MODEL] = _with_facts(model, facts | added)
    return files


def _with_facts(model: onnx.ModelProto, facts: Facts) -> bytes:
    onnx.helper.set_model_props(model, facts)
    return bytes(model.SerializeToString())


class Halved(nn.Module):
    """Wrapper of a network that computes in float16, with float32 inputs and outputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.half()

    def forward(self, first: Tensor, second: Tensor | None = None) -> Any:
        """Compute in half precision."""
        inputs = [value.half() for value in (first, second) if value is not None]
        return [value.float() for value in tensors_of(self.network(*inputs))]


def export_generator(
    generator: nn.Module, *examples: Tensor, spec: IOSpec, half: bool = False
) -> bytes:
    """Export a generator as ONNX with BatchNorm folded and dynamic batch, height and width.

    Args:
        generator: Generator; it is copied, not changed.
        examples: Inputs B x C x H x W of one size; a B, H or W of 1 would become fixed.
        spec: Names of inputs and outputs; a `size_px` fixes height and width.
        half: Weights and arithmetic in float16; inputs and outputs stay float32.
    """
    copy = deepcopy(generator).eval().requires_grad_(False)
    fold_batch_norm(copy)
    axes = {0: "B"} if spec.size_px else {0: "B", 2: "H", 3: "W"}
    network = Halved(copy) if half else copy
    model = trace(network, examples, [axes] * len(examples), spec.inputs, spec.outputs)
    return bytes(model.SerializeToString())


class HintEncoder(nn.Module):
    """Network that only encodes hints: hint uint8[B, H, W, 4], line uint8[B, H, W] -> float32."""

    def __init__(self, task: Colorization) -> None:
        super().__init__()
        self.encode_hint = task.encode_hint

    def forward(self, hint: Tensor, line: Tensor) -> Tensor:
        """Encode hints."""
        return self.encode_hint(hint, line)


def export_encoder(task: Colorization) -> onnx.ModelProto:
    """Export `encode_hint` of a task."""
    hint = torch.zeros(2, 4, 6, 4, dtype=torch.uint8)
    axes = {0: "B", 1: "H", 2: "W"}
    return trace(HintEncoder(task), (hint, hint[..., 0]), [axes] * 2, ("hint", "line"), ("code",))


def trace(
    module: nn.Module,
    examples: tuple[Tensor, ...],
    axes: list[dict[int, str]],
    inputs: Iterable[str],
    outputs: Sequence[str],
) -> onnx.ModelProto:
    """Trace a module with torch; `axes` names the dynamic axes of each example."""
    with _quiet():
        program = torch.onnx.export(
            module,
            examples,
            dynamo=True,
            dynamic_shapes=axes,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    # Remove the source locations that torch stores for each node: they hold paths of this machine.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return model


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


def join_colorizer(pair: Pair, networks: Mapping[str, onnx.ModelProto]) -> onnx.ModelProto:
    """Build the model of `inference.PairColorizer` and hint pooling: line, hint -> color."""
    builder, task = start_graph(), pair.colorization
    op = builder.op
    line, hint = add_input(builder, "line", []), add_input(builder, "hint", [4])
    # Padding.
    size = op.Shape(line, start=1)
    more = op.Mod(op.Neg(size), [pair.multiple] * 2)
    planes = op.Unsqueeze(op.Pad(line, pads(op, more), mode="edge"), [1])
    planes = op.Cast(planes, to=FLOAT)
    hint = op.Pad(hint, pads(op, more, after=1))
    colors = {"line": to_unit(op, planes)}
    if "draft" in networks:
        gray = shrink(op, planes, task.draft_scale)
        encoded = encode(op, task, pool(op, hint, task.draft_scale), gray)
        (small,) = embed(op, networks["draft"], "draft", line=to_unit(op, gray), hint=encoded)
        scales = [1.0, 1.0, float(task.draft_scale), float(task.draft_scale)]
        colors["draft"] = op.Resize(small, None, scales, mode="linear")
    else:
        colors["hint"] = encode(op, task, hint, planes)
    (result,) = embed(op, networks["color"], "color", **colors)
    add_output(builder, to_pixels(op, result, size), "color", [3])
    return to_model(builder)


def encode(op: OpBuilder, task: Colorization, hint: Value, gray: Value) -> Value:
    """Encode hints uint8[B, H, W, 4] with the drawing float32[B, 1, H, W], 0..255, as the task."""
    if task.encode_hint in GRAPHS:
        return GRAPHS[task.encode_hint](op, hint, gray)
    pixels = op.Cast(op.Squeeze(gray, [1]), to=BYTE)
    (encoded,) = embed(op, export_encoder(task), "encoder", hint=hint, line=pixels)
    return encoded


def join_translator(pair: Pair, generator: onnx.ModelProto) -> onnx.ModelProto:
    """Build the model of `inference.Translator`, without heat maps: photo -> picture."""
    builder, task = start_graph(), pair.translation
    op = builder.op
    photo = add_input(builder, "photo", [3], task.size_px)
    size = op.Shape(photo, start=1, end=3)
    more = op.Mod(op.Neg(size), [pair.multiple] * 2)
    more = op.Max(more, op.Sub([MIN_PX] * 2, size))
    padded = op.Pad(photo, pads(op, more, after=1), mode="edge")
    planes = op.Cast(op.Transpose(padded, perm=[0, 3, 1, 2]), to=FLOAT)
    result, *_ = embed(op, generator, "target", photo=to_unit(op, planes))
    pixels = to_pixels(op, result, size)
    if task.channels == 1:
        add_output(builder, op.Squeeze(pixels, [3]), "picture", [], task.size_px)
    else:
        add_output(builder, pixels, "picture", [task.channels], task.size_px)
    return to_model(builder)


def add_input(
    builder: GraphBuilder, name: str, channels: list[int], size_px: int | None = None
) -> Value:
    """Add an input uint8[B, H, W, *channels], or of a fixed height and width."""
    return builder.input(name, BYTE, picture_shape(channels, size_px))


def add_output(
    builder: GraphBuilder,
    value: Value,
    name: str,
    channels: list[int],
    size_px: int | None = None,
) -> None:
    """Make a value an output uint8[B, H, W, *channels], or of a fixed height and width."""
    builder.add_output(value, name)
    value.dtype, value.shape = BYTE, ir.Shape(picture_shape(channels, size_px))


def picture_shape(channels: list[int], size_px: int | None) -> list[int | str]:
    """Return the axes of pictures: B, height, width and channels."""
    return ["B", size_px or "H", size_px or "W", *channels]


def pads(op: OpBuilder, more: Value, *, after: int = 0) -> Value:
    """Return pads that add `more` at the bottom and right; `after` axes follow those two."""
    none = [[0] * after] if after else []
    padding: Value = op.Concat([0] * (4 + after), more, *none, axis=0)
    return padding


def shrink(op: OpBuilder, planes: Value, scale: int) -> Value:
    """Shrink 0..255 by area as `image.resize` does, with OpenCV's rounding."""
    mean = op.AveragePool(planes, kernel_shape=[scale] * 2, strides=[scale] * 2)
    # For a scale of 2 OpenCV has separate code, which rounds 0.5 up.
    shrunk: Value = op.Floor(op.Add(mean, 0.5)) if scale == 2 else op.Round(mean)
    return shrunk


def to_pixels(op: OpBuilder, result: Value, size: Value) -> Value:
    """Map -1..1 to uint8 0..255, channels last, and crop the padding."""
    levels = op.Round(op.Mul(op.Add(result, 1.0), 127.5))
    levels = op.Slice(op.Clip(levels, 0.0, 255.0), [0, 0], size, [2, 3])
    pixels: Value = op.Transpose(op.Cast(levels, to=BYTE), perm=[0, 2, 3, 1])
    return pixels
