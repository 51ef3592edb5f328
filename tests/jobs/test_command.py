"""What all commands share: their last line, exit statuses, error sentences and signals."""

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from lineart.jobs.command import (
    ALL_DONE,
    BROKE_OFF,
    SOME_FAILED,
    WRONG_INPUT,
    BrokenOffError,
    parse,
    run_command,
)
from lineart.jobs.interrupts import INTERRUPTED


@dataclass(frozen=True)
class Nothing:
    """Flags of a command without flags."""

    dry_run: bool = False


@dataclass(frozen=True)
class Swaps:
    """Flags of a command with a list."""

    swap: tuple[str, ...] = ()
    size: int = 1


def test_a_list_that_is_given_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The values of the first would be lost; of other flags, the last one counts."""
    assert parse(Swaps, "recolor", ["--size", "1", "--size", "2"]).size == 2
    assert parse(Swaps, "recolor", ["--swap", "a=b", "c=d"]).swap == ("a=b", "c=d")
    with pytest.raises(SystemExit) as ended:
        parse(Swaps, "recolor", ["--swap", "a=b", "--swap=c=d"])
    assert ended.value.code == WRONG_INPUT
    assert capsys.readouterr().err == (
        "recolor: --swap is given twice; write all of its values after one --swap\n"
    )


def run(work: Callable[[Nothing], dict[str, Any]], **more: Any) -> int:
    """Run a command that does this."""
    return run_command("job", Nothing(), work, if_stopped="stopped; nothing is left", **more)


@pytest.mark.parametrize(
    ("last_line", "status"),
    [
        ({"failed": 0, "missing": []}, ALL_DONE),
        ({"failed": 2}, SOME_FAILED),
        ({"missing": ["LPIPS"]}, SOME_FAILED),
    ],
)
def test_the_last_line_decides_the_status(
    last_line: dict[str, Any], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the work returns is printed as JSON, with the seconds if they are wanted."""
    assert run(lambda _: last_line) == status
    assert json.loads(capsys.readouterr().out) == last_line
    assert run(lambda _: last_line, is_timed=True) == status
    assert json.loads(capsys.readouterr().out).keys() == {*last_line, "seconds"}


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (ValueError("--x is 3"), WRONG_INPUT, "--x is 3"),
        (FileNotFoundError("there is no x"), WRONG_INPUT, "there is no x"),
        (BrokenOffError("broke off: no space"), BROKE_OFF, "broke off: no space"),
        (OSError(errno.EDQUOT, "Quota", "x.mp4"), BROKE_OFF, "x.mp4 cannot be written: Quota"),
        (KeyboardInterrupt(), INTERRUPTED, "stopped; nothing is left"),
    ],
)
def test_an_error_is_one_sentence(
    error: BaseException, status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind of error has its status, and nothing is printed for programs."""

    def work(_: Nothing) -> dict[str, Any]:
        raise error

    assert run(work) == status
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"job: {sentence}\n")


def test_a_warning_on_pictures_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """It has no line of code, and is said once."""
    # Imported here: a test below starts a process that imports this file, and NumPy later.
    from lineart.codec.errors import PictureWarning, reading

    def decode(_: Nothing) -> dict[str, Any]:
        for sentence in ("it is logarithmic", "it is logarithmic", "it has a profile"):
            with reading("DPX"):
                warnings.warn(sentence, PictureWarning, stacklevel=1)
        return {}

    assert run(decode) == ALL_DONE
    told = "job: a picture has a warning: it"
    assert capsys.readouterr().err == f"{told} is logarithmic\n{told} has a profile\n"


def test_a_bug_is_not_hidden() -> None:
    """Any other error comes with its traceback."""
    with pytest.raises(ZeroDivisionError):
        run(lambda _: {"ratio": 1 / 0})


def test_sigterm_and_log_are_those_of_the_command_while_it_works(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """SIGTERM ends the work as Ctrl-C does; messages are printed; afterwards all is as before."""
    logger = logging.getLogger("lineart")
    before = signal.getsignal(signal.SIGTERM), logger.handlers, logger.level, logger.propagate

    def work(_: Nothing) -> dict[str, Any]:
        logger.info("half done")
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
        raise AssertionError

    assert run(work) == INTERRUPTED
    assert "half done\njob: stopped; nothing is left\n" in capsys.readouterr().err
    after = signal.getsignal(signal.SIGTERM), logger.handlers, logger.level, logger.propagate
    assert after == before


def test_an_interrupt_that_a_library_catches_still_ends_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Work that goes on after SIGTERM, as an import may that catches all errors, ends with 130."""

    def work(_: Nothing) -> dict[str, Any]:
        with suppress(BaseException):
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        return {"failed": 0}

    assert run(work) == INTERRUPTED
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "job: stopped; nothing is left\n")


COUNT_THREADS = """
import psutil
from lineart.jobs.command import run_command
from tests.jobs.test_command import Nothing

def multiply(flags):
    import numpy as np
    np.ones((600, 600)) @ np.ones((600, 600))
    return {"threads": psutil.Process().num_threads()}

run_command("job", Nothing(), multiply, if_stopped="stopped")
"""


def test_matrix_products_have_one_thread() -> None:
    """As many processes as cores compute at once; a thread for each core in each slows all."""
    others = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
    ended = subprocess.run(
        [sys.executable, "-c", COUNT_THREADS], env=others, capture_output=True, check=True
    )
    assert json.loads(ended.stdout) == {"threads": 1}
