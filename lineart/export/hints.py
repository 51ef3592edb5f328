"""Pooling and encoding of hints as ONNX graphs.

The arithmetic is that of `imaging.hints` and of each pair's `encode_hint`, except `flood_fill`.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from onnx import TensorProto

from lineart.export.flood_fill import flood, flow
from lineart.export.graph import Graph, ints
from lineart.models.families.two_stage import encode_hint
from lineart.models.hint_maps import INK_BELOW, flood_hints, point_hints

FLOAT, INT32, BOOL = TensorProto.FLOAT, TensorProto.INT32, TensorProto.BOOL


class PooledHints(NamedTuple):
    """Names of the hint values at the draft's size."""

    color: str
    """Colours, float32[B, 3, h, w], 0..255."""
    is_told: str
    """Mask of hints, bool[B, 1, h, w]."""


def pool(graph: Graph, hint: str, scale: int) -> PooledHints:
    """Add the choice of the best hint of each `scale` x `scale` cell; see `resize_hints`."""
    count, height, width = (graph("Shape", hint, start=axis, end=axis + 1) for axis in range(3))
    side, channels = ints(scale), ints(4)
    rows, columns = graph("Div", height, side), graph("Div", width, side)
    cells = graph("Concat", count, rows, side, columns, side, channels, axis=0)
    cells = graph("Transpose", graph("Reshape", hint, cells), perm=[0, 1, 3, 2, 4, 5])
    flat = graph("Concat", count, rows, columns, ints(scale**2), channels, axis=0)
    cells = graph("Reshape", cells, flat)
    # Order: the most opaque, then the nearest to the centre, then the last.
    opacity = graph("Cast", graph("Gather", cells, np.int64(3), axis=4), to=INT32)
    score = graph("Add", graph("Mul", opacity, np.int32(scale**2)), ranks(scale))
    best = graph("Unsqueeze", graph("ArgMax", score, axis=3), ints(4))
    best = graph("Expand", best, graph("Concat", count, rows, columns, ints(1), channels, axis=0))
    pixels = graph("Squeeze", graph("GatherElements", cells, best, axis=3), ints(3))
    pixels = graph("Cast", graph("Transpose", pixels, perm=[0, 3, 1, 2]), to=FLOAT)
    color = graph("Slice", pixels, ints(0), ints(3), ints(1))
    alpha = graph("Slice", pixels, ints(3), ints(4), ints(1))
    return PooledHints(color, graph("Greater", alpha, np.float32(0)))


def ranks(scale: int) -> np.ndarray:
    """Return the rank of each pixel of a cell; the nearest to its centre has the highest."""
    offsets = np.arange(scale) + 0.5 - scale / 2
    distance = (offsets[:, np.newaxis] ** 2 + offsets**2).ravel()
    order = np.argsort(-distance, kind="stable")
    return np.argsort(order).astype(np.int32)


def rgba(graph: Graph, hints: PooledHints, gray: str) -> str:
    """Add the graph of `two_stage.encode_hint`."""
    del gray
    alpha = graph("Cast", hints.is_told, to=FLOAT)
    color = graph("Mul", to_unit(graph, hints.color), alpha)
    return graph("Concat", color, alpha, axis=1)


def points(graph: Graph, hints: PooledHints, gray: str) -> str:
    """Add the graph of `hint_maps.point_hints`."""
    del gray
    colors = graph("Mul", hints.color, np.float32(1.75 / 255))
    return graph("Where", hints.is_told, graph("Sub", colors, np.float32(0.75)), np.float32(-1))


def flooded(graph: Graph, hints: PooledHints, gray: str) -> str:
    """Add the graph of `hint_maps.flood_one`, for every picture of the batch."""
    is_paper = graph("GreaterOrEqual", gray, np.float32(INK_BELOW))
    is_on_paper = graph("And", hints.is_told, is_paper)
    # Hints on ink are no sources, unless there are no others.
    has_none = graph("Not", has_any(graph, is_on_paper))
    is_source = graph("Or", is_on_paper, graph("And", hints.is_told, has_none))
    color = flood(graph, hints.color, gray, is_source)
    color = flow(graph, color, gray, is_source)
    brightness = graph("ReduceMean", hints.color, ints(1))
    is_light = graph("GreaterOrEqual", brightness, np.float32(INK_BELOW))
    is_told = graph("And", hints.is_told, graph("Or", is_source, is_light))
    encoded = to_unit(graph, graph("Where", is_told, hints.color, color))
    return graph("Where", has_any(graph, hints.is_told), encoded, np.float32(0))


ENCODERS: Final[dict[object, Callable[[Graph, PooledHints, str], str]]] = {
    encode_hint: rgba,
    point_hints: points,
    flood_hints: flooded,
}
"""`encode_hint` of a pair -> function that adds its graph."""


def has_any(graph: Graph, mask: str) -> str:
    """Return for each picture whether any pixel of a mask is set."""
    number = graph("Cast", mask, to=INT32)
    return graph("Cast", graph("ReduceMax", number, ints(1, 2, 3)), to=BOOL)


def to_unit(graph: Graph, levels: str) -> str:
    """Map 0..255 to -1..1."""
    return graph("Sub", graph("Div", levels, np.float32(127.5)), np.float32(1))
