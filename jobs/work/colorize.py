"""The film and the task that `jobs.colorize` runs over."""

from dataclasses import asdict
from functools import partial

from jobs.colorize import Colorize
from jobs.work.films import FilmCommand, choose_film, run
from lineart.film.frames import OPENRASTER
from lineart.film.inputs import FilmConfig, TaskFactory
from lineart.film.tasks.colorize import LAYERS, open_colorize_task


def work(flags: Colorize) -> int:
    """Colour the film; give the exit status."""
    command = FilmCommand(name="colorize", flags=asdict(flags), log_frames=flags.choice.log_frames)
    return run(command, partial(read_film, flags))


def read_film(flags: Colorize) -> tuple[FilmConfig, TaskFactory]:
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
    return film, partial(open_colorize_task, network_size_px=flags.network_size, extras=extras)
