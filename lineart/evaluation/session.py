"""What an evaluation opens: networks, folders of pictures, files."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch

from lineart.runtime.device import has_gpu

T = TypeVar("T")


class Session:
    """Opens each network, folder and file once per process; pickled copies are empty."""

    def __init__(self) -> None:
        self._opened: dict[Hashable, Any] = {}

    def open(self, load: Callable[..., T], *arguments: Hashable) -> T:
        """Return `load(*arguments)`, called once; raise as `load`."""
        key = load, arguments
        if key not in self._opened:
            self._opened[key] = load(*arguments)
        opened: T = self._opened[key]
        return opened

    def why_not(self, load: Callable[..., Any], *arguments: Hashable) -> str:
        """Open something; return the reason if it cannot be opened, else an empty text."""
        try:
            self.open(load, *arguments)
        except (OSError, ValueError) as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Forget what is open, and free its GPU memory for other processes."""
        self._opened.clear()
        if has_gpu():
            torch.cuda.empty_cache()

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return Session, ()
