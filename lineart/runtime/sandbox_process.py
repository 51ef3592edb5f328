"""Inside of a sandbox: the channel through shared memory, and the loop that answers calls."""

import faulthandler
import mmap
import os
import pickle
import resource
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple


class Raised(NamedTuple):
    """Exception of a call, sent in place of its return value."""

    error: Exception


_STEP = struct.Struct("d120p")
"""Layout of the start of the memory: start time and name of the current step."""
_MEMORY_BYTES = 1 << 32
"""Size of the mapping, which limits a message; unused pages take no memory."""
_KEPT_BYTES = 1 << 26
"""Memory is returned to the system after messages above this size."""


def open_memory() -> int:
    """Return the descriptor of a file that two processes can map; on Linux it is in memory only."""
    if sys.platform == "linux":
        memory = os.memfd_create("lineart")
    else:
        with tempfile.TemporaryFile() as file:
            memory = os.dup(file.fileno())
    os.ftruncate(memory, _MEMORY_BYTES)
    return memory


class Channel:
    """One end of the channel."""

    def __init__(self, connection: "Connection[Any, Any]", memory: int) -> None:
        self._connection = connection
        self._file = memory
        self._memory = mmap.mmap(memory, _MEMORY_BYTES)

    def wait(self, limit_s: float | None = None) -> bool:
        """Wait `limit_s` seconds (None: forever) and return whether a message or the end came."""
        return self._connection.poll(limit_s)

    def send(self, value: Any) -> None:
        """Send a picklable value; the peer must have received the previous one."""
        self._memory.seek(_STEP.size)
        pickle.dump(value, self._memory, protocol=5)
        self._connection.send(self._memory.tell())

    def receive(self) -> Any:
        """Wait for a value and return it.

        Raises:
            EOFError: the peer has closed its end.
            RuntimeError: the value cannot be unpickled.
        """
        size = self._connection.recv()
        self._memory.seek(_STEP.size)
        try:
            value = pickle.load(self._memory)
        except Exception as error:
            raise RuntimeError(f"cannot unpack it here: {error}") from error
        if size > _KEPT_BYTES:
            os.ftruncate(self._file, 0)
            os.ftruncate(self._file, _MEMORY_BYTES)
        return value

    @property
    def step(self) -> tuple[float, str]:
        """Start time of the current step, by the system's monotonic clock, and its name."""
        since, name = _STEP.unpack_from(self._memory)
        return since, name.decode(errors="replace")

    def begin(self, step: str) -> None:
        """Record the start of a step in the shared memory, without a message to the peer."""
        _STEP.pack_into(self._memory, 0, time.monotonic(), step.encode())

    def close(self) -> None:
        """Close this end and its memory."""
        self._connection.close()
        self._memory.close()
        os.close(self._file)


# The process.

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
