"""Metadata of exported ONNX files: authors, inputs and outputs, accuracy."""

import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

from lineart.models import Pair
from lineart.onnx.graph import OPSET
from lineart.onnx.spec import IOSpec
from lineart.onnx.verify import BOUNDS, LEVELS, PictureError

CREDITS: Final = {
    "author": "authors",
    "authors": "authors",
    "licence": "licence",
    "license": "licence",
}
"""Column of the tables in a model card -> key of the metadata."""

LINE = (
    "uint8[B, H, W], a line drawing at any size, 0 = ink, 255 = paper; best at a short side of 512"
)
HINT = "uint8[B, H, W, 4], colour hints of the line's size, sRGB and alpha; alpha 0 = none"
COLOR = "uint8[B, H, W, 3], sRGB, the colours below the lines, of the line's size"
PHOTO = "uint8[B, H, W, 3], sRGB, {size}"
DRAWING = "uint8[B, H, W], a line drawing of the photograph's size, 0 = ink, 255 = paper"
PICTURE = "uint8[B, H, W, 3], sRGB, of the photograph's size"
FLOODED: Final = (
    "; hints flood the drawing by the cheapest way here and by watershed in PyTorch, so that with "
    "several hints pictures differ: PSNR {}"
)
PLANES: Final = {
    "line": "a line drawing, -1 = ink, 1 = paper",
    "hint": "hints as the draft network wants them, at the draft's size",
    "draft": "sRGB",
    "color": "sRGB",
    "photo": "sRGB",
    "heat": "where the network looks, in no fixed range",
    "logits": "of the network's classifier",
}

Facts = dict[str, str]


def common_facts(pair: Pair, *, weights_sha256: str, card: str | None, half: bool) -> Facts:
    """Return the metadata common to all files of a pair."""
    inside = "float16 weights and arithmetic" if half else "float32"
    return {
        "program": f"lineart {version('lineart')}, PyTorch {version('torch')}",
        "opset": str(OPSET),
        "model": pair.model,
        "arguments": json.dumps(pair.arguments),
        "precision": f"{inside}; inputs and outputs as they are described",
        "weights_sha256": weights_sha256,
        **({} if card is None else read_credits(card) | {"model_card": card}),
    }


def read_credits(card: str) -> Facts:
    """Return authors and licences in the tables of a model card, without duplicates."""
    found: dict[str, dict[str, None]] = {}
    for row in _rows(card):
        for column, fact in CREDITS.items():
            if row.get(column):
                found.setdefault(fact, {})[row[column]] = None
    return {fact: "; ".join(values) for fact, values in found.items()}


def _rows(card: str) -> Iterator[dict[str, str]]:
    """Yield the rows of all Markdown tables: column name in lower case -> text."""
    columns: list[str] = []
    for line in card.splitlines():
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if columns and len(cells) == len(columns) and not set(line) <= set("|-: "):
            yield dict(zip(columns, cells, strict=True))
        columns = columns or [cell.lower() for cell in cells]


def network_facts(name: str, spec: IOSpec, difference: float, *, half: bool) -> Facts:
    """Return the metadata of one network: inputs, outputs and accuracy."""
    side = f"{spec.size_px} alone" if spec.size_px else f"multiples of {spec.multiple}"
    described = {
        f"input {key}": f"float32[B, {channels}, H, W], {_planes(key, channels)}; H, W: {side}"
        for key, channels in spec.inputs.items()
    } | {f"output {key}": _planes(key, 0) for key in spec.outputs}
    return described | {
        "network": name,
        "largest_difference": f"{difference:.2g}",
        "checked": (
            f"ONNX Runtime on the CPU against PyTorch in float32 at {_sizes(spec.size_px)} and "
            f"two batch sizes; largest difference of values -1..1{_ranges(spec)}, refused above "
            f"{BOUNDS[half]:g}"
        ),
    }


def _sizes(size_px: int | None) -> str:
    return f"{size_px} x {size_px} alone" if size_px else "two sizes"


def _ranges(spec: IOSpec) -> str:
    """Return the text on outputs without a fixed range, whose differences are relative."""
    beside = spec.outputs[1:]
    return f", and of {' and '.join(beside)} as a part of the largest" if beside else ""


def _planes(name: str, channels: int) -> str:
    if name == "picture":
        return "a line drawing, -1 = ink, 1 = paper" if channels == 1 else "what the network makes"
    meaning = PLANES[name]
    return meaning if name in ("heat", "logits", "line") else f"{meaning}, -1..1"


def colorizer_facts(compared: PictureError, *, half: bool) -> Facts:
    """Return the metadata of the colorizing model: inputs, output and accuracy."""
    decibels = ", ".join(f"{db:.1f} dB with {n} hints" for n, db in compared.flooded_db.items())
    return {
        "input line": LINE,
        "input hint": HINT,
        "output color": COLOR,
        "network": "all of it, from bytes to bytes",
        **_picture_facts(
            compared.levels,
            half,
            "drawn lines, at two sizes",
            FLOODED.format(decibels) if decibels else "",
        ),
    }


def translator_facts(pair: Pair, levels: int, *, half: bool) -> Facts:
    """Return the metadata of the translating model: input, output and accuracy."""
    size_px = pair.translation.size_px
    size = _sizes(size_px) if size_px else "at any size; best at a short side of 512"
    return {
        "input photo": PHOTO.format(size=size),
        "output picture": DRAWING if pair.translation.channels == 1 else PICTURE,
        "network": "from bytes to bytes, photographs to the target",
        **_picture_facts(levels, half, f"noise, at {_sizes(size_px)}", ""),
    }


def _picture_facts(levels: int, half: bool, what: str, more: str) -> Facts:
    return {
        "largest_difference": str(levels),
        "checked": (
            f"ONNX Runtime on the CPU against PyTorch in float32 on {what} and two batch sizes; "
            f"largest difference of levels 0..255, refused above {LEVELS[half]}{more}"
        ),
    }
