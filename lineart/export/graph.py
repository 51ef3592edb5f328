"""A graph of ONNX, written down as nested calls."""

from itertools import count
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET: Final = 20
IR_VERSION: Final = 10
"""What ONNX Runtime 1.18 and later read."""


def ints(*values: int) -> np.ndarray:
    """Give whole numbers as shapes, axes and pads want them."""
    return np.array(values, np.int64)


class Graph:
    """Nodes, in the order in which they are written down; values go by their names."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.numbers = count()
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def __call__(self, kind: str, *inputs: str | np.ndarray | np.generic, **attributes: Any) -> str:
        """Add a node of one output; inputs are names, or numbers; give the output's name."""
        name = self.new_name(kind)
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self.nodes.append(helper.make_node(kind, names, [name], **attributes))
        return name

    def constant(self, value: np.ndarray | np.generic) -> str:
        """Add numbers; give their name."""
        name = self.new_name("number")
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def name(self, value: str, name: str) -> None:
        """Let a value have another name, too, such as that of an output."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def new_name(self, kind: str) -> str:
        """Give a name that no value has."""
        return f"{self.prefix}{kind}_{next(self.numbers)}"

    def embed(self, network: onnx.ModelProto, prefix: str, **inputs: str) -> list[str]:
        """Add a whole model under a prefix; give the names of its outputs."""
        placed = onnx.compose.add_prefix(network, prefix).graph
        for name, value in inputs.items():
            self.name(value, prefix + name)
        self.nodes.extend(placed.node)
        self.initializers.extend(placed.initializer)
        return [output.name for output in placed.output]

    @property
    def state(self) -> str:
        """Name what a round of a loop gets; `loop` says where it comes from."""
        return f"{self.prefix}state"

    def loop(self, start: str, most: int, body: "Graph", result: str, going: str) -> str:
        """Add a loop; give the name of its last state.

        Args:
            start: The first state.
            most: Rounds at most.
            body: What a round does to its `state`; it sees all values of this graph.
            result: The state behind a round.
            going: Whether there is another round.
        """
        inputs = [f"{body.prefix}round", f"{body.prefix}going", body.state]
        inside = helper.make_graph(
            body.nodes,
            f"{body.prefix}body",
            [
                helper.make_tensor_value_info(inputs[0], onnx.TensorProto.INT64, []),
                helper.make_tensor_value_info(inputs[1], onnx.TensorProto.BOOL, []),
                helper.make_empty_tensor_value_info(inputs[2]),
            ],
            [
                helper.make_tensor_value_info(going, onnx.TensorProto.BOOL, []),
                helper.make_empty_tensor_value_info(result),
            ],
            body.initializers,
        )
        return self("Loop", np.int64(most), np.bool_(True), start, body=inside)

    def model(
        self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """Give the whole as a model."""
        graph = helper.make_graph(self.nodes, "lineart", inputs, outputs, self.initializers)
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
