"""Networks: the table of model pairs, and their weights as bytes (no pickle, no paths)."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from lineart.models.families.additive_unet import additive_unet, concat_unet
from lineart.models.families.border_unet import border_unet
from lineart.models.families.hint_unet import hint_unet
from lineart.models.families.line_drawing import line_drawing
from lineart.models.families.two_stage import two_stage
from lineart.models.families.ugatit import ugatit, ugatit_light
from lineart.models.families.ugatit.public import ugatit_public, ugatit_public_light
from lineart.models.layers import empty_tensors
from lineart.models.matching import matching
from lineart.models.pair import (
    BorderSearch,
    Colorization,
    Matching,
    Pair,
    Translated,
    Translation,
)

__all__ = [
    "MODELS",
    "BorderSearch",
    "Colorization",
    "Matching",
    "Pair",
    "Translated",
    "Translation",
    "build_empty",
    "check_config",
    "describe",
    "find_not_finite",
    "from_files",
    "to_files",
]

MODELS: Final[dict[str, Callable[..., Pair]]] = {
    "two_stage": two_stage,
    "additive_unet": additive_unet,
    "concat_unet": concat_unet,
    "hint_unet": hint_unet,
    "border_unet": border_unet,
    "line_drawing": line_drawing,
    "ugatit": ugatit,
    "ugatit_light": ugatit_light,
    "ugatit_public": ugatit_public,
    "ugatit_public_light": ugatit_public_light,
    "matching": matching,
}
"""Model name -> function that builds the pair."""

CONFIG = "config.json"
MOST = 100.0
"""Largest temperature of a calibration."""
TASK_FIELDS: Final = {
    Colorization: ("draft_scale",),
    Translation: ("channels", "size_px"),
    BorderSearch: (),
    Matching: ("temperature", "threshold"),
}
"""Fields of a task that `config.json` repeats, for processes that build no networks."""


def build_empty(model: str, arguments: Mapping[str, int]) -> Pair:
    """Build a pair on the meta device: for its properties, or to load its tensors."""
    with empty_tensors():
        return MODELS[model](**arguments)


def to_files(pair: Pair, *, half: bool = False) -> dict[str, bytes]:
    """Return the files of a weights folder: name -> bytes.

    Args:
        pair: Pair whose generators are stored.
        half: Store 16-bit floats: half the size, about three significant decimal digits.

    Raises:
        FloatingPointError: a number is not finite as it is stored; 16-bit floats end at 65,504.
    """
    files = {CONFIG: (json.dumps(describe(pair), indent=2) + "\n").encode()}
    for name, generator in pair.generators.items():
        tensors = stored_tensors(generator, half)
        if wrong := find_not_finite(tensors):
            kind = "16-bit weights" if half else "weights"
            raise FloatingPointError(f"{wrong} of the {kind} {name}")
        files[f"{name}.safetensors"] = save(tensors)
    return files


def from_files(files: Mapping[str, bytes]) -> Pair:
    """Build the pair of a weights folder, in float32 and evaluation mode.

    Raises:
        ValueError: A file is missing or broken, the model is unknown, or tensors do not fit it.
    """
    config = parse_config(read(files, CONFIG))
    pair = build_empty(config["model"], config["arguments"])
    if isinstance(pair.task, Matching):
        pair = replace(pair, task=read_calibration(config))
    if config != describe(pair):
        raise ValueError(f"{CONFIG} says {config}, but this model is {describe(pair)}")
    for name, generator in pair.generators.items():
        load_tensors(generator, read(files, f"{name}.safetensors"), name)
    return pair


def describe(pair: Pair) -> dict[str, Any]:
    """Return the content of config.json."""
    return {
        "model": pair.model,
        "arguments": pair.arguments,
        **{name: getattr(pair.task, name) for name in TASK_FIELDS[type(pair.task)]},
        "multiple": pair.multiple,
    }


def read_calibration(config: Mapping[str, Any]) -> Matching:
    """Return the calibration in config.json; numbers out of range are left out."""
    given = {name: config.get(name) for name in TASK_FIELDS[Matching]}
    return Matching(**{k: v for k, v in given.items() if type(v) is float and 0 < v <= MOST})


def stored_tensors(generator: nn.Module, half: bool) -> dict[str, Tensor]:
    """Return a generator's tensors as stored, on the CPU."""
    tensors = {}
    for name, tensor in generator.state_dict().items():
        kind = torch.float16 if half and tensor.is_floating_point() else tensor.dtype
        tensors[name] = tensor.detach().to("cpu", kind).contiguous()
    return tensors


def find_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first tensor with a number that is not finite, if there is one."""
    wrong = (n for n, t in tensors.items() if t.is_floating_point() and not t.isfinite().all())
    return next(wrong, None)


def load_tensors(generator: nn.Module, data: bytes, name: str) -> None:
    """Load stored tensors into a generator as float32; raise ValueError if they do not fit."""
    try:
        stored = load(data)
    # safetensors raises KeyError for a number type that torch lacks.
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{name}.safetensors is not a safetensors file: {error}") from error
    tensors = {key: t.float() if t.is_floating_point() else t for key, t in stored.items()}
    kinds = {key: tensor.dtype for key, tensor in generator.state_dict().items()}
    for key, tensor in tensors.items():
        if tensor.dtype != kinds.get(key, tensor.dtype) or not tensor.isfinite().all():
            raise ValueError(f"{name}.safetensors: {key} holds no finite numbers of its kind")
    try:
        generator.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise ValueError(f"{name}.safetensors does not fit {CONFIG}: {str(error)[:500]}") from error
    generator.eval().requires_grad_(False)


def read(files: Mapping[str, bytes], name: str) -> bytes:
    """Return one file of a weights folder; raise ValueError if it is missing."""
    if name not in files:
        raise ValueError(
            f"the weights lack {name}; a weights folder holds {CONFIG} and a file for each network"
        )
    return files[name]


def parse_config(data: bytes) -> dict[str, Any]:
    """Parse and validate config.json."""
    try:
        config: dict[str, Any] = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{CONFIG} is not JSON: {error}") from error
    check_config(config)
    return config


def check_config(config: Any) -> None:
    """Raise ValueError unless config.json, as parsed, names a model and whole arguments of it."""
    if not isinstance(config, dict) or config.get("model") not in [*MODELS]:
        raise ValueError(f"{CONFIG} must name a model, one of {', '.join(MODELS)}; got {config!r}")
    arguments = config.get("arguments")
    known = inspect.signature(MODELS[config["model"]]).parameters
    if not isinstance(arguments, dict) or arguments.keys() != known.keys():
        raise ValueError(f"{CONFIG} must give the arguments {', '.join(known)}; got {arguments!r}")
    if any(type(value) is not int or not 0 < value <= 1024 for value in arguments.values()):
        raise ValueError(f"the arguments in {CONFIG} must be whole, 1 to 1024; got {arguments!r}")
