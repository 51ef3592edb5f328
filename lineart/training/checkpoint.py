"""The whole state of a training in two files, without pickle."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lineart.training.recipes import Recipe

STATE = "checkpoint.safetensors"


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Give an optimizer's state as named tensors."""
    return {
        f"optimizer.{parameter}.{key}": value.contiguous()
        for parameter, entries in optimizer.state_dict()["state"].items()
        for key, value in entries.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put named tensors back."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        kind, parameter, *key = name.split(".")
        if kind == "optimizer":
            state.setdefault(int(parameter), {})[".".join(key)] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def module_tensors(modules: dict[str, nn.Module]) -> Iterator[tuple[str, Tensor]]:
    """Give the tensors of several modules, named after both."""
    for prefix, module in modules.items():
        for name, tensor in module.state_dict().items():
            yield f"{prefix}.{name}", tensor.contiguous()


def restore_module(module: nn.Module, tensors: dict[str, Tensor], prefix: str) -> None:
    """Put a module's tensors back."""
    start = len(prefix) + 1
    own = {name[start:]: t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
    module.load_state_dict(own)


def write(
    folder: Path,
    recipe: Recipe,
    place: tuple[int, int],
    modules: dict[str, nn.Module],
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write a checkpoint; a reader sees the old one or the new one, never half of it.

    Args:
        folder: The run's folder.
        recipe: What the run does; another recipe does not continue it.
        place: Stage and images seen in it.
        modules: Networks by name.
        optimizer: The stage's optimizer.
    """
    tensors = {**dict(module_tensors(modules)), **optimizer_tensors(optimizer)}
    record = json.dumps({"place": place, "recipe": asdict(recipe)})
    temporary = folder / f"{STATE}.part"
    save_file(tensors, temporary, {"record": record})
    temporary.replace(folder / STATE)


def read(folder: Path, recipe: Recipe) -> tuple[tuple[int, int], dict[str, Tensor]] | None:
    """Give place and tensors of the last checkpoint, or None where there is none.

    Raises:
        ValueError: The folder holds a run of another recipe.
    """
    path = folder / STATE
    if not path.exists():
        return None
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    record = json.loads(header["__metadata__"]["record"])
    if record["recipe"] != json.loads(json.dumps(asdict(recipe))):
        raise ValueError(f"{folder} holds a run of another recipe; give another --output")
    stage, images = record["place"]
    return (stage, images), load_file(path)
