"""A process of its own for calls that may crash, hang, or want all the memory there is."""

from lineart.sandbox.process import step
from lineart.sandbox.sandbox import (
    CallEndedError,
    ProcessDiedError,
    Sandbox,
    TimeLimitError,
    run_isolated,
    stop_sandboxes,
)

__all__ = [
    "CallEndedError",
    "ProcessDiedError",
    "Sandbox",
    "TimeLimitError",
    "run_isolated",
    "step",
    "stop_sandboxes",
]
