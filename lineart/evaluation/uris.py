"""Conversion of a request's addresses to absolute ones, valid on every machine of a cluster."""

from dataclasses import replace
from pathlib import Path

from lineart.evaluation.request import Request, split, split_name
from lineart.storage import Storage
from lineart.weights import is_included, open_weights


def make_absolute(request: Request) -> Request:
    """Return the request with absolute paths, because workers have other working directories.

    Raises:
        ValueError: an address is invalid.
    """
    return replace(
        request,
        data=",".join(map(_place, split(request.data))),
        targets=request.targets and ",".join(map(_place, split(request.targets))),
        answers=request.answers and ",".join(map(_place, split(request.answers))),
        weights=",".join(map(_weights, split(request.weights))),
        lines=request.lines and _uri(request.lines),
        classes=request.classes and _uri(request.classes),
        only=request.only and _uri(request.only),
        fid_features=_file(request.fid_features),
        clip=_file(request.clip),
        lpips=request.lpips and _file(request.lpips),
    )


def _uri(address: str) -> str:
    return Storage.at(address).uri


def _place(address: str) -> str:
    """Return one address of a list as absolute; unchanged if that would contain a comma."""
    uri = _uri(address)
    return address if "," in uri else uri


def _weights(part: str) -> str:
    """Return weights by absolute address; included weights keep their name."""
    name, address = split_name(part)
    if "/" not in address and is_included(open_weights(address)):
        return part
    return f"{name}={_place(address)}" if name else _place(address)


def _file(choice: str) -> str:
    """Return an existing FILE or NAME=FILE with its absolute path; other values unchanged."""
    if Path(choice).is_file():
        return str(Path(choice).absolute())
    name, equals, file = choice.partition("=")
    return f"{name}={Path(file).absolute()}" if equals and Path(file).is_file() else choice
