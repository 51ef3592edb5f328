"""Command that draws the sample film, colours it from a few of its frames and writes its page.

lineart demo
lineart demo --output /tmp/demo --frames-per-shot 48
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lineart.jobs.colorize import Colorize, color_film
from lineart.jobs.command import DryRun, parse, run_command
from lineart.jobs.films import STOPPED


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Draw the sample film and colour it from one or two coloured drawings of each shot."""

    output: str = "demo"
    """Folder or s3:// address: drawings go to lines/ and keys/, frames to color/."""
    width: int = 1920
    """Width of the frames, in pixels."""
    height: int = 1080
    """Height of the frames, in pixels."""
    frames_per_shot: int = 24
    """Number of frames of each of the three shots."""
    hold: int | None = None
    """Number of frames for which a drawing is shown; default: 2, 3 and 1 in the three shots."""
    seed: int = 0
    """Seed of the film's content, from 0."""
    dry_run: DryRun = False


def main(flags: Demo) -> int:
    """Run the command and return its exit status."""
    return run_command("demo", flags, make_demo, if_stopped=STOPPED)


def make_demo(flags: Demo) -> dict[str, Any]:
    """Draw the film below the output, colour it, and return the counts; raises as `color_film`."""
    from lineart.storage import Storage

    root = Storage.at(flags.output)
    print(f"drawing the sample film below {root.uri}", file=sys.stderr)
    for path, picture in draw_files(flags):
        root.write(path, picture)
    root.sweep()
    lines, keys, color = (root.child(name).uri for name in ("lines", "keys", "color"))
    counts = color_film(Colorize(lines=lines, keys=keys, output=color, finish="paint"))
    print(f"look at {color}/report.html", file=sys.stderr)
    return counts


def draw_files(flags: Demo) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of all drawings and keys; held drawings are encoded once."""
    from lineart.codec import encode_png
    from lineart.sample_film import sample_film

    film = sample_film(
        size=(flags.height, flags.width),
        frames_per_shot=flags.frames_per_shot,
        hold=flags.hold,
        seed=flags.seed,
    )
    last, png = None, b""
    for frame in film:
        name = f"{frame.shot}/f{frame.number:04}.png"
        if frame.line is not last:
            last, png = frame.line, encode_png(frame.line)
        yield f"lines/{name}", png
        if frame.number in key_numbers(frame.shot, flags.frames_per_shot):
            yield f"keys/{name}", encode_png(frame.color)


KEYS = {"s01_walk": (0.0, 0.75), "s02_window": (0.5,), "s03_flight": (0.1, 0.5)}
"""Places of the keys of each shot, as shares of its frames: the extremes of what moves."""


def key_numbers(shot: str, frames: int) -> set[int]:
    """Return the numbers of the frames of a shot that are keys."""
    return {int(place * frames) + 1 for place in KEYS[shot]}


if __name__ == "__main__":
    sys.exit(main(parse(Demo, "demo")))
