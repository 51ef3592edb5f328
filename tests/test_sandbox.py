"""Calls that crash, hang or want too much end alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from lineart.runtime.sandbox import ProcessDiedError, Sandbox, TimeLimitError, run_isolated
from lineart.runtime.sandbox_process import step


class Counter:
    """Opened once a process; counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, what: str) -> tuple[int, int]:
        """Do something; give the process and the number of the call."""
        self.calls += 1
        return ACTIONS[what]() or (os.getpid(), self.calls)


def crash() -> None:
    """End the process as a broken pointer does."""
    step("reading")
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    """Do not come back."""
    step("decoding")
    time.sleep(60)


def go_slowly() -> None:
    """Take longer than the limit, in short steps."""
    for number in range(6):
        step(f"part {number}")
        time.sleep(0.4)


def fail(argument: object) -> None:
    """Raise an error."""
    raise ValueError(argument)


ACTIONS: dict[str, Callable[[], Any]] = {
    "work": lambda: None,
    "crash": crash,
    "exit": lambda: os._exit(7),
    "hang": hang,
    "slowly": go_slowly,
    "raise": partial(fail, "so not"),
    "raise unpicklable": lambda: fail(lambda: None),
    "return unpicklable": lambda: lambda: None,
}


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    """Return a sandbox with a limit of two seconds for each step of a call."""
    return Sandbox(Counter, 2.0)


def test_calls_share_a_process(sandbox: Sandbox) -> None:
    """The function is opened once, in another process, and called again and again."""
    (first, calls), (second, more_calls) = sandbox("work"), sandbox("work")
    assert first == second != os.getpid()
    assert more_calls == calls + 1


@pytest.mark.parametrize(
    ("what", "sentence"),
    [("crash", "was ended by SIGSEGV, each of 3 times"), ("exit", "ended with status 7, each of")],
)
def test_a_crash_is_an_error(sandbox: Sandbox, what: str, sentence: str) -> None:
    """A call that ends its process three times is an error that says how; the next call works."""
    with pytest.raises(ProcessDiedError, match=sentence) as raised:
        sandbox(what)
    assert raised.value.step == ("reading" if what == "crash" else "")
    assert sandbox("work")[1] == 1


def test_a_crash_that_does_not_come_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A call whose process is killed once is made again."""
    folder = tmp_path_factory.mktemp("once")
    assert run_isolated(5.0, crash_once, folder / "seen") == "done"


def crash_once(path: Path) -> str:
    """Crash if nobody has before."""
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def test_a_hang_ends(sandbox: Sandbox) -> None:
    """A call that hangs is ended at its limit, is not tried again, and says what it was doing."""
    started = time.monotonic()
    with pytest.raises(TimeLimitError, match=r"took longer than 2 s$") as raised:
        sandbox("hang")
    assert raised.value.step == "decoding"
    assert time.monotonic() - started < 30
    assert sandbox("work")[1] == 1


def test_the_limit_is_for_each_step(sandbox: Sandbox) -> None:
    """A call of many short steps may take longer than one step may."""
    assert sandbox("slowly")[1] >= 1


def test_exceptions_come_through(sandbox: Sandbox) -> None:
    """What the function raises is raised here, and the process stays."""
    process = sandbox("work")[0]
    with pytest.raises(ValueError, match="so not"):
        sandbox("raise")
    with pytest.raises(RuntimeError, match=r"ValueError: .*lambda"):
        sandbox("raise unpicklable")
    with pytest.raises((AttributeError, RuntimeError), match="lambda"):
        sandbox("return unpicklable")
    assert sandbox("work")[0] == process


def test_an_opening_that_fails() -> None:
    """What opening the function raises is raised where the sandbox is made."""
    with pytest.raises(ValueError, match="invalid literal"):
        Sandbox(partial(int, "no number"), 1.0).open()


def test_too_much_memory_is_an_error() -> None:
    """More than half of the memory is refused to a call, not taken from its neighbours."""
    with pytest.raises(MemoryError):
        run_isolated(5.0, bytearray, psutil.virtual_memory().total)


@pytest.mark.parametrize("size", [0, 1000, 100_000_000])
def test_pictures_come_through(size: int) -> None:
    """Arrays of any size come back as they were, a small one after a large one, too."""
    pixels = np.arange(size, dtype=np.uint8)
    assert np.array_equal(run_isolated(5.0, np.flip, pixels), pixels[::-1])
    assert run_isolated(5.0, len, b"after") == 5


def test_a_closed_sandbox_leaves_no_process() -> None:
    """A sandbox that is closed leaves no process; it opens again for the next call."""
    sandbox = Sandbox(Counter, 30.0)
    process = psutil.Process(sandbox("work")[0])
    sandbox.close()
    assert not process.is_running()
    assert sandbox("work")[0] != process.pid
    sandbox.close()


def test_no_limit_no_process() -> None:
    """Without a limit the function is called in this process."""
    assert run_isolated(None, os.getpid) == os.getpid()


def test_an_orphan_stops(tmp_path: Path) -> None:
    """A process whose parent was killed stops at its next step."""
    start = "import sys, pathlib; from tests import test_sandbox as t; "
    start += "t.run_isolated(30.0, t.write_files, pathlib.Path(sys.argv[1]))"
    with subprocess.Popen([sys.executable, "-c", start, str(tmp_path)]) as parent:
        deadline = time.monotonic() + 30
        while len([*tmp_path.iterdir()]) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        parent.kill()
    time.sleep(0.3)
    written = len([*tmp_path.iterdir()])
    assert written >= 3
    time.sleep(1.0)
    assert len([*tmp_path.iterdir()]) == written


def write_files(folder: Path) -> None:
    """Write many files, each in a step of its own."""
    for number in range(100):
        step("write")
        (folder / str(number)).touch()
        time.sleep(0.1)
