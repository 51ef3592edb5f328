"""A cell: calls a function in a process of its own, and starts another when that ends."""

import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Pipe
from pathlib import Path
from threading import local
from typing import Any

from lineart.sandbox.channel import Channel, Raised, open_memory

TRIES = 3
"""Processes that one call may end before it is given up."""
START_S = 600.0
"""Longest time in which a process opens its function: a network may come from far away."""

_DEATH_S = 5.0
"""Longest wait for the end of a process that was killed."""

Function = Callable[..., Any]

_of_thread = local()
"""The cells of `run_isolated`, one for each time limit."""
_cells: "weakref.WeakSet[Sandbox]" = weakref.WeakSet()
"""All that there are."""

_CHILD = """\
import sys
from multiprocessing.connection import Connection
parent = Connection(int(sys.argv[1]))
sys.path[:] = parent.recv()
from lineart.sandbox.process import serve
serve(parent, int(sys.argv[2]))
"""


class CallEndedError(RuntimeError):
    """A call was ended from outside.

    Args:
        message: How.
        step: What it was doing, as it said by `step`.
    """

    def __init__(self, message: str, step: str) -> None:
        super().__init__(message)
        self.step = step


class ProcessDiedError(CallEndedError):
    """Its process ended."""


class TimeLimitError(CallEndedError):
    """It took too long."""


class Sandbox:
    """Calls a function in a process of its own, which is started anew when a call has ended it.

    Args:
        open_function: Gives the function, in that process; can be pickled.
        limit_s: Longest time that one step of a call may take.
        memory_bytes: What the process may allocate, None for no limit; macOS does not see to it.
    """

    def __init__(
        self, open_function: Callable[[], Function], limit_s: float, memory_bytes: int | None = None
    ) -> None:
        self._opening = open_function, limit_s, memory_bytes
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., Any] | None = None
        self.is_stopped = False
        _cells.add(self)

    def __call__(self, *arguments: Any) -> Any:
        """Call the function.

        Raises:
            Exception: whatever the function raises.
            ProcessDiedError: the call ended its process, each time that it was tried.
            TimeLimitError: a step of the call took longer than its limit; it is not tried again.
        """
        for _ in range(TRIES - 1):
            with suppress(ProcessDiedError):
                return self._call(arguments)
        try:
            return self._call(arguments)
        except ProcessDiedError as error:
            raise ProcessDiedError(f"{error}, each of {TRIES} times", error.step) from None

    def close(self) -> None:
        """End the process; the next call starts another."""
        if self._end is not None:
            self._end()

    def stop(self) -> None:
        """End the process for good, from any thread: a call in hand fails, and so do later ones."""
        self.is_stopped = True
        if self._process is not None:
            self._process.kill()

    def _call(self, arguments: tuple[Any, ...]) -> Any:
        if self.is_stopped:
            raise ProcessDiedError("its process was stopped", "")
        if self._end is None or not self._end.alive:
            self.open()
        self._send(arguments)
        return self._receive(self._limit_s)

    def open(self) -> None:
        """Start the process, which opens the function; the first call does so otherwise.

        Raises:
            Exception: whatever opening the function raises.
            CallEndedError: the process ended meanwhile, or took too long.
        """
        self._start()
        if self.is_stopped:  # Meanwhile.
            self.close()
        self._send(self._opening)
        try:
            self._receive(START_S)
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        ours, theirs = Pipe()
        memory = open_memory()
        files = theirs.fileno(), memory
        # Neither a fork, which copies locked locks, nor multiprocessing's own start, which runs the
        # main module once more.
        command = [sys.executable, "-c", _CHILD, *map(str, files)]
        self._process = subprocess.Popen(command, pass_fds=files, stdin=subprocess.DEVNULL)
        self._channel = Channel(ours, memory)
        theirs.close()
        self._end = weakref.finalize(self, _end, self._process, self._channel)
        # What is imported is found where this process finds it.
        with suppress(OSError):
            ours.send(sys.path)

    def _send(self, value: Any) -> None:
        self._channel.begin("")
        # A process that has died is found out by `_receive`.
        with suppress(OSError):
            self._channel.send(value)

    def _receive(self, limit_s: float) -> Any:
        left_s = limit_s
        try:
            while not self._channel.wait(left_s):
                since, doing = self._channel.step
                left_s = since + limit_s - time.monotonic()
                if left_s <= 0:
                    raise TimeLimitError(f"it took longer than {limit_s:g} s", doing)
            message = self._channel.receive()
        except (EOFError, ConnectionError):
            _, doing = self._channel.step
            self.close()
            how = _how(self._process.returncode if self._process else None)
            raise ProcessDiedError(f"its process {how}", doing) from None
        except BaseException:
            # Its answer, should it still come, must not be taken for that of the next call.
            self.close()
            raise
        if isinstance(message, Raised):
            raise message.error
        return message


def _end(process: subprocess.Popen[bytes], channel: Channel) -> None:
    channel.close()
    # Should it still be at work, nobody waits for that any more.
    process.kill()
    # One that waits for a device does not even hear that.
    with suppress(subprocess.TimeoutExpired):
        process.wait(_DEATH_S)


def _how(status: int | None) -> str:
    """Say how a process ended."""
    if status is not None and status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status or 0}"


def run_isolated(limit_s: float | None, function: Function, *arguments: Any) -> Any:
    """Call a function in the cell that this thread keeps; all can be pickled.

    Args:
        limit_s: Longest time that one of its steps may take; None calls it right here.
        function: What to call.
        arguments: With what.

    Raises:
        Exception: whatever the function raises.
        CallEndedError: it was ended from outside.
    """
    if limit_s is None:
        return function(*arguments)
    return _cell(limit_s)(function, *arguments)


def stop_sandboxes() -> None:
    """End the processes of all cells there are, whichever thread uses them, for good."""
    for cell in list(_cells):
        cell.stop()


def _cell(limit_s: float) -> Sandbox:
    kept: dict[float, Sandbox] = vars(_of_thread).setdefault("cells", {})
    if limit_s not in kept or kept[limit_s].is_stopped:
        kept[limit_s] = Sandbox(_any_function, limit_s, _half_of_memory())
    return kept[limit_s]


def _any_function() -> Function:
    return _call


def _call(function: Function, *arguments: Any) -> Any:
    return function(*arguments)


def _half_of_memory() -> int:
    """Give half of the memory that this machine, or container, has, in bytes."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return memory // 2
