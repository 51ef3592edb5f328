"""Small models of ONNX, as a studio may bring them."""

from collections.abc import Sequence

from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

BYTE, FLOAT = TensorProto.UINT8, TensorProto.FLOAT
COLOR = {"line": ["B", "H", "W"], "hint": ["B", "H", "W", 4]}
ANSWER = {"color": ["B", "H", "W", 3]}
Described = dict[str, list[str | int]]

FIRST_THREE = [
    helper.make_node("Constant", [], ["zero"], value_ints=[0]),
    helper.make_node("Constant", [], ["three"], value_ints=[3]),
    helper.make_node("Slice", ["hint", "zero", "three", "three"], ["color"]),
]
"""Gives the hints' colours as the answer."""


def studio_model(
    nodes: Sequence[NodeProto] = FIRST_THREE,
    inputs: Described = COLOR,
    outputs: Described = ANSWER,
    kind: int = BYTE,
) -> ModelProto:
    """Give a model; without arguments one that colours with the hints' colours."""
    graph = helper.make_graph(nodes, "studio", _values(inputs, kind), _values(outputs, kind))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _values(described: Described, kind: int) -> list[ValueInfoProto]:
    return [helper.make_tensor_value_info(name, kind, axes) for name, axes in described.items()]
