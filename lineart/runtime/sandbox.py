"""Sandbox that calls a function in a process of its own and restarts the process if it dies."""

import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Pipe
from threading import local
from typing import Any

from lineart.runtime.device import count_memory
from lineart.runtime.sandbox_process import Channel, Raised, open_memory

TRIES = 3
"""Maximum number of tries of a call whose process dies."""
START_S = 600.0
"""Timeout of opening the function, in seconds: weights may come from slow storage."""

_DEATH_S = 5.0
"""Timeout of waiting for a killed process to end, in seconds."""

Function = Callable[..., Any]

_of_thread = local()
"""Sandboxes of `run_isolated`: one for each thread and time limit."""
_sandboxes: "weakref.WeakSet[Sandbox]" = weakref.WeakSet()
"""All live sandboxes of this process."""

_CHILD = """\
import sys
from multiprocessing.connection import Connection
parent = Connection(int(sys.argv[1]))
sys.path[:] = parent.recv()
from lineart.runtime.device import count_memory
from lineart.runtime.sandbox_process import serve
serve(parent, int(sys.argv[2]))
"""


class CallEndedError(RuntimeError):
    """A call ended without a result, because its process died or was killed.

    Args:
        message: Description of how it ended.
        step: Name of the step it was in, as set by `sandbox_process.step`.
    """

    def __init__(self, message: str, step: str) -> None:
        super().__init__(message)
        self.step = step


class ProcessDiedError(CallEndedError):
    """The process died during the call."""


class TimeLimitError(CallEndedError):
    """A step of the call took longer than its time limit."""


class Sandbox:
    """Calls a function in a process of its own; a process that dies is replaced.

    Args:
        open_function: Picklable function; it returns the function to call, in that process.
        limit_s: Time limit of one step of a call, in seconds.
        memory_bytes: Most bytes that the process may allocate; None sets no limit, and macOS does
            not enforce one.
    """

    def __init__(
        self, open_function: Callable[[], Function], limit_s: float, memory_bytes: int | None = None
    ) -> None:
        self._opening = open_function, limit_s, memory_bytes
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., Any] | None = None
        self.is_stopped = False
        _sandboxes.add(self)

    def __call__(self, *arguments: Any) -> Any:
        """Call the function.

        Raises:
            Exception: any exception of the function.
            ProcessDiedError: the process died in each of `TRIES` tries.
            TimeLimitError: a step took longer than the time limit; the call is not retried.
        """
        for _ in range(TRIES - 1):
            with suppress(ProcessDiedError):
                return self._call(arguments)
        try:
            return self._call(arguments)
        except ProcessDiedError as error:
            raise ProcessDiedError(f"{error}, each of {TRIES} times", error.step) from None

    def close(self) -> None:
        """Kill the process; the next call starts another."""
        if self._end is not None:
            self._end()

    def stop(self) -> None:
        """Kill the process for good; current and later calls fail. Safe from any thread."""
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
        """Start the process and open the function there; otherwise the first call does so.

        Raises:
            Exception: any exception of `open_function`.
            CallEndedError: the process died, or took longer than `START_S`.
        """
        self._start()
        if self.is_stopped:  # `stop` was called during the start.
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
        # Neither by fork, which copies locks in their locked state, nor by multiprocessing's spawn,
        # which runs the main module again.
        command = [sys.executable, "-c", _CHILD, *map(str, files)]
        with hold_signals():
            self._process = subprocess.Popen(command, pass_fds=files, stdin=subprocess.DEVNULL)
        self._channel = Channel(ours, memory)
        theirs.close()
        self._end = weakref.finalize(self, _end, self._process, self._channel)
        # The child imports modules from the same places as this process.
        with suppress(OSError):
            ours.send(sys.path)

    def _send(self, value: Any) -> None:
        self._channel.begin("")
        # `_receive` detects a dead process.
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
            # Otherwise a late answer could be taken for that of the next call.
            self.close()
            raise
        if isinstance(message, Raised):
            raise message.error
        return message


@contextmanager
def hold_signals() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back to the end of the block, in this thread.

    A process that is started in the block begins with them held back. They reach the whole process
    group. The process ignores them later, see `sandbox_process.serve`; one that came before would
    end it with a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(process: subprocess.Popen[bytes], channel: Channel) -> None:
    channel.close()
    # It may still be working on a call that was given up.
    process.kill()
    # A process that waits for a device may not react to the signal.
    with suppress(subprocess.TimeoutExpired):
        process.wait(_DEATH_S)


def _how(status: int | None) -> str:
    """Describe how a process ended, by its return code."""
    if status is not None and status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status or 0}"


def run_isolated(limit_s: float | None, function: Function, *arguments: Any) -> Any:
    """Call a function in a sandbox process that this thread reuses, and return its result.

    The process may allocate half of the memory of the machine or container.

    Args:
        limit_s: Time limit of one step, in seconds; None calls the function in this process.
        function: Picklable function.
        arguments: Its arguments; they and the result must be picklable.

    Raises:
        Exception: any exception of the function.
        CallEndedError: the process died, or a step took too long.
    """
    if limit_s is None:
        return function(*arguments)
    return _sandbox_of_thread(limit_s)(function, *arguments)


def stop_sandboxes() -> None:
    """Stop all sandboxes of this process for good, whichever thread uses them."""
    for sandbox in list(_sandboxes):
        sandbox.stop()


def _sandbox_of_thread(limit_s: float) -> Sandbox:
    kept: dict[float, Sandbox] = vars(_of_thread).setdefault("sandboxes", {})
    if limit_s not in kept or kept[limit_s].is_stopped:
        kept[limit_s] = Sandbox(_any_function, limit_s, count_memory() // 2)
    return kept[limit_s]


def _any_function() -> Function:
    return _call


def _call(function: Function, *arguments: Any) -> Any:
    return function(*arguments)
