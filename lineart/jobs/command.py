"""What all commands share: parsing, dry run, log, interrupts, error sentences and exit statuses."""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

import tyro

from lineart.jobs.interrupts import INTERRUPTED, Interrupts, end_interrupted, raise_on_signals

ALL_DONE, BROKE_OFF, WRONG_INPUT, SOME_FAILED = 0, 1, 2, 3
"""Exit statuses of every command, with `INTERRUPTED`."""

UNFINISHED = ("failed", "missing", "objections")
"""Keys of a command's last line that mean `SOME_FAILED`, unless they are 0 or empty."""

DryRun = Annotated[bool, tyro.conf.arg(help="Print the configuration as JSON and exit.")]


BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""Variable from which the matrix products of NumPy and SciPy have their number of threads; read at
their import. There is a process for each core: with two threads in each of two processes on two
cores of an AMD EPYC (Zen 4), matching regions took 1.5 to 8 times as long."""

Flags = TypeVar("Flags")
"""Dataclass of a command's flags."""


class BrokenOffError(RuntimeError):
    """A command failed after it had begun to write."""


def parse(flags: type[Flags], name: str, arguments: Sequence[str] | None = None) -> Flags:
    """Parse the command line of this process, or `arguments`; exit with `WRONG_INPUT` on errors.

    A flag with a list of values that is given twice is one: the second list would replace the
    first. Of other flags, the last one counts, so that scripts may override them.
    """
    words = sys.argv[1:] if arguments is None else arguments
    names = [word.partition("=")[0].replace("_", "-") for word in words if word.startswith("--")]
    for one in _list_flags(flags):
        if names.count(one) > 1:
            say(name, f"{one} is given twice; write all of its values after one {one}")
            raise SystemExit(WRONG_INPUT)
    try:
        return tyro.cli(
            flags,
            prog=f"lineart {name}",
            args=arguments,
            config=(
                tyro.conf.CascadeSubcommandArgs,
                tyro.conf.FlagCreatePairsOff,
                tyro.conf.OmitArgPrefixes,
                tyro.conf.OmitSubcommandPrefixes,
            ),
        )
    except BrokenPipeError:
        # The reader of --help has seen enough; nothing more is written at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def _list_flags(flags: type[Any]) -> Iterator[str]:
    """Yield the flags of a dataclass, and of those in it, that take several values."""
    for name, kind in get_type_hints(flags).items():
        for one in (kind, *get_args(kind)):
            if is_dataclass(one):
                yield from _list_flags(cast("type[Any]", one))
            elif get_origin(one) is tuple:
                yield f"--{name.replace('_', '-')}"


def run_command(
    name: str,
    flags: Any,
    work: Callable[[Any], Mapping[str, Any]],
    *,
    if_stopped: str,
    is_timed: bool = False,
    configuration: Callable[[Any], object] = asdict,
) -> int:
    """Run a command and return its exit status.

    The last line on standard output is what `work` returns, as JSON, or for a dry run the
    configuration. An error is one line on standard error, `NAME: sentence`.

    Args:
        name: Name of the command.
        flags: Its flags, a dataclass with `dry_run`.
        work: Does the work and returns the last line; `failed`, `missing` or `objections` in it
            mean `SOME_FAILED`. It raises ValueError or OSError if a flag or an input is wrong, and
            BrokenOffError, or OSError of a full disk, if the work fails on the way.
        if_stopped: Error after Ctrl-C or SIGTERM: what became of the output.
        is_timed: Add `seconds` to the last line.
        configuration: Returns what a dry run prints; raises ValueError if a flag is invalid.
    """
    started = time.perf_counter()
    os.environ.setdefault(BLAS_THREADS, "1")
    try:
        with (
            raise_on_signals(f"{name}: {if_stopped}") as interrupts,
            _log(),
            _reraise_interrupt(interrupts),
        ):
            if flags.dry_run:
                print(json.dumps(configuration(flags), indent=2, default=str), flush=True)
                return ALL_DONE
            with _print_picture_warnings(name):
                result = dict(work(flags))
    except (ValueError, OSError) as error:
        from lineart.storage import is_full

        say(name, as_sentence(error))
        return BROKE_OFF if is_full(error) else WRONG_INPUT
    except BrokenOffError as error:
        say(name, error)
        return BROKE_OFF
    except KeyboardInterrupt:
        say(name, if_stopped)
    else:
        if is_timed:
            result["seconds"] = round(time.perf_counter() - started, 1)
        print(json.dumps(result, default=str), flush=True)
        return SOME_FAILED if any(map(result.get, UNFINISHED)) else ALL_DONE
    # Here no traceback keeps what the command had open.
    end_interrupted()
    return INTERRUPTED


def as_sentence(error: ValueError | OSError) -> str:
    """Return an error as a sentence without the number of the operating system."""
    # Imported here: parsing flags does not need it.
    from lineart.storage import describe_error

    return describe_error(error) if isinstance(error, OSError) else str(error)


@contextmanager
def _print_picture_warnings(name: str) -> Iterator[None]:
    """Say each different warning on a picture once that nothing in the block collects."""
    # Imported here: a dry run does not need it.
    from lineart.codec.errors import passing_warnings

    told: set[str] = set()

    def tell(sentence: str) -> None:
        if sentence not in told:
            told.add(sentence)
            say(name, f"a picture has a warning: {sentence}")

    with passing_warnings(tell):
        yield


@contextmanager
def _reraise_interrupt(interrupts: Interrupts) -> Iterator[None]:
    """Raise KeyboardInterrupt at the end of the block if one came.

    An import or a library may catch it, or turn it into another error; Ray exits.
    """
    try:
        yield
    except BaseException as error:
        if interrupts.came or isinstance(error, SystemExit):
            raise KeyboardInterrupt from None
        raise
    if interrupts.came:
        raise KeyboardInterrupt


def say(name: str, sentence: object) -> None:
    """Print a sentence of a command to standard error."""
    print(f"{name}: {sentence}", file=sys.stderr, flush=True)


@contextmanager
def _log() -> Iterator[None]:
    """Log to standard error during the block."""
    logger = logging.getLogger("lineart")
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    log_to_stderr(logging.Formatter("%(asctime)s %(message)s"), logging.INFO)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def log_to_stderr(formatter: logging.Formatter, level: int) -> None:
    """Log messages of the library from a level on to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logger = logging.getLogger("lineart")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)


class ProgressClock:
    """Tells when to print progress: at intervals, and at the end.

    Args:
        interval_s: Interval in seconds.
        is_due_at_once: Whether the first call is due, too.
    """

    def __init__(self, interval_s: float = 10.0, *, is_due_at_once: bool = False) -> None:
        self._interval_s = interval_s
        self._printed_at = float("-inf") if is_due_at_once else time.monotonic()

    def is_due(self, done: int, total: int) -> bool:
        """Return whether to print that `done` of `total` are finished."""
        now = time.monotonic()
        if done < total and now - self._printed_at < self._interval_s:
            return False
        self._printed_at = now
        return True
