"""A process of its own for calls that may crash, hang, or want all the memory there is."""

from lineart.isolation.cell import (
    CallEndedError,
    Cell,
    ProcessDiedError,
    TimeLimitError,
    isolated,
    stop_cells,
)
from lineart.isolation.process import step

__all__ = [
    "CallEndedError",
    "Cell",
    "ProcessDiedError",
    "TimeLimitError",
    "isolated",
    "step",
    "stop_cells",
]
