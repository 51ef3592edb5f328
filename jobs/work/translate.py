"""Implementation of `jobs.translate`: builds the film's configuration and task, and runs them."""

from dataclasses import asdict
from functools import partial

from jobs.translate import Translate
from jobs.work.films import FilmCommand, choose_film, run
from lineart.film.inputs import FilmConfig, TaskFactory
from lineart.film.tasks.translate import open_translate_task
from lineart.storage import read_file


def work(flags: Translate) -> int:
    """Translate the photographs and return the exit status."""
    command = FilmCommand(name="translate", flags=asdict(flags), log_frames=flags.choice.log_frames)
    return run(command, partial(read_film, flags))


def read_film(flags: Translate) -> tuple[FilmConfig, TaskFactory]:
    """Build the film's configuration and its task factory from the flags.

    Raises:
        ValueError: a flag is invalid.
        OSError: the file of `--align-faces` cannot be read.
    """
    film = choose_film(
        flags.choice, pictures=flags.images, output=flags.output, weights=flags.weights
    )
    return film, partial(
        open_translate_task,
        size_px=flags.size,
        face_model=None if flags.align_faces is None else read_file(flags.align_faces),
        has_attention=flags.attention,
    )
