"""Channel between two processes; values are pickled into shared memory."""

import mmap
import os
import pickle
import struct
import sys
import tempfile
import time
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
