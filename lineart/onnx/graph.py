"""What the ONNX graphs of whole pipelines share, on top of onnxscript's builder."""

from collections.abc import Callable
from typing import Final

import onnx
from onnxscript import GraphBuilder, OpBuilder, ir

OPSET: Final = 20
IR_VERSION: Final = 10
"""Versions that ONNX Runtime 1.18 and later can read."""

FLOAT, BYTE, BOOL = ir.DataType.FLOAT, ir.DataType.UINT8, ir.DataType.BOOL

END: Final = 1 << 62
"""End of a slice that reaches to the end of its axis."""

Value = ir.Value
"""Value of a graph under construction."""


def start_graph() -> GraphBuilder:
    """Return the builder of an empty graph."""
    return GraphBuilder(ir.Graph([], [], nodes=[], opset_imports={"": OPSET}, name="lineart"))


def to_model(builder: GraphBuilder) -> onnx.ModelProto:
    """Build the ONNX model of a graph.

    It drops the builder's notes, and the types of all values inside: an embedded network calls its
    own axes H and W, as the whole does others.
    """
    for node in ir.traversal.RecursiveGraphIterator(builder.graph):
        node.metadata_props.clear()
        for value in node.outputs:
            if not value.is_graph_output():
                value.type = value.shape = None
    model: onnx.ModelProto = ir.to_proto(ir.Model(builder.graph, ir_version=IR_VERSION))
    return model


def embed(op: OpBuilder, network: onnx.ModelProto, name: str, **inputs: Value) -> list[Value]:
    """Add a whole model, with its names prefixed by `name`; return its outputs."""
    graph = ir.from_proto(onnx.compose.add_prefix(network, f"{name}_")).graph
    outputs = [*graph.outputs]
    for value in graph.inputs:
        value.replace_all_uses_with(inputs[f"{value.name}".removeprefix(f"{name}_")])
    for key in [*graph.initializers]:
        op.builder.graph.register_initializer(graph.initializers.pop(key))
    nodes = [*graph]
    graph.outputs.clear()
    graph.remove(nodes)
    op.builder.graph.extend(nodes)
    return outputs


def loop(
    op: OpBuilder,
    start: Value,
    max_rounds: int,
    step: Callable[[OpBuilder, Value], tuple[Value, Value]],
) -> Value:
    """Add a loop and return its final state.

    Args:
        op: Operators of the graph.
        start: Initial state.
        max_rounds: Maximum number of rounds.
        step: Adds one round: state -> whether there is another round, and the next state. It may
            use all values of the graph.
    """

    def body(inner: OpBuilder, _round: Value, _more: Value, state: Value) -> tuple[Value, Value]:
        # Names of a body must differ from those of the graph around it.
        inner.builder.push_module(name)
        return step(inner, state)

    name = f"loop{op.builder.graph.num_nodes()}"
    types = [("round", ir.DataType.INT64), ("more", BOOL), ("state", start.dtype)]
    inputs = [
        ir.val(f"{name}_{part}", dtype, [] if i < 2 else None)
        for i, (part, dtype) in enumerate(types)
    ]
    outputs = [ir.val(f"{name}_again", BOOL, []), ir.val(f"{name}_next", start.dtype)]
    inside = op.builder.subgraph(body, inputs, outputs, name=name)
    state: Value = op.Loop(max_rounds, True, start, body=inside)
    return state


def to_unit(op: OpBuilder, levels: Value) -> Value:
    """Map 0..255 to -1..1."""
    unit: Value = op.Sub(op.Div(levels, 127.5), 1.0)
    return unit


# Neighbouring pixels.


def pairs(op: OpBuilder, grid: Value, axis: int) -> tuple[Value, Value]:
    """Return the first and the second pixels of all pairs of neighbours along an axis."""
    return op.Slice(grid, [0], [-1], [axis]), op.Slice(grid, [1], [END], [axis])


def both_ways(op: OpBuilder, between: Value, axis: int) -> list[Value]:
    """Return for each pixel the value of its pair with the previous one, and with the next one."""
    return [op.Pad(between, [int(i == place) for i in range(8)]) for place in (axis, 4 + axis)]


def neighbours(op: OpBuilder, grid: Value, outside: float) -> list[Value]:
    """Return the pixels left and right of each pixel, above and below it."""
    framed = op.Pad(grid, [0, 0, 1, 1, 0, 0, 1, 1], outside)
    windows = [((1, 0), (-1, -2)), ((1, 2), (-1, END)), ((0, 1), (-2, -1)), ((2, 1), (END, -1))]
    return [op.Slice(framed, [*start], [*end], [2, 3]) for start, end in windows]


def halve(op: OpBuilder, planes: Value) -> Value:
    """Return the mean of each cell of two by two pixels."""
    mean: Value = op.AveragePool(planes, kernel_shape=[2, 2], strides=[2, 2])
    return mean
