"""What a file of ONNX must be to colour or to translate here, wherever it comes from.

Pictures go in and come out as bytes, as they are in files, so that nobody needs to know how a
network wants to see them:

- **colours**: `line` uint8[B, H, W] (0 = ink, 255 = paper) and `hint` uint8[B, H, W, 4] (sRGB and
  alpha; alpha above 0 is a hint) give `color` uint8[B, H, W, 3] (sRGB, below the lines);
- **translates**: `photo` uint8[B, H, W, 3] (sRGB) gives `picture`, a drawing uint8[B, H, W] or a
  picture uint8[B, H, W, 3].

Height and width are free; a translating model may be welded to one square instead. The batch is
free or 1. Weights lie inside the file, and operators are ONNX's and ONNX Runtime's own.
`jobs.export_onnx` writes such files; reading one here takes neither PyTorch nor ONNX Runtime.
"""

from collections.abc import Iterator
from typing import Any, Final

MODEL: Final = "model.onnx"
"""Name of the file in `weights.read_weights`, whatever it is called where it lies."""

COLORS: Final = (("line", "hint"), "color")
TRANSLATES: Final = (("photo",), "picture")
"""Names of what goes in, in the order of our calls, and of what comes out."""

CHANNELS: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "line": ((),),
    "hint": ((4,),),
    "color": ((3,),),
    "photo": ((3,),),
    "picture": ((), (3,)),
}
"""Axes that may follow batch, height and width."""

DOMAINS: Final = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
BYTE, EXTERNAL, TENSOR, GRAPH = 2, 1, 4, 5
"""ONNX's own numbers for uint8, for weights in another file, and for kinds of attributes."""

Axes = list[int | None]


def read_contract(data: bytes) -> dict[str, Any]:
    """Give what `config.json` says of other weights.

    Raises:
        ValueError: the file is not ONNX, or not what this module asks for.
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
        # Hints go in at the drawing's size; the model itself brings them to its draft.
        return config | {"draft_scale": 1}
    if inputs.keys() == set(TRANSLATES[0]) and TRANSLATES[1] in outputs:
        made = _axes(TRANSLATES[1], outputs[TRANSLATES[1]])
        size_px = _only_size(_axes("photo", inputs["photo"]))
        return config | {"channels": 1 if len(made) == 3 else 3, "size_px": size_px}
    raise ValueError(
        f"the model takes {[*map(str, inputs)]} and gives {[*map(str, outputs)]}; one "
        "that colours takes line and hint and gives color, one that translates takes photo and "
        "gives picture. jobs.export_onnx writes such a model.onnx"
    )


def _check_parts(model: Any) -> None:
    """Refuse weights in other files, and operators that nobody here has."""
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
    """Give a graph and those inside its operators."""
    yield graph
    for node in graph.node:
        for part in node.attribute:
            for inner in [part.g] if part.type == GRAPH else part.graphs:
                yield from _graphs(inner)


def _axes(name: str, value: Any) -> Axes:
    """Give the length of each axis, None where it is free."""
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
            f"{name} of the model is welded to batches of {axes[0]}; give 1, or leave it free"
        )
    return axes


def _only_size(axes: Axes) -> int | None:
    """Give the side of the only square that a model takes; None if it takes all sizes."""
    height, width = axes[1:3]
    if height != width:
        raise ValueError(
            f"photo of the model is {axes}; its height and width are free, or one square"
        )
    return height
