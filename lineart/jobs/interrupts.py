"""Ctrl-C and SIGTERM: they end a command with status 130 and a sentence, whenever they come.

While packages are imported, flags parsed, and after the last line, the process ends at once. While
a command works, its cleaning up comes first. Before the first line of `lineart.jobs` has run, in
the first 30 to 50 ms, Python itself ends by the signal.
"""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

INTERRUPTED = 130
"""Exit status after Ctrl-C or SIGTERM."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
CLEANUP_S = 20.0
"""Seconds for cleaning up, after which the process ends. A SIGTERM to all processes of a job ends
those of Ray, too, for which its driver would wait a minute; Kubernetes kills after 30 s."""
JOIN_S = 1.0
"""Seconds to wait for a process that was told to end."""
AGAIN_S = 0.1
"""Seconds after which an interrupt is repeated that came where Python has to ignore it."""


def exit_on_signals() -> None:
    """End this process at once on Ctrl-C or SIGTERM: nothing is begun, or all is done."""
    _handle(_exit)


def _exit(*_: object) -> None:
    _say_and_exit("lineart: stopped")


def _say_and_exit(sentence: str) -> None:
    # Files and threads may be in any state, so Python's own end is passed over.
    os.write(2, f"{sentence}\n".encode())
    os._exit(INTERRUPTED)


def _start_timer(seconds: float, function: Any, *arguments: object) -> None:
    timer = Timer(seconds, function, arguments)
    timer.daemon = True
    timer.start()


def end_interrupted() -> None:
    """End this process with status 130, if `exit_on_signals` was called.

    Python would end it by SIGINT itself, if the interrupt passed through C code on its way.
    """
    if signal.getsignal(signal.SIGTERM) is _exit:
        sys.stdout.flush()
        sys.stderr.flush()
        _end_children()
        os._exit(INTERRUPTED)


def _end_children() -> None:
    """Free what `multiprocessing` holds, and end its processes, as Python's own end would."""
    if "multiprocessing" not in sys.modules:
        return
    import multiprocessing

    gc.collect()
    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    for child in children:
        child.join(JOIN_S)


def _handle(handler: Any) -> None:
    """Set the handler of the signals that are not ignored, as a shell does for background jobs."""
    for one in SIGNALS:
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, handler)


class Interrupts:
    """Raises KeyboardInterrupt on Ctrl-C and SIGTERM, and remembers that one came.

    An import or a library may turn the exception into another one, which `came` explains.

    Args:
        sentence: Printed if the process has to end before the command has cleaned up.
    """

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self.came = False
        self._is_over = False

    def raise_one(self, *_: object) -> None:
        """Handle a signal."""
        if not self.came:
            _start_timer(CLEANUP_S, self._give_up)
        self.came = True
        raise KeyboardInterrupt

    def end(self) -> None:
        """Let the process go on, however long: the command has cleaned up."""
        self._is_over = True

    def _give_up(self) -> None:
        if not self._is_over:
            _end_children()
            _say_and_exit(self._sentence)

    def repeat(self, ignored: Any) -> None:
        """Send the signal again if Python ignored the exception, as it does in finalizers."""
        if ignored.exc_type is KeyboardInterrupt:
            _start_timer(AGAIN_S, os.kill, os.getpid(), signal.SIGINT)
        else:
            sys.__unraisablehook__(ignored)


@contextmanager
def raise_on_signals(sentence: str) -> Iterator[Interrupts]:
    """Let Ctrl-C and SIGTERM raise KeyboardInterrupt in the main thread during the block.

    Args:
        sentence: As for `Interrupts`.
    """
    handlers = {one: signal.getsignal(one) for one in SIGNALS}
    hook, interrupts = sys.unraisablehook, Interrupts(sentence)
    _handle(interrupts.raise_one)
    sys.unraisablehook = interrupts.repeat
    try:
        yield interrupts
    finally:
        interrupts.end()
        sys.unraisablehook = hook
        for one, handler in handlers.items():
            signal.signal(one, handler)
