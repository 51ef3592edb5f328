"""Weights: included folders, the user's folders, and ONNX files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lineart.storage import Storage, read_file
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
        FileNotFoundError: `config.json` cannot be read.
        OSError: Another file cannot be read.
    """
    if is_onnx(folder):
        return {MODEL: read_file(folder.uri)}
    try:
        files = {"config.json": folder.read("config.json")}
    except OSError as error:
        names = ", ".join(sorted(path.parent.name for path in INCLUDED.glob("*/config.json")))
        raise FileNotFoundError(
            f"no weights at {folder.uri}: config.json cannot be read ({error}); give a folder that "
            f"holds it, a file NAME.onnx, or one of the included names: {names}"
        ) from error
    for entry in folder.entries():
        if entry.path.endswith(".safetensors"):
            files[entry.path] = folder.read(entry.path)
    return files


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
        raise ValueError(
            "config.json of the weights says neither draft_scale, as of those that colour, nor "
            "channels, as of those that translate"
        )
    return dict(config)
