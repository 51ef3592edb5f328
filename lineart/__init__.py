"""Networks that colour line art: training, and colouring of whole films.

`lineart.api` has the names for notebooks and front ends. They are imported at their first use, so
that `import lineart` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineart.api import Colorizer, compose, read, write

__all__ = ["Colorizer", "compose", "read", "write"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("lineart.api"), name)
    raise AttributeError(f"module 'lineart' has no attribute {name!r}")
