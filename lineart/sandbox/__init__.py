"""Sandbox processes for calls that may crash, hang or exhaust the memory."""

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
