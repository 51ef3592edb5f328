"""Main loop of a sandbox process: answer calls until the parent ends."""

import faulthandler
import os
import pickle
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from lineart.sandbox.channel import Channel, Raised

_ORPHAN_S = 10.0
"""Seconds after the time limit at which a hanging process ends itself, if its parent has not."""

_parent: Channel | None = None
_parent_id = 0
_limit_s = 0.0


def step(name: str) -> str:
    """Begin a step of a call and return its name; the time limit holds for each step by itself."""
    if _parent is not None:
        if os.getppid() != _parent_id:
            # The parent is gone, and another run may already write the same files.
            os._exit(1)
        _parent.begin(name)
        faulthandler.dump_traceback_later(_limit_s + _ORPHAN_S, exit=True)
    return name


def serve(connection: "Connection[Any, Any]", memory: int) -> None:
    """Answer calls until the parent closes the connection."""
    global _parent, _parent_id
    for stop in (signal.SIGINT, signal.SIGTERM):
        # These signals reach the whole process group; the parent ends this process.
        signal.signal(stop, signal.SIG_IGN)
    parent = _parent = Channel(connection, memory)
    _parent_id = os.getppid()
    with suppress(EOFError, OSError):
        if (function := _open(parent)) is not None:
            while True:
                _answer(parent, function)


def _open(parent: Channel) -> Callable[..., Any] | None:
    global _limit_s
    try:
        open_function, _limit_s, memory_bytes = parent.receive()
        if memory_bytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        function: Callable[..., Any] = open_function()
    except Exception as error:  # noqa: BLE001 - the parent raises it
        _send_error(parent, error)
        return None
    parent.send(None)
    return function


def _answer(parent: Channel, function: Callable[..., Any]) -> None:
    parent.wait()
    faulthandler.dump_traceback_later(_limit_s + _ORPHAN_S, exit=True)
    try:
        parent.send(function(*parent.receive()))
    except Exception as error:  # noqa: BLE001 - the parent raises it
        _send_error(parent, error)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _send_error(parent: Channel, error: Exception) -> None:
    try:
        parent.send(Raised(error))
    except (pickle.PicklingError, TypeError, AttributeError):
        parent.send(Raised(RuntimeError(f"{type(error).__name__}: {error}")))
