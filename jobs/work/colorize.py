"""Implementation of `jobs.colorize`: builds the film's configuration and task, and runs them."""

from dataclasses import asdict
from functools import partial

from jobs.colorize import Colorize
from jobs.work.films import FilmCommand, choose_film, run
from lineart.film.frames import OPENRASTER
from lineart.film.inputs import FilmConfig, TaskFactory
from lineart.film.tasks.colorize import LAYERS, open_colorize_task


def work(flags: Colorize) -> int:
    """Colour the film and return the exit status."""
    command = FilmCommand(name="colorize", flags=asdict(flags), log_frames=flags.choice.log_frames)
    return run(command, partial(read_film, flags))


def read_film(flags: Colorize) -> tuple[FilmConfig, TaskFactory]:
    """Build the film's configuration and its task factory from the flags.

    Raises:
        ValueError: a flag is invalid.
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
    return film, partial(open_colorize_task, network_size_px=flags.network_size, extras=extras)
