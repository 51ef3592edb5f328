"""Whole pipelines of a pair as one ONNX model, with uint8 pictures as input and output."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from lineart.export.graph import Graph, ints
from lineart.export.hints import ENCODERS, pool, to_unit
from lineart.inference import LEAST_PX, PAPER
from lineart.models import Pair

FLOAT, BYTE = TensorProto.FLOAT, TensorProto.UINT8


def join_colorizer(pair: Pair, draft: onnx.ModelProto, color: onnx.ModelProto) -> onnx.ModelProto:
    """Build the model of `inference.Colorizer` and hint pooling: line, hint -> color."""
    graph, task = Graph(), pair.colorization
    size = graph("Shape", "line", start=1)
    more = graph("Mod", graph("Neg", size), ints(pair.multiple))
    planes = graph("Unsqueeze", graph("Pad", "line", pads(graph, more), np.uint8(PAPER)), ints(1))
    planes = graph("Cast", planes, to=FLOAT)
    hint = graph("Pad", "hint", pads(graph, more, after=1))
    gray = shrink(graph, planes, task.draft_scale)
    encoded = ENCODERS[task.encode_hint](graph, pool(graph, hint, task.draft_scale), gray)
    (small,) = graph.embed(draft, "draft_", line=to_unit(graph, gray), hint=encoded)
    scales = np.array([1, 1, task.draft_scale, task.draft_scale], np.float32)
    large = graph("Resize", small, "", scales, mode="linear")
    (result,) = graph.embed(color, "color_", line=to_unit(graph, planes), draft=large)
    graph.name(to_pixels(graph, result, size), "color")
    return graph.model(
        [picture("line", []), picture("hint", [4])],
        [picture("color", [3])],
    )


def join_translator(pair: Pair, generator: onnx.ModelProto) -> onnx.ModelProto:
    """Build the model of `inference.Translator`, without heat maps: photo -> picture."""
    graph, task = Graph(), pair.translation
    size = graph("Shape", "photo", start=1, end=3)
    more = graph("Mod", graph("Neg", size), ints(pair.multiple))
    more = graph("Max", more, graph("Sub", ints(LEAST_PX, LEAST_PX), size))
    padded = graph("Pad", "photo", pads(graph, more, after=1), mode="edge")
    planes = graph("Cast", graph("Transpose", padded, perm=[0, 3, 1, 2]), to=FLOAT)
    result, *_ = graph.embed(generator, "target_", photo=to_unit(graph, planes))
    pixels = to_pixels(graph, result, size)
    if task.channels == 1:
        pixels = graph("Squeeze", pixels, ints(3))
    graph.name(pixels, "picture")
    sides = None if task.size_px is None else [task.size_px] * 2
    channels = [] if task.channels == 1 else [task.channels]
    return graph.model([picture("photo", [3], sides)], [picture("picture", channels, sides)])


def picture(name: str, channels: list[int], sides: list[int] | None = None) -> onnx.ValueInfoProto:
    """Return the type of an input or output: uint8[B, H, W, *channels]."""
    axes: list[str | int] = ["B", "H", "W"] if sides is None else ["B", *sides]
    return helper.make_tensor_value_info(name, BYTE, [*axes, *channels])


def pads(graph: Graph, more: str, *, after: int = 0) -> str:
    """Return pads that add `more` at the bottom and right; `after` axes follow those two."""
    none = ints(*[0] * after)
    return graph("Concat", ints(*[0] * (4 + after)), more, *([none] if after else []), axis=0)


def shrink(graph: Graph, planes: str, scale: int) -> str:
    """Shrink 0..255 by area as `image.resize` does, with OpenCV's rounding."""
    mean = graph("AveragePool", planes, kernel_shape=[scale] * 2, strides=[scale] * 2)
    # For a scale of 2 OpenCV has separate code, which rounds 0.5 up.
    if scale == 2:
        return graph("Floor", graph("Add", mean, np.float32(0.5)))
    return graph("Round", mean)


def to_pixels(graph: Graph, result: str, size: str) -> str:
    """Map -1..1 to uint8 0..255, channels last, and crop the padding."""
    levels = graph("Mul", graph("Add", result, np.float32(1)), np.float32(127.5))
    levels = graph("Clip", graph("Round", levels), np.float32(0), np.float32(255))
    levels = graph("Slice", levels, ints(0, 0), size, ints(2, 3))
    return graph("Transpose", graph("Cast", levels, to=BYTE), perm=[0, 2, 3, 1])
