"""Conversion of a request's addresses to absolute ones, valid on every machine of a cluster."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from lineart.evaluation.request import Request, split_name
from lineart.storage import Storage
from lineart.weights import is_included, open_weights

AnyRequest = TypeVar("AnyRequest", bound=Request)


def make_absolute(request: AnyRequest) -> AnyRequest:
    """Return the request with absolute paths, because workers have other working directories.

    Raises:
        ValueError: an address is invalid.
    """
    given = {field.name: getattr(request, field.name) for field in fields(request)}
    absolute = {
        name: CONVERSIONS[name](value)
        for name, value in given.items()
        if name in CONVERSIONS and value is not None
    }
    return replace(request, **absolute)


def _uri(address: str) -> str:
    return Storage.at(address).uri


def _uris(addresses: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_uri, addresses))


def _weights(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_one_weights, parts))


def _one_weights(part: str) -> str:
    """Return weights by absolute address; included weights keep their name."""
    name, address = split_name(part)
    if "/" not in address and is_included(open_weights(address)):
        return part
    return f"{name}={_uri(address)}" if name else _uri(address)


def _file(choice: str) -> str:
    """Return an existing FILE or NAME=FILE with its absolute path; other values unchanged."""
    if Path(choice).is_file():
        return str(Path(choice).absolute())
    name, equals, file = choice.partition("=")
    return f"{name}={Path(file).absolute()}" if equals and Path(file).is_file() else choice


CONVERSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("images", "targets", "answers"), _uris),
    **dict.fromkeys(("film", "lines", "study", "classes", "held_out"), _uri),
    **dict.fromkeys(("fid_features", "clip", "lpips"), _file),
    "weights": _weights,
}
"""Field of a request -> function that makes its value absolute."""
