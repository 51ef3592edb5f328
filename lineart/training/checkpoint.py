"""Checkpoints: the full training state in a safetensors file; the last few and best are kept."""

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from lineart.datasets.shard_rows import INDEX
from lineart.models import find_not_finite
from lineart.storage import Storage
from lineart.training.recipes import Recipe

FOLDER = "checkpoints"
DATA = "shards.sha256"
"""Hash of the names and sizes of the shards that a run learns from."""
FEATURES = "features.json"
"""Names and SHA-256 of the feature networks of a run's losses."""
NAME = re.compile(rf"{FOLDER}/(\d+)-(\d+)/state\.safetensors")
KEEP_LAST = 3


@dataclass(frozen=True, order=True)
class CheckpointId:
    """Stage and images seen, which identify a checkpoint; ordered by progress."""

    stage: int
    """Index in `Recipe.stages`."""
    images: int
    """Images seen in this stage."""

    @property
    def folder(self) -> str:
        """Folder of the checkpoint, relative to the run's folder."""
        return f"{FOLDER}/{self.stage}-{self.images:010d}"

    @property
    def path(self) -> str:
        """File of the checkpoint, relative to the run's folder."""
        return f"{self.folder}/state.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Training state from which a run resumes."""

    place: CheckpointId
    tensors: Mapping[str, Tensor]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors named `prefix.*`, without the prefix."""
        start = len(prefix) + 1
        return {n[start:]: t for n, t in self.tensors.items() if n.startswith(f"{prefix}.")}


def module_tensors(prefix: str, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield a module's state as named tensors on the CPU."""
    for name, tensor in module.state_dict().items():
        yield f"{prefix}.{name}", tensor.detach().cpu().contiguous()


def load_module(module: nn.Module, found: Checkpoint, name: str) -> None:
    """Load a module's state from the tensors `name.*` of a checkpoint.

    Raises:
        ValueError: the module has other layers.
    """
    try:
        module.load_state_dict(found.part(name))
    except RuntimeError as error:
        raise ValueError(
            f"{found.place.folder} does not fit {name}, whose layers have changed since; give "
            "another --output"
        ) from error


def optimizer_tensors(
    prefix: str, optimizer: torch.optim.Optimizer
) -> Iterator[tuple[str, Tensor]]:
    """Yield an optimizer's state as named tensors on the CPU."""
    for parameter, entries in optimizer.state_dict()["state"].items():
        for key, value in entries.items():
            yield f"{prefix}.{parameter}.{key}", value.detach().cpu().contiguous()


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore an optimizer's state from named tensors, in the memory layout of the parameters."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, key = name.split(".")
        parameter = parameters[int(number)]
        if value.shape == parameter.shape:
            value = torch.empty_like(parameter, requires_grad=False).copy_(value)
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def write(
    output: Storage, recipe: Recipe, checkpoint: Checkpoint, best: Iterable[CheckpointId] = ()
) -> None:
    """Write a checkpoint atomically, then delete all but the last `KEEP_LAST` and the best.

    Later ones are of a training that did not go on from them; they are deleted, too.
    """
    record = json.dumps({"recipe": asdict(recipe), "place": asdict(checkpoint.place)})
    output.write(checkpoint.place.path, save(dict(checkpoint.tensors), {"record": record}))
    there = places(output)
    last = [place for place in there if place <= checkpoint.place][-KEEP_LAST:]
    for place in set(there) - {*last, *best}:
        output.delete(place.path)


def places(output: Storage) -> list[CheckpointId]:
    """Return the checkpoints of a run, the newest last."""
    found = (NAME.fullmatch(entry.path) for entry in output.entries(FOLDER))
    return sorted(CheckpointId(int(match[1]), int(match[2])) for match in found if match)


def read(output: Storage, recipe: Recipe) -> Checkpoint | None:
    """Read the newest checkpoint of a run whose numbers are finite; return None if there is none.

    Raises:
        ValueError: the folder holds a run of another recipe.
    """
    check(output, recipe)
    for place in reversed(places(output)):
        found = read_at(output, place)
        if find_not_finite(found.tensors) is None:
            return found
    return None


def read_at(output: Storage, place: CheckpointId) -> Checkpoint:
    """Read a checkpoint."""
    return Checkpoint(place, load(output.read(place.path)))


def check(output: Storage, recipe: Recipe) -> None:
    """Raise if the newest checkpoint in a folder is of another recipe.

    Raises:
        ValueError: the folder holds a run of another recipe.
    """
    there = places(output)
    if not there:
        return
    wanted = json.loads(json.dumps(asdict(recipe)))
    if other := _difference(_read_record(output, there[-1])["recipe"], wanted):
        raise ValueError(
            f"{output.uri} holds a run of another recipe: {other}; give another --output"
        )


def _difference(held: Any, wanted: Any, name: str = "recipe") -> str:
    """Describe the first value that differs in two recipes as JSON; "" if there is none."""
    if isinstance(held, list) and isinstance(wanted, list):
        held, wanted = (dict(enumerate(one)) for one in (held, wanted))
    if not (isinstance(held, dict) and isinstance(wanted, dict)):
        return "" if held == wanted else f"{name} is {held!r} there, {wanted!r} here"
    keys = dict.fromkeys([*held, *wanted])
    found = (_difference(held.get(key), wanted.get(key), f"{name}.{key}") for key in keys)
    return next(filter(None, found), "")


def check_data(output: Storage, data: Storage) -> None:
    """Record the shards that a run learns from; raise if its checkpoints are of others.

    Raises:
        ValueError: the folder holds a run on other shards.
    """
    entries = sorted((entry.path, entry.size) for entry in data.entries())
    folders = {posixpath.dirname(path) for path, _ in entries if posixpath.basename(path) == INDEX}
    shards = [
        (path, size)
        for path, size in entries
        if path.endswith(".parquet") and posixpath.dirname(path) in folders
    ]
    digest = hashlib.sha256(json.dumps(shards).encode()).hexdigest().encode()
    if places(output) and output.exists(DATA) and output.read(DATA) != digest:
        raise ValueError(f"{output.uri} holds a run on other shards; give another --output")
    output.write(DATA, digest)


def check_features(output: Storage, features: Mapping[str, Mapping[str, str]]) -> None:
    """Record the feature networks of a run's losses; raise if its checkpoints are of others.

    Args:
        output: Folder of the run; runs of before have no such record and take any.
        features: Loss term -> name and SHA-256, see `TrainingJob.describe_features`.

    Raises:
        ValueError: the folder holds a run with another network, or other weights of it.
    """
    known = json.loads(output.read(FEATURES)) if output.exists(FEATURES) else features
    if places(output) and (
        other := [term for term in features if known.get(term) != features[term]]
    ):
        raise ValueError(
            f"{output.uri} holds a run with other weights of the feature network of {other[0]}; "
            "give those by --feature-weights, or another --output"
        )
    if features:
        output.write(FEATURES, json.dumps(features, indent=1).encode())


def _read_record(output: Storage, place: CheckpointId) -> dict[str, Any]:
    """Read the recipe and place from the header of a checkpoint, without its tensors."""
    with closing(output.open_file(place.path)) as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    record: dict[str, Any] = json.loads(header["__metadata__"]["record"])
    return record
