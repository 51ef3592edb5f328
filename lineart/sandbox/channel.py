"""The line between two processes: pictures go through memory that both see."""

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
    """In place of what a function gives: what it raised."""

    error: Exception


_STEP = struct.Struct("d120p")
"""At the beginning of the memory: since when what is done, and what."""
_MEMORY_BYTES = 1 << 32
"""Room for one message; what it does not fill takes no memory."""
_KEPT_BYTES = 1 << 26


def open_memory() -> int:
    """Open a file that two processes can share; on Linux it lies in memory alone."""
    if sys.platform == "linux":
        memory = os.memfd_create("lineart")
    else:
        with tempfile.TemporaryFile() as file:
            memory = os.dup(file.fileno())
    os.ftruncate(memory, _MEMORY_BYTES)
    return memory


class Channel:
    """One end of the line."""

    def __init__(self, connection: "Connection[Any, Any]", memory: int) -> None:
        self._connection = connection
        self._file = memory
        self._memory = mmap.mmap(memory, _MEMORY_BYTES)

    def wait(self, limit_s: float | None = None) -> bool:
        """Wait until something comes or the other end goes; tell whether it came to that."""
        return self._connection.poll(limit_s)

    def send(self, value: Any) -> None:
        """Send what can be pickled; the other end must have received what was sent before."""
        self._memory.seek(_STEP.size)
        pickle.dump(value, self._memory, protocol=5)
        self._connection.send(self._memory.tell())

    def receive(self) -> Any:
        """Wait for a value.

        Raises:
            EOFError: the other end has gone.
            RuntimeError: it cannot be unpacked here.
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
        """Since when something is done, by the clock of all processes, and what it is."""
        since, name = _STEP.unpack_from(self._memory)
        return since, name.decode(errors="replace")

    def begin(self, step: str) -> None:
        """Say what is done from now on; nobody is woken for that."""
        _STEP.pack_into(self._memory, 0, time.monotonic(), step.encode())

    def close(self) -> None:
        """Leave."""
        self._connection.close()
        self._memory.close()
        os.close(self._file)
