"""Requirements on ONNX files that colour or translate, and their validation.

Inputs and outputs are uint8 pictures as in files, so that callers do not depend on a network's
normalization:

- **colorizing**: `line` uint8[B, H, W] (0 = ink, 255 = paper) and `hint` uint8[B, H, W, 4] (sRGB
  and alpha; alpha above 0 is a hint) -> `color` uint8[B, H, W, 3] (sRGB, below the lines);
- **translating**: `photo` uint8[B, H, W, 3] (sRGB) -> `picture`, a line drawing uint8[B, H, W] or
  a picture uint8[B, H, W, 3].

Height and width are dynamic; a translating model may have a fixed square size instead. The batch
size is dynamic or 1. The file contains its weights, and operators are those of ONNX and ONNX
Runtime. `lineart export_onnx` writes such files; this module needs neither PyTorch nor ONNX
Runtime.
"""

from collections.abc import Iterator
from typing import Any, Final

MODEL: Final = "model.onnx"
"""Name of an ONNX file in the result of `weights.read_weights`, whatever the file is called."""

COLORS: Final = (("line", "hint"), "color")
TRANSLATES: Final = (("photo",), "picture")
"""Names of the inputs, in the order of arguments, and of the output."""

CHANNELS: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "line": ((),),
    "hint": ((4,),),
    "color": ((3,),),
    "photo": ((3,),),
    "picture": ((), (3,)),
}
"""Name -> allowed axes after batch, height and width."""

DOMAINS: Final = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
BYTE, EXTERNAL, TENSOR, GRAPH = 2, 1, 4, 5
"""ONNX's constants for uint8, for external weights, and for tensor and graph attributes."""

Axes = list[int | None]
"""Length of each axis; None = dynamic."""


def read_contract(data: bytes) -> dict[str, Any]:
    """Return the configuration of an ONNX file, with the keys of `config.json`.

    Raises:
        ValueError: The file is not ONNX or does not meet the requirements of this module.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_from_string(data)
    except DecodeError as error:
        raise ValueError(f"the model is not ONNX: {error}") from error
    if not model.graph.node:
        raise ValueError("the model is not ONNX, or does nothing: it has no operators")
    _check_parts(model)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name: value for value in model.graph.input if value.name not in weights}
    outputs = {value.name: value for value in model.graph.output}
    facts = {entry.key: entry.value for entry in model.metadata_props}
    config: dict[str, Any] = {"model": str(facts.get("model", "ONNX"))}
    if inputs.keys() == set(COLORS[0]) and COLORS[1] in outputs:
        for name, value in (*inputs.items(), (COLORS[1], outputs[COLORS[1]])):
            if any(side is not None for side in _axes(name, value)[1:3]):
                raise ValueError(f"{name} of the model has a size of its own; leave it free")
        # Hints have the drawing's size; the model itself pools them for its draft.
        return config | {"draft_scale": 1}
    if inputs.keys() == set(TRANSLATES[0]) and TRANSLATES[1] in outputs:
        made = _axes(TRANSLATES[1], outputs[TRANSLATES[1]])
        size_px = _only_size(_axes("photo", inputs["photo"]))
        return config | {"channels": 1 if len(made) == 3 else 3, "size_px": size_px}
    raise ValueError(
        f"the model takes {[*map(str, inputs)]} and gives {[*map(str, outputs)]}; one "
        "that colours takes line and hint and gives color, one that translates takes photo and "
        "gives picture. lineart export_onnx writes such a model.onnx"
    )


def _check_parts(model: Any) -> None:
    """Raise ValueError for weights in other files and for unknown operators."""
    own = {function.domain for function in model.functions}
    for graph in (*_graphs(model.graph), *model.functions):
        for node in graph.node:
            if node.domain not in DOMAINS and node.domain not in own:
                raise ValueError(
                    f"the model needs the operator {node.domain}.{node.op_type}, which is neither "
                    "ONNX's nor ONNX Runtime's own; export it without"
                )
        constants = (
            part.t for node in graph.node for part in node.attribute if part.type == TENSOR
        )
        for tensor in (*getattr(graph, "initializer", ()), *constants):
            if tensor.data_location == EXTERNAL:
                raise ValueError(
                    f"the weights {tensor.name} of the model lie in another file; "
                    "save it as one file, weights inside"
                )


def _graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and all graphs in the attributes of its nodes."""
    yield graph
    for node in graph.node:
        for part in node.attribute:
            for inner in [part.g] if part.type == GRAPH else part.graphs:
                yield from _graphs(inner)


def _axes(name: str, value: Any) -> Axes:
    """Return the length of each axis, None if dynamic; raise ValueError if a requirement fails."""
    tensor = value.type.tensor_type
    axes: Axes = [axis.dim_value or None for axis in tensor.shape.dim]
    allowed = [(None, None, None, *channels) for channels in CHANNELS[name]]
    if tensor.elem_type != BYTE or not any(
        len(axes) == len(free) and tuple(axes[3:]) == free[3:] for free in allowed
    ):
        wanted = " or ".join(
            f"uint8[B, H, W{''.join(f', {c}' for c in last)}]" for last in CHANNELS[name]
        )
        raise ValueError(
            f"{name} of the model must be {wanted}; it is type {tensor.elem_type}{axes}"
        )
    if axes[0] not in (None, 1):
        raise ValueError(
            f"{name} of the model takes only batches of {axes[0]}; give 1, or leave it free"
        )
    return axes


def _only_size(axes: Axes) -> int | None:
    """Return the fixed side of a model's square input; None if its size is dynamic."""
    height, width = axes[1:3]
    if height != width:
        raise ValueError(
            f"photo of the model is {axes}; its height and width are free, or one square"
        )
    return height
