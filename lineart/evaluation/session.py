"""A request, and what it opens: networks, folders of pictures, files."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch

from lineart.device import has_gpu
from lineart.evaluation.request import Request

T = TypeVar("T")


@dataclass
class Session:
    """Opens each network, folder and file of a request once per process.

    A pickled copy holds the request alone: its process opens them again.
    """

    request: Request
    _opened: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def open(self, load: Callable[..., T], *arguments: Hashable) -> T:
        """Return `load(*arguments)`, called once; raise as `load`."""
        key = load, arguments
        if key not in self._opened:
            self._opened[key] = load(*arguments)
        opened: T = self._opened[key]
        return opened

    def try_open(self, flag: str, load: Callable[..., Any], *arguments: Hashable) -> str:
        """Open the network of a flag; if it cannot be opened, clear the flag and return why."""
        try:
            self.open(load, *arguments)
        except (OSError, ValueError) as error:
            cleared: Any = {flag: ""}
            self.request = replace(self.request, **cleared)
            return str(error)
        return ""

    def close(self) -> None:
        """Forget what is open, and free its GPU memory for other processes."""
        self._opened.clear()
        if has_gpu():
            torch.cuda.empty_cache()

    def __getstate__(self) -> dict[str, Any]:
        return {"request": self.request, "_opened": {}}
