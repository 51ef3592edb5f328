"""Weights: included folders, the user's folders, and ONNX files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lineart.storage import Storage, read_file, reason_of
from lineart.weights.onnx_file import MODEL, read_contract

INCLUDED = Path(__file__).parent
"""Parent folder of the included weights."""


MOST = 64
"""Largest allowed `draft_scale` or `channels` in `config.json`."""


def is_included(folder: Storage) -> bool:
    """Return whether a folder holds included weights."""
    return not folder.is_s3 and Path(folder.root).parent == INCLUDED.resolve()


def open_weights(name_or_uri: str) -> Storage:
    """Return the location of weights, a folder or an ONNX file, from an included name or a URI."""
    included = INCLUDED / name_or_uri
    if "/" not in name_or_uri and included.is_dir():
        return Storage.at(str(included))
    return Storage.at(name_or_uri)


def is_onnx(weights: Storage) -> bool:
    """Return whether weights are an ONNX file, by the suffix `.onnx`."""
    return weights.name.lower().endswith(".onnx")


def read_weights(folder: Storage) -> dict[str, bytes]:
    """Read the files of a weights folder, `config.json` and safetensors, or one ONNX file.

    Returns:
        File name -> content; an ONNX file is `model.onnx`.

    Raises:
        FileNotFoundError: `config.json`, or the ONNX file, cannot be read.
        OSError: Another file cannot be read.
    """
    first = MODEL if is_onnx(folder) else "config.json"
    try:
        files = {first: read_file(folder.uri) if first == MODEL else folder.read(first)}
    except OSError as error:
        names = ", ".join(sorted(path.parent.name for path in INCLUDED.glob("*/config.json")))
        raise FileNotFoundError(
            f"there are no weights at {folder.uri}: {_why_unread(folder, error)}; give a folder "
            f"that holds config.json, a file NAME.onnx, or one of the included names: {names}"
        ) from error
    if first == MODEL:
        return files
    for entry in folder.entries():
        if entry.path.endswith(".safetensors"):
            files[entry.path] = folder.read(entry.path)
    return files


def _why_unread(folder: Storage, error: OSError) -> str:
    """Return why the first file of weights cannot be read."""
    if not isinstance(error, FileNotFoundError):
        return reason_of(error)
    if is_onnx(folder):
        return "there is no such file"
    has_folder = folder.is_s3 or Path(folder.root).is_dir()
    return "config.json is not there" if has_folder else "there is no such folder"


def fingerprint(files: Mapping[str, bytes]) -> str:
    """Return one SHA-256 of all files and their names."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}:{len(files[name])}:".encode())
        digest.update(files[name])
    return digest.hexdigest()


def read_config(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Read the configuration of weights, from `config.json` or an ONNX file, without networks.

    It has `draft_scale` if the weights colour drawings, `channels` if they translate.

    Raises:
        ValueError: The file is invalid, or does not have exactly one of the two as an integer from
            1 to `MOST`.
    """
    if MODEL in files:
        return read_contract(files[MODEL])
    try:
        config = json.loads(files["config.json"])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"config.json of the weights is not JSON: {error}") from error
    says = isinstance(config, dict) and [config.get(name) for name in ("draft_scale", "channels")]
    if not says or sum(type(value) is int and 0 < value <= MOST for value in says) != 1:
        raise ValueError(f"config.json of the weights {_describe_config(config)}")
    return dict(config)


def _describe_config(config: Any) -> str:
    """Return what a configuration says that is neither of weights that colour nor translate."""
    values = config if isinstance(config, dict) else {}
    model = values.get("model")
    if isinstance(model, str) and {"draft_scale", "channels"}.isdisjoint(values):
        return (
            f"names the model {model!r}, which neither colours drawings nor translates "
            "photographs; give weights that do, such as the included default or drawing"
        )
    return (
        "says neither draft_scale, as of those that colour, nor channels, as of those that "
        "translate"
    )
