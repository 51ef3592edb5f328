"""Implementation of `jobs.demo`: draws the sample film and colours it."""

import sys
from collections.abc import Iterator

from jobs.colorize import Colorize
from jobs.demo import Demo
from jobs.work.colorize import work as colorize
from jobs.work.films import PAGE
from lineart.codec import encode_png
from lineart.sample_film import SampleFrame, sample_film
from lineart.storage import Storage


def work(flags: Demo) -> int:
    """Draw and colour the film, in a folder or on S3, and return the exit status."""
    root = Storage.at(flags.output)
    film = sample_film(
        size=(flags.height, flags.width),
        frames_per_shot=flags.frames_per_shot,
        hold=flags.hold,
        seed=flags.seed,
    )
    print(f"drawing the sample film below {root.uri}", file=sys.stderr)
    for path, picture in _files(film):
        root.write(path, picture)
    status = colorize(
        Colorize(
            lines=root.child("lines").uri,
            hints=root.child("hints").uri,
            output=root.child("color").uri,
        )
    )
    print(f"look at {root.child('color').uri}/{PAGE}", file=sys.stderr)
    return status


def _files(film: Iterator[SampleFrame]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of all drawings and hints; held drawings are encoded once."""
    last, png = None, b""
    for frame in film:
        name = f"{frame.shot}/f{frame.number:04}.png"
        if frame.line is not last:
            last, png = frame.line, encode_png(frame.line)
        yield f"lines/{name}", png
        if frame.hint is not None:
            yield f"hints/{name}", encode_png(frame.hint)
