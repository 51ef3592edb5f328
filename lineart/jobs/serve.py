"""Command that colours for other programs, such as the GIMP plug-in, and keeps networks open.

lineart serve --stdio
lineart serve --announce ~/.cache/lineart.json --idle-minutes 30
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from lineart.jobs.command import DryRun, parse, run_command, say

if TYPE_CHECKING:
    from lineart.service.answerer import Answerer
    from lineart.service.protocol import Message


@dataclass(frozen=True, kw_only=True)
class Serve:
    """Colour for another program, with networks that stay open."""

    stdio: bool = False
    """Take requests from standard input and answer on standard output, for one program."""
    announce: str | None = None
    """File to write port and token to, for programs of this user: requests come to a port of this
    machine that no other machine reaches."""
    idle_minutes: float = 10.0
    """With --announce, end after so many minutes without a request."""
    weights: str = "default"
    """Weights to open ahead: an included name, or the address of a folder or an ONNX file."""
    dry_run: DryRun = False


def main(flags: Serve) -> int:
    """Run the command and return its exit status."""
    return run_command("serve", flags, serve, if_stopped="stopped", configuration=check)


def check(flags: Serve) -> dict[str, Any]:
    """Return the flags as a dict; raises ValueError if they conflict."""
    if flags.stdio == (flags.announce is not None):
        raise ValueError(
            "give --stdio, for the program that starts this one, or --announce FILE, for programs "
            "that connect later"
        )
    if not flags.idle_minutes > 0:
        raise ValueError(f"--idle-minutes {flags.idle_minutes:g} is not above 0")
    return vars(flags)


def serve(flags: Serve) -> dict[str, Any]:
    """Serve until the stream ends or nobody asks any more."""
    check(flags)
    from lineart.service.server import LoopbackServer, serve_stdio

    service = Service(flags.weights)
    if flags.announce is None:
        serve_stdio(service.answer)
    else:
        server = LoopbackServer(service.answer, Path(flags.announce).expanduser())
        say("serve", f"127.0.0.1:{server.port}, token in {flags.announce}")
        server.serve(idle_s=60 * flags.idle_minutes)
    return {"answered": service.answered}


class Service:
    """Answers requests by an `Answerer` that is built meanwhile, in a thread.

    Args:
        weights: Weights to open ahead.
    """

    def __init__(self, weights: str) -> None:
        self.answered = 0
        self._answerer: Answerer | None = None
        self._has_request = False
        self._opening = Thread(target=self._open, args=[weights], daemon=True)
        self._opening.start()

    def _open(self, weights: str) -> None:
        # These import torch, which takes seconds.
        import cv2

        from lineart.service.answerer import Answerer
        from lineart.service.protocol import Message

        # In a film each of many frames has one thread; here one picture has them all.
        cv2.setNumThreads(os.cpu_count() or 1)
        self._answerer = Answerer()
        if self._has_request:
            # It opens the weights that it needs.
            return
        opened = self._answerer.answer(Message({"command": "open", "weights": weights}, {}), _log)
        if opened.fields["status"] == "error":
            _log(str(opened.fields["sentence"]))

    def answer(self, message: Message, report: Callable[[str], None]) -> Message:
        """Answer a request; see `Answerer.answer`."""
        self._has_request = True
        if self._answerer is None:
            report("starting")
        while self._answerer is None and self._opening.is_alive():
            self._opening.join(0.05)
        if self._answerer is None:
            from lineart.service.protocol import Message

            sentence = "lineart could not start; its log says why"
            return Message({"status": "error", "sentence": sentence}, {})
        self.answered += 1
        return self._answerer.answer(message, report)


def _log(sentence: str) -> None:
    say("serve", sentence)


if __name__ == "__main__":
    sys.exit(main(parse(Serve, "serve")))
