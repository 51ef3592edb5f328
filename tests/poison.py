"""Pictures that crash, freeze or fill the process that handles them, and a task that meets them."""

import os
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lineart.codec import decode_line
from lineart.film.tasks import (
    ComposedFrame,
    Files,
    FilmTask,
    NetworkInputs,
    PrepareInputs,
    RunNetwork,
)
from lineart.film.tasks.cels import ComposeInputs
from lineart.film.tasks.colorize import ColorizeTask
from lineart.film.tasks.keys import KeysTask, open_keys_task
from lineart.jobs.colorize import Colorize, read_film
from lineart.jobs.command import parse, run_command
from lineart.jobs.films import STOPPED, make_film

STAGES = ("decode", "hint", "network", "compose")
MARK = 13
"""Colour of a drawing that is poison for the network, which sees no file."""


def poison(drawing: bytes, kind: str, stage: str) -> bytes:
    """Give a drawing's file that does something to whoever handles it in a stage.

    Args:
        drawing: A PNG; for the stage `network`, one whose darkest pixels are of the colour `MARK`.
        kind: `crash`, `kill`, `memory` or `hang`.
        stage: Where.
    """
    return drawing + f"\npoison {kind} {stage}".encode()


def act(data: bytes, stage: str) -> None:
    """Do what a poisoned file says, if it is for this stage."""
    found = re.search(rb"\npoison (\w+) (\w+)$", data)
    if found is None or found[2].decode() != stage:
        return
    match found[1].decode():
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            np.ones(1 << 40, np.uint8)
        case "hang":
            time.sleep(600)


def decode(data: bytes) -> np.ndarray:
    """Read a line drawing."""
    act(data, "decode")
    return decode_line(data)


class PoisonedKeys(KeysTask):
    """Colours drawings by keys as ever, but for those that are poison when they are matched."""

    def open_prepare(self) -> PrepareInputs:
        """Build the function that carries the keys' colours."""
        whole = _PoisonedMatching(**vars(self)).open_prepare()

        def prepare(picture: np.ndarray, files: Files) -> NetworkInputs:
            act(files["line"][0], "keys")
            return whole(picture, files)

        return prepare


class _PoisonedMatching(KeysTask):
    @staticmethod
    def decode(data: bytes) -> np.ndarray:
        """Read a drawing that votes on another."""
        act(data, "keys")
        return decode_line(data)


class PoisonedColoring(ColorizeTask):
    """Colours drawings as ever, but for those that are poison."""

    decode = staticmethod(decode)

    def open_prepare(self) -> PrepareInputs:
        """Build the function that computes the network's inputs."""
        whole = super().open_prepare()

        def prepare(picture: np.ndarray, files: Files) -> NetworkInputs:
            act(files["line"][0], "hint")
            return whole(picture, files)

        return prepare

    def open_network(self, files: Mapping[str, bytes], **settings: Any) -> RunNetwork:
        """Build the network."""
        network = super().open_network(files, **settings)

        def answer(lines: np.ndarray, hints: np.ndarray) -> Sequence[np.ndarray]:
            if (lines.reshape(len(lines), -1).min(axis=1) == MARK).any():
                os.kill(os.getpid(), signal.SIGSEGV)
            return network(lines, hints)

        return answer

    def compose(self, answers: Sequence[np.ndarray], kept: ComposeInputs) -> ComposedFrame:
        """Make the frame."""
        act(kept.file, "compose")
        return super().compose(answers, kept)


def open_poisoned(open_task: Any, files: Mapping[str, bytes]) -> FilmTask:
    """Give the task."""
    return PoisonedColoring(**vars(open_task(files)))


def open_poisoned_keys(files: Mapping[str, bytes]) -> FilmTask:
    """Give the task with keys, without a network."""
    task = open_keys_task(files, unknown="paper", network_size_px=64, finish="paint")
    return PoisonedKeys(**vars(task))


def color_film(flags: Colorize) -> dict[str, Any]:
    """Colour a film, but for the poison."""
    film, open_task = read_film(flags)
    return make_film("colorize", flags, film, partial(open_poisoned, open_task))


def main() -> int:
    """Run `lineart colorize`, but for the poison."""
    return run_command("colorize", parse(Colorize, "colorize"), color_film, if_stopped=STOPPED)


if __name__ == "__main__":
    # What a process of its own unpacks must come from a module that it can import.
    from tests import poison as importable

    sys.exit(importable.main())
