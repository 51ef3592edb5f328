"""The film and the task that `jobs.colorize` runs over."""

from dataclasses import asdict
from functools import partial

from jobs.colorize import Colorize
from jobs.work.films import Command, choose_film, run
from lineart.film.colorization import LAYERS, open_coloring
from lineart.film.frames import OPENRASTER
from lineart.film.opening import Film, OpenTask


def work(flags: Colorize) -> int:
    """Colour the film; give the exit status."""
    command = Command(name="colorize", flags=asdict(flags), log_frames=flags.choice.log_frames)
    return run(command, partial(read_film, flags))


def read_film(flags: Colorize) -> tuple[Film, OpenTask]:
    """Give the film and the task that the flags describe.

    Raises:
        ValueError: a flag cannot be read.
    """
    film = choose_film(
        flags.choice,
        pictures=flags.lines,
        output=flags.output,
        weights=flags.weights,
        hints=flags.hints,
    )
    wanted = {LAYERS: flags.layers, OPENRASTER: flags.openraster}
    extras = tuple(name for name, is_wanted in wanted.items() if is_wanted)
    return film, partial(open_coloring, network_size_px=flags.network_size, extras=extras)
