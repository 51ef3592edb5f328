"""Builder of ONNX graphs by nested calls."""

from itertools import count
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET: Final = 20
IR_VERSION: Final = 10
"""Versions that ONNX Runtime 1.18 and later can read."""


def ints(*values: int) -> np.ndarray:
    """Return an int64 array, as ONNX requires for shapes, axes and pads."""
    return np.array(values, np.int64)


class Graph:
    """Graph under construction: nodes in the order of the calls; values are identified by name."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.numbers = count()
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def __call__(self, kind: str, *inputs: str | np.ndarray | np.generic, **attributes: Any) -> str:
        """Add a node with one output and return its name; inputs are names or constants."""
        name = self.new_name(kind)
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self.nodes.append(helper.make_node(kind, names, [name], **attributes))
        return name

    def constant(self, value: np.ndarray | np.generic) -> str:
        """Add a constant and return its name."""
        name = self.new_name("number")
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def name(self, value: str, name: str) -> None:
        """Add an alias for a value, such as the name of an output."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def new_name(self, kind: str) -> str:
        """Return an unused name."""
        return f"{self.prefix}{kind}_{next(self.numbers)}"

    def embed(self, network: onnx.ModelProto, prefix: str, **inputs: str) -> list[str]:
        """Add a whole model with prefixed names; return the names of its outputs."""
        placed = onnx.compose.add_prefix(network, prefix).graph
        for name, value in inputs.items():
            self.name(value, prefix + name)
        self.nodes.extend(placed.node)
        self.initializers.extend(placed.initializer)
        return [output.name for output in placed.output]

    @property
    def state(self) -> str:
        """Return the name of the state at the start of a round, in the body of a loop."""
        return f"{self.prefix}state"

    def loop(self, start: str, most: int, body: "Graph", result: str, going: str) -> str:
        """Add a loop; return the name of its final state.

        Args:
            start: Initial state.
            most: Maximum number of rounds.
            body: Graph of one round, which reads its `state` and may use all values of this graph.
            result: Name in `body` of the state after a round.
            going: Name in `body` of the flag whether there is another round.
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
        """Build the ONNX model of this graph."""
        graph = helper.make_graph(self.nodes, "lineart", inputs, outputs, self.initializers)
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
